import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { inspect } from '../../extension/jobs/inspect.ts';
import { sweep } from '../../extension/jobs/sweep.ts';
import { readSweep } from '../../extension/jobs/sweepFolder.ts';
import type { ExperimentHeader } from '../../extension/shared/experiments.ts';
import type { RunHeader } from '../../extension/shared/protocol.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { sample } from '../support/paths.ts';

const folder = mkdtempSync(join(tmpdir(), 'sweep-effect-'));
after(() => rmSync(folder, { recursive: true }));

const base: InspectRequest = {
  ...{ directory: folder, model: join(sample, 'digits.onnx'), data: join(sample, 'digits.npz'), limit: 24 },
  ...{ optimizer: 'adam', framework: 'pytorch', hyper: {}, steps: 20, every: 5, stage: 'step', device: 'cpu' },
  ...{ dtype: 'float64', threads: 1, freeze: [], trainable: [], arrays: false },
};
const observer = { started() {}, progress() {}, record() {}, updated() {}, cancelled: false };
const json = <T>(...path: string[]): T => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));

it('the points of a sweep have the effect that an inspection of their settings measures, and the table shows it', async () => {
  const axes = [{ name: 'beta2', values: [0.99, 0.999] }];
  await sweep({ base, axes, together: false, seeds: [0], out: 'sweep' } as never, 'cpu', observer);
  const { points } = readSweep(join(folder, 'sweep'));
  for (const { values, folder: at, effect } of points) {
    const out = `alone-${values.beta2}`;
    await inspect({ ...base, hyper: { beta2: values.beta2 }, out }, 'cpu', observer);
    const alone = json<RunHeader>(out, 'run.json');
    const point = json<RunHeader>('sweep', at, 'run.json');
    assert.equal(point.reference!.kind, 'twin');
    assert.ok(typeof effect === 'number' && Math.abs(effect) > 1e-3);
    assert.ok(Math.abs(effect - alone.effect!.late!) < 1e-9, `${effect}, not ${alone.effect!.late}`);
    assert.equal(point.effect!.sentence, alone.effect!.sentence);
  }
  const { result } = json<ExperimentHeader>('sweep', 'experiment.json');
  assert.ok(result);
  assert.equal(result.tables[0].columns[2], 'effect');
  assert.match(String(result.tables[0].rows[1][2]), /^[+−]\d.* %$/);
  assert.ok(result.charts.some(({ title }) => title.startsWith('Measured effect')));
});

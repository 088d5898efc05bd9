import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { sweepIn } from '../../extension/features/experiments/folders.ts';
import { markAllInterrupted } from '../../extension/jobs/interrupted.ts';
import { failedWith, readExperiment, writeExperiment } from '../../extension/jobs/store.ts';
import { FolderLock } from '../../extension/runStore/lock.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import type { ExperimentHeader } from '../../extension/shared/experiments.ts';

const scratch = mkdtempSync(join(tmpdir(), 'interrupted-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const parent = join(scratch, 'runs');
const ended = spawnSync(process.execPath, ['-e', '']).pid;
const header = (process_: number, status: ExperimentHeader['status'] = 'running'): ExperimentHeader => ({
  ...{ format: 1, status, started: '2026-01-01T00:00:00Z', process: process_, tool: 't' },
  ...{ name: 'bilinear', title: 't', figure: 'f', parameters: {} },
});

/** A folder with a result, and with a sweep where it is one. */
function make(name: string, experiment: ExperimentHeader, sweep?: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'experiment.json'), JSON.stringify(experiment));
  if (sweep) {
    const request = { base: { model: 'm.onnx' }, axes: [], seeds: [0, 1] };
    const points = [{ folder: 'points/0', status: 'running' }];
    const content = { format: 1, status: sweep, started: experiment.started, request, digests: {}, points };
    writeFileSync(join(folder, 'sweep.json'), JSON.stringify(content));
  }
  return folder;
}

it('results whose process has ended are marked as interrupted where the next one starts', () => {
  const experiment = make('experiment', header(ended));
  const sweep = make('sweep', header(ended), 'running');
  const alive = make('alive', header(process.pid), 'running');
  const finished = make('finished', header(ended, 'finished'));
  const damaged = make('damaged', header(ended));
  writeFileSync(join(damaged, 'experiment.json'), '{');
  // A sweep that is taken up again says so in its own file first.
  const resumed = make('resumed', header(ended, 'cancelled'), 'running');
  const lock = FolderLock.take(resumed);
  markAllInterrupted(parent);
  const statusOf = (folder: string) => readExperiment(folder).status;
  assert.equal(statusOf(experiment), 'interrupted');
  assert.equal(statusOf(sweep), 'interrupted');
  assert.equal(sweepIn(sweep)?.status, 'interrupted');
  assert.equal(statusOf(alive), 'running');
  assert.equal(sweepIn(alive)?.status, 'running');
  assert.equal(statusOf(finished), 'finished');
  assert.equal(readFileSync(join(damaged, 'experiment.json'), 'utf8'), '{');
  assert.equal(sweepIn(resumed)?.status, 'running');
  lock.release();
  markAllInterrupted(parent);
  assert.equal(sweepIn(resumed)?.status, 'interrupted');
  markAllInterrupted(join(scratch, 'nowhere'));
});

it('a result says why it failed, and the first error is told where it cannot', () => {
  const folder = join(scratch, 'failed');
  const error = new InspectorError('The data ends.', 'Save it again.');
  const write = (message: ExperimentHeader['message']) =>
    writeExperiment(folder, { ...header(process.pid, 'failed'), message });
  assert.equal(failedWith(error, write), error);
  assert.deepEqual([readExperiment(folder).status, readExperiment(folder).message], ['failed', 'The data ends.']);
  assert.equal(
    failedWith(error, () => {
      throw new Error('disk full');
    }),
    error,
  );
});

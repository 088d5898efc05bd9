import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { readNpz } from '../../extension/datasets/npz.ts';
import { inspect } from '../../extension/jobs/inspect.ts';
import type { Observer } from '../../extension/jobs/observer.ts';
import { readModel } from '../../extension/onnx/read.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { sample } from '../support/paths.ts';
import type { Network } from './effectOracle.ts';

/** The parameters of the bundled model. */
export const tensors = ['0.weight', '0.bias', '2.weight', '2.bias'];

const observer: Observer = { started() {}, progress() {}, record() {}, cancelled: false };

/** The bundled model and the first samples of its data as plain numbers, and where it starts. */
export async function sampleNetwork(samples: number): Promise<{ network: Network; start: number[] }> {
  const arrays = await readNpz(join(sample, 'digits.npz'));
  const [x, y] = ['x', 'y'].map((name) => Array.from(arrays.get(name)!.data as Float32Array, Number));
  const { graph } = await readModel(join(sample, 'digits.onnx'));
  return {
    network: {
      x: Array.from({ length: samples }, (_, s) => x.slice(64 * s, 64 * (s + 1))),
      y: y.slice(0, samples),
      hidden: 32,
      classes: 10,
    },
    start: tensors.flatMap((name) => Array.from(graph.initializers.get(name)!.read().data as Float32Array, Number)),
  };
}

/** Inspects the bundled model on its first samples, full-batch Adam unless `base` or a call says otherwise; gone after the tests. */
export function sampleRuns(
  samples: number,
  base: Partial<InspectRequest>,
): {
  folder: string;
  request: (asked: Partial<InspectRequest>) => InspectRequest;
  run: (asked: Partial<InspectRequest>) => Promise<{ header: RunHeader; lines: StepLine[] }>;
} {
  const folder = mkdtempSync(join(tmpdir(), 'effect-'));
  after(() => rmSync(folder, { recursive: true }));
  let runs = 0;
  const request = (asked: Partial<InspectRequest>): InspectRequest => ({
    ...{ directory: folder, model: join(sample, 'digits.onnx'), data: join(sample, 'digits.npz'), limit: samples },
    ...{ optimizer: 'adam', framework: 'pytorch', hyper: {}, stage: 'step', device: 'cpu' },
    ...{ dtype: 'float64', threads: 1, freeze: [], trainable: [], arrays: false, steps: 1, every: 1 },
    ...base,
    ...asked,
  });
  return {
    ...{ folder, request },
    async run(asked) {
      const out = join(folder, `run-${runs++}`);
      await inspect(request({ out, ...asked }), 'cpu', observer);
      const lines = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n');
      return {
        header: JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')),
        lines: lines.map((line) => JSON.parse(line)),
      };
    },
  };
}

import { resolve } from 'node:path';
import { loadDataset } from '../datasets/dataset.ts';
import { prepareProblem } from '../engine/problem.ts';
import type { Device } from '../engine/session.ts';
import type { SweepRequest } from '../shared/experiments.ts';
import { Evaluator } from './evaluator.ts';
import { inferenceForm, RunningStatistics } from './runningStatistics.ts';
import { chunksFor, type Subject } from './setup.ts';

/** What evaluates the test set of a sweep or a comparison; undefined where it has none. */
export async function testEvaluator(
  { base, test }: Pick<SweepRequest, 'base' | 'test'>,
  { model, options, problem }: Subject,
  device: Device,
): Promise<Evaluator | undefined> {
  if (!test) return undefined;
  const at = (path: string | undefined) => path && resolve(base.directory, path);
  const dataset = await loadDataset({
    data: at(test.data),
    x: at(test.x),
    y: at(test.y),
    xKey: base.xKey,
    yKey: base.yKey,
    label: base.label,
  });
  const same = { ...options, loss: problem.loss, dtype: problem.floatType };
  const { size } = chunksFor(problem, base, device).plain;
  const statistics = await RunningStatistics.load(problem, size, device, base.threads);
  const other = statistics
    ? await prepareProblem(inferenceForm(model), dataset, { ...same, batchStatistics: false })
    : await prepareProblem(model, dataset, same);
  return Evaluator.load(other, device, base.threads, statistics);
}

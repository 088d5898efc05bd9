import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readNpz } from '../../extension/datasets/npz.ts';
import type { Arrays, Runner } from '../../extension/engine/runner.ts';
import type { StepRecord } from '../../extension/engine/stepRecord.ts';
import { inspect } from '../../extension/jobs/inspect.ts';
import { SelfChecks } from '../../extension/jobs/selfChecks.ts';
import { readModel } from '../../extension/onnx/read.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { meanAge } from '../../extension/optimizers/theory.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { sample } from '../support/paths.ts';
import { lossAndGradient, type Network, sizesOf } from './effectOracle.ts';

const folder = mkdtempSync(join(tmpdir(), 'checks-'));
after(() => rmSync(folder, { recursive: true }));

const samples = 30;
const tensors = ['0.weight', '0.bias', '2.weight', '2.bias'];
const steps = 22;
const hyper = { lr: 2e-4, beta1: 0.8, beta2: 0.95, eps: 1e-3 };

/** F − G and what the theory predicts for it at every step, by plain loops. */
async function expected() {
  const arrays = await readNpz(join(sample, 'digits.npz'));
  const [x, y] = ['x', 'y'].map((name) => Array.from(arrays.get(name)!.data as Float32Array, Number));
  const network: Network = {
    x: Array.from({ length: samples }, (_, s) => x.slice(64 * s, 64 * (s + 1))),
    y: y.slice(0, samples),
    ...{ hidden: 32, classes: 10 },
  };
  const { graph } = await readModel(join(sample, 'digits.onnx'));
  let theta = tensors.flatMap((name) => Array.from(graph.initializers.get(name)!.read().data as Float32Array, Number));
  const { lr, beta1, beta2, eps } = hyper;
  const m = theta.map(() => 0);
  const v = theta.map(() => 0);
  const all: { deviation: number[]; memory: number[] }[] = [];
  for (let n = 0; n <= steps; n++) {
    const { gradient } = lossAndGradient(network, theta);
    const u = gradient.map((g) => g / (Math.abs(g) + eps));
    const shifted = (d: number) =>
      lossAndGradient(
        network,
        theta.map((t, j) => t + d * u[j]),
      ).gradient;
    const [up, down] = [shifted(1e-5), shifted(-1e-5)];
    const deviation: number[] = [];
    const memory: number[] = [];
    gradient.forEach((g, j) => {
      m[j] = beta1 * m[j] + (1 - beta1) * g;
      v[j] = beta2 * v[j] + (1 - beta2) * g * g;
      const direction = m[j] / (1 - beta1 ** (n + 1)) / (Math.sqrt(v[j] / (1 - beta2 ** (n + 1))) + eps);
      const size = Math.abs(g) + eps;
      const q = (up[j] - down[j]) / 2e-5;
      deviation.push(direction - u[j]);
      memory.push((lr * (meanAge(beta1, n) - (meanAge(beta2, n) * Math.abs(g)) / size) * q) / size);
      u[j] = direction;
    });
    theta = theta.map((t, j) => t - lr * u[j]);
    all.push({ deviation, memory });
  }
  return { all, sizes: sizesOf(network) };
}

test('the self-check of the run so far, and of the means of three steps, in plain loops', async () => {
  const { all, sizes } = await expected();
  const out = join(folder, 'run');
  await inspect(
    {
      ...{ directory: folder, model: join(sample, 'digits.onnx'), data: join(sample, 'digits.npz'), limit: samples },
      ...{
        optimizer: 'adam',
        framework: 'pytorch',
        hyper,
        steps,
        every: 1,
        stage: 'step',
        device: 'cpu',
        edgeEvery: 0,
      },
      ...{ dtype: 'float64', threads: 1, freeze: [], trainable: [], arrays: false, out, reference: 'none' },
    },
    'cpu',
    { started() {}, progress() {}, record() {}, cancelled: false },
  );
  const lines = readFileSync(join(out, 'steps.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line): StepLine => JSON.parse(line));
  const ratio = (pairs: readonly (typeof all)[number][], from: number, to: number) => {
    let [withMemory, without] = [0, 0];
    for (const { deviation, memory } of pairs)
      for (let j = from; j < to; j++) {
        withMemory += (deviation[j] - memory[j]) ** 2;
        without += deviation[j] ** 2;
      }
    return Math.sqrt(withMemory / without);
  };
  const meanAt = (n: number) => {
    const mean = (key: 'deviation' | 'memory') =>
      all[n][key].map((x, j) => (all[n - 1][key][j] + 2 * x + all[n + 1][key][j]) / 4);
    return { deviation: mean('deviation'), memory: mean('memory') };
  };
  const line = lines[21];
  const ranges = sizes.map((size, t) => {
    const from = sizes.slice(0, t).reduce((sum, each) => sum + each, 0);
    return [from, from + size] as const;
  });
  const total = ranges.at(-1)![1];
  const close = (found: number | null | undefined, wanted: number) =>
    assert.ok(Math.abs(found! / wanted - 1) < 1e-4, `${found} instead of ${wanted}`);
  // Step 0 departs from nothing.
  const steady = all.slice(1, 22);
  close(line.selfCheckRun, ratio(steady, 0, total));
  // Around every fourth step, of which that at 20 is complete at step 21.
  const means = [4, 8, 12, 16, 20].map(meanAt);
  close(line.selfCheckAveraged, ratio(means, 0, total));
  ranges.forEach(([from, to], t) => {
    close(line.tensors[tensors[t]].selfCheckRun, ratio(steady, from, to));
    close(line.tensors[tensors[t]].selfCheckAveraged, ratio(means, from, to));
  });
  assert.equal(lines[4].selfCheckAveraged, undefined);
  assert.equal(typeof lines[5].selfCheckAveraged, 'number');
});

test('the means of three steps do not depend on how often the correction is measured', async () => {
  const run = async (every: number) => {
    const out = join(folder, `every-${every}`);
    await inspect(
      {
        ...{ directory: folder, model: join(sample, 'digits.onnx'), data: join(sample, 'digits.npz'), limit: samples },
        ...{ optimizer: 'adam', framework: 'pytorch', hyper, steps: 20, every, stage: 'step', device: 'cpu' },
        ...{ edgeEvery: 0, dtype: 'float64', threads: 1, freeze: [], trainable: [], arrays: false, out },
        ...{ reference: 'none' },
      },
      'cpu',
      { started() {}, progress() {}, record() {}, cancelled: false },
    );
    return readFileSync(join(out, 'steps.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line): StepLine => JSON.parse(line));
  };
  const [each, some] = [await run(1), await run(10)];
  assert.deepEqual(
    some.filter(({ kappa }) => kappa !== undefined).map(({ step }) => step),
    [0, 10, 20],
  );
  assert.ok(Math.abs(some[20].selfCheckAveraged! / each[20].selfCheckAveraged! - 1) < 1e-9);
});

test('tensors with larger steps count for the square of them, and errors of rounding do not count', () => {
  const segments = ['a', 'b'].map((name, offset) => ({ name, offset, size: 1 }));
  // The second tensor's steps are three times as large. The memory explains all of a's departure and nothing of b's.
  const runner = { problem: { layout: { segments } }, relativeSteps: () => [1, 3] } as unknown as Runner;
  const vectors = {
    deviation: tensorOf('float64', [2], [1, 1]),
    memory: tensorOf('float64', [2], [1, 0]),
  } as unknown as Pick<Arrays, 'deviation' | 'memory'>;
  const rate = { correction: 0, base: 0 };
  const measures = { normRate: rate, lossRate: rate, selfCheck: null };
  const tensor = { measures: { ...measures, selfCheckErrors: { withMemory: 1, withoutMemory: 1 } } };
  const recordAt = (step: number) =>
    ({ step, measures: { ...measures, selfCheckErrors: null }, tensors: [tensor, tensor] }) as unknown as StepRecord;
  const checks = new SelfChecks(runner, 0, 8);
  const [, , line] = [3, 4, 5].map((step) => checks.line(recordAt(step), vectors));
  assert.ok(Math.abs(line.selfCheckAveraged! - Math.sqrt(9 / 10)) < 1e-12, `${line.selfCheckAveraged}`);
  assert.equal(line.tensors.a.selfCheckAveraged, 0);
  assert.equal(line.tensors.b.selfCheckAveraged, 1);
  assert.equal(line.selfCheckRun, null);
});

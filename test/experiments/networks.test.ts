import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { convolutionalNetwork } from '../../extension/experiments/networks/convolutional.ts';
import { networkFor, networkNames } from '../../extension/experiments/networks/index.ts';
import { multilayerPerceptron } from '../../extension/experiments/networks/multilayerPerceptron.ts';
import { residualNetwork } from '../../extension/experiments/networks/residual.ts';
import { visionTransformer } from '../../extension/experiments/networks/visionTransformer.ts';
import { Evaluator } from '../../extension/jobs/evaluator.ts';
import { Random } from '../../extension/jobs/random.ts';
import { inferenceForm, RunningStatistics } from '../../extension/jobs/runningStatistics.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { elementCount, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';

const images = (count: number, shape: readonly number[]): Dataset => {
  const random = new Random(5);
  const size = elementCount(shape);
  // Class k has pixels around 5k, so that a batch has classes that differ.
  const y = Array.from({ length: count }, (_, i) => BigInt(i % 3));
  const x = y.flatMap((label) => Array.from({ length: size }, () => 5 * (Number(label) + random.normal())));
  return {
    arrays: new Map<string, Tensor>([
      ['x', tensorOf('float32', [count, ...shape], x)],
      ['y', tensorOf('int64', [count], y)],
    ]),
    files: [],
    format: 'none',
  } as unknown as Dataset;
};

/** Trained scalars: all but the running statistics and constants. */
const parameters = ({ graph }: Model): number =>
  [...graph.initializers.values()].reduce(
    (sum, { shape, origin }) => sum + (origin?.kind === 'parameter' ? elementCount(shape) : 0),
    0,
  );

test('the networks of the paper have as many parameters as it says', () => {
  const cifar = [3, 32, 32] as const;
  assert.equal(parameters(multilayerPerceptron([784, 32, 32, 10], 'Gelu', 0, 'float32')), 26_506);
  assert.equal(parameters(convolutionalNetwork(cifar, 32, 10, 0, 'float32')), 1_341_226);
  const resnet50 = { blocks: [3, 4, 6, 3], width: 64, bottleneck: true };
  assert.equal(parameters(residualNetwork(cifar, resnet50, 10, 0, 'float32')), 23_520_842);
  // Patch embedding with its two norms, six layers, the last norm and the head of vit_pytorch's SimpleViT.
  const simpleViT = { patch: 4, width: 512, depth: 6, heads: 16, headWidth: 64, hidden: 1024 };
  const layer = 2 * 512 + 512 * 3072 + 1024 * 512 + 2 * 512 + (512 + 1) * 1024 + (1024 + 1) * 512;
  const embedding = 2 * 48 + (48 + 1) * 512 + 2 * 512;
  assert.equal(
    parameters(visionTransformer(cifar, simpleViT, 10, 0, 'float32')),
    embedding + 6 * layer + 2 * 512 + (512 + 1) * 10,
  );
});

test('the networks compute what PyTorch computes from the same weights', async () => {
  const random = new Random(1);
  const shape = [3, 8, 8] as const;
  const count = 6;
  const x = Array.from({ length: count * elementCount(shape) }, () => random.normal());
  const data = {
    arrays: new Map<string, Tensor>([
      ['x', tensorOf('float64', [count, ...shape], x)],
      ['y', tensorOf('int64', [count], [0n, 1n, 2n, 3n, 0n, 1n])],
    ]),
    files: [],
    format: 'none',
  } as unknown as Dataset;
  const transformer = { patch: 2, width: 8, depth: 2, heads: 2, headWidth: 5, hidden: 12 };
  // Mean cross-entropies recorded with PyTorch 2.15 in float64; BatchNormalization in training mode.
  for (const [model, expected] of [
    [visionTransformer(shape, transformer, 4, 7, 'float64'), 1.3721609461213617],
    [residualNetwork(shape, { blocks: [1, 2], width: 4 }, 4, 7, 'float64'), 1.41984303861389],
    [residualNetwork(shape, { blocks: [1, 1], width: 4, bottleneck: true }, 4, 7, 'float64'), 1.3714372382998448],
  ] as const) {
    const problem = createProblem(model, data, { batchStatistics: true });
    const evaluator = await Evaluator.load(problem, 'cpu', 1);
    const { loss } = await evaluator.evaluate(problem.theta);
    assert.ok(Math.abs(loss - expected) < 1e-12, `${loss} instead of ${expected}`);
    await evaluator.release();
  }
});

for (const network of networkNames) {
  test(`${network}: the same seed gives the same weights, another one others, and all of them train`, () => {
    const data = images(6, [3, 8, 8]);
    const { model } = networkFor(data, { network, width: 8, depth: 1 });
    const theta = (seed: number) => createProblem(model(seed, 'float32'), data).theta.data;
    assert.deepEqual(theta(1), theta(1));
    assert.notDeepEqual(theta(1), theta(2));
    const { layout } = createProblem(model(1, 'float32'), data);
    assert.equal(layout.count, parameters(model(1, 'float32')));
  });
}

test('images that no network can be built for are refused', () => {
  assert.throws(
    () => networkFor(images(4, [5]), { network: 'cnn', width: 4, depth: 1 }),
    /5 values are no square images/,
  );
  const odd = networkFor(images(4, [1, 7, 7]), { network: 'vit', width: 6, depth: 1 });
  assert.throws(() => odd.model(0, 'float32'), /the width 6 is no multiple of 4/);
});

test('running statistics are those of the training data, ghost batch by ghost batch', async () => {
  const data = images(60, [1, 8, 8]);
  const { model } = networkFor(data, { network: 'resnet', width: 4, depth: 1 });
  const original = model(3, 'float64');
  const training = createProblem(original, data, { batchStatistics: true });
  const evaluated = createProblem(inferenceForm(original), data);
  const load = (rows: number) => RunningStatistics.load(training, rows, 'cpu', 1);
  const whole = (await load(60))!;
  const found = await whole.at(training.theta);
  // The stem's convolution is linear, so its mean can be had from the mean image; here from the numbers themselves.
  const ghosts = await (await load(20))!.at(training.theta);
  const [mean, ghostMean] = [found, ghosts].map((each) => each.get('stem.norm.running_mean')!.data as Float64Array);
  mean.forEach((value, i) => {
    assert.ok(Math.abs(value - ghostMean[i]) < 1e-6, 'the mean of the means of equal parts is the mean');
  });
  const withBatch = await Evaluator.load(training, 'cpu', 1);
  const withRunning = await Evaluator.load(evaluated, 'cpu', 1, whole);
  const withInitial = await Evaluator.load(evaluated, 'cpu', 1);
  const [batch, running, initial] = await Promise.all(
    [withBatch, withRunning, withInitial].map((each) => each.evaluate(training.theta)),
  );
  // They differ by the unbiased variance only: 60·64 values each, fewer in deeper layers.
  assert.ok(Math.abs(running.loss / batch.loss - 1) < 2e-3, `${running.loss} and ${batch.loss}`);
  assert.ok(Math.abs(initial.loss / batch.loss - 1) > 0.02, `${initial.loss} is as if nothing had been measured`);
  for (const each of [withBatch, withRunning, withInitial, whole]) await each.release();
});

test('problems without batch statistics need no running ones', async () => {
  const data = images(6, [1, 8, 8]);
  const { model } = networkFor(data, { network: 'cnn', width: 4, depth: 1 });
  assert.equal(await RunningStatistics.load(createProblem(model(0, 'float32'), data), 3, 'cpu'), undefined);
});

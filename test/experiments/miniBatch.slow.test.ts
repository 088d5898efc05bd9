import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeParameters } from '../../extension/experiments/experiment.ts';
import { numericLosses } from '../../extension/experiments/miniBatch/batchLosses.ts';
import { errorsOf, judge, miniBatch, termsAt } from '../../extension/experiments/miniBatch/miniBatch.ts';
import { bilinearProblem, meanLoss, type SmoothLoss, tanhProblem } from '../../extension/experiments/smallProblems.ts';
import vectors from '../optimizers/theory-vectors.json';
import { surroundings } from './support.ts';

const run = (given: Parameters<typeof completeParameters>[1]) =>
  miniBatch.run(completeParameters(miniBatch, given), surroundings);

test('gradients and products of the small problems are derivatives of their losses', () => {
  const losses: [string, SmoothLoss, Float64Array][] = [
    ['bilinear', meanLoss(bilinearProblem().batches), Float64Array.of(1.3, -0.8)],
    ['tanh unit', meanLoss(tanhProblem(4).batches), Float64Array.of(0.3, -0.7, 0.1, 1.2, -0.4)],
  ];
  const d = 1e-5;
  for (const [name, loss, theta] of losses) {
    const shifted = (v: Float64Array, by: number) => theta.map((x, i) => x + by * v[i]);
    const g = loss.gradient(theta);
    const v = theta.map((_, i) => Math.cos(i + 1));
    const product = loss.hessianProduct(theta, v);
    const [ahead, behind] = [loss.gradient(shifted(v, d)), loss.gradient(shifted(v, -d))];
    theta.forEach((_, j) => {
      const unit = theta.map((_x, i) => (i === j ? 1 : 0));
      const slope = (loss.value(shifted(unit, d)) - loss.value(shifted(unit, -d))) / (2 * d);
      assert.ok(Math.abs(slope - g[j]) < 1e-8, `${name}: gradient ${j}`);
      assert.ok(Math.abs((ahead[j] - behind[j]) / (2 * d) - product[j]) < 1e-8, `${name}: product ${j}`);
    });
  }
});

test('the terms of the bilinear model are the recorded ones', async () => {
  const losses = numericLosses(bilinearProblem());
  for (const expected of vectors.theorem31_minibatch) {
    const settings = { beta: expected.beta, rho: expected.rho, eps: expected.eps, epsInside: expected.inside };
    const theta = Float64Array.from(vectors.bilinear.theta);
    const terms = await termsAt(losses, settings, theta, expected.seq);
    const twoPasses = await termsAt({ ...losses, productAt: undefined }, settings, theta, expected.seq);
    for (const name of ['M', 'R', 'L', 'Lbar', 'P', 'Pbar'] as const) {
      expected[name].forEach((value, j) => {
        assert.ok(Math.abs(terms[name][j] - value) < 1e-11 * Math.max(1, Math.abs(value)), `${name}[${j}]`);
      });
      assert.deepEqual(twoPasses[name], terms[name]);
    }
  }
});

for (const given of [
  { seed: 0, order: 'reshuffled' },
  { seed: 5, order: 'replacement', batches: 4, epsPlacement: 'outside', eps: 0.1 },
  { problem: 'bilinear', order: 'cyclic' },
]) {
  test(`order 2 with the terms and 1 without: ${JSON.stringify(given)}`, async () => {
    const { agreement, sentence } = await run({ ...given, lr: 2e-3, halvings: 2, horizon: 0.3 });
    assert.equal(agreement, 'agrees', sentence);
  });
}

test('a wrong sequence of mini-batches in the terms is noticed', async () => {
  const losses = numericLosses(tanhProblem(0));
  const settings = { beta: 0.9, rho: 0.95, eps: 1e-2, epsInside: true };
  // Gradients of another mini-batch than the one that Adam sees: the equation then describes another algorithm.
  const shifted = {
    ...losses,
    productAt: (theta: Float64Array, batch: number, v: Float64Array) => losses.productAt!(theta, (batch + 1) % 3, v),
  };
  const errors = [];
  for (const h of [2e-3, 1e-3]) {
    const sequence = Array.from({ length: Math.round(0.3 / h) }, (_, n) => (n * n) % 3);
    errors.push({ h, ...(await errorsOf(shifted, settings, h, sequence)) });
  }
  const { agreement, sentence } = judge(errors);
  assert.equal(agreement, 'disagrees', sentence);
});

test('mini-batches of a network through the engine', async () => {
  const { agreement, sentence, tables } = await run({
    problem: 'model',
    data: 'test/experiments/points.csv',
    width: 3,
    batches: 2,
    sequence: [0, 1, 1],
    beta1: 0.5,
    beta2: 0.7,
    eps: 0.1,
    lr: 8e-3,
    halvings: 2,
    horizon: 0.096,
  });
  assert.equal(agreement, 'agrees', sentence);
  assert.equal(tables[1].rows.length, 8);
});

test('a sequence with a mini-batch that does not exist is refused', async () => {
  await assert.rejects(run({ sequence: [0, 3] }), /names mini-batch 3, but there are 3, counted from 0/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeParameters } from '../../extension/experiments/experiment.ts';
import { makePoints, pointsOf } from '../../extension/experiments/separable/data.ts';
import {
  dualFixedPoint,
  maxMarginInf,
  maxMarginL2,
  type Points,
  smallestMargin,
} from '../../extension/experiments/separable/margins.ts';
import { type Algorithm, epochwiseErrors, LinearRun } from '../../extension/experiments/separable/run.ts';
import { directionOf, judge, type Outcome, separable } from '../../extension/experiments/separable/separable.ts';
import gaussian from './gaussian.json';
import { surroundings } from './support.ts';

const four = makePoints('four-points', 0, 0, 0);
const normal = pointsOf(gaussian);
const schedule = { lr: 0.1, power: 0.5, steps: 200_000 };
const targetsOf = (points: Points) => ({
  two: maxMarginL2(points),
  inf: maxMarginInf(points),
  fixed: dualFixedPoint(points),
});

function endOf(points: Points, algorithm: Omit<Algorithm, 'label'>, steps = schedule.steps) {
  const run = new LinearRun(points, { ...algorithm, label: '' }, { ...schedule, steps }, 0);
  while (run.step < steps) run.advance();
  return directionOf(points, targetsOf(points), run.w, steps);
}

const full = { kind: 'adam', order: 'full', batch: 1, beta1: 0.9, beta2: 0.95 } as const;
const incremental = { ...full, order: 'cyclic' } as const;
const signum = { kind: 'signum', order: 'cyclic', batch: 1, beta1: 0.99, beta2: 0 } as const;

// Cosines and margin ratios recorded with another implementation: l2, l∞, fixed point, γ₂, γ∞; 0 where none was recorded.
const table: [name: string, Points, Omit<Algorithm, 'label'>, expected: number[]][] = [
  ['four points, full batch', four, full, [0.9715, 0.9999, 0, 0.969, 0.9965]],
  ['four points, incremental', four, incremental, [1, 0.975, 0, 0.998, 0.84]],
  ['four points, incremental (.5, .95)', four, { ...incremental, beta1: 0.5 }, [1, 0.975, 0, 0.998, 0.84]],
  ['four points, incremental (.9, .999)', four, { ...incremental, beta2: 0.999 }, [0.9999, 0.976, 0, 0.995, 0.835]],
  ['four points, reshuffled', four, { ...incremental, order: 'reshuffled' }, [1, 0.975, 0, 0.998, 0.84]],
  ['four points, with replacement', four, { ...incremental, order: 'replacement' }, [1, 0.975, 0, 0.998, 0.84]],
  ['four points, AdamProxy', four, { ...full, kind: 'proxy' }, [1, 0.975, 0, 0.996, 0.836]],
  ['four points, incremental Signum', four, signum, [0.973, 0.9999, 0, 0.97, 0.999]],
  ['four points, Signum', four, { ...signum, order: 'full' }, [0.973, 0.9999, 0, 0.97, 0.999]],
  [
    'four points, incremental (.95, .5)',
    four,
    { ...incremental, beta1: 0.95, beta2: 0.5 },
    [0.875, 0.887, 0, 0.685, 0.53],
  ],
  ['Gaussian, full batch', normal, full, [0.749, 0.9999, 0.76, 0, 0]],
  ['Gaussian, incremental', normal, incremental, [0.974, 0.756, 1, 0, 0]],
  ['Gaussian, batches of 2', normal, { ...incremental, batch: 2 }, [0.955, 0.766, 0.982, 0, 0]],
  ['Gaussian, batches of 5', normal, { ...incremental, batch: 5 }, [0.904, 0.825, 0.904, 0, 0]],
  ['Gaussian, AdamProxy', normal, { ...full, kind: 'proxy' }, [0.974, 0.756, 1, 0, 0]],
  ['Gaussian, incremental Signum .9', normal, { ...signum, beta1: 0.9 }, [0.911, 0.885, 0, 0, 0.92]],
];

for (const [name, points, algorithm, expected] of table) {
  test(`recorded direction: ${name}`, () => {
    const { two, inf, fixed, marginTwo, marginInf } = endOf(points, algorithm);
    [two, inf, fixed, marginTwo, marginInf].forEach((value, i) => {
      if (expected[i] === 0) return;
      const tolerance = i < 3 ? 1.5e-3 : 5e-3;
      assert.ok(Math.abs(value - expected[i]) < tolerance, `column ${i}: ${value} instead of ${expected[i]}`);
    });
  });
}

test('a million steps of incremental Signum: the recorded directions, nearer to l∞ for β nearer to 1', () => {
  for (const [beta1, two, inf, marginInf] of [
    [0.99, 0.77, 0.985, 0.995],
    [0.999, 0.765, 0.994, 0.994],
  ]) {
    const run = new LinearRun(normal, { ...signum, label: '', beta1 }, { lr: 0.01, power: 0.5, steps: 1e6 }, 0);
    while (run.step < 1e6) run.advance();
    const found = directionOf(normal, targetsOf(normal), run.w, 1e6);
    for (const [value, expected] of [[found.two, two], [found.inf, inf], [found.marginInf, marginInf]]) // biome-ignore format: pairs
      assert.ok(Math.abs(value - expected) < 1e-3, `β ${beta1}: ${value} instead of ${expected}`);
  }
});

test('the error of the epoch-wise approximation is the recorded one', () => {
  const epochs = [30, 300, 3000, 20_000];
  for (const [points, expected] of [
    [four, [0.11, 0.0072, 0.0011, 0.0002]],
    [normal, [0.058, 0.0072, 0.0011, 0.0002]],
  ] as const) {
    const errors = epochwiseErrors(points, { beta1: 0.9, beta2: 0.95 }, { lr: 0.1, power: 0.8 }, epochs);
    errors.forEach(({ error, cosine }, i) => {
      const tolerance = Math.max(0.06 * expected[i], 5e-5);
      assert.ok(Math.abs(error - expected[i]) < tolerance, `${epochs[i]}: ${error} instead of ${expected[i]}`);
      assert.ok(cosine > 0.999);
    });
  }
});

test('nothing underflows: margins of thousands leave the direction intact', () => {
  const steps = 60_000;
  const run = new LinearRun(four, { ...full, label: '' }, { lr: 0.02, power: 0, steps }, 0);
  while (run.step < steps) run.advance();
  assert.ok(run.w.every(Number.isFinite));
  const margin = smallestMargin(four, run.w);
  assert.ok(margin > 1000, `e^−${margin} is still a number`);
  assert.ok(directionOf(four, targetsOf(four), run.w, 0).inf > 0.99);
});

test('a step of each kind is what its definition says', () => {
  const points = pointsOf([
    [1, 2],
    [3, -1],
  ]);
  const eta = 0.1 * 2 ** -0.5;
  const after = (algorithm: Omit<Algorithm, 'label'>, steps: number) => {
    const run = new LinearRun(points, { ...algorithm, label: '' }, schedule, 0);
    while (run.step < steps) run.advance();
    return [...run.w];
  };
  // At w = 0 every slope is −½: the full gradient is −(1, ¼), that of the first point −(½, 1).
  assert.deepEqual(after(full, 1).map((x) => +x.toFixed(12)), [eta, eta].map((x) => +x.toFixed(12))); // biome-ignore format: short
  assert.deepEqual(after(signum, 1), [eta, eta]);
  const proxy = after({ ...full, kind: 'proxy' }, 1);
  // −∇L = (1, ¼), and the sums of squares are ¼ + 9/4 and 1 + ¼.
  assert.ok(Math.abs(proxy[0] - eta / Math.sqrt(2.5)) < 1e-15);
  assert.ok(Math.abs(proxy[1] - (eta * 0.25) / Math.sqrt(1.25)) < 1e-15);
});

const run = (given: Parameters<typeof completeParameters>[1]) =>
  separable.run(completeParameters(separable, given), surroundings);

test('the experiment agrees on structured and Gaussian sets of other seeds', async () => {
  for (const given of [
    { set: 'rademacher', samples: 6, dimension: 12, seed: 3, steps: 60_000 },
    { set: 'gaussian', samples: 6, dimension: 20, seed: 11, steps: 400_000 },
  ]) {
    const { agreement, sentence, charts, tables } = await run(given);
    assert.equal(agreement, 'agrees', `${JSON.stringify(given)}: ${sentence}`);
    assert.equal(charts.length, 6);
    assert.equal(tables[0].rows.length, 11);
  }
});

test('batches of any size in any order', async () => {
  const { tables } = await run({
    set: 'gaussian',
    samples: 6,
    dimension: 8,
    steps: 200,
    batch: [4],
    order: 'reshuffled',
  });
  const labels = tables[0].rows.map(([label]) => label);
  assert.ok(labels.includes('Adam, batches of 4') && labels.includes('Signum, batches of 4'));
  assert.throws(() => completeParameters(separable, { batch: [2.5] }), /batch = 2\.5 is not possible/);
});

test('own data: two classes with a bias; data that is not separable is refused', async () => {
  const { tables } = await run({ data: 'test/experiments/separable.csv', bias: true, steps: 2000, batch: [3] });
  assert.equal(tables[0].rows.length, 9);
  await assert.rejects(run({ data: 'test/experiments/points.csv' }), /3 different values for 48 samples/);
  await assert.rejects(
    run({ data: 'test/experiments/separable.csv', steps: 10 }),
    /not linearly separable by a plane through the origin/,
  );
});

test('the verdict follows from the numbers', () => {
  const outcome = (label: string, kind: Algorithm['kind'], two: number, inf: number, before = 0): Outcome => ({
    algorithm: { label, kind, order: 'full', batch: 1, beta1: 0.9, beta2: 0.95 },
    directions: [0.5, 1].map((share) => ({
      step: 1000 * share,
      two: two - (share < 1 ? before : 0),
      inf: inf - (share < 1 ? before : 0),
      fixed: two,
      marginTwo: 1,
      marginInf: 1,
    })),
  });
  const good = outcome('full-batch Adam', 'adam', 0.8, 0.999);
  assert.equal(judge([good], true, 0.8).agreement, 'agrees');
  assert.equal(judge([outcome('full-batch Adam', 'adam', 0.999, 0.8)], true, 0.8).agreement, 'disagrees');
  assert.equal(judge([outcome('full-batch Adam', 'adam', 0.5, 0.8, 0.1)], true, 0.8).agreement, 'undecided');
  assert.equal(judge([good], true, 0.9999).agreement, 'undecided');
  // Theorem 5.1 speaks of β near enough to 1: an incremental Signum that is far is no contradiction.
  const far = outcome('incremental Signum', 'signum', 0.9, 0.8);
  const near = { ...far, algorithm: { ...far.algorithm, beta1: 0.99 } };
  assert.equal(judge([good, near], true, 0.8).agreement, 'undecided');
  assert.match(judge([good, near], true, 0.8).reason!, /close enough to 1$/);
});

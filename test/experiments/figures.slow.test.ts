import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bilinear, judge as judgeBilinear } from '../../extension/experiments/bilinear/bilinear.ts';
import { completeParameters, type Experiment } from '../../extension/experiments/experiment.ts';
import { judge as judgeOne, oneDimensional } from '../../extension/experiments/oneDimensional/oneDimensional.ts';
import { type Cell, judge as judgeCells, table1 } from '../../extension/experiments/table1/table1.ts';
import { surroundings } from './support.ts';

const run = (experiment: Experiment, given: Parameters<typeof completeParameters>[1]) =>
  experiment.run(completeParameters(experiment, given), surroundings);

test('bilinear model: θ₁ + θ₂ on the level set is the recorded one', async () => {
  const { numbers, agreement } = await run(bilinear, {});
  const expected: [beta1: number, beta2: number, lr: number, sum: number][] = [
    [0, 0.95, 1e-3, 1.8989],
    [0.5, 0.95, 1e-3, 1.8985],
    [0.9, 0.95, 1e-3, 1.8962],
    [0.95, 0.95, 1e-3, 1.895],
    [0.97, 0.95, 1e-3, 1.8897],
    [0.9, 0.5, 1e-3, 1.8915],
    [0.9, 0.9, 1e-3, 1.8934],
    [0.9, 0.99, 1e-3, 1.9192],
    [0.95, 0.5, 1e-4, 1.8942],
    [0.95, 0.5, 1e-3, 1.8894],
    [0.95, 0.5, 3e-3, 1.8597],
    [0.5, 0.95, 1e-4, 1.895],
    [0.5, 0.95, 3e-3, 1.9073],
  ];
  for (const [beta1, beta2, lr, sum] of expected) {
    const found = numbers[`beta1=${beta1} beta2=${beta2} lr=${lr}`]!;
    assert.ok(Math.abs(found - sum) < 6e-5, `β ${beta1}, ρ ${beta2}, h ${lr}: ${found} instead of ${sum}`);
  }
  assert.equal(agreement, 'agrees');
});

test('bilinear model: trajectories that do not reach the level set are counted', async () => {
  const { numbers, sentence } = await run(bilinear, {
    beta1: [0.9],
    beta2: [0.9, 0.999],
    lr: [1e-2],
    steps: 4000,
  });
  assert.equal(numbers['beta1=0.9 beta2=0.999 lr=0.001'], null, 'it takes 6,553 steps');
  assert.ok(Math.abs(numbers['beta1=0.5 beta2=0.95 lr=0.01']! - 1.9456) < 6e-5);
  assert.match(sentence, /did not reach it/);
});

test('bilinear model: a trend the other way round is a disagreement', () => {
  const trajectory = (beta1: number, sum: number, valid: number) => ({
    beta1,
    beta2: 0.95,
    lr: 1e-3,
    sum,
    steps: 1,
    valid,
    path: { x: [], y: [] },
  });
  const groups = (sums: number[], valid = 1) => [
    { name: 'β', trajectories: sums.map((sum, i) => trajectory(i / 10, sum, valid)) },
    ...['ρ', 'h', 'h'].map((name) => ({ name, trajectories: [] })),
  ];
  assert.equal(judgeBilinear(groups([1.9, 1.89, 1.88])).agreement, 'agrees');
  assert.equal(judgeBilinear(groups([1.88, 1.89, 1.9])).agreement, 'disagrees');
  assert.equal(judgeBilinear(groups([1.88])).agreement, 'undecided');
  assert.equal(
    judgeBilinear(groups([1.88, 1.89, 1.9], 0.1)).agreement,
    'undecided',
    'where the expansion holds nowhere',
  );
  assert.match(judgeBilinear(groups([1.88, 1.89])).sentence, /does not fall throughout as β grows/);
});

for (const given of [
  {},
  { loss: 'log-cosh', lr: 1e-3, low: 0.5, high: 0.9 },
  { loss: 'quartic', start: 1, lr: 2e-4 },
]) {
  test(`one dimension: the signs of the four cells, ${JSON.stringify(given)}`, async () => {
    const { agreement, sentence, charts } = await run(oneDimensional, given);
    assert.equal(agreement, 'agrees', sentence);
    // In the limit of small ε, Φ is a multiple of |x|, with opposite signs for ρ > β and β > ρ.
    const [anti, penalised] = charts[0].series;
    assert.ok(anti.y[0]! < -0.9 && penalised.y[0]! > 0.9);
    assert.ok(Math.abs(anti.y[40]! - anti.y[0]! / 2) < 0.02);
  });
}

test('one dimension: a step size that is too large decides nothing, a wrong sign disagrees', async () => {
  assert.notEqual((await run(oneDimensional, { lr: 0.05 })).agreement, 'agrees');
  const cell = { label: 'a', expected: 1, kappa: -3, predictedKappa: 3, valid: 1, selfCheck: 2 } as const;
  assert.equal(judgeOne([cell]).agreement, 'disagrees');
  assert.equal(judgeOne([{ ...cell, valid: 0.5 }]).agreement, 'undecided');
  // ε between small and large: the full formula has another sign than Table 1, and Adam has it, too.
  const between = { ...cell, predictedKappa: -3, selfCheck: 0.1 };
  assert.equal(judgeOne([between]).agreement, 'agrees');
  assert.match(judgeOne([between]).sentence, /in "a" ε is neither small nor large enough for the sign of Table 1/);
});

test('Table 1: the sign in all four cells, on other problems too', async () => {
  for (const given of [{ problems: 5 }, { problems: 5, seed: 100, low: 0.8, high: 0.95 }]) {
    const { agreement, sentence, tables } = await run(table1, given);
    assert.equal(agreement, 'agrees', sentence);
    assert.equal(tables[0].rows.length, 4);
  }
});

const judgeTable = (cell: Cell) => judgeCells([cell]);

test('Table 1: an ε that is neither small nor large is told from a failure of the theory', async () => {
  const { agreement, reason } = await run(table1, { problems: 4, largeEps: 1e-8 });
  assert.equal(agreement, 'undecided');
  assert.match(reason!, /the full formula itself predicts another sign than Table 1 for ρ > β, large ε/);
  const cell = {
    label: 'a',
    beta1: 0.9,
    beta2: 0.5,
    eps: 1,
    norm: '‖∇E‖₂²',
    expected: -1,
    valid: 1,
    curve: { x: [], y: [] },
  } as const;
  assert.equal(judgeTable({ ...cell, gaps: [1, 1], predicted: [-1, -1] }).agreement, 'disagrees');
  assert.equal(judgeTable({ ...cell, gaps: [1, 1], predicted: [-1, -1], valid: 0.4 }).agreement, 'undecided');
  assert.equal(judgeTable({ ...cell, gaps: [-1, -1], predicted: [1, 1] }).agreement, 'agrees');
});

test('Table 1: decay rates in the wrong order are refused', async () => {
  await assert.rejects(run(table1, { low: 0.99, high: 0.9 }), /0\.99 is not below the larger, 0\.9/);
});

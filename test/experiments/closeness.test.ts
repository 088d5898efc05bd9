import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeness, judge } from '../../extension/experiments/closeness/closeness.ts';
import { completeParameters } from '../../extension/experiments/experiment.ts';
import { surroundings } from './support.ts';

const small = { data: 'test/experiments/points.csv', width: 6, steps: 40, lr: [3e-4, 1e-4] };

test('with large ε and small h the second-order iteration is closer, and the more so the smaller h', async () => {
  const result = await closeness.run(completeParameters(closeness, { ...small, eps: 1e-4 }), surroundings);
  const [[fine], [coarse]] = [1e-4, 3e-4].map((lr) => [
    result.numbers[`first ${lr}`]! / result.numbers[`second ${lr}`]!,
  ]);
  assert.equal(result.agreement, 'agrees');
  assert.ok(coarse > 3 && fine > 2 * coarse, `${coarse} at 3e-4, ${fine} at 1e-4`);
  const [chart] = result.charts;
  assert.equal(chart.series.length, 4);
  for (const { x, y } of chart.series) {
    assert.equal(x.length, 41);
    assert.equal(y[0], 0);
  }
});

test('without memory (β = ρ = 0) both iterations are Adam itself', async () => {
  const values = completeParameters(closeness, { ...small, beta1: 0, beta2: 0, lr: [1e-3] });
  const { numbers } = await closeness.run(values, surroundings);
  assert.ok(numbers['first 0.001']! < 1e-12 && numbers['second 0.001']! < 1e-12, JSON.stringify(numbers));
});

test('the verdict follows from the numbers', () => {
  const outcome = (pairs: [lr: number, first: number, second: number][], valid = 1) =>
    judge(
      pairs.map(([lr, first, second]) => ({ lr, first, second, valid })),
      'Adam',
    );
  assert.equal(
    outcome([
      [1, 4, 1],
      [2, 3, 1],
    ]).agreement,
    'agrees',
  );
  assert.equal(
    outcome([
      [1, 1, 2],
      [2, 1, 4],
    ]).agreement,
    'undecided',
  );
  assert.equal(
    outcome([
      [1, 1, 4],
      [2, 1, 2],
    ]).agreement,
    'disagrees',
  );
  assert.match(
    outcome([
      [1, 1, 4],
      [2, 1, 2],
    ]).sentence,
    /4 times farther at h = 1 .*against what the theory says/,
  );
  assert.equal(outcome([[1, 1, 4]]).agreement, 'undecided');
  const far = outcome(
    [
      [1, 1, 4],
      [2, 1, 2],
    ],
    0.9,
  );
  assert.equal(far.agreement, 'undecided');
  assert.match(far.sentence, /holds for only 90 % of the parameters/);
  assert.equal(outcome([[1, 0, 0]]).agreement, 'undecided');
  const pair = [
    { lr: 1, first: 1, second: 4, valid: 1 },
    { lr: 2, first: 1, second: 2, valid: 1 },
  ];
  assert.match(judge(pair, 'Adam', ['Relu']).sentence, /kinks \(Relu\)/);
});

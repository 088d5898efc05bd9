import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeParameters, type Surroundings } from '../../extension/experiments/experiment.ts';
import { normAndAccuracy } from '../../extension/experiments/normAndAccuracy/normAndAccuracy.ts';
import { type Curve, resultOf } from '../../extension/experiments/normAndAccuracy/result.ts';
import { surroundings } from './support.ts';

const run = (given: Parameters<typeof completeParameters>[1]) =>
  normAndAccuracy.run(completeParameters(normAndAccuracy, given), surroundings);

test('at equal loss the norm rises with ρ and falls with β on the digits', async () => {
  const result = await run({ limit: 400, width: 16, steps: 150, seeds: [0], beta2: [0.9, 0.99], beta1: [0.5, 0.95] });
  const norm = (beta1: number, beta2: number) => result.numbers[`norm β ${beta1}, ρ ${beta2}, seed 0`]!;
  assert.ok(norm(0.9, 0.99) > norm(0.9, 0.9));
  assert.ok(norm(0.95, 0.99) < norm(0.5, 0.99));
  assert.equal(result.charts.length, 8);
  for (const series of result.charts.find(({ id }) => id === 'norms')!.series) {
    assert.equal(series.y.length, 150);
    assert.ok(series.y.every((value) => value !== null && value > 0));
  }
  const accuracy = result.numbers['accuracy β 0.9, ρ 0.9, seed 0']!;
  assert.ok(accuracy > 0.6 && accuracy <= 1, `accuracy ${accuracy}`);
});

test('the convolutional network takes flat images, and a run that diverges is reported', async () => {
  const common = { network: 'cnn', width: 2, limit: 40, steps: 4, seeds: [0], beta1: [0.9] };
  const result = await run({ ...common, beta2: [0.9] });
  assert.equal(result.tables[0].rows.length, 1);
  const far = await run({ ...common, beta2: [0.9, 0.99], lr: 1e30 });
  assert.equal(far.agreement, 'undecided');
  assert.match(far.sentence, /3 of 3 runs diverged/);
});

test('what was finished is not computed again', async () => {
  const kept = new Map<string, unknown>();
  let computed = 0;
  const remembering: Surroundings = {
    ...surroundings,
    async each(names, compute, found) {
      for (const [i, name] of names.entries()) {
        if (!kept.has(name)) {
          computed++;
          kept.set(name, await compute(i));
        }
        found(kept.get(name) as Awaited<ReturnType<typeof compute>>, i);
      }
    },
  };
  const given = { limit: 60, width: 4, steps: 3, seeds: [0], beta2: [0.9, 0.99], beta1: [0.5, 0.9] };
  const values = completeParameters(normAndAccuracy, given);
  const first = await normAndAccuracy.run(values, remembering);
  // (0.9, 0.99) is a point of both lists.
  assert.equal(computed, 3);
  assert.deepEqual(await normAndAccuracy.run(values, remembering), first);
  assert.equal(computed, 3);
});

test('a ResNet learns with ghost batches, and its accuracy is that of inference', async () => {
  const common = { network: 'resnet', limit: 160, steps: 30, seeds: [0], beta2: [0.9], beta1: [0.9] };
  const result = await run({ ...common, fixedBeta2: 0.9, ghostBatch: 40 });
  assert.ok(result.numbers['accuracy β 0.9, ρ 0.9, seed 0']! > 0.3);
  assert.match(result.notes.join(' '), /ghost batches of 40 samples/);
});

const curve = (
  varied: 'beta1' | 'beta2',
  value: number,
  hill: number,
  test: number,
  more: Partial<Curve> = {},
): Curve => ({
  setting: { varied, beta1: varied === 'beta1' ? value : 0.9, beta2: varied === 'beta2' ? value : 0.99, seed: 0 },
  losses: [2, 1, 0.5, 0.1],
  norms: [10, 2, hill, 1],
  tests: [{ step: 3, train: 1, test }],
  ...{ validShare: 0.1, selfCheck: 20, diverged: false },
  ...more,
});
const asThePaper = [curve('beta2', 0.9, 3, 0.9), curve('beta2', 0.99, 5, 0.7), curve('beta1', 0.5, 6, 0.6), curve('beta1', 0.9, 4, 0.8)]; // biome-ignore format: short

test('the verdict says what the paper saw, and whether it is seen here', () => {
  const verdict = (curves: readonly Curve[], testSamples = 1000) => resultOf(curves, curves.length, testSamples, []);
  assert.equal(verdict(asThePaper).agreement, 'agrees');
  assert.equal(verdict(asThePaper).claim, 'what the paper saw');
  assert.match(
    verdict(asThePaper).sentence,
    /^As ρ grows from 0.9 to 0.99, the hill of ‖∇E‖₁,ε rises from 3 to 5 and the best test accuracy falls from 90.0 % to 70.0 %; as β/,
  );
  const contrary = verdict([curve('beta2', 0.9, 5, 0.9), ...asThePaper.slice(1)]);
  assert.equal(contrary.agreement, 'undecided', 'a hill that stays');
  assert.equal(verdict([curve('beta2', 0.9, 6, 0.9), ...asThePaper.slice(1)]).agreement, 'disagrees');
  // With few test samples the same accuracies do not differ clearly.
  assert.equal(verdict(asThePaper, 10).agreement, 'undecided');
  assert.equal(verdict(asThePaper, 0).agreement, 'agrees', 'norms alone');
  const unfitted = { tests: [{ step: 3, train: 0.5, test: 0.5 }] };
  assert.match(
    verdict([curve('beta2', 0.9, 3, 0.9, unfitted), ...asThePaper.slice(1)]).reason!,
    /1 of 4 runs have not fitted/,
  );
  // Runs with spikes are left out, as in the paper; here they would say the opposite.
  const spike = { losses: [2, 0.01, 1.9, 0.01] };
  const withSpikes = verdict([...asThePaper, curve('beta2', 0.999, 1, 0.99, spike)]);
  assert.equal(withSpikes.agreement, 'agrees');
  assert.match(withSpikes.sentence, /1 of 5 runs diverged or had spikes/);
  assert.equal(verdict([]).agreement, 'undecided');
});

import { test } from 'node:test';
import fc from 'fast-check';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { replay } from './replay.ts';
import { assertVectorClose, correctionAt, drift, type Problem } from './support.ts';

type Given = Record<string, number | boolean | string>;

/** Settings whose closed form holds at every n and ε. */
const settings: readonly (readonly [optimizer: string, given: Given])[] = [
  ['sgd', {}],
  ['sgd', { momentum: 0.9 }],
  ['sgd', { momentum: 0.8, dampening: 0.5, weight_decay: 0.1 }],
  ['sgd', { momentum: 0.9, nesterov: true, weight_decay: 0.2 }],
  ['adam', { beta2: 0.99, eps: 1e-3 }],
  ['adam', { beta2: 0.99, eps: 1e-2, eps_placement: 'inside', weight_decay: 0.3 }],
  ['adam', { beta1: 0.95, beta2: 0.8, eps: 0.1 }],
  ['adam', { beta1: 0, beta2: 0.95, eps: 0.1 }],
  ['adam', { beta2: 0.99, eps: 0.1, bias_correction: false }],
  ['adam', { beta2: 0.97, eps: 0.2, eps_placement: 'inside', bias_correction: false, weight_decay: 0.3 }],
  ['adamw', { beta2: 0.99, eps: 0.1, weight_decay: 0.3 }],
  ['adamw', { beta2: 0.99, eps: 0.1, eps_placement: 'inside', weight_decay: 0.3 }],
  ['adamw', { beta2: 0.98, eps: 0.1, weight_decay: 0.3, bias_correction: false }],
  ['adamw', { beta1: 0, beta2: 0.98, eps: 0.1, weight_decay: 0.3, bias_correction: false, eps_placement: 'inside' }],
  ['nadam', { beta2: 0.99, eps: 0.05, weight_decay: 0.2 }],
  ['nadam', { beta1: 0.8, beta2: 0.97, eps: 0.05, momentum_decay: 1 }],
  ['nadam', { beta2: 0.97, eps: 0.05, momentum_decay: 0.1, weight_decay: 0.2, decoupled_weight_decay: true }],
  ['rmsprop', { alpha: 0.99, eps: 1e-3 }],
  ['rmsprop', { alpha: 0.9, eps: 0.1, weight_decay: 0.2 }],
  ['rmsprop', { alpha: 0.95, eps: 0.1, eps_placement: 'inside' }],
  ['rmsprop', { alpha: 0.95, eps: 1e-9, momentum: 0.9 }],
  ['rmsprop', { alpha: 0.9, eps: 1e-14, eps_placement: 'inside', momentum: 0.8, weight_decay: 0.1 }],
  ['lion', { smoothing: 0.1, weight_decay: 0.2 }],
  ['lion', { beta1: 0.95, beta2: 0.9, smoothing: 0.5 }],
  ['lion', { beta1: 0.5, beta2: 0, smoothing: 0.5 }],
  ['signum', { momentum: 0.95, smoothing: 0.1 }],
  ['signsgd', { smoothing: 0.1, weight_decay: 0.2 }],
];

const signed = (min: number, max: number) =>
  fc.double({ min, max, noNaN: true }).chain((size) => fc.constantFrom(size, -size));
const entry = signed(0.2, 2);
/** With λ ≤ 0.3 the penalized gradient stays away from 0, where the differences of the replay lose their digits. */
const gradient = signed(0.5, 2);
const parameter = signed(0.2, 1.2);

/** θ, g and a symmetric Hessian; nothing else of a problem enters. */
const local = fc
  .record({
    theta: fc.tuple(parameter, parameter, parameter),
    g: fc.tuple(gradient, gradient, gradient),
    h: fc.tuple(entry, entry, entry, entry, entry, entry),
  })
  .map(({ theta, g, h: [a, b, c, d, e, f] }) => {
    const rows = [
      [a, b, c],
      [b, d, e],
      [c, e, f],
    ];
    const problem: Problem = {
      gradient: () => Float64Array.from(g),
      hessianProduct: (_, v) => Float64Array.from(rows, (row) => row.reduce((sum, x, j) => sum + x * v[j], 0)),
    };
    return { theta: Float64Array.from(theta), problem };
  });

const steps = fc.oneof(fc.constantFrom(0, 1, 2, 17, 40), fc.integer({ min: 0, max: 250 }));
const uneven = (k: number) => 1e-2 * (1.5 + Math.sin(k / 3));

for (const [name, given] of settings) {
  test(`${name} ${JSON.stringify(given)}: closed form = replay of the update`, () => {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 1e-2 });
    fc.assert(
      fc.property(local, steps, fc.constantFrom(undefined, uneven), ({ theta, problem }, n, stepSizes) => {
        const expected = replay(optimizer, hyper, problem, n, theta, stepSizes);
        const actual = drift(correctionAt(optimizer, hyper, problem, n, theta, {}, stepSizes));
        assertVectorClose(actual.G, expected.G, 1e-9, 'G');
        assertVectorClose(actual.C, expected.C, 1e-6, 'C', 1e-2);
      }),
      { numRuns: 25, seed: 20 },
    );
  });
}

test('the limit n → ∞ is that of the replay', () => {
  const late: readonly (readonly [string, Given])[] = [
    ...settings.filter(([name]) => name !== 'nadam'),
    ['rmsprop', { alpha: 0.95, eps: 0.3, momentum: 0.9 }],
    ['rmsprop', { alpha: 0.95, eps: 0.3, eps_placement: 'inside', momentum: 0.9, weight_decay: 0.2 }],
    ['adam', { beta2: 0.98, eps: 0.3, eps_placement: 'uncorrected' }],
    ['nadam', { beta2: 0.97, eps: 0.05, momentum_decay: 4, weight_decay: 0.2, decoupled_weight_decay: true }],
  ];
  const [{ theta, problem }] = fc.sample(local, { seed: 7, numRuns: 1 });
  for (const [name, given] of late) {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 1e-2 });
    const expected = replay(optimizer, hyper, problem, 4000, theta);
    for (const n of [4000, Infinity]) {
      const actual = drift(correctionAt(optimizer, hyper, problem, n, theta));
      assertVectorClose(actual.G, expected.G, 1e-9, `${name} ${JSON.stringify(given)}, n=${n}: G`);
      assertVectorClose(actual.C, expected.C, 1e-6, `${name} ${JSON.stringify(given)}, n=${n}: C`, 1e-2);
    }
  }
});

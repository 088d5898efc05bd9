import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arithmetic } from '../../extension/optimizers/arithmetic.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { extremeTerms, measureTerms, selfCheckTerms } from '../../extension/optimizers/measures.ts';
import { numeric } from '../../extension/optimizers/numeric.ts';
import type { Coefficients, Hyperparameters, Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { assertVectorClose } from './support.ts';

const round = (values: Float64Array) => values.map(Math.fround);

/** Every result rounded to float32, subnormal numbers flushed to 0, as an accelerator may do. */
const single: Arithmetic<Float64Array> = Object.fromEntries(
  Object.entries(numeric).map(([name, operation]) => [
    name,
    (...operands: never[]) => {
      const result = round((operation as (...operands: never[]) => Float64Array)(...operands));
      return result.map((x) => (Math.abs(x) < 1.17549435e-38 ? 0 : x));
    },
  ]),
) as unknown as Arithmetic<Float64Array>;

/** From two steps of the optimizer with the same gradient: everything that the engine would compute at step n. */
function everything(
  a: Arithmetic<Float64Array>,
  optimizer: Optimizer,
  hyper: Hyperparameters,
  n: number,
  [theta, gradient, product]: readonly Float64Array[],
): Record<string, Float64Array> {
  const scalars = (c: Coefficients) =>
    Object.fromEntries(Object.entries(c).map(([name, value]) => [name, a.constant(value)]));
  let state: Readonly<Record<string, Float64Array>> = Object.fromEntries(
    optimizer.stateNames(hyper).map((name) => [name, new Float64Array(theta.length)]),
  );
  let direction = theta;
  for (let k = 0; k <= 1; k++) {
    const c = scalars(optimizer.updateCoefficients(hyper, k));
    ({ direction, state } = optimizer.update(a, hyper, c, { theta, gradient, state }));
  }
  const c = scalars(optimizer.correctionCoefficients(hyper, n));
  const inputs = { theta, gradient, state };
  const directions = optimizer.hessianDirections(a, hyper, c, inputs);
  const terms = optimizer.correction(
    a,
    hyper,
    c,
    inputs,
    directions.map(() => product),
  );
  const named = {
    taken: direction,
    ...state,
    ...terms,
    ...measureTerms(a, terms),
    ...extremeTerms(a, terms),
    ...selfCheckTerms(a, terms, direction),
  };
  return {
    ...named,
    ...Object.fromEntries(directions.map((v, i) => [`direction ${i}`, v])),
  };
}

type Given = Record<string, number | boolean | string>;
const variants: [string, Given][] = [
  ...optimizers.map(({ name }): [string, Given] => [name, {}]),
  ['adam', { eps_placement: 'inside', beta2: 0.95 }],
  ['adam', { eps_placement: 'uncorrected' }],
  ['adam', { bias_correction: false }],
  ['adam', { bias_correction: false, eps_placement: 'inside' }],
  ['adam', { amsgrad: true }],
  ['adamw', { amsgrad: true, eps_placement: 'inside' }],
  ['adamw', { bias_correction: false }],
  ['nadam', { decoupled_weight_decay: true, weight_decay: 0.1 }],
  ['rmsprop', { momentum: 0.9 }],
  ['rmsprop', { momentum: 0.9, eps_placement: 'inside', eps: 1e-7 }],
  ['adagrad', { eps_placement: 'inside' }],
  ['lion', { smoothing: 1e-4 }],
  ['signum', { smoothing: 1e-4 }],
  ['sgd', { momentum: 0.9, nesterov: true }],
];

test('float32 gives what float64 gives, for ordinary numbers', () => {
  const inputs = [
    Float64Array.of(0.5, -1, 0.25, 2),
    Float64Array.of(0.1, -2, 1e-3, 3e-5),
    Float64Array.of(1, -0.3, 2e-2, -4),
  ].map(round);
  for (const [name, given] of variants) {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', given);
    for (const n of [1, 50, 5000]) {
      const coarse = everything(single, optimizer, hyper, n, inputs);
      for (const [term, exact] of Object.entries(everything(numeric, optimizer, hyper, n, inputs))) {
        // What F and G share cancels in the self-check; its error is bounded by that of F and G.
        if (term === 'withMemory' || term === 'withoutMemory') continue;
        exact.forEach((x, j) => {
          assertVectorClose([coarse[term][j]], [x], 1e-4, `${name} ${JSON.stringify(given)}, n=${n}: ${term}`, 1e-30);
        });
      }
    }
  }
});

test('no value is NaN where gradients vanish or ε = 0, in float32 and float64', () => {
  const g = [0, 0, 1e-42, 1e-30, -1e-20, 1e-8, 3, -1e4];
  const q = [0, 1, 0, 1e-30, 0, -5, 1e3, 1e-20];
  const inputs = [new Float64Array(8), Float64Array.from(g), Float64Array.from(q)];
  for (const a of [single, numeric]) {
    for (const [name, given] of variants) {
      for (const eps of [undefined, 0]) {
        const optimizer = optimizerNamed(name);
        const hasEps = optimizer.hyperparameters.some((spec) => spec.name === 'eps');
        const withEps = eps === undefined || !hasEps ? given : { ...given, eps };
        const hyper = completeHyperparameters(optimizer, 'pytorch', withEps);
        for (const n of [0, 1, 10, Infinity]) {
          for (const [term, values] of Object.entries(everything(a, optimizer, hyper, n, inputs))) {
            const what = `${name} ${JSON.stringify(withEps)}, n=${n}, ${term}: ${values}`;
            assert.ok(!values.some(Number.isNaN), what);
            // A coordinate without gradient and without product adds nothing.
            const vanishes = !['kappa', 'denominator', 'valid', 'low', 'high'].includes(term);
            if (vanishes && !(term === 'pastSteps' && hasEps)) assert.equal(Math.abs(values[0]), 0, what);
          }
        }
      }
    }
  }
});

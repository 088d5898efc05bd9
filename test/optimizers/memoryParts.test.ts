import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { numeric, numericCoefficients } from '../../extension/optimizers/numeric.ts';
import type { Hyperparameters, Optimizer, StepSizes } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { stepSizesOf } from '../../extension/optimizers/schedules.ts';
import { meanAge } from '../../extension/optimizers/theory.ts';
import { frameworks } from '../../extension/shared/request.ts';
import { assertVectorClose } from './support.ts';

type Given = Readonly<Record<string, number | boolean | string>>;

const hessian = [
  [0.7, -0.3, 0.5],
  [-0.3, 1.1, 0.2],
  [0.5, 0.2, -0.6],
];
const theta = Float64Array.of(0.6, -0.9, 0.4);
const gradient = Float64Array.of(0.8, -0.5, 1.3);
const apply = (v: Float64Array) => Float64Array.from(hessian, (row) => row.reduce((sum, x, j) => sum + x * v[j], 0));

/** Settings in which ε is large enough for every part of the correction to matter. */
const settings: readonly (readonly [string, Given])[] = [
  ['adam', { beta2: 0.98, eps: 0.3 }],
  ['adam', { beta2: 0.98, eps: 0.3, eps_placement: 'inside', weight_decay: 0.2 }],
  ['adam', { beta2: 0.98, eps: 0.3, bias_correction: false }],
  ['adam', { beta2: 0.98, eps: 0.3, amsgrad: true }],
  ['adamw', { beta2: 0.98, eps: 0.3, weight_decay: 0.4 }],
  ['adamw', { beta2: 0.98, eps: 0.3, weight_decay: 0.4, amsgrad: true, bias_correction: false }],
  ['nadam', { beta2: 0.98, eps: 0.3, momentum_decay: 0.1 }],
  ['nadam', { beta2: 0.98, eps: 0.3, weight_decay: 0.4, decoupled_weight_decay: true }],
  ['rmsprop', { alpha: 0.97, eps: 0.3 }],
  ['sgd', { momentum: 0.8, nesterov: true, weight_decay: 0.1 }],
  ['lion', { smoothing: 0.3, weight_decay: 0.2 }],
  ['signum', { smoothing: 0.3 }],
];

/** C = Mem + ½G′(θ)G (theory B1), with G′G by central differences along the flow. */
for (const [name, given] of settings) {
  test(`${name} ${JSON.stringify(given)}: what is no memory is half the derivative of G along G`, () => {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', given);
    // The second moment is its own maximum: AMSGrad grows.
    const moment = Float64Array.of(0.1, 0.1, 0.1);
    const state = { secondMoment: moment, maxSecondMoment: moment, pastSteps: Float64Array.of(1, 2, 3) };
    for (const n of [3, 60, Number.POSITIVE_INFINITY]) {
      const c = numericCoefficients(optimizer.correctionCoefficients(hyper, n));
      const directions = (at: Float64Array, g: Float64Array) =>
        optimizer.hessianDirections(numeric, hyper, c, { theta: at, gradient: g, state });
      const [direction, ...others] = directions(theta, gradient);
      const products = [direction, ...others].map(apply);
      const { correction, memoryCorrection, denominator } = optimizer.correction(
        numeric,
        hyper,
        c,
        { theta, gradient, state },
        products,
      );
      const moved = (e: number) =>
        directions(
          theta.map((x, j) => x + e * direction[j]),
          gradient.map((x, j) => x + e * products[0][j]),
        )[0];
      const [ahead, behind] = [moved(1e-5), moved(-1e-5)];
      const h = c.stepSize[0];
      // The decoupled decay acts without the gradients: the self-check leaves its half where it is.
      const half = ahead.map((x, j) => ((x - behind[j]) / 2e-5) * (h / 2));
      const local = correction.map((x, j) => x / denominator[j] - memoryCorrection[j]);
      assertVectorClose(local, half, 1e-5, `n=${n}`);
    }
  });
}

test('AMSGrad remembers past steps of a latched coordinate as the first moment does, with the weight decay', () => {
  for (const bias_correction of [true, false]) {
    const optimizer = optimizerNamed('adamw');
    const hyper = completeHyperparameters(optimizer, 'pytorch', {
      amsgrad: true,
      bias_correction,
      weight_decay: 0.4,
      eps: 0,
    });
    const n = 25;
    const c = numericCoefficients(optimizer.correctionCoefficients(hyper, n));
    const age = meanAge(0.9, n);
    const weight = 1 - 0.9 ** (n + 1);
    const latched = Float64Array.of(4, 4, 4);
    const root = Math.sqrt(4 / (bias_correction ? 1 - 0.999 ** (n + 1) : 1));
    // Past steps that were all of size h·g/D: Σ β^{n−l}(1−β^{l+1})·h/D.
    const pastSteps = latched.map(() => (age * weight * hyper.lr) / root);
    const state = { secondMoment: Float64Array.of(1, 1, 1), maxSecondMoment: latched, pastSteps };
    const directions = optimizer.hessianDirections(numeric, hyper, c, { theta, gradient, state });
    const expected = theta.map((x, j) => age * (bias_correction ? 1 : weight) * (gradient[j] / root + 0.4 * x));
    assertVectorClose(directions[directions.length - 1], expected, 1e-9, `bias correction ${bias_correction}`);
    // The gradient changes by h·q/D in a step, and the first moment remembers `age` of them.
    const products = directions.map(apply);
    const { expansion } = optimizer.correction(numeric, hyper, c, { theta, gradient, state }, products);
    const changes = products[0].map((q) => (hyper.lr * age * (bias_correction ? 1 : weight) * Math.abs(q)) / root);
    assertVectorClose(expansion, changes, 1e-9, `expansion, bias correction ${bias_correction}`);
  }
});

test('what Lion and Signum remember in the limit is what they remember after many steps', () => {
  for (const [name, given, remembered] of [
    // b₁/(1 − b₂): Σ b₁·b₂^m of the steps before.
    ['lion', { beta1: 0.8, beta2: 0.95, smoothing: 1 }, 16],
    ['signum', { momentum: 0.9, smoothing: 1 }, 9],
  ] as const) {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', given);
    const [limit, late] = [Infinity, 5000].map((n) => optimizer.correctionCoefficients(hyper, n));
    for (const c of [limit, late]) {
      assert.ok(Math.abs(c.pastTotal / remembered - 1) < 1e-9, `${name}: ${c.pastTotal}`);
      assert.ok(Math.abs(c.horizon / (remembered * hyper.lr) - 1) < 1e-9, `${name}: ${c.horizon}`);
    }
  }
});

function* everyOptimizer(): Generator<{ optimizer: Optimizer; hyper: Hyperparameters; what: string }> {
  const given: readonly (readonly [string, Given])[] = [
    ...settings,
    ['sgd', {}],
    ['sgd', { momentum: 0.9 }],
    ['rmsprop', { momentum: 0.9 }],
    ['adam', { eps_placement: 'uncorrected' }],
    ['adagrad', { lr_decay: 0.1 }],
    ['signsgd', {}],
  ];
  for (const optimizer of optimizers)
    for (const framework of frameworks) {
      if (!optimizer.defaults(framework)) continue;
      for (const [name, values] of [[optimizer.name, {}] as const, ...given])
        if (name === optimizer.name)
          yield {
            optimizer,
            hyper: completeHyperparameters(optimizer, framework, values),
            what: `${name}, ${framework}, ${JSON.stringify(values)}`,
          };
    }
}

const schedules = (lr: number): (StepSizes | undefined)[] => [
  undefined,
  stepSizesOf({ kind: 'step', lr, every: 2000, factor: 0.1 }),
];

test('the coefficients that an optimizer calls constant are those that never change', () => {
  for (const { optimizer, hyper, what } of everyOptimizer())
    for (const stepSizes of schedules(hyper.lr)) {
      const steps = [...Array(20).keys(), 300, 1999, 2000, Number.POSITIVE_INFINITY];
      const found = steps.map((n) => optimizer.correctionCoefficients(hyper, n, stepSizes));
      const never = Object.keys(found[0]).filter((name) => found.every((values) => values[name] === found[0][name]));
      const said = optimizer.constantCoefficients(hyper, stepSizes !== undefined);
      assert.deepEqual(
        said.filter((name) => !never.includes(name)),
        [],
        `${what}, scheduled: ${stepSizes !== undefined}`,
      );
      // What is left out costs a Hessian product in a run with another stage.
      for (const name of ['eps', 'weightDecay', 'smoothing'])
        if (never.includes(name)) assert.ok(said.includes(name), `${what}: ${name}`);
    }
});

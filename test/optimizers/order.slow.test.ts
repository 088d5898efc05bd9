import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { miniBatchTerms } from '../../extension/optimizers/miniBatch.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { type Change, distance, type Orders, ordersOf, rungeKutta } from './order.ts';
import { bilinear, type Labelled, tanhNetwork } from './problems.ts';
import { correctionAt, type Problem, run } from './support.ts';

const points: Labelled[] = [
  [0.5, -1.2, 1],
  [1.3, 0.4, -1],
  [-0.7, 0.9, 1],
  [-1.1, -0.3, -1],
  [0.2, 1.4, 1],
];

/** Small problems on whose paths no coordinate of the gradient changes sign. */
const problems = {
  bilinear: { problem: bilinear([[2, 1.5]]), start: Float64Array.of(1.3, 1) },
  network: { problem: tanhNetwork(points), start: Float64Array.of(1.3, 1.7, -1.7, 1.8, -1.8) },
};

/** The coefficients whose names start so, times `factor`. */
const scaled =
  (start: string, factor: number): Change =>
  (coefficients) =>
    Object.fromEntries(
      Object.entries(coefficients).map(([name, value]) => [name, name.startsWith(start) ? factor * value : value]),
    );

/** c_ρ too large by a tenth. */
const largerAge2: Change = (c) => ({
  ...c,
  ageDifference: c.ageDifference - 0.1 * (c.age2 + 0.5),
  halfMemoryFactor2: 1.1 * c.halfMemoryFactor2,
});

/** The ½ left out of a_ρ + ½ = ½c_ρ. */
const withoutHalf: Change = (c) => ({ ...c, halfMemoryFactor2: c.halfMemoryFactor2 - 0.5 });

interface Row {
  readonly optimizer: string;
  readonly given: Record<string, number | boolean | string>;
  readonly on?: keyof typeof problems;
  readonly h?: number;
  readonly horizon?: number;
  readonly broken: Change;
  readonly shape?: (t: number) => number;
}

const fast = { beta1: 0.8, beta2: 0.9 };
const inside = { eps_placement: 'inside', eps: 0.1 };
const warmupAndCosine = (t: number) => Math.min(1, (t + 0.01) / 0.05) * (0.55 + 0.45 * Math.cos(5 * Math.PI * t));

const rows: readonly Row[] = [
  { optimizer: 'sgd', given: {}, broken: scaled('kappa', 0.9) },
  { optimizer: 'sgd', given: {}, on: 'bilinear', broken: scaled('kappa', 0) },
  { optimizer: 'sgd', given: { momentum: 0.8 }, broken: scaled('kappa', 0.9) },
  { optimizer: 'sgd', given: { momentum: 0.8, nesterov: true, weight_decay: 0.2 }, broken: scaled('kappa', 0.9) },
  { optimizer: 'sgd', given: { momentum: 0.8, dampening: 0.5, weight_decay: 0.1 }, broken: scaled('kappa', 0.9) },
  { optimizer: 'adam', given: fast, broken: largerAge2 },
  { optimizer: 'adam', given: fast, on: 'bilinear', broken: largerAge2 },
  { optimizer: 'adam', given: { ...fast, eps_placement: 'inside' }, on: 'bilinear', broken: largerAge2 },
  { optimizer: 'adam', given: { ...fast, eps: 0.3 }, broken: withoutHalf },
  { optimizer: 'adam', given: { ...fast, ...inside }, broken: withoutHalf },
  {
    optimizer: 'adam',
    given: { ...fast, eps: 0.1, eps_placement: 'uncorrected', weight_decay: 0.2 },
    broken: largerAge2,
  },
  { optimizer: 'adam', given: fast, shape: warmupAndCosine, broken: largerAge2 },
  { optimizer: 'adam', given: { ...fast, eps: 0.1, bias_correction: false }, broken: scaled('rhoWeight', 1.1) },
  { optimizer: 'adam', given: { ...fast, ...inside, bias_correction: false }, broken: scaled('betaWeight', 1.1) },
  { optimizer: 'adam', given: { ...fast, amsgrad: true }, broken: scaled('pastScale', 1.4) },
  { optimizer: 'adam', given: { ...fast, amsgrad: true }, shape: warmupAndCosine, broken: scaled('pastScale', 1.4) },
  { optimizer: 'adamw', given: { ...fast, eps: 0.1, weight_decay: 0.3 }, broken: largerAge2 },
  { optimizer: 'adamw', given: { ...fast, ...inside, weight_decay: 0.3 }, broken: largerAge2 },
  { optimizer: 'adamw', given: { ...fast, amsgrad: true, weight_decay: 0.3 }, broken: scaled('pastScale', 1.4) },
  { optimizer: 'nadam', given: fast, broken: scaled('kappaBase', 0.9) },
  {
    optimizer: 'nadam',
    given: { ...fast, eps: 0.1, momentum_decay: 0.1, weight_decay: 0.3, decoupled_weight_decay: true },
    broken: scaled('kappaBase', 0.9),
  },
  { optimizer: 'rmsprop', given: { alpha: 0.9 }, broken: scaled('rhoWeight', 1.1) },
  { optimizer: 'rmsprop', given: { alpha: 0.9, ...inside }, broken: scaled('rhoWeight', 1.1) },
  {
    optimizer: 'rmsprop',
    given: { alpha: 0.8, momentum: 0.5 },
    horizon: 0.05,
    h: 1.25e-4,
    broken: scaled('lagWeight', 1.2),
  },
  { optimizer: 'rmsprop', given: { alpha: 0.9, momentum: 0.8, eps: 0.3 }, broken: scaled('lagWeight', 1.1) },
  { optimizer: 'rmsprop', given: { alpha: 0.9, momentum: 0.8, ...inside }, broken: scaled('lagWeight', 1.1) },
  {
    optimizer: 'lion',
    given: { beta1: 0.8, beta2: 0.9, smoothing: 0.1, weight_decay: 0.3 },
    broken: scaled('pastWeight', 1.2),
  },
  { optimizer: 'signum', given: { momentum: 0.8, smoothing: 0.1 }, broken: scaled('pastWeight', 1.2) },
  { optimizer: 'signsgd', given: { smoothing: 0.1 }, on: 'bilinear', broken: scaled('stepSize', 1.2) },
];

test('every optimizer has a row above, or a test below', () => {
  const tried = new Set([...rows.map(({ optimizer }) => optimizer), 'adagrad']);
  assert.deepEqual(
    optimizers.map(({ name }) => name).filter((name) => !tried.has(name)),
    [],
  );
});

/** First order without the correction, second order with it, and first order again with a mistake in it. */
function check(orders: Orders): void {
  const shown = JSON.stringify(orders);
  assert.ok(orders.without > 0.7 && orders.without < 1.3, `without the correction: ${shown}`);
  assert.ok(orders.with > 1.7 && orders.with < 2.4, `with the correction: ${shown}`);
  assert.ok(orders.broken < 1.3, `with a wrong coefficient: ${shown}`);
}

for (const { optimizer: name, given, on = 'network', broken, h = 4e-4, horizon = 0.2, shape } of rows) {
  const scheduled = shape ? ' with warm-up and cosine' : '';
  test(`${name} ${JSON.stringify(given)}${scheduled} on ${on}: second order`, () => {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', given);
    check(ordersOf({ optimizer, hyper, ...problems[on], horizon, h, shape, broken }));
  });
}

/** Batches of two points, in a new order in every epoch. */
for (const epsInside of [true, false]) {
  test(`Theorem 3.1, mini-batches in random order, ε inside: ${epsInside}: second order`, () => {
    const beta = 0.7;
    const rho = 0.8;
    const eps = epsInside ? 0.05 : 0.2;
    const batches = [0, 1, 2].map((b) => tanhNetwork([points[b], points[b + 2]]));
    const adam = optimizerNamed('adam');
    const hyper = completeHyperparameters(adam, 'pytorch', {
      beta1: beta,
      beta2: rho,
      eps,
      eps_placement: epsInside ? 'inside' : 'outside',
    });
    const errorsAt = (lr: number) => {
      const steps = Math.round(0.1 / lr);
      const sequence = reshuffled(3, steps);
      let n = 0;
      const sequenced: Problem = {
        gradient: (theta) => batches[sequence[n++]].gradient(theta),
        hessianProduct: () => assert.fail('a run needs no Hessian'),
      };
      const { iterates } = run(adam, { ...hyper, lr }, sequenced, problems.network.start, steps);
      const error = (scale: number, barOnly: boolean) =>
        distance(
          iterates,
          () => lr,
          (step) => {
            // What is older than 60 steps has a weight below 1e-5.
            const recent = sequence.slice(Math.max(0, step - 60), step + 1);
            return (theta) => {
              const terms = miniBatchTerms({
                beta,
                rho,
                eps,
                epsInside,
                biasCorrection: true,
                gradients: batches.map((batch) => batch.gradient(theta)),
                sequence: recent,
                hessianProduct: (batch, v) => batches[batch].hessianProduct(theta, v),
              });
              const c = barOnly ? terms.correction.map((x, j) => x - terms.memory[j]) : terms.correction;
              return terms.direction.map((x, j) => -x - scale * lr * c[j]);
            };
          },
        );
      return [error(0, false), error(1, false), error(1, true)];
    };
    const coarse = errorsAt(1e-3);
    const fine = errorsAt(5e-4);
    const [without, withCorrection, broken] = coarse.map((error, i) => Math.log2(error / fine[i]));
    check({ without, with: withCorrection, broken });
  });
}

/** 0 … count−1 in a new order for every epoch, from a fixed linear congruential generator. */
function reshuffled(count: number, length: number): number[] {
  let state = 12345;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  const result: number[] = [];
  while (result.length < length) {
    const epoch = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = random(i + 1);
      [epoch[i], epoch[j]] = [epoch[j], epoch[i]];
    }
    result.push(...epoch);
  }
  return result.slice(0, length);
}

/**
 * Adagrad's accumulator grows for ever; the limit in which its equation is of second order is h = η√δ, S = s/δ, δ → 0,
 * with 1/δ steps per unit of time (theory B2). The equation is integrated in θ and S, dS = g² + h·g·H(g/√S) per step.
 */
for (const placement of ['outside', 'inside']) {
  test(`adagrad, ε ${placement}: second order in the state of parameters and accumulator`, () => {
    const { problem, start } = problems.network;
    const adagrad = optimizerNamed('adagrad');
    const errorsAt = (delta: number) => {
      const lr = 0.3 * Math.sqrt(delta);
      const initial = 0.5 / delta;
      const hyper = completeHyperparameters(adagrad, 'pytorch', {
        lr,
        eps_placement: placement,
        eps: placement === 'inside' ? 0.1 / delta : 0.2 / Math.sqrt(delta),
      });
      const { iterates } = run(
        adagrad,
        { ...hyper, initial_accumulator_value: initial },
        problem,
        start,
        Math.round(1 / delta),
      );
      const p = start.length;
      const error = (scale: number, ofHessian: number) => {
        let state: Float64Array = Float64Array.of(...start, ...new Float64Array(p).fill(initial));
        let largest = 0;
        for (let n = 0; n + 1 < iterates.length; n++) {
          state = rungeKutta(state, 1, (at) => {
            const theta = at.slice(0, p);
            const sum = at.slice(p);
            const g = problem.gradient(theta);
            const after = sum.map((s, j) => s + g[j] ** 2);
            const terms = correctionAt(adagrad, hyper, problem, n, theta, { sum: after });
            return Float64Array.from({ length: 2 * p }, (_, i) => {
              const j = i % p;
              if (i >= p) return g[j] ** 2 + scale * lr * g[j] * terms.normGradient[j];
              const correction = terms.correction[j] + (ofHessian - 1) * 0.5 * lr * terms.normGradient[j];
              // Without the correction: the drift at the accumulator before the step.
              const eps = Number(hyper.eps);
              const before = placement === 'inside' ? Math.sqrt(sum[j] + eps) : Math.sqrt(sum[j]) + eps;
              return scale === 0 ? (-lr * g[j]) / before : (-lr * (g[j] + correction)) / terms.denominator[j];
            });
          });
          for (let j = 0; j < p; j++) largest = Math.max(largest, Math.abs(state[j] - iterates[n + 1][j]));
        }
        return largest;
      };
      return [error(0, 0), error(1, 1), error(1, 0)];
    };
    const coarse = errorsAt(1 / 250);
    const fine = errorsAt(1 / 500);
    const [without, withCorrection, broken] = coarse.map((error, i) => Math.log2(error / fine[i]));
    check({ without, with: withCorrection, broken });
  });
}

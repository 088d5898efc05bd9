import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { topEigenvalue } from '../../extension/optimizers/lanczos.ts';
import { penaltyOf, sharpnessThreshold } from '../../extension/optimizers/limit.ts';
import { isAbsent } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { run } from './support.ts';

type Given = Readonly<Record<string, number | boolean | string>>;

/** ε so large that it is the denominator: D is fixed, as the threshold assumes, and S = λ/D. */
const fixed = 1e6;
/** So small that second moments underflow however much it grows. */
const tiny = 1e-220;
const settings: readonly (readonly [name: string, given: Given, denominator: number])[] = [
  ['sgd', {}, 1],
  ['sgd', { momentum: 0.9 }, 1],
  ['sgd', { momentum: 0.9, dampening: 0.5 }, 1],
  ['sgd', { momentum: 0.9, nesterov: true }, 1],
  ['adam', { eps: fixed }, fixed],
  ['adam', { eps: fixed ** 2, eps_placement: 'inside', beta1: 0.95 }, fixed],
  ['adam', { eps: fixed, amsgrad: true, beta1: 0.5 }, fixed],
  ['adam', { eps: fixed, bias_correction: false }, fixed],
  ['adamw', { eps: fixed, weight_decay: 0 }, fixed],
  // hλ = 0.2 of the 2 of a step is the decay's.
  ['adamw', { eps: fixed, weight_decay: 20 }, fixed],
  ['nadam', { eps: fixed, weight_decay: 50, decoupled_weight_decay: true, momentum_decay: 1 }, fixed],
  // An L2 penalty is curvature.
  ['adam', { eps: fixed, weight_decay: 1e9 }, fixed],
  ['sgd', { momentum: 0.9, weight_decay: 100 }, 1],
  ['nadam', { eps: fixed, momentum_decay: 1 }, fixed],
  ['nadam', { eps: fixed, momentum_decay: 0 }, fixed],
  ['rmsprop', { eps: fixed }, fixed],
  ['rmsprop', { eps: fixed, momentum: 0.9 }, fixed],
  ['adagrad', { eps: fixed }, fixed],
];

for (const [name, given, denominator] of settings) {
  test(`${name} ${JSON.stringify(given)}: below the threshold a quadratic settles, above it oscillates without end`, () => {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 0.01 });
    const threshold = sharpnessThreshold(optimizer, hyper, hyper.lr);
    assert.ok(typeof threshold === 'number');
    const sizeAfter = (share: number) => {
      const curvature = share * threshold * denominator - penaltyOf(optimizer, hyper);
      const problem = {
        gradient: ([x]: Float64Array) => Float64Array.of(curvature * x),
        hessianProduct: (_: Float64Array, [v]: Float64Array) => Float64Array.of(curvature * v),
      };
      const { iterates } = run(optimizer, hyper, problem, Float64Array.of(tiny), 2000);
      // Early steps are larger by the bias correction: what counts is the second half.
      const around = (n: number) => Math.max(...iterates.slice(n - 4, n).map(([x]) => Math.abs(x)));
      const tail = iterates.slice(-4).map(([x]) => x);
      return {
        growth: around(2001) / Math.max(around(1001), Number.MIN_VALUE),
        alternates: tail.every((x, i) => i === 0 || x > 0 !== tail[i - 1] > 0),
      };
    };
    const [below, above] = [sizeAfter(0.98), sizeAfter(1.02)];
    assert.ok(below.growth < 0.5, JSON.stringify(below));
    assert.ok(above.growth > 2 && above.alternates, JSON.stringify(above));
  });
}

test('the thresholds at the usual settings; signs have none, and say why', () => {
  const asked = new Set<string>();
  const at = (name: string, given: Given) => {
    asked.add(name);
    const optimizer = optimizerNamed(name);
    return sharpnessThreshold(optimizer, completeHyperparameters(optimizer, 'pytorch', given), 1);
  };
  const near = (found: unknown, expected: number) =>
    assert.ok(typeof found === 'number' && Math.abs(found / expected - 1) < 1e-12, `${found}`);
  near(at('adam', {}), 38);
  near(at('adamw', { weight_decay: 0 }), 38);
  near(at('sgd', { momentum: 0.9 }), 3.8);
  near(at('sgd', { momentum: 0.9, nesterov: true }), 3.8 / 2.8);
  near(at('nadam', {}), 38 / 2.8);
  near(at('rmsprop', {}), 2);
  near(at('adagrad', {}), 2);
  for (const name of ['lion', 'signum', 'signsgd']) assert.ok(isAbsent(at(name, {}) as object), name);
  assert.deepEqual(
    optimizers.map(({ name }) => name).filter((name) => !asked.has(name)),
    [],
    'a new optimizer needs a row above',
  );
});

test('Lanczos finds the largest eigenvalue, also from a basis that is too small and where others are larger in size', async () => {
  const n = 300;
  const values = Float64Array.from({ length: n }, (_, i) =>
    i === 0 ? -500 : i === 1 ? 40 : i === 2 ? 39 : 20 * Math.sin(i),
  );
  // A reflection mixes the coordinates.
  const axis = Float64Array.from({ length: n }, (_, i) => Math.cos(3 * i + 1));
  const square = axis.reduce((sum, x) => sum + x * x, 0);
  const reflect = (v: Float64Array) => {
    const along = (2 * v.reduce((sum, x, i) => sum + x * axis[i], 0)) / square;
    return v.map((x, i) => x - along * axis[i]);
  };
  const apply = async (v: Float64Array) => reflect(reflect(v).map((x, i) => x * values[i]));
  for (const basis of [200, 12]) {
    const found = await topEigenvalue(
      apply,
      axis.map((x, i) => x + i / n),
      { tolerance: 1e-6, mostProducts: 2000, basis },
    );
    assert.ok(Math.abs(found.value - 40) < 1e-6, `${found.value} after ${found.products} products`);
    const image = await apply(found.vector);
    const residual = Math.hypot(...image.map((x, i) => x - found.value * found.vector[i]));
    assert.ok(Math.abs(residual - found.residual) < 1e-4, `${residual} against ${found.residual}`);
  }
});

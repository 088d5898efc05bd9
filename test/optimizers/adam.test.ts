import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adam } from '../../extension/optimizers/adam.ts';
import { meanAge, memoryFactor } from '../../extension/optimizers/theory.ts';
import { bilinear } from './problems.ts';
import { assertClose, assertVectorClose, correctionAt, run } from './support.ts';
import vectors from './theory-vectors.json';

const paper = adam.defaults('paper')!;
const pytorch = adam.defaults('pytorch')!;

test('Adam with ε inside the root reproduces the recorded run', () => {
  const hyper = { ...paper, lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8 };
  const { iterates } = run(adam, hyper, bilinear([[2, 1.5]]), Float64Array.of(2.8, 3.5), 100);
  for (const [n, expected] of Object.entries(vectors.adam_run.iters)) {
    assertVectorClose(iterates[Number(n)], expected, 1e-13, `iterate ${n}`);
  }
});

test('the correction is zero without memory and without ε', () => {
  const { correction, kappa } = correctionAt(
    adam,
    { ...pytorch, eps: 0 },
    bilinear([[2, 1.5]]),
    0,
    Float64Array.of(1.2, 0.9),
  );
  assert.deepEqual([...kappa], [0, 0]);
  assert.deepEqual([...correction].map(Math.abs), [0, 0]);
});

test('κ is ½[c_β − c_ρ f] for every place of ε', () => {
  const problem = bilinear([[2, 1.5]]);
  const theta = Float64Array.of(1.2, 0.9);
  const g = problem.gradient(theta);
  for (const eps_placement of ['inside', 'outside', 'uncorrected']) {
    for (const n of [0, 1, 20, 5000, Infinity]) {
      for (const eps of [1e-8, 0.1, 10]) {
        const { kappa } = correctionAt(adam, { ...pytorch, eps, eps_placement }, problem, n, theta);
        const scaled = eps_placement === 'uncorrected' ? eps / Math.sqrt(1 - 0.999 ** (n + 1)) : eps;
        const expected = g.map((x) => {
          const f = eps_placement === 'inside' ? x ** 2 / (x ** 2 + eps) : Math.abs(x) / (Math.abs(x) + scaled);
          return (memoryFactor(0.9, n) - memoryFactor(0.999, n) * f) / 2;
        });
        assertVectorClose(kappa, expected, 1e-10, `κ, ${eps_placement}, n=${n}, ε=${eps}`, 1e-4);
      }
    }
  }
});

test('κ changes sign at |g|*', () => {
  assertClose(adam.signChange({ ...paper, beta2: 0.999, eps: 1 }, Infinity)!, 0.098, 5e-3, '|g|* inside, (0.9, 0.999)');
  assertClose(adam.signChange({ ...paper, beta2: 0.95, eps: 1 }, Infinity)!, 0.97, 5e-3, '|g|* inside, (0.9, 0.95)');
  assertClose(adam.signChange({ ...pytorch, eps: 1 }, Infinity)!, 0.0096, 5e-3, '|g|* outside, (0.9, 0.999)');
  assert.equal(adam.signChange({ ...paper, beta1: 0.95, beta2: 0.95 }, Infinity), undefined);
  assert.equal(adam.signChange(pytorch, 0), undefined);

  const line = (gradient: number) => ({
    gradient: () => Float64Array.of(gradient),
    hessianProduct: (_: Float64Array, v: Float64Array) => v,
  });
  for (const eps_placement of ['inside', 'outside', 'uncorrected']) {
    const hyper = { ...pytorch, eps: 1e-3, eps_placement };
    const at = adam.signChange(hyper, 30)!;
    assert.ok(correctionAt(adam, hyper, line(at * 0.999), 30, Float64Array.of(0)).kappa[0] > 0);
    assert.ok(correctionAt(adam, hyper, line(at * 1.001), 30, Float64Array.of(0)).kappa[0] < 0);
  }
});

test('a coordinate without gradient stays where it is, also with ε = 0', () => {
  const flat = {
    gradient: () => Float64Array.of(0, 0.3),
    hessianProduct: (_: Float64Array, v: Float64Array) => v,
  };
  for (const eps_placement of ['inside', 'outside', 'uncorrected']) {
    const hyper = { ...pytorch, eps: 0, eps_placement };
    const { iterates } = run(adam, hyper, flat, Float64Array.of(1, 1), 5);
    assert.equal(iterates[5][0], 1);
    assert.ok(iterates[5][1] < 1);
    const terms = correctionAt(adam, hyper, flat, 5, iterates[5]);
    for (const [name, value] of Object.entries(terms)) {
      if (value instanceof Float64Array) assert.ok(value.every(Number.isFinite), `${name}: ${value}`);
    }
    assert.equal(Math.abs(terms.correction[0]), 0);
  }
});

test('with a schedule the correction keeps the size of the earlier steps', () => {
  const problem = bilinear([[2, 1.5]]);
  const theta = Float64Array.of(1.2, 0.9);
  const dropped = correctionAt(adam, pytorch, problem, 2000, theta, {}, (k) => (k < 2000 ? 1e-3 : 1e-4));
  const constant = correctionAt(adam, pytorch, problem, 2000, theta);
  // The memory part has the earlier steps; the ½(1−f) part is negligible here.
  assertVectorClose(dropped.correction, constant.correction, 1e-6, 'correction after the drop');
  assertClose(dropped.kappa[0], 10 * constant.kappa[0], 1e-6, 'κ in units of the smaller step');
});

test('a step of size zero has a finite correction', () => {
  const terms = correctionAt(adam, pytorch, bilinear([[2, 1.5]]), 0, Float64Array.of(1.2, 0.9), {}, (k) => k * 1e-3);
  assert.ok(terms.correction.every(Number.isFinite) && terms.kappa.every(Number.isFinite));
});

test('the correction contains h and the ages', () => {
  const { ageDifference, age2, halfMemoryFactor2, horizon } = adam.correctionCoefficients(pytorch, 50);
  assertClose(ageDifference, meanAge(0.9, 50) - meanAge(0.999, 50), 1e-14, 'a_β − a_ρ');
  assertClose(2 * halfMemoryFactor2, memoryFactor(0.999, 50), 1e-14, 'c_ρ');
  assertClose(horizon, 1e-3 * age2, 1e-14, 'horizon');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { adam } from '../../extension/optimizers/adam.ts';
import {
  combineMeasures,
  extremeTerms,
  type MeasureSums,
  measureTerms,
  plainTerms,
  selfCheckTerms,
  type TensorSums,
} from '../../extension/optimizers/measures.ts';
import { numeric } from '../../extension/optimizers/numeric.ts';
import type { CorrectionTerms } from '../../extension/optimizers/optimizer.ts';
import { assertClose, correctionAt, type Problem } from './support.ts';

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

/** Sums over the coordinates from `start` to `end`. */
function summed(terms: CorrectionTerms<Float64Array>, start: number, end: number, actual?: Float64Array): TensorSums {
  const part = (values: Float64Array) => values.subarray(start, end);
  const { low, high } = extremeTerms(numeric, terms);
  const sums = Object.fromEntries(
    Object.entries(measureTerms(numeric, terms)).map(([name, values]) => [name, sum(part(values))]),
  ) as unknown as MeasureSums;
  const check = actual && selfCheckTerms(numeric, terms, actual);
  return {
    size: end - start,
    sums,
    low: Math.min(...part(low)),
    high: Math.max(...part(high)),
    selfCheck: check && { withMemory: sum(part(check.withMemory)), withoutMemory: sum(part(check.withoutMemory)) },
  };
}

/** E = ½θᵀAθ + bᵀθ + Σ cos θ_j with a fixed, dense, indefinite A; four coordinates. */
const matrix = [
  [1.5, 0.3, -0.2, 0.5],
  [0.3, -0.4, 0.6, 0.1],
  [-0.2, 0.6, 2.1, -0.7],
  [0.5, 0.1, -0.7, 0.9],
];
const offset = [0.1, -0.2, 0.05, 0.4];
const problem: Problem = {
  gradient: (theta) =>
    theta.map((x, j) => matrix[j].reduce((s, m, i) => s + m * theta[i], 0) + offset[j] - Math.sin(x)),
  hessianProduct: (theta, v) =>
    v.map((x, j) => matrix[j].reduce((s, m, i) => s + m * v[i], 0) - Math.cos(theta[j]) * x),
};
const loss = (theta: Float64Array) =>
  theta.reduce(
    (s, x, j) => s + (x * matrix[j].reduce((t, m, i) => t + m * theta[i], 0)) / 2 + offset[j] * x + Math.cos(x),
    0,
  );
const hyper = { lr: 1e-2, beta1: 0.9, beta2: 0.99, eps: 0.5, eps_placement: 'inside', weight_decay: 0 };
const norm = (theta: Float64Array) => sum(problem.gradient(theta).map((g) => Math.sqrt(g * g + hyper.eps)));
const theta = Float64Array.of(0.7, -0.4, 0.3, 1.1);
const h = hyper.lr;

/** Central difference of f along the two velocities −u and −u + Δ. */
function ratesOf(f: (theta: Float64Array) => number): { base: number; correction: number } {
  const terms = correctionAt(adam, hyper, problem, 40, theta);
  const along = (velocity: Float64Array) => {
    const d = 1e-6;
    return (f(theta.map((x, j) => x + d * velocity[j])) - f(theta.map((x, j) => x - d * velocity[j]))) / (2 * d);
  };
  const base = along(terms.direction.map((u) => -u));
  const both = along(terms.direction.map((u, j) => -u - terms.correction[j] / terms.denominator[j]));
  return { base, correction: both - base };
}

test('the rates are the derivatives of the norm and of the loss along the modified equation', () => {
  const terms = correctionAt(adam, hyper, problem, 40, theta);
  const { model } = combineMeasures([summed(terms, 0, 4)], h);
  const normRates = ratesOf(norm);
  const lossRates = ratesOf(loss);
  assertClose(model.normRate.base, normRates.base, 1e-7, 'base rate of the norm');
  assertClose(model.normRate.correction, normRates.correction, 1e-6, 'correction of the rate of the norm');
  assertClose(model.lossRate.base, lossRates.base, 1e-7, 'base rate of the loss');
  assertClose(model.lossRate.correction, lossRates.correction, 1e-6, 'correction of the rate of the loss');
  const net = normRates.correction - (normRates.base / lossRates.base) * lossRates.correction;
  assertClose(model.net!, net, 1e-5, 'net');
});

test('the measures are their definitions', () => {
  const terms = correctionAt(adam, hyper, problem, 40, theta);
  const { gradient, correction, kappa, denominator, normGradient } = terms;
  const { model } = combineMeasures([summed(terms, 0, 4)], h);
  const l2 = (v: Float64Array) => Math.hypot(...v);
  const dot = (v: Float64Array, w: Float64Array) => sum(v.map((x, j) => x * w[j]));
  const weight = normGradient.map((q, j) => q ** 2 / denominator[j]);
  assertClose(model.kappaEffective!, dot(kappa, weight) / sum(weight), 1e-12, 'κ_eff');
  assertClose(model.hKappa!, (h * dot(kappa, weight)) / sum(weight), 1e-12, 'h·κ_eff');
  assertClose(model.kappaMin!, Math.min(...kappa), 0, 'min κ');
  assertClose(model.kappaMax!, Math.max(...kappa), 0, 'max κ');
  assertClose(model.relativeSize!, l2(correction) / l2(gradient), 1e-12, 'relative size');
  assertClose(model.cosine!, dot(correction, gradient) / l2(correction) / l2(gradient), 1e-12, 'cosine');
  assert.equal(model.negativeShare, kappa.filter((k) => k < 0).length / 4);
  const switchAt = adam.signChange(hyper, 40)!;
  assert.equal(model.belowSwitchShare, gradient.filter((g) => Math.abs(g) < switchAt).length / 4);
  assert.equal(model.validShare, terms.expansion.filter((nu) => nu < 0.3).length / 4);
  assert.ok(model.negativeShare! > 0 && model.belowSwitchShare! > 0, 'the example has both signs');
  assert.equal(model.selfCheck, null);
});

test('tensors add up to the model, and the net effect of the tensors to that of the model', () => {
  const terms = correctionAt(adam, hyper, problem, 40, theta);
  const actual = terms.direction.map((u, j) => u + 0.9 * terms.memoryCorrection[j]);
  const { model: whole } = combineMeasures([summed(terms, 0, 4, actual)], h);
  const { model, tensors } = combineMeasures([summed(terms, 0, 1, actual), summed(terms, 1, 4, actual)], h);
  for (const key of ['kappaEffective', 'relativeSize', 'cosine', 'net', 'selfCheck', 'validShare'] as const) {
    assertClose(model[key]!, whole[key]!, 1e-12, key);
  }
  assert.deepEqual([model.kappaMin, model.kappaMax, model.size], [whole.kappaMin, whole.kappaMax, 4]);
  const total = (f: (m: (typeof tensors)[number]) => number) => tensors.reduce((s, m) => s + f(m), 0);
  assertClose(
    total((m) => m.net!),
    model.net!,
    1e-10,
    'net',
  );
  assertClose(
    total((m) => m.normRate.correction),
    model.normRate.correction,
    1e-12,
    'norm rate',
  );
  assertClose(model.selfCheck!, 1 / 9, 1e-10, 'self-check');
});

test('in one dimension the correction only rescales time: its net effect is 0', () => {
  const line: Problem = {
    gradient: (t) => t.map((x) => x ** 3),
    hessianProduct: (t, v) => v.map((x, j) => 3 * t[j] ** 2 * x),
  };
  const terms = correctionAt(adam, hyper, line, 40, Float64Array.of(0.8));
  const { model } = combineMeasures([summed(terms, 0, 1)], h);
  assert.ok(Math.abs(model.net!) < 1e-15 * Math.abs(model.normRate.correction) * 10);
  assert.ok(Math.abs(model.normRate.correction) > 1e-3);
});

test('filler coordinates add nothing but one to the count of valid ones', () => {
  const value = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(
    fc.property(value, fc.nat(2000), fc.constantFrom(0, 1e-8, 1), (x, n, eps) => {
      const padded: Problem = {
        gradient: () => Float64Array.of(x, 0),
        hessianProduct: (_, v) => Float64Array.of(3 * v[0], 0),
      };
      const terms = correctionAt(adam, { ...hyper, eps }, padded, n, Float64Array.of(x, 0));
      const filler = summed(terms, 1, 2, Float64Array.of(x, 0));
      for (const [name, s] of Object.entries(filler.sums)) assert.equal(Math.abs(s), name === 'valid' ? 1 : 0, name);
      assert.deepEqual(filler.selfCheck, { withMemory: 0, withoutMemory: 0 });
      const alone = combineMeasures([summed(terms, 0, 1)], h).model;
      const both = combineMeasures([summed(terms, 0, 2)], h).model;
      assert.deepEqual({ ...both, size: 1, validShare: alone.validShare }, alone);
    }),
  );
});

test('where nothing can be divided the measures are null, never NaN', () => {
  const flat: Problem = { gradient: () => new Float64Array(2), hessianProduct: () => new Float64Array(2) };
  for (const eps of [0, 1e-8]) {
    const terms = correctionAt(adam, { ...hyper, eps }, flat, 10, new Float64Array(2));
    const { model, tensors } = combineMeasures([summed(terms, 0, 2, new Float64Array(2))], h);
    for (const measures of [model, tensors[0]]) {
      assert.deepEqual(
        { ...measures, normRate: null, lossRate: null },
        {
          size: 2,
          kappaEffective: null,
          kappaMin: null,
          kappaMax: null,
          hKappa: null,
          negativeShare: null,
          belowSwitchShare: null,
          relativeSize: null,
          cosine: null,
          normRate: null,
          lossRate: null,
          normWeight: 0,
          net: null,
          validShare: 1,
          selfCheck: null,
          selfCheckErrors: null,
        },
      );
      assert.equal(Math.abs(measures.normRate.correction), 0);
    }
  }
});

test('the terms of the norms, also far below √ε', () => {
  const { absolute, squared, perturbed, aboveFloor } = plainTerms(
    numeric,
    Float64Array.of(-3, 0, 1e-9),
    Float64Array.of(16),
  );
  assert.deepEqual([...absolute], [3, 0, 1e-9]);
  assert.deepEqual([...squared.slice(0, 2)], [9, 0]);
  assert.deepEqual([...perturbed], [5, 4, 4]);
  assert.deepEqual([...aboveFloor.slice(0, 2)], [1, 0]);
  assertClose(aboveFloor[2], 1.25e-19, 1e-6, '√(g²+ε) − √ε');
  assert.deepEqual([...plainTerms(numeric, Float64Array.of(0, -2), Float64Array.of(0)).aboveFloor], [0, 2]);
});

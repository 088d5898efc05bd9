import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNpz } from '../../extension/datasets/npz.ts';
import { chunksOf } from '../../extension/engine/chunks.ts';
import type { Numbers } from '../../extension/engine/coefficients.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { SharpnessMeter } from '../../extension/engine/sharpness.ts';
import { readModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import type { Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { lossAndGradient, type Network } from '../jobs/effectOracle.ts';
import { ModelBuilder } from '../support/models.ts';
import { sample } from '../support/paths.ts';

const wave = (count: number, scale: number) => Array.from({ length: count }, (_, i) => scale * Math.sin(1.7 * i + 0.3));

/** A network of two layers, 5-8-3, on twelve samples. */
function twoLayers() {
  const m = new ModelBuilder('float64');
  m.values('w1', [8, 5], wave(40, 0.5));
  m.values('b1', [8], wave(8, 0.1));
  m.values('w2', [3, 8], wave(24, 0.6));
  const hidden = m.node('Tanh', [m.node('Gemm', ['x', 'w1', 'b1'], { transB: 1 })]);
  const model = m.model([5], m.node('Gemm', [hidden, 'w2'], { transB: 1 }));
  const arrays = new Map<string, Tensor>([
    ['x', tensorOf('float64', [12, 5], wave(60, 1))],
    ['y', { type: 'int64', shape: [12], data: BigInt64Array.from({ length: 12 }, (_, i) => BigInt(i % 3)) }],
  ]);
  return createProblem(model, { arrays, files: [], format: 'made' }, { loss: 'cross-entropy' });
}

/** The largest eigenvalue of a symmetric matrix by Jacobi rotations. */
function largestOf(matrix: number[][]): number {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-14) continue;
        const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      }
  return Math.max(...a.map((row, i) => row[i]));
}

const chunks = (samples: number) => ({ plain: chunksOf(samples, 5), corrected: chunksOf(samples, 5) });

/** A problem after some steps of an optimizer, with what `measure` finds there and the state that its step leads to. */
async function measuredAt(
  problem: Problem,
  of: { readonly optimizer: Optimizer } & Numbers,
  steps: number,
  after?: 'kept',
) {
  const plan = chunks(problem.samples);
  const runner = new Runner(problem, { ...of, stage: 'step', device: 'cpu', chunks: plan, threads: 1 });
  const meter = await SharpnessMeter.load(problem, 'cpu', plan, 1);
  try {
    let position = runner.start();
    while (position.step < steps) ({ position } = await runner.plainSteps(position, steps - position.step));
    const { state } = (await runner.plainSteps(position, 1)).position;
    const found = await meter.measure(position.theta, { n: steps, state }, of);
    const rows: Float64Array[] = [];
    for (let j = 0; j < problem.layout.length; j++) {
      const unit = new Float64Array(problem.layout.length);
      unit[j] = 1;
      rows.push(await meter.product(position.theta, unit));
    }
    const { arrays } = await runner.correctedSteps(position, 1, true);
    const gradient = arrays!.gradient.data as Float64Array;
    return { theta: position.theta, state, found: found!, rows, gradient, meter };
  } finally {
    if (after !== 'kept') await meter.release();
    await runner.release();
  }
}

/** λmax of the rows and columns of D^{-1/2} M D^{-1/2} at which M is not 0. */
function dense(rows: readonly Float64Array[], denominator: Float64Array): number {
  const used = [...denominator.keys()].filter((j) => rows[j].some((x) => x !== 0));
  return largestOf(used.map((i) => used.map((j) => rows[i][j] / Math.sqrt(denominator[i] * denominator[j]))));
}

const closeTo = (found: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(found / expected - 1) < tolerance, `${found} instead of ${expected}`);

for (const [name, given] of [
  ['adam', { eps: 1e-6 }],
  ['adam', { amsgrad: true, eps: 1e-4, eps_placement: 'inside' }],
  ['adam', { eps: 1e-3, weight_decay: 0.3 }],
  ['rmsprop', { momentum: 0.5 }],
  ['sgd', { momentum: 0.9 }],
  ['adagrad', {}],
] as const) {
  test(`${name} ${JSON.stringify(given)}: the preconditioned sharpness is that of the dense Hessian`, async () => {
    const problem = twoLayers();
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 1e-3 });
    const { state, found, rows } = await measuredAt(problem, { optimizer, hyper }, 25);
    // The denominator from the step that was taken: D = h·numerator/Δθ has the filter in it, so it is read from the state.
    const at = (key: string) => state.get(key)!.data as Float64Array;
    const denominator = Float64Array.from({ length: problem.layout.length }, (_, j) => {
      if (name === 'sgd') return 1;
      if (name === 'adagrad') return Math.sqrt(at('sum')[j]) + 1e-10;
      if (name === 'rmsprop') return Math.sqrt(at('secondMoment')[j]) + 1e-8;
      const unbiased = 1 - 0.999 ** 26;
      return 'amsgrad' in given
        ? Math.sqrt(at('maxSecondMoment')[j] / unbiased + 1e-4)
        : Math.sqrt(at('secondMoment')[j] / unbiased) + given.eps;
    });
    // An L2 penalty is part of the loss that is descended.
    const penalty = 'weight_decay' in given ? given.weight_decay : 0;
    for (const { offset, size } of problem.layout.segments)
      for (let j = offset; j < offset + size; j++) rows[j][j] += penalty;
    closeTo(found.preconditionedSharpness, dense(rows, denominator), 1e-3);
  });
}

test('groups with step sizes, ε and weight decay of their own: the edge is that of the matrix of all rows', async () => {
  const problem = twoLayers();
  const optimizer = optimizerNamed('adam');
  const hyper = completeHyperparameters(optimizer, 'pytorch', { lr: 1e-3, eps: 1e-5 });
  const own = { ...hyper, lr: 4e-3, eps: 1e-3, weight_decay: 0.2, beta1: 0.8 };
  const groups = { of: [0, 1, 1], numbers: [{ hyper: own }] };
  const { state, found, rows } = await measuredAt(problem, { optimizer, hyper, groups }, 25);
  const second = state.get('secondMoment')!.data as Float64Array;
  const denominator = new Float64Array(problem.layout.length).fill(1);
  problem.layout.segments.forEach(({ offset, size }, t) => {
    const { lr, eps, beta1, weight_decay } = groups.of[t] === 1 ? own : hyper;
    const gain = (1 - Number(beta1)) / (1 + Number(beta1));
    for (let j = offset; j < offset + size; j++) {
      denominator[j] = (2 * (Math.sqrt(second[j] / (1 - 0.999 ** 26)) + Number(eps))) / (lr * gain);
      rows[j][j] += Number(weight_decay);
    }
  });
  // In units of the threshold, and so of the model's own step and filter.
  const edge = dense(rows, denominator);
  closeTo(found.edge, edge, 1e-3);
  closeTo(found.preconditionedSharpness, edge * (38 / 1e-3), 1e-3);
});

test('before a spike: the share of stale second moments, and the curvature along the preconditioned gradient', async () => {
  const problem = twoLayers();
  const optimizer = optimizerNamed('adam');
  const hyper = completeHyperparameters(optimizer, 'pytorch', { lr: 0.02, beta2: 0.99 });
  const { theta, state, rows, gradient, meter } = await measuredAt(problem, { optimizer, hyper }, 12, 'kept');
  const signs = await meter.spikeSigns(theta, { n: 12, state }, { optimizer, hyper });
  await meter.release();
  const second = state.get('secondMoment')!.data as Float64Array;
  const places = problem.layout.segments.flatMap(({ offset, size }) =>
    Array.from({ length: size }, (_, k) => offset + k),
  );
  const unbiased = 1 - 0.99 ** 13;
  const stale = places.filter((j) => second[j] / unbiased > 10 * gradient[j] ** 2).length / places.length;
  assert.ok(stale > 0 && stale < 1, `${stale}`);
  assert.equal(signs!.staleShare, stale);
  const w = gradient.map((g, j) => g / (Math.sqrt(second[j] / unbiased) + 1e-8));
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, j) => sum + x * b[j], 0);
  const curved = Float64Array.from(rows, (row) => dot(row, w));
  closeTo(signs!.gradientCurvature, (0.02 / 2) * (dot(w, curved) / dot(gradient, w)), 1e-9);
});

/** The largest eigenvalue of a large symmetric matrix by powers, shifted so that the smallest does not win. */
function largestByPowers(rows: readonly Float64Array[]): number {
  const n = rows.length;
  const apply = (v: Float64Array) =>
    Float64Array.from(rows, (row) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += row[j] * v[j];
      return sum;
    });
  const norm = (v: Float64Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  let v = Float64Array.from({ length: n }, (_, j) => Math.sin(j + 1));
  let largest = 0;
  for (const shift of [0, 1]) {
    const size = shift * Math.abs(largest);
    for (let k = 0; k < 100; k++) {
      const next = apply(v).map((x, j) => x + size * v[j]);
      const along = next.reduce((sum, x, j) => sum + x * v[j], 0) / v.reduce((sum, x) => sum + x * x, 0);
      largest = along - size;
      const length = norm(next);
      v = next.map((x) => x / length);
    }
  }
  return largest;
}

test('the sample, 2,410 parameters: S is that of a dense Hessian of another program within 1 %', async () => {
  const samples = 16;
  const arrays = await readNpz(join(sample, 'digits.npz'));
  const [x, y] = ['x', 'y'].map((name) => Array.from(arrays.get(name)!.data as Float32Array, Number));
  const network: Network = {
    x: Array.from({ length: samples }, (_, s) => x.slice(64 * s, 64 * (s + 1))),
    y: y.slice(0, samples),
    ...{ hidden: 32, classes: 10 },
  };
  const data = {
    ...{ files: [], format: 'made' },
    arrays: new Map<string, Tensor>([
      ['x', tensorOf('float64', [samples, 64], network.x.flat())],
      ['y', { type: 'int64', shape: [samples], data: BigInt64Array.from(network.y, BigInt) }],
    ]),
  };
  const problem = createProblem(await readModel(join(sample, 'digits.onnx')), data, {
    loss: 'cross-entropy',
    dtype: 'float64',
  });
  assert.equal(problem.layout.count, 2410);
  const optimizer = optimizerNamed('adam');
  const hyper = completeHyperparameters(optimizer, 'pytorch', {});
  const plan = chunks(samples);
  const runner = new Runner(problem, { optimizer, hyper, stage: 'step', device: 'cpu', chunks: plan, threads: 1 });
  const meter = await SharpnessMeter.load(problem, 'cpu', plan, 1);
  try {
    let position = runner.start();
    while (position.step < 60) ({ position } = await runner.plainSteps(position, 60 - position.step));
    const { state } = (await runner.plainSteps(position, 1)).position;
    const found = await meter.measure(position.theta, { n: 60, state }, { optimizer, hyper });
    const compact = (tensor: Tensor) =>
      [...problem.layout.unpack(tensor).values()].flatMap((each) => [...(each.data as Float64Array)]);
    const theta = compact(position.theta);
    const root = compact(state.get('secondMoment')!).map((v) => 1 / Math.sqrt(Math.sqrt(v / (1 - 0.999 ** 61)) + 1e-8));
    const step = 1e-5;
    const rows = theta.map((_, i) => {
      const at = (d: number) => lossAndGradient(network, theta.with(i, theta[i] + d)).gradient;
      const [up, down] = [at(step), at(-step)];
      return Float64Array.from(up, (g, j) => ((g - down[j]) / (2 * step)) * root[i] * root[j]);
    });
    closeTo(found!.preconditionedSharpness, largestByPowers(rows), 1e-2);
  } finally {
    await meter.release();
    await runner.release();
  }
});

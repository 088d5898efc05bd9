import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { SharpnessMeter } from '../../extension/engine/sharpness.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { ModelBuilder } from '../support/models.ts';

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

for (const [name, given] of [
  ['adam', { eps: 1e-6 }],
  ['adam', { amsgrad: true, eps: 1e-4, eps_placement: 'inside' }],
  ['rmsprop', { momentum: 0.5 }],
  ['sgd', { momentum: 0.9 }],
  ['adagrad', {}],
] as const) {
  test(`${name} ${JSON.stringify(given)}: the preconditioned sharpness is that of the dense Hessian`, async () => {
    const problem = twoLayers();
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 1e-3 });
    const plan = { plain: chunksOf(12, 5), corrected: chunksOf(12, 5) };
    const runner = new Runner(problem, { optimizer, hyper, stage: 'step', device: 'cpu', chunks: plan, threads: 1 });
    const meter = await SharpnessMeter.load(problem, 'cpu', plan, 1);
    try {
      let position = runner.start();
      while (position.step < 25) ({ position } = await runner.plainSteps(position, 25 - position.step));
      const after = (await runner.plainSteps(position, 1)).position;
      const found = await meter.measure(position.theta, { n: 25, state: after.state }, { optimizer, hyper });
      // The denominator from the step that was taken: D = h·numerator/Δθ has the filter in it, so it is read from the state.
      const state = (key: string) => after.state.get(key)!.data as Float64Array;
      const length = problem.layout.length;
      const denominator = Float64Array.from({ length }, (_, j) => {
        if (name === 'sgd') return 1;
        if (name === 'adagrad') return Math.sqrt(state('sum')[j]) + 1e-10;
        if (name === 'rmsprop') return Math.sqrt(state('secondMoment')[j]) + 1e-8;
        const unbiased = 1 - 0.999 ** 26;
        return 'amsgrad' in given
          ? Math.sqrt(state('maxSecondMoment')[j] / unbiased + 1e-4)
          : Math.sqrt(state('secondMoment')[j] / unbiased) + 1e-6;
      });
      const rows: number[][] = [];
      for (let j = 0; j < length; j++) {
        const unit = new Float64Array(length);
        unit[j] = 1;
        rows.push([...(await meter.product(position.theta, unit))]);
      }
      const used = [...denominator.keys()].filter((j) => rows[j].some((x) => x !== 0));
      const expected = largestOf(
        used.map((i) => used.map((j) => rows[i][j] / Math.sqrt(denominator[i] * denominator[j]))),
      );
      const { preconditionedSharpness: s } = found!;
      assert.ok(Math.abs(s / expected - 1) < 1e-3, `${s} instead of ${expected}`);
    } finally {
      await meter.release();
      await runner.release();
    }
  });
}

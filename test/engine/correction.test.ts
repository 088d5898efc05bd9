import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import type { Tensor } from '../../extension/onnx/tensor.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { mlp, samples } from '../support/models.ts';
import { denseHessian, gradientFunction } from './oracle.ts';

/**
 * The correction and its measures against the definitions, with a dense Hessian by differences and plain loops: nothing of
 * the program under test but the gradient, which has tests of its own.
 */
const problem = createProblem(mlp([5, 6, 3]), relabel(samples(11, [5]), 3), { dtype: 'float64' });

function relabel(dataset: ReturnType<typeof samples>, classes: number): ReturnType<typeof samples> {
  const labels = dataset.arrays.get('y')!;
  return {
    ...dataset,
    arrays: new Map([
      ...dataset.arrays,
      ['y', { ...labels, data: (labels.data as BigInt64Array).map((y) => y % BigInt(classes)) }],
    ]),
  };
}

/** c_b(n) = 1 + 2·(mean age), summed term by term. */
function c(b: number, n: number): number {
  let weight = 0;
  let age = 0;
  for (let m = 0; m <= n; m++) {
    weight += (1 - b) * b ** m;
    age += (1 - b) * b ** m * m;
  }
  return 1 + (2 * age) / weight;
}

describe('correction against a dense Hessian', () => {
  for (const placement of ['inside', 'outside']) {
    for (const stage of ['step', 7, 'inf'] as const) {
      it(`ε ${placement}, stage ${stage}`, async () => {
        const [lr, beta, rho, eps] = [1e-3, 0.8, 0.95, 1e-4];
        const hyper = completeHyperparameters(adam, 'pytorch', {
          lr,
          beta1: beta,
          beta2: rho,
          eps,
          eps_placement: placement,
        });
        const whole = chunksOf(problem.samples, problem.samples);
        const runner = new Runner(problem, {
          optimizer: adam,
          hyper,
          stage,
          device: 'cpu',
          chunks: { plain: whole, corrected: whole },
          threads: 1,
        });
        // A few steps first, so that the finite-n coefficients and the memory of the self-check are not trivial.
        const from = (await walk(runner, 4)).position;
        const { records, arrays } = await runner.correctedSteps(from, 1, true);
        await runner.release();

        const theta = Float64Array.from(
          [...problem.layout.unpack(from.theta).values()].flatMap(({ data }) => Array.from(data as Float64Array)),
        );
        const gradientAt = await gradientFunction(problem);
        const g = await gradientAt.at(theta);
        const hessian = await denseHessian(problem, theta);
        const inside = placement === 'inside';
        const d = g.map((x) => (inside ? Math.sqrt(x * x + eps) : Math.abs(x) + eps));
        const u = g.map((x, j) => x / d[j]);
        const q = g.map((_, i) => hessian.reduce((sum, column, j) => sum + column[i] * u[j], 0));
        const n = stage === 'step' ? 4 : stage === 'inf' ? 4000 : stage;
        const share = g.map((x, j) => (inside ? (x * x) / d[j] ** 2 : Math.abs(x) / d[j]));
        const kappa = share.map((f) => 0.5 * (c(beta, n) - c(rho, n) * f));
        const correction = q.map((x, j) => lr * kappa[j] * x);
        const packed = (tensor: Tensor) =>
          [...problem.layout.unpack(tensor).values()].flatMap(({ data }) => Array.from(data as Float64Array));
        closeAll(packed(arrays!.gradient), g, 1e-10, 'gradient');
        closeAll(packed(arrays!.normGradient), q, 1e-7, 'q');
        closeAll(packed(arrays!.correction), correction, 1e-7, 'correction');

        const { measures, correctionNorm, perturbedNorm } = records[0];
        const sum = (f: (j: number) => number) => g.reduce((total, _, j) => total + f(j), 0);
        const weight = (j: number) => q[j] ** 2 / d[j];
        close(
          perturbedNorm,
          sum((j) => Math.sqrt(g[j] ** 2 + eps)),
          1e-10,
          '‖g‖₁,ε',
        );
        close(correctionNorm!, Math.sqrt(sum((j) => correction[j] ** 2)), 1e-7, '‖corr‖');
        const effective = sum((j) => kappa[j] * weight(j)) / sum(weight);
        close(measures!.kappaEffective!, effective, 1e-7, 'κ_eff');
        close(measures!.hKappa!, lr * effective, 1e-7, 'h·κ');
        close(measures!.kappaMin!, Math.min(...kappa), 1e-7, 'min κ');
        close(measures!.kappaMax!, Math.max(...kappa), 1e-7, 'max κ');
        close(measures!.negativeShare!, sum((j) => Number(kappa[j] < 0)) / g.length, 1e-9, 'share of κ < 0');
        close(
          measures!.relativeSize!,
          Math.sqrt(sum((j) => correction[j] ** 2) / sum((j) => g[j] ** 2)),
          1e-7,
          'relative size',
        );
        const normCorrection = -sum((j) => (q[j] * correction[j]) / d[j]);
        const normBase = -sum((j) => q[j] * u[j]);
        const lossCorrection = -sum((j) => (g[j] * correction[j]) / d[j]);
        const lossBase = -sum((j) => g[j] * u[j]);
        close(measures!.normRate.correction, normCorrection, 1e-7, 'norm rate');
        close(measures!.normRate.base, normBase, 1e-7, 'base norm rate');
        close(measures!.lossRate.correction, lossCorrection, 1e-7, 'loss rate');
        close(measures!.net!, normCorrection - (normBase / lossBase) * lossCorrection, 1e-6, 'net effect');
        const horizon = lr * Math.max((c(beta, n) - 1) / 2, (c(rho, n) - 1) / 2);
        close(
          measures!.validShare!,
          sum((j) => Number((horizon * Math.abs(q[j])) / d[j] < 0.3)) / g.length,
          1e-9,
          'valid share',
        );
        await gradientAt.release();
      });
    }
  }
});

async function walk(runner: Runner, steps: number) {
  let advance = await runner.plainSteps(runner.start(), 1);
  while (advance.position.step < steps)
    advance = await runner.plainSteps(advance.position, steps - advance.position.step);
  return advance;
}

function close(got: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(got - expected) <= tolerance * Math.max(Math.abs(expected), 1e-12),
    `${what} is ${got}, by definition ${expected}`,
  );
}

function closeAll(got: readonly number[], expected: Float64Array, tolerance: number, what: string): void {
  const size = Math.sqrt(expected.reduce((sum, x) => sum + x * x, 0));
  const error = Math.sqrt(expected.reduce((sum, x, i) => sum + (x - got[i]) ** 2, 0));
  assert.ok(error <= tolerance * size, `${what}: relative error ${error / size}`);
}

describe('self-check', () => {
  it('is small where the theory holds and does not depend on the stage', async () => {
    const hyper = completeHyperparameters(adam, 'pytorch', {
      lr: 1e-5,
      beta2: 0.95,
      eps: 1e-4,
      eps_placement: 'inside',
    });
    const whole = chunksOf(problem.samples, problem.samples);
    const checks: number[] = [];
    for (const stage of ['step', 'inf'] as const) {
      const runner = new Runner(problem, {
        optimizer: adam,
        hyper,
        stage,
        device: 'cpu',
        chunks: { plain: whole, corrected: whole },
        threads: 1,
      });
      const { position } = await walk(runner, 30);
      checks.push((await runner.correctedSteps(position, 1)).records[0].measures!.selfCheck!);
      await runner.release();
    }
    assert.ok(checks[0] < 0.1, `self-check ${checks[0]}`);
    assert.ok(Math.abs(checks[0] - checks[1]) < 1e-9, `self-check ${checks}`);
  });
});

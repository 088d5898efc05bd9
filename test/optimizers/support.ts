import assert from 'node:assert/strict';
import { numeric, numericCoefficients } from '../../extension/optimizers/numeric.ts';
import type {
  Coefficients,
  CorrectionTerms,
  Hyperparameters,
  Optimizer,
  StepOutputs,
  StepSizes,
} from '../../extension/optimizers/optimizer.ts';

/** Fails unless |actual − expected| ≤ tolerance·max(1e-12, |expected|). */
export function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert.ok(error <= tolerance * Math.max(1e-12, Math.abs(expected)), `${what}: ${actual} instead of ${expected}`);
}

/** Fails unless ‖actual − expected‖∞ ≤ tolerance·max(‖expected‖∞, floor). */
export function assertVectorClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  floor = 1e-12,
): void {
  assert.equal(actual.length, expected.length, what);
  const scale = Math.max(floor, ...Array.from(expected, Math.abs));
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    assert.ok(error <= tolerance * scale, `${what}[${i}]: ${actual[i]} instead of ${expected[i]}`);
  }
}

/** A smooth loss: ∇E(θ) and H(θ)·v. */
export interface Problem {
  gradient(theta: Float64Array): Float64Array;
  hessianProduct(theta: Float64Array, v: Float64Array): Float64Array;
}

export type State = Readonly<Record<string, Float64Array>>;

/** Zero state of an optimizer for p parameters. */
export function zeroState(optimizer: Optimizer, hyper: Hyperparameters, p: number): State {
  return Object.fromEntries(optimizer.stateNames(hyper).map((name) => [name, new Float64Array(p)]));
}

/** One step in float64: the direction and the new state. */
export function step(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  n: number,
  theta: Float64Array,
  gradient: Float64Array,
  state: State,
  stepSizes?: StepSizes,
): StepOutputs<Float64Array> {
  const c = numericCoefficients(optimizer.updateCoefficients(hyper, n, stepSizes));
  return optimizer.update(numeric, hyper, c, { theta, gradient, state });
}

/** The iterates θ⁽⁰⁾ … θ⁽ⁿ⁾ of the optimizer itself, and the state after the last step. */
export function run(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  problem: Problem,
  start: Float64Array,
  steps: number,
  stepSizes?: StepSizes,
): { iterates: Float64Array[]; states: State[] } {
  const iterates = [start];
  const states = [zeroState(optimizer, hyper, start.length)];
  for (let n = 0; n < steps; n++) {
    const { stepSize } = optimizer.updateCoefficients(hyper, n, stepSizes);
    const { direction, state } = step(
      optimizer,
      hyper,
      n,
      iterates[n],
      problem.gradient(iterates[n]),
      states[n],
      stepSizes,
    );
    iterates.push(iterates[n].map((x, j) => x - stepSize * direction[j]));
    states.push(state);
  }
  return { iterates, states };
}

/** The correction at θ for step n. */
export function correctionAt(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  problem: Problem,
  n: number,
  theta: Float64Array,
  state: State = {},
  stepSizes?: StepSizes,
): CorrectionTerms<Float64Array> & { stepSize: number } {
  const coefficients = optimizer.correctionCoefficients(hyper, n, stepSizes);
  return correctionFrom(optimizer, hyper, problem, coefficients, theta, state);
}

/** The correction at θ with the given coefficients. */
export function correctionFrom(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  problem: Problem,
  coefficients: Coefficients,
  theta: Float64Array,
  state: State,
): CorrectionTerms<Float64Array> & { stepSize: number } {
  const c = numericCoefficients(coefficients);
  const inputs = { theta, gradient: problem.gradient(theta), state };
  const products = optimizer.hessianDirections(numeric, hyper, c, inputs).map((v) => problem.hessianProduct(theta, v));
  return { ...optimizer.correction(numeric, hyper, c, inputs, products), stepSize: coefficients.stepSize };
}

/** G and C of θ' = −G − h·C. */
export function drift(terms: CorrectionTerms<Float64Array> & { stepSize: number }): {
  G: Float64Array;
  C: Float64Array;
} {
  return {
    G: terms.direction,
    C: terms.correction.map((x, j) => x / terms.denominator[j] / terms.stepSize),
  };
}

import type { Hyperparameters, Optimizer, StepSizes } from '../../extension/optimizers/optimizer.ts';
import { correctionFrom, type Problem, run } from './support.ts';

export type Change = (coefficients: Record<string, number>) => Record<string, number>;
export type Velocity = (theta: Float64Array) => Float64Array;

/** θ(t + h) for θ' = velocity(θ) by one step of the classical Runge–Kutta method. */
export function rungeKutta(theta: Float64Array, h: number, velocity: Velocity): Float64Array {
  const along = (k: Float64Array, c: number) => theta.map((x, j) => x + c * k[j]);
  const k1 = velocity(theta);
  const k2 = velocity(along(k1, h / 2));
  const k3 = velocity(along(k2, h / 2));
  const k4 = velocity(along(k3, h));
  return theta.map((x, j) => x + (h / 6) * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]));
}

/** max_n ‖θ(t_n) − θ⁽ⁿ⁾‖∞ for the equation whose velocity during step n is `velocityOf(n)`. */
export function distance(
  iterates: readonly Float64Array[],
  stepSize: (n: number) => number,
  velocityOf: (n: number) => Velocity,
): number {
  let theta = iterates[0];
  let largest = 0;
  for (let n = 0; n + 1 < iterates.length; n++) {
    theta = rungeKutta(theta, stepSize(n), velocityOf(n));
    for (let j = 0; j < theta.length; j++) largest = Math.max(largest, Math.abs(theta[j] - iterates[n + 1][j]));
  }
  return largest;
}

export interface Orders {
  /** log₂ of the ratio of the errors at the last halving of h. */
  readonly without: number;
  readonly with: number;
  readonly broken: number;
}

export interface Experiment {
  readonly optimizer: Optimizer;
  readonly hyper: Hyperparameters;
  readonly problem: Problem;
  readonly start: Float64Array;
  /** t = n·h at the end. */
  readonly horizon: number;
  /** The smallest h; the order is taken from 2h and h. */
  readonly h: number;
  /** h_k as h·shape(t_k). */
  readonly shape?: (t: number) => number;
  /** Coefficients of the correction with a mistake in them. */
  readonly broken: Change;
}

/** Orders of accuracy of the modified equation for a full batch. */
export function ordersOf({ optimizer, hyper, problem, start, horizon, h, shape, broken }: Experiment): Orders {
  const errorsAt = (lr: number) => {
    const steps = Math.round(horizon / lr);
    const stepSizes: StepSizes | undefined = shape && ((k) => lr * shape(k * lr));
    const settings = { ...hyper, lr };
    const { iterates, states } = run(optimizer, settings, problem, start, steps, stepSizes);
    const stepSize = (n: number) => optimizer.updateCoefficients(settings, n, stepSizes).stepSize;
    const coefficients = Array.from({ length: steps }, (_, n) => ({
      ...optimizer.correctionCoefficients(settings, n, stepSizes),
    }));
    const error = (scale: number, change: Change = (c) => c) =>
      distance(iterates, stepSize, (n) => {
        const changed = change(coefficients[n]);
        return (theta) => {
          // State-conditional corrections use the state that the optimizer really has.
          const terms = correctionFrom(optimizer, settings, problem, changed, theta, states[n + 1]);
          return terms.direction.map((x, j) => -x - (scale * terms.correction[j]) / terms.denominator[j]);
        };
      });
    return [error(0), error(1), error(1, broken)];
  };
  const coarse = errorsAt(2 * h);
  const fine = errorsAt(h);
  const [without, withCorrection, withMistake] = coarse.map((error, i) => Math.log2(error / fine[i]));
  return { without, with: withCorrection, broken: withMistake };
}

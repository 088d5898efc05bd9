import { specs } from './hyperparameters.ts';
import { numeric, numericCoefficients } from './numeric.ts';
import type { Absent, Hyperparameters, Optimizer } from './optimizer.ts';

/** Large against every ε. */
const LARGE = 1e12;

/**
 * κ at step n (or Infinity) where |g| ≫ ε: the weight of the optimizer's norm in the loss that is followed, divided by h.
 * Computed from the correction itself, at one coordinate of E = ½θ² whose Hessian products are the directions.
 */
export function kappaAt(optimizer: Optimizer, hyper: Hyperparameters, n: number): number | Absent {
  const reason = optimizer.notApplicable(hyper) ?? optimizer.stateDependent(hyper);
  if (reason !== undefined) return { reason };
  const c = numericCoefficients(optimizer.correctionCoefficients(hyper, n));
  const state = Object.fromEntries(optimizer.stateNames(hyper).map((name) => [name, Float64Array.of(0)]));
  const inputs = { theta: Float64Array.of(0), gradient: Float64Array.of(LARGE), state };
  const products = optimizer.hessianDirections(numeric, hyper, c, inputs);
  const [kappa] = optimizer.correction(numeric, hyper, c, inputs, products).kappa;
  // Where ε's share of the denominator is all that is left, nothing is.
  return Math.abs(kappa) < 1e-9 ? 0 : kappa;
}

/** κ in the limit of many steps and small ε. */
export const limitingKappa = (optimizer: Optimizer, hyper: Hyperparameters): number | Absent =>
  kappaAt(optimizer, hyper, Infinity);

/**
 * The preconditioned sharpness at which a step of size h begins to oscillate without end: 2/(h·Γ), 38/h for Adam; decoupled
 * weight decay λ is a step of its own towards 0, which takes hλ of the 2.
 */
export function sharpnessThreshold(optimizer: Optimizer, hyper: Hyperparameters, stepSize: number): number | Absent {
  const gain = optimizer.alternatingGain(hyper);
  if (typeof gain !== 'number') return gain;
  const decay = isDecoupled(optimizer, hyper) ? Number(hyper.weight_decay) : 0;
  return (2 - stepSize * decay) / (stepSize * gain);
}

/** λ of the L2 penalty in the gradient that the optimizer sees; 0 where weight decay is decoupled. */
export const penaltyOf = (optimizer: Optimizer, hyper: Hyperparameters): number =>
  isDecoupled(optimizer, hyper) ? 0 : Number(hyper.weight_decay ?? 0);

const isDecoupled = ({ hyperparameters }: Optimizer, hyper: Hyperparameters): boolean =>
  hyperparameters.includes(specs.decoupledWeightDecay) || hyper.decoupled_weight_decay === true;

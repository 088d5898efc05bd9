import type { StepRecord } from '../engine/stepRecord.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';

/** corr in the limit of large gradients and many steps, where the Hessian is the identity: what settings are compared by. */
function limitingCorrection(optimizer: Optimizer, hyper: Hyperparameters): number {
  const large = Float64Array.of(1e12);
  const coefficients = numericCoefficients(optimizer.correctionCoefficients(hyper, Number.POSITIVE_INFINITY));
  const state = Object.fromEntries(optimizer.stateNames(hyper).map((name) => [name, large]));
  const inputs = { theta: Float64Array.of(0), gradient: large, state };
  const directions = optimizer.hessianDirections(numeric, hyper, coefficients, inputs);
  return optimizer.correction(numeric, hyper, coefficients, inputs, directions).correction[0];
}

/**
 * The part of a run's correction that its twin does not have, in that limit: all of Adam's, 2μ/(1+μ) of that of SGD with
 * momentum μ. A run that is held against the flow is told the whole.
 */
export function memoryShare(optimizer: Optimizer, hyper: Hyperparameters, twin: Hyperparameters | undefined): number {
  if (twin === undefined || optimizer.notApplicable(hyper) !== undefined) return 1;
  const share = 1 - limitingCorrection(optimizer, twin) / limitingCorrection(optimizer, hyper);
  return Number.isFinite(share) ? share : 1;
}

/**
 * The effect that the theory predicts, accumulated along a run: the correction changes a norm at equal loss at the rate `net`
 * (theory C6), so that its logarithm gains ∫ net/‖∇E‖₁ dt, with time h per step; between lines by the trapezoidal rule.
 */
export class PredictedEffect {
  private last: { readonly step: number; readonly rates: readonly number[] } | undefined;
  private sums: number[] | undefined;

  /**
   * @param stepSize h of a step
   * @param share the part of the correction that the reference does not have
   */
  constructor(
    private readonly stepSize: (step: number) => number,
    private readonly share = 1,
  ) {}

  /** Of the model first, then of each tensor; null before the first record with a correction and where it is unknown. */
  get values(): readonly (number | null)[] | undefined {
    return this.sums?.map((sum) => (Number.isFinite(sum) ? Math.expm1(this.share * sum) : null));
  }

  /** Takes notice of a record; only those with a correction count. */
  add(record: StepRecord): void {
    if (!record.measures) return;
    const rate = (net: number | null | undefined, norm: number) => (net ?? Number.NaN) / norm;
    const rates = [
      rate(record.measures.net, record.gradientNorm1),
      ...record.tensors.map((tensor) => rate(tensor.measures?.net, tensor.gradientNorm1)),
    ].map((each) => each * this.stepSize(record.step));
    const { last } = this;
    this.sums ??= rates.map(() => 0);
    if (last) this.sums = this.sums.map((sum, t) => sum + ((record.step - last.step) * (last.rates[t] + rates[t])) / 2);
    this.last = { step: record.step, rates };
  }
}

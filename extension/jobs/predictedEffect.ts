import type { StepRecord } from '../engine/stepRecord.ts';
import type { Measures } from '../optimizers/measures.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';

/** The part of κ_j of a step that a run's reference does not have: base + slope·κ_j. */
export interface MemoryPart {
  readonly base: number;
  readonly slope: number;
}

const whole: MemoryPart = { base: 0, slope: 1 };

/** κ and corr at step n where the Hessian is the identity, at a coordinate with gradient g. */
function termsAt(optimizer: Optimizer, hyper: Hyperparameters, n: number, g: number) {
  const gradient = Float64Array.of(g);
  const c = numericCoefficients(optimizer.correctionCoefficients(hyper, n));
  const state = Object.fromEntries(optimizer.stateNames(hyper).map((name) => [name, gradient]));
  const inputs = { theta: Float64Array.of(0), gradient, state };
  const directions = optimizer.hessianDirections(numeric, hyper, c, inputs);
  const { kappa, correction } = optimizer.correction(numeric, hyper, c, inputs, directions);
  return { kappa: kappa[0], correction: correction[0] };
}

/** Against every ε. */
const [small, large] = [1e-200, 1e12];

/**
 * The part of the correction of step n that a run's twin does not have. κ_j goes from κ₀, where ε is large against the gradient,
 * to κ₁, where it is small, in proportion to f_j, for the twin as for the run: of Adam's κ_j = ½(c_β − c_ρ f_j) and its twin's
 * ½(c_β − c_β f_j) the difference is −½(c_ρ − c_β) f_j, written by κ_j. Where κ does not depend on ε, as for SGD, the part is a
 * share, 2μ/(1+μ) with momentum μ. A run that is held against the flow is told the whole.
 */
export function memoryPart(
  optimizer: Optimizer,
  hyper: Hyperparameters,
  twin: Hyperparameters | undefined,
): (n: number) => MemoryPart {
  if (twin === undefined || optimizer.notApplicable(hyper) !== undefined) return () => whole;
  const limits = [twin, hyper].map((of) => termsAt(optimizer, of, Number.POSITIVE_INFINITY, large).correction);
  const share = 1 - limits[0] / limits[1];
  return (n) => {
    const ends = (of: Hyperparameters) => [small, large].map((g) => termsAt(optimizer, of, n, g).kappa);
    const [[low, high], [twinLow, twinHigh]] = [ends(hyper), ends(twin)];
    if (!(Math.abs(high - low) > 1e-9 * Math.abs(high)))
      return Number.isFinite(share) ? { base: 0, slope: share } : whole;
    const slope = 1 - (twinHigh - twinLow) / (high - low);
    return { base: low - twinLow - slope * low, slope };
  };
}

/** What was gathered of a prediction: plain data. */
export interface SavedPrediction {
  readonly last: { readonly step: number; readonly rate: number } | undefined;
  readonly sum: number | undefined;
}

/**
 * The effect that the theory predicts, accumulated along a run: the correction changes a norm at equal loss at the rate `net`
 * (theory C6), so that its logarithm gains ∫ net/‖∇E‖₁ dt, with time h per step; between lines by the trapezoidal rule.
 */
export class PredictedEffect {
  private last: { readonly step: number; readonly rate: number } | undefined;
  private sum: number | undefined;

  /**
   * @param stepSize h of a step
   * @param part of the correction that the reference does not have
   */
  constructor(
    private readonly stepSize: (step: number) => number,
    private readonly part: (step: number) => MemoryPart = () => whole,
  ) {}

  /**
   * Of the model; null where it is unknown, undefined before the first record with a correction. Of a tensor nothing is
   * predicted: q·Δ over its coordinates is what their motion does to the norm of the whole gradient, not what all motion does to
   * the norm of its part.
   */
  get value(): number | null | undefined {
    if (this.sum === undefined) return undefined;
    return Number.isFinite(this.sum) ? Math.expm1(this.sum) : null;
  }

  /** What it has gathered. */
  get saved(): SavedPrediction {
    const { last, sum } = this;
    return { last, sum };
  }

  restore({ last, sum }: SavedPrediction): void {
    this.last = last;
    this.sum = sum;
  }

  /** Takes notice of a record; only those with a correction count. */
  add({ measures, gradientNorm1, step }: StepRecord): void {
    if (!measures) return;
    const h = this.stepSize(step);
    const rate = (h * netOf(measures, this.part(step), h)) / gradientNorm1;
    const { last } = this;
    this.sum ??= 0;
    if (last) this.sum += ((step - last.step) * (last.rate + rate)) / 2;
    this.last = { step, rate };
  }
}

/** `net` of a part of the correction: its rate of the norm less what goes along with its rate of the loss. */
function netOf({ net, normRate, lossRate, normWeight }: Measures, { base, slope }: MemoryPart, h: number): number {
  if (base === 0) return slope * (net ?? Number.NaN);
  const ofNorm = slope * normRate.correction - h * base * normWeight;
  const ofLoss = slope * lossRate.correction + h * base * normRate.base;
  return ofNorm - (normRate.base / lossRate.base) * ofLoss;
}

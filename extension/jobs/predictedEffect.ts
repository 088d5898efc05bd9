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

/**
 * The effect that the theory predicts, accumulated along a run: the correction changes a norm at equal loss at the rate `net`
 * (theory C6), so that its logarithm gains ∫ net/‖∇E‖₁ dt, with time h per step; between lines by the trapezoidal rule.
 */
export class PredictedEffect {
  private last: { readonly step: number; readonly rates: readonly number[] } | undefined;
  private sums: number[] | undefined;

  /**
   * @param stepSize h of a step
   * @param part of the correction that the reference does not have
   */
  constructor(
    private readonly stepSize: (step: number) => number,
    private readonly part: (step: number) => MemoryPart = () => whole,
  ) {}

  /** Of the model first, then of each tensor; null before the first record with a correction and where it is unknown. */
  get values(): readonly (number | null)[] | undefined {
    return this.sums?.map((sum) => (Number.isFinite(sum) ? Math.expm1(sum) : null));
  }

  /** Takes notice of a record; only those with a correction count. */
  add(record: StepRecord): void {
    if (!record.measures) return;
    const h = this.stepSize(record.step);
    const part = this.part(record.step);
    const model = record.measures;
    const rate = (measures: Measures | undefined, norm: number) =>
      (h * (measures ? netOf(measures, model, part, h) : Number.NaN)) / norm;
    const rates = [
      rate(model, record.gradientNorm1),
      ...record.tensors.map((tensor) => rate(tensor.measures, tensor.gradientNorm1)),
    ];
    const { last } = this;
    this.sums ??= rates.map(() => 0);
    if (last) this.sums = this.sums.map((sum, t) => sum + ((record.step - last.step) * (last.rates[t] + rates[t])) / 2);
    this.last = { step: record.step, rates };
  }
}

/** `net` of a part of the correction: its rate of the norm less what goes along with its rate of the loss. */
function netOf(measures: Measures, model: Measures, { base, slope }: MemoryPart, h: number): number {
  if (base === 0) return slope * (measures.net ?? Number.NaN);
  const { normRate, lossRate, normWeight } = measures;
  const ofNorm = slope * normRate.correction - h * base * normWeight;
  const ofLoss = slope * lossRate.correction + h * base * normRate.base;
  return ofNorm - (model.normRate.base / model.lossRate.base) * ofLoss;
}

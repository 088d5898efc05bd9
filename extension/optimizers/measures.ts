import { isLess, positive, reciprocal, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { CorrectionTerms } from './optimizer.ts';

/** The first-order theory is trusted where the predicted relative change of g_j over the memory is below this (theory C7). */
export const VALID_EXPANSION = 0.3;

/** Relative size of ‖F − G‖ that float32 rounding alone can make. */
const ROUNDING = 1e-6;

/** Stands for "no coordinate" in the extremes of κ. */
const NONE = 3e38;

/**
 * The per-coordinate terms whose sums over a tensor give every measure. Each is 0 at a coordinate where g, θ, q and the
 * state are 0, apart from the counts: there `valid` is 1, and `kappaNegative` and `kappaPositive` are 0 (they count only
 * coordinates with g ≠ 0 or q ≠ 0, as `active` does).
 */
export interface MeasureTerms<V> {
  /** g², corr², g·corr. */
  readonly gradientSquared: V;
  readonly correctionSquared: V;
  readonly gradientTimesCorrection: V;
  /** G². */
  readonly directionSquared: V;
  /** w = q²/D, and κ·w. */
  readonly weight: V;
  readonly kappaWeight: V;
  /** q·G and q·corr/D: minus the rates of the norm. */
  readonly normTimesDirection: V;
  readonly normTimesCorrection: V;
  /** g·G and g·corr/D: minus the rates of the loss. */
  readonly gradientTimesDirection: V;
  readonly gradientTimesVelocity: V;
  /** Counts, as 0 or 1 per coordinate. */
  readonly active: V;
  readonly kappaNegative: V;
  readonly kappaPositive: V;
  readonly valid: V;
}

/** Sums over the coordinates of one tensor, or of the whole model. */
export type MeasureSums = MeasureTerms<number>;

/**
 * The terms of `MeasureTerms` at every coordinate, from the correction (theory C).
 *
 * @param ofLoss g and q of the loss itself, whose rates are taken, where the optimizer sees its gradient clipped
 */
export function measureTerms<V>(
  a: Arithmetic<V>,
  terms: CorrectionTerms<V>,
  ofLoss: Pick<CorrectionTerms<V>, 'gradient' | 'normGradient'> = terms,
): MeasureTerms<V> {
  const { gradient, direction, correction, normGradient: q, kappa } = terms;
  const inverse = reciprocal(a, terms.denominator);
  const zero = a.constant(0);
  const active = isActive(a, terms);
  const velocity = a.mul(correction, inverse);
  const weight = a.mul(square(a, q), inverse);
  return {
    gradientSquared: square(a, gradient),
    correctionSquared: square(a, correction),
    gradientTimesCorrection: a.mul(gradient, correction),
    directionSquared: square(a, direction),
    weight,
    kappaWeight: a.mul(kappa, weight),
    normTimesDirection: a.mul(ofLoss.normGradient, direction),
    normTimesCorrection: a.mul(ofLoss.normGradient, velocity),
    gradientTimesDirection: a.mul(ofLoss.gradient, direction),
    gradientTimesVelocity: a.mul(ofLoss.gradient, velocity),
    active,
    kappaNegative: a.mul(active, isLess(a, kappa, zero)),
    kappaPositive: a.mul(active, isLess(a, zero, kappa)),
    valid: isLess(a, terms.expansion, a.constant(VALID_EXPANSION)),
  };
}

/** Take the minimum of `low` and the maximum of `high`: κ where g ≠ 0 or q ≠ 0, and ±3e38 elsewhere. */
export function extremeTerms<V>(a: Arithmetic<V>, terms: CorrectionTerms<V>): { readonly low: V; readonly high: V } {
  // Beyond every κ where nothing is active, and below every κ elsewhere.
  const bound = a.mul(a.sub(a.constant(1), a.mul(a.constant(2), isActive(a, terms))), a.constant(NONE));
  return { low: a.max(terms.kappa, bound), high: a.neg(a.max(a.neg(terms.kappa), bound)) };
}

function isActive<V>(a: Arithmetic<V>, { gradient, normGradient }: CorrectionTerms<V>): V {
  return isLess(a, a.constant(0), a.max(a.abs(gradient), a.abs(normGradient)));
}

/** How well the expansion predicts the direction `actual` that the optimizer really took (theory C7). */
export interface SelfCheckTerms<V> {
  /** (F − G)²: without memory. */
  readonly withoutMemory: V;
  /** (F − G − h·Mem)²: with the predicted memory. */
  readonly withMemory: V;
}

/** Squared errors of the two predictions; 0 at a coordinate where everything is 0. */
export function selfCheckTerms<V>(a: Arithmetic<V>, terms: CorrectionTerms<V>, actual: V): SelfCheckTerms<V> {
  const deviation = a.sub(actual, terms.direction);
  return {
    withoutMemory: square(a, deviation),
    withMemory: square(a, a.sub(deviation, terms.memoryCorrection)),
  };
}

/** Terms of the gradient's norms. */
export interface PlainTerms<V> {
  /** |g|, g², √(g² + ε); the last is √ε and not 0 at a coordinate where g = 0. */
  readonly absolute: V;
  readonly squared: V;
  readonly perturbed: V;
  /** √(g² + ε) − √ε without cancellation: ‖g‖₁,ε above its floor p·√ε. */
  readonly aboveFloor: V;
}

/** The terms of ‖g‖₁, ‖g‖₂² and ‖g‖₁,ε = Σ√(g² + ε), with `eps` a scalar. */
export function plainTerms<V>(a: Arithmetic<V>, gradient: V, eps: V): PlainTerms<V> {
  const squared = square(a, gradient);
  const perturbed = a.sqrt(a.add(squared, eps));
  return {
    absolute: a.abs(gradient),
    squared,
    perturbed,
    aboveFloor: a.div(squared, positive(a, a.add(perturbed, a.sqrt(eps)))),
  };
}

/** What was summed over one tensor. */
export interface TensorSums {
  /** Number of coordinates. */
  readonly size: number;
  readonly sums: MeasureSums;
  /** Minimum of `low` and maximum of `high` of `extremeTerms`. */
  readonly low: number;
  readonly high: number;
  readonly selfCheck?: SelfCheckTerms<number>;
  /** Its step size in units of the model's, where it has one of its own. */
  readonly relativeStep?: number;
}

/** A rate per unit of time (h per step), of the correction and of the base flow. */
export interface Rate {
  readonly correction: number;
  readonly base: number;
}

/** The measures of theory C1–C7 for one tensor or for the model; null where a quotient has no value. */
export interface Measures {
  readonly size: number;
  /** Σκw/Σw with w = q²/D; negative: anti-regularizing. */
  readonly kappaEffective: number | null;
  readonly kappaMin: number | null;
  readonly kappaMax: number | null;
  /** h·κ_eff, dimensionless. */
  readonly hKappa: number | null;
  /** Share of the active coordinates (g ≠ 0 or q ≠ 0) with κ < 0. */
  readonly negativeShare: number | null;
  /** Share of the active coordinates with κ > 0; for ρ > β these lie below |g|*, where κ changes sign. */
  readonly belowSwitchShare: number | null;
  /** ‖corr‖₂/‖g‖₂; the theory needs ≪ 1. */
  readonly relativeSize: number | null;
  /** cos(corr, g); what the correction does to the loss is `lossRate`, whose sign is mostly, not always, the opposite. */
  readonly cosine: number | null;
  /** Change of the norm whose gradient is q; `correction` > 0: the correction impedes its reduction. */
  readonly normRate: Rate;
  /** Change of the loss. */
  readonly lossRate: Rate;
  /** Σq²/D in the time of the model: −1/h of the rate of the norm by a correction with κ_j = 1. */
  readonly normWeight: number;
  /** Effect on the norm at matched loss: N_corr − (N_base/E_base)·E_corr with the base rates of the whole model. */
  readonly net: number | null;
  /** Share of coordinates with ν_j < 0.3. */
  readonly validShare: number | null;
  /** ‖F − G − h·Mem‖/‖F − G‖: below 1 the correction explains the deviation, above 1 the theory does not hold. */
  readonly selfCheck: number | null;
  /** The squares of both, where they are more than rounding. */
  readonly selfCheckErrors: SelfCheckTerms<number> | null;
}

/**
 * How often the relative step size r_j is a factor of a term where time is that of the model: the flow is θ' = −r ⊙ G, and the
 * norm whose gradient is r ⊙ q weights coordinates by r, such as Σ r_j·√(g_j² + ε).
 */
const stepPowers = {
  directionSquared: 2,
  normTimesDirection: 2,
  normTimesCorrection: 2,
  gradientTimesDirection: 1,
  gradientTimesVelocity: 1,
} as const satisfies Partial<Record<keyof MeasureSums, number>>;

/** A tensor's sums in the time of the model. */
function inModelTime(tensor: TensorSums): TensorSums {
  const { sums, selfCheck, relativeStep: r = 1 } = tensor;
  if (r === 1) return tensor;
  const scaled = Object.entries(stepPowers).map(([name, power]) => [
    name,
    r ** power * sums[name as keyof MeasureSums],
  ]);
  return {
    ...tensor,
    sums: { ...sums, ...Object.fromEntries(scaled) },
    selfCheck: selfCheck && {
      withMemory: r ** 2 * selfCheck.withMemory,
      withoutMemory: r ** 2 * selfCheck.withoutMemory,
    },
  };
}

/**
 * The measures of each tensor and of the model from the sums per tensor. `stepSize` is h.
 * Tensor rates add up to the model's rates, since q comes from the Hessian of the whole model. Where tensors have step sizes
 * of their own, κ and h·κ of a tensor are in units of its own, and the model's h·κ is the mean of the coordinates'.
 */
export function combineMeasures(
  tensors: readonly TensorSums[],
  stepSize: number,
): { readonly model: Measures; readonly tensors: readonly Measures[] } {
  const timed = tensors.map(inModelTime);
  const total = totalOf(
    timed.map(({ sums, relativeStep: r = 1, ...rest }) => ({
      ...rest,
      sums: { ...sums, kappaWeight: r * sums.kappaWeight },
    })),
  );
  const slope = quotient(total.sums.normTimesDirection, total.sums.gradientTimesDirection);
  return {
    model: measuresOf(
      total,
      stepSize,
      slope,
      timed.reduce((sum, tensor) => sum + normWeightOf(tensor), 0),
    ),
    tensors: timed.map((tensor) =>
      measuresOf(tensor, stepSize * (tensor.relativeStep ?? 1), slope, normWeightOf(tensor)),
    ),
  };
}

/** As the rate of the norm by the correction, and with h·κ in units of the tensor's own step. */
const normWeightOf = ({ sums, relativeStep: r = 1 }: TensorSums): number => r ** 3 * sums.weight;

function measuresOf(
  { size, sums, low, high, selfCheck }: TensorSums,
  h: number,
  slope: number | null,
  normWeight: number,
): Measures {
  const kappaEffective = quotient(sums.kappaWeight, sums.weight);
  const checked = selfCheck && isBeyondRounding(selfCheck, sums.directionSquared) ? selfCheck : null;
  const normRate = rate(-sums.normTimesCorrection, -sums.normTimesDirection);
  const lossRate = rate(-sums.gradientTimesVelocity, -sums.gradientTimesDirection);
  return {
    size,
    kappaEffective,
    kappaMin: low < NONE / 2 ? low : null,
    kappaMax: high > -NONE / 2 ? high : null,
    hKappa: kappaEffective === null ? null : h * kappaEffective,
    negativeShare: quotient(sums.kappaNegative, sums.active),
    belowSwitchShare: quotient(sums.kappaPositive, sums.active),
    relativeSize: rootQuotient(sums.correctionSquared, sums.gradientSquared),
    cosine: quotient(sums.gradientTimesCorrection, Math.sqrt(sums.gradientSquared) * Math.sqrt(sums.correctionSquared)),
    normRate,
    lossRate,
    normWeight,
    net: slope === null ? null : finite(normRate.correction - slope * lossRate.correction),
    validShare: quotient(sums.valid, size),
    selfCheck: checked && rootQuotient(checked.withMemory, checked.withoutMemory),
    selfCheckErrors: checked,
  };
}

/** False where the optimizer does what the frozen history says but for rounding, as it does at step 0. */
const isBeyondRounding = ({ withoutMemory }: SelfCheckTerms<number>, directionSquared: number): boolean =>
  withoutMemory > ROUNDING ** 2 * directionSquared;

function totalOf(tensors: readonly TensorSums[]): TensorSums {
  const sumOf = (f: (tensor: TensorSums) => number) => tensors.reduce((sum, tensor) => sum + f(tensor), 0);
  const names = Object.keys(tensors[0]?.sums ?? {}) as (keyof MeasureSums)[];
  const checked = tensors.every((tensor) => tensor.selfCheck);
  return {
    size: sumOf((tensor) => tensor.size),
    sums: Object.fromEntries(names.map((name) => [name, sumOf(({ sums }) => sums[name])])) as unknown as MeasureSums,
    low: tensors.reduce((low, tensor) => Math.min(low, tensor.low), NONE),
    high: tensors.reduce((high, tensor) => Math.max(high, tensor.high), -NONE),
    selfCheck: checked
      ? {
          withMemory: sumOf((tensor) => tensor.selfCheck!.withMemory),
          withoutMemory: sumOf((tensor) => tensor.selfCheck!.withoutMemory),
        }
      : undefined,
  };
}

function rate(correction: number, base: number): Rate {
  return { correction, base };
}

function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null;
}

function quotient(x: number, y: number): number | null {
  return finite(x / y);
}

function rootQuotient(x: number, y: number): number | null {
  return quotient(Math.sqrt(x), Math.sqrt(y));
}

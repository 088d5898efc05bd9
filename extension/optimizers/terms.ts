import { reciprocal } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { CorrectionTerms } from './optimizer.ts';

/**
 * The terms where κ = `base` + `slope`·(1−f) with memory part `base` + `memorySlope`·(1−f), and q = H·G; `epsShare` is
 * 1−f. `decayRate` is λ of a decoupled weight decay.
 */
export function normalizedTerms<V>(
  a: Arithmetic<V>,
  inputs: { gradient: V; denominator: V; epsShare: V; direction: V; normGradient: V; decayRate?: V },
  c: { stepSize: V; base: V; slope: V; memorySlope: V; horizon: V },
): CorrectionTerms<V> {
  const { gradient, denominator, epsShare, direction, normGradient, decayRate } = inputs;
  const kappa = a.add(c.base, a.mul(c.slope, epsShare));
  const memory = a.add(c.base, a.mul(c.memorySlope, epsShare));
  const scaled = a.mul(c.stepSize, normGradient);
  return {
    gradient,
    direction,
    denominator,
    normGradient,
    kappa,
    correction: a.mul(c.stepSize, addDecay(a, a.mul(kappa, normGradient), direction, denominator, decayRate)),
    memoryCorrection: a.mul(a.mul(scaled, memory), reciprocal(a, denominator)),
    expansion: a.div(a.mul(c.horizon, a.abs(normGradient)), denominator),
  };
}

/**
 * The terms where D·C is known as `memory` + `local` (+ ½λ·D·G with decoupled weight decay λ) and κ only as its quotient
 * with q = H·G.
 */
export function measuredTerms<V>(
  a: Arithmetic<V>,
  parts: {
    gradient: V;
    direction: V;
    denominator: V;
    normGradient: V;
    memory: V;
    local: V;
    decayRate?: V;
    stepSize: V;
    horizon: V;
  },
): CorrectionTerms<V> {
  const { gradient, direction, denominator, normGradient, memory, local, decayRate, stepSize, horizon } = parts;
  const size = a.abs(normGradient);
  const total = a.add(memory, local);
  const quotient = a.mul(a.mul(total, a.sign(normGradient)), reciprocal(a, size));
  return {
    gradient,
    direction,
    denominator,
    normGradient,
    kappa: quotient,
    correction: a.mul(stepSize, addDecay(a, total, direction, denominator, decayRate)),
    memoryCorrection: a.mul(a.mul(stepSize, memory), reciprocal(a, denominator)),
    expansion: a.div(a.mul(horizon, size), denominator),
  };
}

/** D·C with the ½λ·D·G of a decoupled weight decay λ (theory B2, AdamW). */
export function addDecay<V>(a: Arithmetic<V>, total: V, direction: V, denominator: V, decayRate: V | undefined): V {
  if (decayRate === undefined) return total;
  return a.add(total, a.mul(a.mul(a.constant(0.5), decayRate), a.mul(denominator, direction)));
}

/** |g| at which ε's share of the denominator, ε/(|g| + ε) or ε/(g² + ε), is `share`; undefined unless 0 < share < 1. */
export function signChangeOf(share: number, eps: number, inside: boolean): number | undefined {
  if (!(share > 0 && share < 1) || eps === 0) return undefined;
  const ratio = (eps * (1 - share)) / share;
  return inside ? Math.sqrt(ratio) : ratio;
}

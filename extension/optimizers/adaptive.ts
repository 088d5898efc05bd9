import type { Arithmetic } from './arithmetic.ts';

/** Smallest denominator: with ε = 0 and g = 0 the quotient g/D is then 0 and not NaN. Far enough from float32's 1.2e−38. */
const TINY = 1e-36;

/** Below this a denominator is taken for zero; it exceeds √TINY. Only reached where ε = 0 and g = 0. */
const ZERO_DENOMINATOR = 1e-16;

/** max(x, the smallest denominator). */
export function positive<V>(a: Arithmetic<V>, x: V): V {
  return a.max(x, a.constant(TINY));
}

/** 1/D, and 0 where D is zero up to the floor of `positive`. */
export function reciprocal<V>(a: Arithmetic<V>, denominator: V): V {
  return a.whereLess(denominator, a.constant(ZERO_DENOMINATOR), a.constant(0), a.div(a.constant(1), denominator));
}

/** 1 where x < y, else 0. */
export const isLess = <V>(a: Arithmetic<V>, x: V, y: V): V => a.whereLess(x, y, a.constant(1), a.constant(0));

export function square<V>(a: Arithmetic<V>, x: V): V {
  return a.mul(x, x);
}

/** decay·average + (1−decay)·value. */
export function blend<V>(a: Arithmetic<V>, decay: V, average: V, complement: V, value: V): V {
  return a.add(a.mul(decay, average), a.mul(complement, value));
}

/** √v + ε, or √(v + ε) with ε inside the root; never 0. */
export function rootWithEps<V>(a: Arithmetic<V>, v: V, eps: V, inside: boolean): V {
  return inside ? a.sqrt(positive(a, a.add(v, eps))) : positive(a, a.add(a.sqrt(v), eps));
}

/**
 * What the denominator is when every past gradient equals g: D = |g| + ε or √(g² + ε), and 1 − f, where
 * f = |g|/D or g²/D² is the share of D that follows the gradient. 1 − f = ε/D or ε/D² has no cancellation.
 */
export function frozenDenominator<V>(
  a: Arithmetic<V>,
  gradient: V,
  eps: V,
  inside: boolean,
): { readonly denominator: V; readonly epsShare: V } {
  if (inside) {
    const squared = positive(a, a.add(square(a, gradient), eps));
    return { denominator: a.sqrt(squared), epsShare: a.div(eps, squared) };
  }
  const denominator = positive(a, a.add(a.abs(gradient), eps));
  return { denominator, epsShare: a.div(eps, denominator) };
}

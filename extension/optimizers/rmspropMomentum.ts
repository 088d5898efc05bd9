import { positive, reciprocal, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { Coefficients, CorrectionTerms, StepSizes } from './optimizer.ts';
import { applyRule, gaussRule, ruleCoefficients } from './quadrature.ts';
import { accumulatedWeight, meanAge, memoryWindow, relativeSteps, stepUnit } from './theory.ts';
import { inverseDenominator } from './transient.ts';

/**
 * RMSprop with momentum: buf_n = Σ_{k≤n} μ^{n−k} g_k/D_k. On a frozen gradient D_k is √σ_k·|g| + ε or √(σ_k g² + ε) with
 * σ_k = 1 − α^{k+1}; write r_k = 1/D_k and f_k for the share of D_k (or D_k²) that follows g. With the shift
 * b_k = ½ + Σ_{k≤l<n} (h_l/h_n)·G_l/G_n of gradient k, and V_k = Σ_{i≤k} (1−α)α^{k−i} b_i that of the second moment,
 *
 *     G_n = g·Σ μ^{n−k} r_k,    C_n = H·G_n · Σ μ^{n−k} r_k [b_k − (f_k/σ_k)·V_k].
 *
 * G_l/G_n is taken as a scalar, its value for ε ≪ |g|; this is exact for n → ∞, and for coordinates with |g| ~ ε it
 * changes the first 1/(1−α) steps by O(h²) in sum. (For n → ∞ this is theory B2, RMSprop with momentum.)
 */
export function momentumCoefficients(
  mu: number,
  alpha: number,
  lr: number,
  n: number,
  stepSizes: StepSizes | undefined,
): Coefficients {
  const root = (x: number) => Math.exp(x / 2);
  const { points, weights, lag, lagged } = n === Infinity ? steady(mu, alpha) : sums(mu, alpha, lr, n, stepSizes);
  const stepSize = stepUnit(lr, n, stepSizes);
  return {
    stepSize,
    complement: 1 - mu,
    horizon: stepSize * Math.max(meanAge(mu, n), meanAge(alpha, n)),
    ...ruleCoefficients('now', gaussRule(points, weights), root),
    ...ruleCoefficients('lag', gaussRule(points, lag), root),
    ...ruleCoefficients('lagged', gaussRule(points, lagged), root),
  };
}

/** Points log σ_k and weights μ^{n−k}·(1, V_k/σ_k − b_k, V_k/σ_k). */
interface Sums {
  readonly points: number[];
  readonly weights: number[];
  readonly lag: number[];
  readonly lagged: number[];
}

function steady(mu: number, alpha: number): Sums {
  const weight = 1 / (1 - mu);
  const age = alpha / (1 - alpha);
  return { points: [0], weights: [weight], lag: [age * weight], lagged: [(mu * weight + age + 0.5) * weight] };
}

function sums(mu: number, alpha: number, lr: number, n: number, stepSizes: StepSizes | undefined): Sums {
  const relativeStep = relativeSteps(lr, n, stepSizes);
  const sigma = (k: number) => accumulatedWeight(alpha, k);
  const window = memoryWindow(mu, n);
  const start = n - Math.min(n, window + memoryWindow(alpha, n));
  // Γ_l = Σ_{k≤l} μ^{l−k}/√σ_k, to which G_l is proportional for ε ≪ |g|.
  // A window that starts later begins with the steady sum.
  const moves = [1 / Math.sqrt(sigma(start)) / (start > 0 ? 1 - mu : 1)];
  for (let l = start + 1; l <= n; l++) moves.push(mu * moves[moves.length - 1] + 1 / Math.sqrt(sigma(l)));
  // b_k from k = n down to start.
  const shifts = moves.map(() => 0.5);
  for (let i = moves.length - 2; i >= 0; i--) {
    shifts[i] = shifts[i + 1] + (relativeStep(start + i) * moves[i]) / moves[moves.length - 1];
  }
  const result: Sums = { points: [], weights: [], lag: [], lagged: [] };
  let ofSecondMoment = start > 0 ? shifts[0] * sigma(start) : 0;
  for (let k = start; k <= n; k++) {
    const shift = shifts[k - start];
    if (k > start || start === 0) ofSecondMoment = alpha * ofSecondMoment + (1 - alpha) * shift;
    if (k < n - window) continue;
    const weight = mu ** (n - k);
    const lagged = ofSecondMoment / sigma(k);
    result.points.push(Math.log(sigma(k)));
    result.weights.push(weight);
    result.lag.push(weight * Math.max(0, lagged - shift));
    result.lagged.push(weight * lagged);
  }
  return result;
}

/** G_n. */
export function momentumDirection<V>(
  a: Arithmetic<V>,
  c: Readonly<Record<string, V>>,
  gradient: V,
  inside: boolean,
): V {
  return a.mul(gradient, speed(a, c, gradient, inside));
}

/** Σ μ^{n−k} r_k. */
function speed<V>(a: Arithmetic<V>, c: Readonly<Record<string, V>>, gradient: V, inside: boolean): V {
  return applyRule(a, c, 'now', (root) => inverseDenominator(a, gradient, root, c.eps, inside));
}

/**
 * In the long run G_n = u/(1−μ) with u = g/D the direction without momentum. So that κ weighs the one-norm, whose gradient
 * is H·u, q is taken as (1−μ)·H·G_n.
 *
 * b_k − f_k V_k/σ_k = −(V_k/σ_k − b_k) + (1−f_k)·V_k/σ_k, of which ½(1−f_k) is no memory.
 */
export function momentumTerms<V>(
  a: Arithmetic<V>,
  c: Readonly<Record<string, V>>,
  gradient: V,
  inside: boolean,
  direction: V,
  normGradient: V,
): CorrectionTerms<V> {
  const inverse = (root: V) => inverseDenominator(a, gradient, root, c.eps, inside);
  const notFollowing = (root: V) => {
    const r = inverse(root);
    return a.mul(r, a.mul(c.eps, inside ? square(a, r) : r));
  };
  const lag = applyRule(a, c, 'lag', inverse);
  const lagged = applyRule(a, c, 'lagged', notFollowing);
  const local = a.mul(a.constant(0.5), applyRule(a, c, 'now', notFollowing));
  const denominator = a.div(a.constant(1), positive(a, speed(a, c, gradient, inside)));
  const rate = a.sub(lagged, lag);
  const ofProduct = a.mul(denominator, rate);
  const scaled = a.mul(c.stepSize, normGradient);
  return {
    gradient,
    direction,
    denominator,
    normGradient: a.mul(c.complement, normGradient),
    kappa: a.div(ofProduct, c.complement),
    correction: a.mul(scaled, ofProduct),
    memoryCorrection: a.mul(scaled, a.sub(rate, local)),
    expansion: a.mul(a.mul(c.horizon, a.abs(normGradient)), reciprocal(a, denominator)),
  };
}

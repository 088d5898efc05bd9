import type { StepSizes } from './optimizer.ts';

/** Ages beyond which bᵐ < 2⁻⁵³·10⁻³ no longer change a double. */
const NEGLIGIBLE = Math.log(1e-19);

/**
 * 1 − b^(n+1), the weight that an exponential moving average has received after step n (the bias correction).
 * Exact to rounding also where b^(n+1) is close to 1. `b` in [0, 1), `n` ≥ −1 or Infinity.
 */
export function accumulatedWeight(b: number, n: number): number {
  return n < 0 ? 0 : -Math.expm1((n + 1) * Math.log(b));
}

/**
 * a_b(n) = Σ_{m≤n} (1−b) bᵐ m / (1−b^{n+1}): the mean age of what a bias-corrected moving average holds after step n.
 * a_b(0) = 0, a_b(∞) = b/(1−b). `b` in [0, 1), `n` ≥ 0 or Infinity.
 */
export function meanAge(b: number, n: number): number {
  if (b === 0 || n === 0) return 0;
  if (n === Infinity) return b / (1 - b);
  const x = -(n + 1) * Math.log(b);
  if (x > 0.5) return b / (1 - b) - ((n + 1) * Math.exp(-x)) / -Math.expm1(-x);
  // Both terms are ≈ 1/(1−b) and cancel. With N = n+1 and y = −log b: 1/(e^y − 1) − N/(e^{Ny} − 1), and
  // 1/(e^y − 1) = 1/y − ½ + s(y), where the poles 1/y and N/(Ny) are equal.
  const y = -Math.log(b);
  return n / 2 + bernoulliTail(y) - (n + 1) * bernoulliTail(x);
}

/** s(y) = 1/(e^y − 1) − 1/y + ½ = Σ B_{2k} y^{2k−1}/(2k)! for |y| ≤ ½ (truncation below 2e−15). */
function bernoulliTail(y: number): number {
  const z = y * y;
  return (
    y * (1 / 12 - z * (1 / 720 - z * (1 / 30240 - z * (1 / 1209600 - z * (1 / 47900160 - (z * 691) / 1307674368000)))))
  );
}

/** c_b(n) = 1 + 2·a_b(n); (1+b)/(1−b) as n → ∞. */
export function memoryFactor(b: number, n: number): number {
  return 1 + 2 * meanAge(b, n);
}

/** How many past steps a moving average with decay `b` remembers to double precision, at most `n`. */
export function memoryWindow(b: number, n: number): number {
  return b === 0 ? 0 : Math.min(n, Math.ceil(NEGLIGIBLE / Math.log(b)));
}

/**
 * Σ_{l<n} b^{n−l} (1−b^{l+1}) s_l: what a moving average with decay `b` (not bias-corrected) remembers after step n of the
 * moves s_l since each of its gradients. It is M_n with M_0 = 0, M_n = b·(M_{n−1} + (1−bⁿ) s_{n−1}).
 * `moves` is called with Infinity where n is Infinity.
 */
export function memorySum(b: number, n: number, moves: (l: number) => number): number {
  if (n === Infinity) return b === 0 ? 0 : (b / (1 - b)) * moves(Infinity);
  let sum = 0;
  for (let l = n - 1, decay = b; l >= n - memoryWindow(b, n); l--, decay *= b) {
    sum += moves(l) * decay * accumulatedWeight(b, l);
  }
  return sum;
}

/**
 * The mean age with steps of unequal size, in units of the current step h_n: A_b,n/h_n with
 * (1−b^{n+1}) A_n = b (1−bⁿ)(A_{n−1} + h_{n−1}), A_0 = 0. With constant steps it is a_b(n).
 */
export function scheduledAge(b: number, n: number, stepSizes: StepSizes | undefined, unit: number): number {
  if (stepSizes === undefined || n === Infinity) return meanAge(b, n);
  return memorySum(b, n, stepSizes) / accumulatedWeight(b, n) / unit;
}

/** h_n; the constant `lr` without a schedule and for n = ∞. */
export function stepSizeAt(lr: number, n: number, stepSizes?: StepSizes): number {
  return stepSizes === undefined || n === Infinity ? lr : stepSizes(n);
}

/**
 * The unit in which κ and the ages are expressed at step n: the step size h_n. Where h_n = 0, nothing moves at that step
 * and `lr` serves as the unit.
 */
export function stepUnit(lr: number, n: number, stepSizes?: StepSizes): number {
  const stepSize = stepSizeAt(lr, n, stepSizes);
  return stepSize > 0 ? stepSize : lr || 1;
}

/** h_l/h_n for the steps l before step n. */
export function relativeSteps(lr: number, n: number, stepSizes?: StepSizes): (l: number) => number {
  const unit = stepUnit(lr, n, stepSizes);
  return (l) => stepSizeAt(lr, l, stepSizes) / unit;
}

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
 * The mean age with steps of unequal size, in units of the current step h_n: A_b,n/h_n with
 * (1−b^{n+1}) A_n = b (1−bⁿ)(A_{n−1} + h_{n−1}), A_0 = 0. With constant steps it is a_b(n).
 *
 * Where h_n = 0 the unit is `unit`, since θ does not move at this step.
 */
export function scheduledAge(b: number, n: number, stepSizes: StepSizes | undefined, unit: number): number {
  if (stepSizes === undefined || n === Infinity) return meanAge(b, n);
  // A_n = Σ_{l<n} h_l b^{n−l} (1−b^{l+1}) / (1−b^{n+1}), from the youngest step to the oldest that counts.
  let sum = 0;
  for (let l = n - 1, decay = b; l >= n - memoryWindow(b, n); l--, decay *= b) {
    sum += stepSizes(l) * decay * accumulatedWeight(b, l);
  }
  return sum / accumulatedWeight(b, n) / unit;
}

/** h_n; the constant `lr` without a schedule and for n = ∞. */
export function stepSizeAt(lr: number, n: number, stepSizes?: StepSizes): number {
  return stepSizes === undefined || n === Infinity ? lr : stepSizes(n);
}

/** The largest eigenvalue of a symmetric map. */
export interface TopEigenvalue {
  readonly value: number;
  /** ‖Av − value·v‖ for the unit vector v that was found: an eigenvalue lies within this distance of `value`. */
  readonly residual: number;
  readonly vector: Float64Array;
  /** Products with A that it took. */
  readonly products: number;
}

export interface LanczosOptions {
  /** Size of the residual, relative to the eigenvalue, at which it ends. */
  readonly tolerance: number;
  readonly mostProducts: number;
  /** Most vectors that are kept at a time; then it begins anew with the best one. */
  readonly basis: number;
}

/**
 * The largest (algebraic) eigenvalue of a symmetric map by Lanczos with full reorthogonalisation, restarted with the best
 * vector where the basis is full. `start` is any vector with a part along the eigenvector, such as that of a nearby map.
 */
export async function topEigenvalue(
  apply: (v: Float64Array) => Promise<Float64Array>,
  start: Float64Array,
  { tolerance, mostProducts, basis }: LanczosOptions,
): Promise<TopEigenvalue> {
  let vector = scaled(start, 1 / norm(start));
  let products = 0;
  for (;;) {
    const kept: Float64Array[] = [vector];
    const diagonal: number[] = [];
    const beside: number[] = [];
    let best: { value: number; weights: Float64Array; residual: number };
    for (;;) {
      const last = kept[kept.length - 1];
      const next = Float64Array.from(await apply(last));
      products++;
      diagonal.push(dot(last, next));
      // Twice, against the loss of orthogonality by rounding.
      for (let pass = 0; pass < 2; pass++) for (const each of kept) subtract(next, each, dot(next, each));
      const beta = norm(next);
      const { value, weights } = largestOfTridiagonal(diagonal, beside);
      best = { value, weights, residual: beta * Math.abs(weights[weights.length - 1]) };
      const done = best.residual <= tolerance * Math.abs(value) || beta === 0;
      if (done || products >= mostProducts || kept.length >= basis) break;
      beside.push(beta);
      kept.push(scaled(next, 1 / beta));
    }
    vector = new Float64Array(vector.length);
    kept.forEach((each, i) => {
      subtract(vector, each, -best.weights[i]);
    });
    vector = scaled(vector, 1 / norm(vector));
    const isDone = best.residual <= tolerance * Math.abs(best.value) || products >= mostProducts || kept.length < basis;
    if (isDone) return { value: best.value, residual: best.residual, vector, products };
  }
}

/** The largest eigenvalue of a symmetric tridiagonal matrix by bisection on Sturm counts, and its unit eigenvector. */
function largestOfTridiagonal(
  diagonal: readonly number[],
  beside: readonly number[],
): { value: number; weights: Float64Array } {
  const n = diagonal.length;
  const around = (i: number) => Math.abs(beside[i - 1] ?? 0) + Math.abs(i < n - 1 ? beside[i] : 0);
  let low = Math.min(...diagonal.map((d, i) => d - around(i)));
  let high = Math.max(...diagonal.map((d, i) => d + around(i)));
  const tiny = 1e-300;
  /** Number of eigenvalues below x. */
  const below = (x: number) => {
    let count = 0;
    let q = 1;
    for (let i = 0; i < n; i++) {
      q = diagonal[i] - x - (i === 0 ? 0 : beside[i - 1] ** 2 / (q === 0 ? tiny : q));
      if (q < 0) count++;
    }
    return count;
  };
  for (let i = 0; i < 200 && high - low > 1e-15 * Math.max(Math.abs(low), Math.abs(high)); i++) {
    const middle = (low + high) / 2;
    if (below(middle) === n) high = middle;
    else low = middle;
  }
  const value = (low + high) / 2;
  // Inverse iteration with a shift just above it.
  const shift = value + 1e-12 * Math.max(1e-30, Math.abs(value));
  let weights = new Float64Array(n).fill(1);
  for (let pass = 0; pass < 4; pass++) {
    const pivots = new Float64Array(n);
    const right = Float64Array.from(weights);
    for (let i = 0; i < n; i++) {
      pivots[i] = diagonal[i] - shift;
      if (i > 0) {
        const factor = beside[i - 1] / pivots[i - 1];
        pivots[i] -= factor * beside[i - 1];
        right[i] -= factor * right[i - 1];
      }
      if (pivots[i] === 0) pivots[i] = -tiny;
    }
    const solved = new Float64Array(n);
    for (let i = n - 1; i >= 0; i--) solved[i] = (right[i] - (i < n - 1 ? beside[i] * solved[i + 1] : 0)) / pivots[i];
    weights = scaled(solved, 1 / norm(solved));
  }
  return { value, weights };
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
const scaled = (a: Float64Array, factor: number): Float64Array<ArrayBuffer> => Float64Array.from(a, (x) => x * factor);

/** a ← a − factor·b. */
function subtract(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] -= factor * b[i];
}

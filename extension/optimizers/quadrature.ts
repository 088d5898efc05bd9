import type { Arithmetic } from './arithmetic.ts';
import type { Coefficients } from './optimizer.ts';

/**
 * Number of nodes. The sums below run over hundreds of past steps, but their terms are smooth in log σ, and 16 nodes
 * reproduce them to 1e−9 or better for decays up to 0.9999.
 */
const ORDER = 16;

export interface Rule {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
}

/**
 * The Gauss rule Σ_i W_i f(X_i) ≈ Σ_k w_k f(x_k) with `ORDER` nodes: exact for polynomials up to degree 2·ORDER − 1, and
 * for every f where there are at most that many points. Missing nodes are filled with weight 0. `weights` ≥ 0.
 */
export function gaussRule(points: readonly number[], weights: readonly number[]): Rule {
  const mass = weights.reduce((sum, w) => sum + w, 0);
  if (points.length <= ORDER) return padded([...points], [...weights]);
  if (mass === 0) return padded([], []);
  const { diagonal, offDiagonal } = jacobiMatrix(points, weights, mass);
  const { values, firstComponents } = eigen(diagonal, offDiagonal);
  return padded(
    values,
    firstComponents.map((v) => mass * v * v),
  );
}

function padded(nodes: number[], weights: number[]): Rule {
  const missing = Array<number>(ORDER - nodes.length).fill(0);
  return { nodes: [...nodes, ...missing], weights: [...weights, ...missing] };
}

/** Lanczos on diag(points) from √(weights/mass), with full reorthogonalization. */
function jacobiMatrix(points: readonly number[], weights: readonly number[], mass: number) {
  const basis = [Float64Array.from(weights, (w) => Math.sqrt(w / mass))];
  const diagonal: number[] = [];
  const offDiagonal: number[] = [];
  for (let k = 0; ; k++) {
    const current = basis[k];
    const next = current.map((v, i) => v * points[i]);
    diagonal.push(dot(next, current));
    if (k === ORDER - 1) break;
    for (let pass = 0; pass < 2; pass++) {
      for (const v of basis) {
        const along = dot(next, v);
        for (let i = 0; i < next.length; i++) next[i] -= along * v[i];
      }
    }
    const norm = Math.sqrt(dot(next, next));
    // The measure has only k + 1 points to rounding: the rule found so far is exact.
    if (norm < 1e-14) break;
    offDiagonal.push(norm);
    basis.push(next.map((v) => v / norm));
  }
  return { diagonal, offDiagonal };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Eigenvalues of a symmetric tridiagonal matrix and the first components of its eigenvectors, by Jacobi rotations. */
function eigen(diagonal: readonly number[], offDiagonal: readonly number[]) {
  const n = diagonal.length;
  const matrix = diagonal.map((d, i) =>
    Array.from({ length: n }, (_, j) => (i === j ? d : Math.abs(i - j) === 1 ? offDiagonal[Math.min(i, j)] : 0)),
  );
  const first = Array.from({ length: n }, (_, j): number => (j === 0 ? 1 : 0));
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = matrix[p][q];
        if (Math.abs(apq) < 1e-300 || Math.abs(apq) <= 1e-17 * Math.hypot(matrix[p][p], matrix[q][q])) continue;
        rotated = true;
        const theta = (matrix[q][q] - matrix[p][p]) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (const row of matrix) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
        for (let k = 0; k < n; k++) {
          const [x, y] = [matrix[p][k], matrix[q][k]];
          matrix[p][k] = c * x - s * y;
          matrix[q][k] = s * x + c * y;
        }
        [first[p], first[q]] = [c * first[p] - s * first[q], s * first[p] + c * first[q]];
      }
    }
    if (!rotated) break;
  }
  return { values: matrix.map((row, i) => row[i]), firstComponents: first };
}

/** The rule as coefficients `<prefix>Node0`, `<prefix>Weight0`, …; `transform` maps the nodes. */
export function ruleCoefficients(prefix: string, rule: Rule, transform: (node: number) => number): Coefficients {
  return Object.fromEntries(
    rule.nodes.flatMap((node, i) => [
      [`${prefix}Node${i}`, transform(node)],
      [`${prefix}Weight${i}`, rule.weights[i]],
    ]),
  );
}

/** Σ_i W_i·term(X_i) with the coefficients of `ruleCoefficients`. */
export function applyRule<V>(
  a: Arithmetic<V>,
  c: Readonly<Record<string, V>>,
  prefix: string,
  term: (node: V) => V,
): V {
  const terms = Array.from({ length: ORDER }, (_, i) => a.mul(c[`${prefix}Weight${i}`], term(c[`${prefix}Node${i}`])));
  return terms.reduce((sum, value) => a.add(sum, value));
}

import type { Arithmetic } from './arithmetic.ts';
import type { Coefficients } from './optimizer.ts';

/**
 * Number of nodes. The sums below run over hundreds of past steps, but their terms are smooth in log σ, and ten nodes
 * reproduce them to 1e−8 for decays up to 0.999 and to 1e−7 for 0.9999.
 */
const ORDER = 10;

export interface Rule {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
}

/**
 * The Gauss rule Σ_i W_i f(X_i) ≈ Σ_k w_k f(x_k) with `ORDER` nodes: exact for polynomials up to degree 2·ORDER − 1, and
 * for every f where there are at most that many points. Missing nodes are filled up with weight 0. `weights` ≥ 0.
 */
export function gaussRule(points: readonly number[], weights: readonly number[]): Rule {
  const mass = weights.reduce((sum, w) => sum + w, 0);
  if (points.length <= ORDER) return padded([...points], [...weights]);
  if (mass === 0) return padded([], []);
  // The late steps of a run no longer differ.
  if (points.every((x) => x === points[0])) return padded([points[0]], [mass]);
  const { diagonal, offDiagonal } = jacobiMatrix(points, weights, mass);
  const { values, firstComponents } = eigen(diagonal, offDiagonal);
  return padded(
    values,
    firstComponents.map((v) => mass * v * v),
  );
}

function padded(nodes: number[], weights: number[]): Rule {
  const missing = (value: number) => Array<number>(ORDER - nodes.length).fill(value);
  return { nodes: [...nodes, ...missing(nodes[0] ?? 0)], weights: [...weights, ...missing(0)] };
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

/**
 * Eigenvalues of a symmetric tridiagonal matrix and the first components of its eigenvectors: the QL algorithm with
 * implicit shifts, on the rotations of which only the first row of the eigenvectors is kept.
 */
function eigen(diagonal: readonly number[], offDiagonal: readonly number[]) {
  const d = [...diagonal];
  const e = [...offDiagonal, 0];
  const first = d.map((_, i): number => (i === 0 ? 1 : 0));
  for (let l = 0; l < d.length; l++) {
    for (let iteration = 0; iteration < 60; iteration++) {
      let m = l;
      while (m < d.length - 1 && Math.abs(e[m]) > Number.EPSILON * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
      if (m === l) break;
      let g = (d[l + 1] - d[l]) / (2 * e[l]);
      g = d[m] - d[l] + e[l] / (g + (g < 0 ? -1 : 1) * Math.hypot(g, 1));
      let s = 1;
      let c = 1;
      let p = 0;
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i];
        const b = c * e[i];
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        const [x, y] = [first[i], first[i + 1]];
        first[i + 1] = s * x + c * y;
        first[i] = c * x - s * y;
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  return { values: d, firstComponents: first };
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

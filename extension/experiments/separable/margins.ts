import { Random } from '../../jobs/random.ts';
import { InspectorError } from '../../shared/errors.ts';
import { mention, words } from '../../shared/words.ts';

/** Points x_i with their labels absorbed (x_i stands for y_i·x_i), as rows. */
export interface Points {
  readonly count: number;
  readonly dimension: number;
  /** Row-major, count × dimension. */
  readonly x: Float64Array;
}

/** A matrix given by its columns. */
type Columns = readonly Float64Array[];

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

export const row = ({ x, dimension }: Points, i: number): Float64Array =>
  x.subarray(i * dimension, (i + 1) * dimension);

/** The solution of min ‖Σ c_k a_k − b‖₂ over c, by Householder reflections; columns must be independent. */
function leastSquares(columns: Columns, b: Float64Array): Float64Array {
  const n = columns.length;
  const a = columns.map((column) => Float64Array.from(column));
  const rest = Float64Array.from(b);
  for (let k = 0; k < n; k++) {
    const v = a[k].slice(k);
    const length = Math.hypot(...v);
    v[0] += v[0] < 0 ? -length : length;
    const square = dot(v, v);
    if (square === 0) continue;
    const reflect = (column: Float64Array) => {
      let sum = 0;
      for (let i = 0; i < v.length; i++) sum += v[i] * column[k + i];
      const factor = (2 * sum) / square;
      for (let i = 0; i < v.length; i++) column[k + i] -= factor * v[i];
    };
    for (let j = k; j < n; j++) reflect(a[j]);
    reflect(rest);
  }
  const c = new Float64Array(n);
  for (let k = n - 1; k >= 0; k--) {
    let sum = rest[k];
    for (let j = k + 1; j < n; j++) sum -= a[j][k] * c[j];
    c[k] = a[k][k] === 0 ? 0 : sum / a[k][k];
  }
  return c;
}

/**
 * Non-negative least squares: min ‖Σ u_j a_j − b‖₂ over u ≥ 0, by the active-set method of Lawson and Hanson
 * (Solving Least Squares Problems, 1974, chapter 23). `guess` are columns that are probably positive.
 */
export function nonNegativeLeastSquares(
  columns: Columns,
  b: Float64Array,
  guess: readonly number[] = [],
): Float64Array {
  const n = columns.length;
  const u = new Float64Array(n);
  const passive = new Set<number>();
  const scale = columns.reduce((most, column) => Math.max(most, Math.sqrt(dot(column, column))), 0) || 1;
  const tolerance = 1e-13 * scale * Math.sqrt(dot(b, b));
  if (guess.length > 0 && guess.length <= b.length) {
    const c = leastSquares(
      guess.map((j) => columns[j]),
      b,
    );
    if (c.every((value) => value > 0))
      guess.forEach((j, k) => {
        passive.add(j);
        u[j] = c[k];
      });
  }
  const residual = () => {
    const r = Float64Array.from(b);
    for (const j of passive) for (let i = 0; i < r.length; i++) r[i] -= u[j] * columns[j][i];
    return r;
  };
  // A column that enters and leaves again at once, because of rounding, is not taken a second time in a row.
  const banned = new Set<number>();
  for (let turn = 0; turn < 10 * n + 100; turn++) {
    const r = residual();
    let best = -1;
    let steepest = tolerance;
    for (let j = 0; j < n; j++) {
      if (passive.has(j) || banned.has(j)) continue;
      const slope = dot(columns[j], r);
      if (slope > steepest) [best, steepest] = [j, slope];
    }
    if (best < 0 || passive.size === b.length) return u;
    passive.add(best);
    for (;;) {
      const members = [...passive];
      const c = leastSquares(
        members.map((j) => columns[j]),
        b,
      );
      if (c.every((value) => value > 0)) {
        members.forEach((j, k) => {
          u[j] = c[k];
        });
        banned.clear();
        break;
      }
      if (c[members.indexOf(best)] <= 0 && u[best] === 0) {
        passive.delete(best);
        banned.add(best);
        break;
      }
      // As far towards the solution as every coefficient stays non-negative.
      let share = 1;
      members.forEach((j, k) => {
        if (c[k] <= 0) share = Math.min(share, u[j] / (u[j] - c[k]));
      });
      members.forEach((j, k) => {
        u[j] += share * (c[k] - u[j]);
        if (u[j] <= 1e-14 * Math.abs(c[k] || 1) || (c[k] <= 0 && u[j] <= 1e-15)) {
          u[j] = 0;
          passive.delete(j);
        }
      });
    }
  }
  return u;
}

/**
 * Least distance programming: min ‖w‖₂ subject to g_i·w ≥ h_i (Lawson and Hanson, chapter 23.4), with the multipliers of
 * the constraints. Undefined where no w fulfils them. `guess` are constraints that probably bind.
 */
export function leastDistance(
  rows: readonly Float64Array[],
  h: readonly number[],
  guess: readonly number[] = [],
): { w: Float64Array; multipliers: Float64Array } | undefined {
  const d = rows[0].length;
  const columns = rows.map((g, i) => {
    const column = new Float64Array(d + 1);
    column.set(g);
    column[d] = h[i];
    return column;
  });
  const target = new Float64Array(d + 1);
  target[d] = 1;
  const u = nonNegativeLeastSquares(columns, target, guess);
  const r = Float64Array.from(target, (value) => -value);
  columns.forEach((column, j) => {
    if (u[j] > 0) for (let i = 0; i <= d; i++) r[i] += u[j] * column[i];
  });
  const last = r[d];
  if (!(last < -1e-13)) return undefined;
  return { w: r.subarray(0, d).map((value) => -value / last), multipliers: u.map((value) => -value / last) };
}

const notSeparable = () =>
  new InspectorError(
    'The data is not linearly separable by a plane through the origin.',
    words`Directions of largest margin exist for separable data only; add a bias with ${mention('bias')}, more features, or fewer samples.`,
  );

/** min_i x_i·w. */
export function smallestMargin(points: Points, w: Float64Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < points.count; i++) least = Math.min(least, dot(row(points, i), w));
  return least;
}

/** A direction of largest margin with that margin. */
export interface MaxMargin {
  readonly w: Float64Array;
  readonly margin: number;
}

/** max min_i x_i·w over ‖w‖₂ ≤ 1. Throws an InspectorError where the points are not separable. */
export function maxMarginL2(points: Points): MaxMargin {
  const solution = leastDistance(rowsOf(points), new Array(points.count).fill(1));
  if (!solution) throw notSeparable();
  const length = Math.hypot(...solution.w);
  const w = solution.w.map((value) => value / length);
  return { w, margin: smallestMargin(points, w) };
}

const rowsOf = (points: Points): Float64Array[] => Array.from({ length: points.count }, (_, i) => row(points, i));

/** The l∞ problem: largest margin, the shortest of the optimal w, and whether there are others. */
export interface MaxMarginInf extends MaxMargin {
  readonly unique: boolean;
}

/**
 * max min_i x_i·w over ‖w‖∞ ≤ 1 by the simplex method. Where the optimum is a face and not a point, its shortest vector is
 * returned. Throws an InspectorError where the points are not separable.
 */
export function maxMarginInf(points: Points): MaxMarginInf {
  const { count, dimension } = points;
  // Variables γ, p, q ≥ 0 with w = p − q; rows γ − x_i·(p − q) ≤ 0 and p_k + q_k ≤ 1: the origin is feasible.
  const constraints: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const constraint = new Float64Array(1 + 2 * dimension);
    constraint[0] = 1;
    const x = row(points, i);
    for (let k = 0; k < dimension; k++) {
      constraint[1 + k] = -x[k];
      constraint[1 + dimension + k] = x[k];
    }
    constraints.push(constraint);
  }
  for (let k = 0; k < dimension; k++) {
    const constraint = new Float64Array(1 + 2 * dimension);
    constraint[1 + k] = 1;
    constraint[1 + dimension + k] = 1;
    constraints.push(constraint);
  }
  const objective = new Float64Array(1 + 2 * dimension);
  objective[0] = 1;
  const bounds = [...new Array(count).fill(0), ...new Array(dimension).fill(1)];
  const solution = simplex(constraints, bounds, objective);
  const vertex = Float64Array.from({ length: dimension }, (_, k) => solution[1 + k] - solution[1 + dimension + k]);
  const margin = smallestMargin(points, vertex);
  if (!(margin > 0)) throw notSeparable();
  const shortest = nearestOnFace(points, margin, new Float64Array(dimension));
  if (!shortest) return { w: vertex, margin, unique: true };
  // From far away in random directions one sees different points of the face, unless it is a point.
  const random = new Random(1);
  const others = [
    vertex,
    ...[0, 1].map(() =>
      nearestOnFace(
        points,
        margin,
        vertex.map(() => 5 * random.normal()),
      ),
    ),
  ];
  const spread = others.reduce(
    (most, other) => Math.max(most, ...(other ?? vertex).map((value, k) => Math.abs(value - shortest[k]))),
    0,
  );
  return { w: shortest, margin, unique: spread < 1e-3 };
}

/** The point of the optimal face {w: x_i·w ≥ margin, ‖w‖∞ ≤ 1} that is nearest to `target`. */
export function nearestOnFace(points: Points, margin: number, target: Float64Array): Float64Array | undefined {
  const rows = rowsOf(points);
  const h = rows.map((x) => margin * (1 - 1e-9) - dot(x, target));
  for (let k = 0; k < points.dimension; k++) {
    for (const sign of [1, -1]) {
      const unit = new Float64Array(points.dimension);
      unit[k] = sign;
      rows.push(unit);
      h.push(-1 - sign * target[k]);
    }
  }
  return leastDistance(rows, h)?.w.map((value, k) => value + target[k]);
}

/**
 * max objective·x subject to rows·x ≤ bounds, x ≥ 0, with bounds ≥ 0, by the primal simplex method in a condensed tableau.
 * Choices are made with slightly raised bounds, so that no step is of length 0 and nothing cycles; the solution is that of
 * the given bounds at the basis which is found. The objective must be bounded.
 */
export function simplex(
  rows: readonly Float64Array[],
  bounds: readonly number[],
  objective: Float64Array,
): Float64Array {
  const [m, n] = [rows.length, objective.length];
  const random = new Random(2);
  const raised = bounds.map((bound) => bound + 1e-7 * (1 + random.uniform()));
  // The last two columns are the raised and the given bounds.
  const tableau = [
    ...rows.map((r, i) => Float64Array.of(...r, raised[i], bounds[i])),
    Float64Array.of(...objective, 0, 0),
  ];
  const basic = Array.from({ length: m }, (_, i) => n + i);
  const free = Array.from({ length: n }, (_, j) => j);
  for (let turn = 0; ; turn++) {
    if (turn > 100 * (m + n)) throw new Error('The simplex method does not end.');
    const costs = tableau[m];
    let column = -1;
    for (let j = 0; j < n; j++) if (costs[j] > (column < 0 ? 1e-10 : costs[column])) column = j;
    if (column < 0) break;
    let pivot = -1;
    let shortest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < m; i++) {
      const entry = tableau[i][column];
      if (entry <= 1e-9) continue;
      const ratio = Math.max(0, tableau[i][n]) / entry;
      if (ratio < shortest) [pivot, shortest] = [i, ratio];
    }
    if (pivot < 0) throw new Error('The objective of the linear program is unbounded.');
    exchange(tableau, pivot, column);
    [basic[pivot], free[column]] = [free[column], basic[pivot]];
  }
  const x = new Float64Array(n);
  basic.forEach((variable, i) => {
    if (variable < n) x[variable] = tableau[i][n + 1];
  });
  return x;
}

/** Exchanges a basic and a free variable. */
function exchange(tableau: readonly Float64Array[], pivot: number, column: number): void {
  const chosen = tableau[pivot];
  const inverse = 1 / chosen[column];
  for (let j = 0; j < chosen.length; j++) chosen[j] *= inverse;
  chosen[column] = inverse;
  tableau.forEach((other, i) => {
    const factor = other[column];
    if (i === pivot || factor === 0) return;
    for (let j = 0; j < other.length; j++) if (j !== column) other[j] -= factor * chosen[j];
    other[column] = -factor * inverse;
  });
}

/** A fixed point of the dual map of AdamProxy, with its direction. */
export interface FixedPoint {
  readonly w: Float64Array;
  /** Normalised multipliers c. */
  readonly c: Float64Array;
  /** ‖T(c) − c‖∞. */
  readonly residual: number;
}

/**
 * The direction to which AdamProxy tends, if it has a limit (Baek, Song, Yun, Theorem 4.8): w = argmin ½ wᵀM(c)w subject
 * to x_i·w ≥ 1, M(c) = diag √(Σ c_i² x_i[k]²), for the c that equals the normalised multipliers T(c) of that problem;
 * found by c ← (c + T(c))/2. Throws an InspectorError where the points are not separable.
 */
export function dualFixedPoint(points: Points): FixedPoint {
  const { count, dimension } = points;
  let c = new Float64Array(count).fill(1 / count);
  let binding: readonly number[] = [];
  for (let turn = 0; ; turn++) {
    const weights = new Float64Array(dimension);
    for (let i = 0; i < count; i++) {
      const x = row(points, i);
      for (let k = 0; k < dimension; k++) weights[k] += (c[i] * x[k]) ** 2;
    }
    // Columns scaled by M^{−1/2}; a coordinate that no active point has stays 0.
    const scale = weights.map((weight) => (weight > 0 ? weight ** -0.25 : 0));
    const solution = leastDistance(
      rowsOf(points).map((x) => x.map((value, k) => value * scale[k])),
      new Array(count).fill(1),
      binding,
    );
    if (!solution) throw notSeparable();
    binding = Array.from(solution.multipliers.keys()).filter((i) => solution.multipliers[i] > 0);
    const total = solution.multipliers.reduce((sum, value) => sum + value, 0);
    const image = solution.multipliers.map((value) => value / total);
    const residual = image.reduce((most, value, i) => Math.max(most, Math.abs(value - c[i])), 0);
    if (residual < 1e-13 || turn >= 300) return { w: solution.w.map((value, k) => value * scale[k]), c, residual };
    c = c.map((value, i) => (value + image[i]) / 2);
  }
}

/** Cosine of the angle between two vectors. */
export const cosine = (a: Float64Array, b: Float64Array): number => dot(a, b) / (Math.hypot(...a) * Math.hypot(...b));

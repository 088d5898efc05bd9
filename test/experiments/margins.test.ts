import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStructured, makePoints, pointsOf } from '../../extension/experiments/separable/data.ts';
import {
  cosine,
  dualFixedPoint,
  leastDistance,
  maxMarginInf,
  maxMarginL2,
  nearestOnFace,
  nonNegativeLeastSquares,
  type Points,
  row,
  simplex,
  smallestMargin,
} from '../../extension/experiments/separable/margins.ts';
import { Random } from '../../extension/jobs/random.ts';

const close = (actual: number, expected: number, tolerance: number, what = '') =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} instead of ${expected}`);

const cases: [string, Points][] = [
  ['four points', makePoints('four-points', 0, 0, 0)],
  ...[0, 1, 2].map((seed): [string, Points] => [`Gaussian ${seed}`, makePoints('gaussian', 12, 20, seed)]),
  ['many points', makePoints('gaussian', 150, 25, 6)],
  ...[3, 4].map((seed): [string, Points] => [
    `more points than dimensions ${seed}`,
    makePoints('gaussian', 40, 6, seed),
  ]),
  ['Rademacher', makePoints('rademacher', 10, 30, 5)],
];

for (const [name, points] of cases) {
  test(`l2 margin: the multipliers prove the optimum (${name})`, () => {
    const { w, margin } = maxMarginL2(points);
    // Any convex combination of the points is at least as long as the largest margin, with equality at the optimum.
    const rows = Array.from({ length: points.count }, (_, i) => row(points, i));
    const { multipliers } = leastDistance(rows, new Array(points.count).fill(1))!;
    assert.ok(multipliers.every((value) => value >= 0));
    const total = multipliers.reduce((sum, value) => sum + value, 0);
    const hull = w.map((_, k) => rows.reduce((sum, x, i) => sum + (multipliers[i] / total) * x[k], 0));
    close(Math.hypot(...hull), margin, 1e-9 * margin);
    close(Math.hypot(...w), 1, 1e-12);
  });

  test(`l∞ margin: feasible, and as large as the dual problem says (${name})`, () => {
    const { w, margin } = maxMarginInf(points);
    assert.ok(Math.max(...w.map(Math.abs)) <= 1 + 1e-9);
    close(smallestMargin(points, w), margin, 1e-6 * margin);
    // The dual problem gives the same number: γ* = 1/max Σα_i over α ≥ 0 with ‖Σ α_i x_i‖₁ ≤ 1, as variables (α, t).
    const { count, dimension } = points;
    const rows: Float64Array[] = [];
    for (const sign of [1, -1]) {
      for (let k = 0; k < dimension; k++) {
        const constraint = new Float64Array(count + dimension);
        for (let i = 0; i < count; i++) constraint[i] = sign * row(points, i)[k];
        constraint[count + k] = -1;
        rows.push(constraint);
      }
    }
    rows.push(Float64Array.from({ length: count + dimension }, (_, j) => (j < count ? 0 : 1)));
    const objective = Float64Array.from({ length: count + dimension }, (_, j) => (j < count ? 1 : 0));
    const alpha = simplex(rows, [...new Array(2 * dimension).fill(0), 1], objective);
    const total = alpha.subarray(0, count).reduce((sum, value) => sum + value, 0);
    close(1 / total, margin, 1e-6 * margin);
  });

  test(`dual fixed point: it reproduces itself (${name})`, () => {
    const { w, c, residual } = dualFixedPoint(points);
    assert.ok(residual < 1e-10);
    close(
      c.reduce((sum, value) => sum + value, 0),
      1,
      1e-12,
    );
    // KKT: M(c)·w is the combination of the points with multipliers proportional to c.
    const weighted = w.map((value, k) => {
      const square = c.reduce((sum, value_, i) => sum + (value_ * row(points, i)[k]) ** 2, 0);
      return value * Math.sqrt(square);
    });
    const combination = w.map((_, k) => c.reduce((sum, value, i) => sum + value * row(points, i)[k], 0));
    close(cosine(weighted, combination), 1, 1e-10);
    close(smallestMargin(points, w), 1, 1e-8);
  });
}

test('the four points have the recorded margins', () => {
  const points = makePoints('four-points', 0, 0, 0);
  const [two, inf] = [maxMarginL2(points), maxMarginInf(points)];
  close(two.margin, 1.8462, 5e-5);
  close(inf.margin, 3, 1e-12);
  close(cosine(two.w, inf.w), 0.974, 5e-4);
  // The optimal face is (1, 1, b, 1 − b) with b from 7/8 to 1.
  assert.equal(inf.unique, false);
  const ends = [-9, 9].map((b) => nearestOnFace(points, inf.margin, Float64Array.of(1, 1, b, 1 - b))!);
  close(ends[0][2], 0.875, 1e-6);
  close(ends[1][2], 1, 1e-6);
});

test('points on both sides of every plane are refused', () => {
  for (const points of [
    pointsOf([
      [1, 0],
      [-1, 0],
    ]),
    pointsOf([
      [1, 1],
      [-1, 0.5],
      [0, -1],
    ]),
  ]) {
    assert.throws(() => maxMarginL2(points), /not linearly separable/);
    assert.throws(() => maxMarginInf(points), /not linearly separable/);
    assert.throws(() => dualFixedPoint(points), /not linearly separable/);
  }
});

test('non-negative least squares: solution, slopes and dependent columns', () => {
  const random = new Random(3);
  for (let turn = 0; turn < 30; turn++) {
    const [m, n] = [3 + random.below(6), 1 + random.below(9)];
    const columns = Array.from({ length: n }, () => Float64Array.from({ length: m }, () => random.normal()));
    if (turn % 3 === 0) columns.push(Float64Array.from(columns[0]));
    const b = Float64Array.from({ length: m }, () => random.normal());
    const u = nonNegativeLeastSquares(columns, b);
    const r = b.map((value, i) => value - columns.reduce((sum, column, j) => sum + u[j] * column[i], 0));
    columns.forEach((column, j) => {
      const slope = column.reduce((sum, value, i) => sum + value * r[i], 0);
      assert.ok(u[j] >= 0 && slope < 1e-9 && Math.abs(u[j] * slope) < 1e-9, `${turn}: column ${j}`);
    });
  }
});

test('linear programs with known solutions, one of them degenerate', () => {
  const rows = (values: number[][]) => values.map((value) => Float64Array.from(value));
  assert.deepEqual(
    [...simplex(rows([[1, 0], [0, 2], [3, 2]]), [4, 12, 18], Float64Array.of(3, 5))], // biome-ignore format: a matrix
    [2, 6],
  );
  // Beale's example, on which the simplex method cycles without a rule against it.
  const cycling = rows([[0.25, -60, -1 / 25, 9], [0.5, -90, -1 / 50, 3], [0, 0, 1, 0]]); // biome-ignore format: a matrix
  const objective = Float64Array.of(0.75, -150, 0.02, -6);
  const x = simplex(cycling, [0, 0, 1], objective);
  close(
    x.reduce((sum, value, j) => sum + value * objective[j], 0),
    0.05,
    1e-12,
  );
});

test('structured data is recognised', () => {
  assert.ok(isStructured(makePoints('four-points', 0, 0, 0)));
  assert.ok(isStructured(makePoints('rademacher', 10, 30, 5)));
  assert.ok(!isStructured(makePoints('gaussian', 10, 30, 5)));
});

import { resolve } from 'node:path';
import { loadDataset } from '../../datasets/dataset.ts';
import { checkFinite } from '../../datasets/samples.ts';
import { Random } from '../../jobs/random.ts';
import { elementCount, numbersOf } from '../../onnx/tensor.ts';
import { InspectorError } from '../../shared/errors.ts';
import { mention, words } from '../../shared/words.ts';
import { type Points, row } from './margins.ts';

export const sets = ['four-points', 'rademacher', 'gaussian'] as const;

/** Points from their rows. */
export function pointsOf(rows: readonly (readonly number[])[]): Points {
  return { count: rows.length, dimension: rows[0].length, x: Float64Array.from(rows.flat()) };
}

/** Four points of the structured class: within each, all coordinates are equally large. */
const fourPoints = pointsOf([
  [1, 1, 1, 1],
  [2, 2, 2, -2],
  [3, 3, -3, -3],
  [4, -4, 4, -4],
]);

/** A bundled set; `count` and `dimension` are for the random ones. */
export function makePoints(set: (typeof sets)[number], count: number, dimension: number, seed: number): Points {
  if (set === 'four-points') return fourPoints;
  const random = new Random(seed);
  // A plane through the origin labels the points, so that they are separable.
  const normal = Array.from({ length: dimension }, () => random.normal());
  const rows = Array.from({ length: count }, () => {
    const size = set === 'gaussian' ? 1 : 0.5 + random.uniform();
    const x = normal.map(() => size * (set === 'gaussian' ? random.normal() : random.sign()));
    const side = x.reduce((sum, value, k) => sum + value * normal[k], 0);
    return side < 0 ? x.map((value) => -value) : x;
  });
  return pointsOf(rows);
}

/** True for scaled Rademacher data: every point has coordinates of one magnitude. */
export function isStructured(points: Points): boolean {
  return Array.from({ length: points.count }, (_, i) => row(points, i)).every((x) =>
    x.every((value) => Math.abs(Math.abs(value) - Math.abs(x[0])) <= 1e-9 * Math.abs(x[0])),
  );
}

/** What the solvers for the margins take in seconds. */
const mostPoints = 2000;
const mostFeatures = 200;

/** The user's samples with two classes: x of the second class, −x of the first. */
export async function loadPoints(path: string, directory: string, limit: number, bias: boolean): Promise<Points> {
  const { arrays } = await loadDataset({ data: resolve(directory, path) });
  const [x, y] = [arrays.get('x'), arrays.get('y')];
  if (!x || !y)
    throw new InspectorError(
      'The data has no samples "x" and labels "y".',
      'Both are needed: one label for each sample.',
    );
  checkFinite('x', x);
  const labels = numbersOf(y);
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  if (classes.length !== 2 || labels.length !== x.shape[0])
    throw new InspectorError(
      `The labels have ${classes.length} different values for ${x.shape[0]} samples.`,
      'Linear classification needs exactly two classes, and one label for each sample.',
    );
  const values = numbersOf(x);
  const features = elementCount(x.shape.slice(1));
  const count = Math.min(limit, x.shape[0]);
  if (count > mostPoints || features > mostFeatures)
    throw new InspectorError(
      `${count} samples with ${features} features are too many for the exact margins.`,
      words`At most ${mostPoints} samples and ${mostFeatures} features are possible; use ${mention('limit')}, or fewer features.`,
    );
  const rows = Array.from({ length: count }, (_, i) => {
    const sign = labels[i] === classes[1] ? 1 : -1;
    const sample = Array.from(values.subarray(i * features, (i + 1) * features), (value) => sign * value);
    return bias ? [...sample, sign] : sample;
  });
  return pointsOf(rows);
}

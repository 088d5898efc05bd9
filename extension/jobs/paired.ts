import type { Interval } from '../shared/experiments.ts';

/** 0.975 quantiles of Student's t for 1 … 30 degrees of freedom. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** The 0.975 quantile of Student's t; above 30 degrees of freedom by the first term of its expansion about the normal one. */
export const studentQuantile = (freedom: number): number =>
  quantiles[freedom - 1] ?? 1.959964 + (1.959964 ** 3 + 1.959964) / (4 * freedom) + 3 / freedom ** 2;

/** Most pairs that are worth a thought. */
const mostPairs = 10_000;

/** The mean of paired differences with its 95 % interval; undefined for fewer than two pairs. */
export function pairedInterval(differences: readonly number[]): Interval | undefined {
  const pairs = differences.length;
  if (pairs < 2) return undefined;
  const mean = differences.reduce((sum, value) => sum + value, 0) / pairs;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (pairs - 1);
  const half = (count: number) => studentQuantile(count - 1) * Math.sqrt(variance / count);
  const width = half(pairs);
  let needed = pairs;
  while (needed <= mostPairs && half(needed) >= Math.abs(mean)) needed++;
  const settled = Math.abs(mean) > width;
  return {
    ...{ mean, low: mean - width, high: mean + width, pairs },
    more: settled ? 0 : needed > mostPairs || mean === 0 ? null : needed - pairs,
  };
}

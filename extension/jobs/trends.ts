import { isSettled } from '../shared/differences.ts';
import type { Interval, SweepPoint } from '../shared/experiments.ts';
import { sharePercent, shown } from './format.ts';
import { pairedInterval } from './paired.ts';

export type Measure = (point: SweepPoint) => number | null | undefined;

/** Average over seeds and other axes of the measure at each value of an axis, in order of the values. */
function meansOf(points: readonly SweepPoint[], name: string, of: Measure) {
  const groups = new Map<number, number[]>();
  for (const point of points) {
    const [at, value] = [point.values[name], of(point)];
    if (typeof at === 'number' && value !== null && value !== undefined)
      groups.set(at, [...(groups.get(at) ?? []), value]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([at, values]) => ({ at, mean: values.reduce((sum, value) => sum + value / values.length, 0) }));
}

/** Share of the groups of points, equal but for an axis, in which the measure moves the way of the mean. */
function consistency(points: readonly SweepPoint[], name: string, of: Measure, rises: boolean): number {
  const groups = new Map<string, SweepPoint[]>();
  for (const point of points) {
    const { [name]: _own, ...rest } = point.values;
    const key = JSON.stringify([rest, point.seed]);
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  const moves = [...groups.values()].flatMap((members) => {
    const means = meansOf(members, name, of);
    return means.length < 2 ? [] : [means[means.length - 1].mean - means[0].mean];
  });
  return moves.filter((move) => move > 0 === rises).length / Math.max(1, moves.length);
}

/** The change of the logarithm of a positive measure from the first value of an axis to the last, a pair for each seed. */
function changeOf(points: readonly SweepPoint[], name: string, of: Measure): Interval | undefined {
  const seeds = [...new Set(points.map(({ seed }) => seed))];
  const changes = seeds.flatMap((seed) => {
    const own = points.filter((point) => point.seed === seed);
    const means = meansOf(own, name, of);
    const change = means.length < 2 ? Number.NaN : Math.log(means[means.length - 1].mean / means[0].mean);
    return Number.isFinite(change) ? [change] : [];
  });
  return pairedInterval(changes);
}

/** How a measure moves as an axis grows. */
export interface Trend {
  readonly name: string;
  readonly means: readonly { readonly at: number; readonly mean: number }[];
  readonly rises: boolean;
  readonly steady: boolean;
  /** Share of seeds and other settings that share the sign. */
  readonly consistent: number;
  /** Of the change of its logarithm over the seeds; undefined for fewer than two. */
  readonly change: Interval | undefined;
}

/** True where more than one seed says that the measure moves, and which way. */
export const isCertain = ({ change }: Trend): boolean => change !== undefined && isSettled(change);

export function trend(points: readonly SweepPoint[], name: string, of: Measure): Trend | undefined {
  const means = meansOf(points, name, of);
  if (means.length < 2) return undefined;
  const rises = means[means.length - 1].mean > means[0].mean;
  const steady = means.every(({ mean }, i) => i === 0 || mean > means[i - 1].mean === rises);
  return {
    name,
    means,
    rises,
    steady,
    consistent: consistency(points, name, of, rises),
    change: changeOf(points, name, of),
  };
}

export function trendText({ name, means, rises, steady, change }: Trend): string {
  const [first, last] = [means[0], means[means.length - 1]];
  const move = `${rises ? 'rises' : 'falls'}${steady ? '' : ', not steadily,'}`;
  const interval = change
    ? ` (95 % interval over ${change.pairs} seeds ${sharePercent(Math.expm1(change.low), true)} to ${sharePercent(Math.expm1(change.high), true)})`
    : '';
  return `${move} from ${shown(first.mean)} to ${shown(last.mean)} as ${name} grows from ${first.at} to ${last.at}${interval}`;
}

import type { Axis, Chart, Series } from '../../extension/shared/experiments.ts';
import { number, thousands } from '../../extension/shared/format.ts';
import { dashes } from './theme.ts';

/** Marks on the curves and in the legend: they tell series apart where colours do not. */
const shapes = ['circle', 'triangle', 'rect', 'rectRot', 'crossRot', 'star'] as const;

export interface Look {
  readonly colour: number;
  readonly dash: readonly number[];
  readonly shape: (typeof shapes)[number];
}

/** Colour, dash and mark of a series by its place; the first six differ in each of them. */
export function lookOf(chart: Chart, series: Series): Look {
  const own = chart.series.filter(({ style }) => style !== 'reference');
  const index = series.color ?? own.indexOf(series);
  const round = Math.floor(index / dashes.length);
  // Where dashes have a meaning, they tell nothing else.
  const meant = chart.series.some(({ style }) => style === 'dashed');
  const dash = meant ? (series.style === 'dashed' ? [6, 4] : []) : dashes[(index + round) % dashes.length];
  return { colour: index % dashes.length, dash, shape: shapes[(index + round) % shapes.length] };
}

/** The series that have points and are no mere lines to compare with. */
export const ownSeries = ({ series }: Chart): Series[] =>
  series.filter(({ style, x }) => style !== 'reference' && x.length > 0);

export const referenceSeries = ({ series }: Chart): Series[] =>
  series.filter(({ style, x }) => style === 'reference' && x.length > 0);

/** Steps and other whole numbers as such. */
export const plain = (value: number | null): string =>
  Number.isSafeInteger(value) ? thousands(value!).replace('-', '−') : number(value);

/** The points of a series that can be drawn on the axes, in order; null is a gap. */
export function drawable({ x, y }: Series, xAxis: Axis, yAxis: Axis): ({ x: number; y: number } | null)[] {
  const fits = (value: number | null, axis: Axis): value is number =>
    value !== null && Number.isFinite(value) && (axis.scale !== 'log' || value > 0);
  return x.map((at, i) => {
    const value = y[i] ?? null;
    return fits(at, xAxis) && fits(value, yAxis) ? { x: at, y: value } : null;
  });
}

/** Powers of ten between the smallest and the largest of positive values. */
export function decades(values: readonly number[]): number {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return Math.log10(high / low);
}

/** Whether a logarithmic axis over so many decades has a number at a value: few enough of them that they do not overlap. */
export function isLabelled(value: number, over: number): boolean {
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const mantissa = Math.round(value / 10 ** exponent);
  if (!(over > 0.6)) return true;
  if (over <= 1.5) return [1, 2, 5].includes(mantissa);
  return mantissa === 1 && exponent % Math.ceil(over / 6) === 0;
}

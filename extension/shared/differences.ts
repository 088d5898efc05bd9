import type { Differences, Interval } from './experiments.ts';
import { finePercent } from './format.ts';

type Quantity = Differences['quantities'][number];

/** True where the interval does not hold zero. */
export const isSettled = ({ more }: Interval): boolean => more === 0;

/** 0.031 as +3.1 %, or +3.1 where the quantity is counted in percentage points. */
const signed = (value: number, { points }: Quantity): string => {
  const text = finePercent(value, true);
  return points ? text.replace(' %', '') : text;
};

/** `+3.1 %` */
export const meanText = ({ mean }: Interval, quantity: Quantity): string => signed(mean, quantity);

/** `+2.0 % … +4.2 %` */
export const boundsText = ({ low, high }: Interval, quantity: Quantity): string =>
  `${signed(low, quantity)} … ${signed(high, quantity)}`;

/** `+3.1 % (+2.0 % … +4.2 %)`; an en dash where there is none. */
export const intervalText = (interval: Interval | null, quantity: Quantity): string =>
  interval ? `${signed(interval.mean, quantity)} (${boundsText(interval, quantity)})` : '–';

/** The head of its column: `measured effect, points`. */
export const quantityTitle = ({ title, points }: Quantity): string => (points ? `${title}, percentage points` : title);

/** More of them than anybody would run. */
const tooMany = 1000;

/** How many more pairs would tell: `about 6 more orders would tell`; undefined where no number that anybody would run does. */
function neededText({ more }: Interval, pairs: Differences['pairs']): string | undefined {
  if (more === null || more > tooMany) return undefined;
  const noun = pairs === 'orders' ? 'order' : 'set';
  return `about ${more} more ${noun}${more === 1 ? '' : 's'}${pairs === 'orders' ? '' : ' of initial weights'} would tell`;
}

/** What is said of an interval that holds zero, or where there is none; undefined where it says enough itself. */
export function openText(interval: Interval | null, pairs: Differences['pairs']): string | undefined {
  if (!interval) return 'too few runs';
  if (isSettled(interval)) return undefined;
  const needed = neededText(interval, pairs);
  return needed === undefined ? 'no difference found' : `no difference found; ${needed}`;
}

/** A line for each setting with quantities in which no difference was found. */
export function openLines({ quantities, rows, pairs }: Differences): string[] {
  return rows.flatMap(({ label, intervals }) => {
    const open = quantities.flatMap(({ title }, q) => {
      const interval = intervals[q];
      if (!interval || isSettled(interval)) return [];
      const needed = neededText(interval, pairs);
      return [needed === undefined ? title : `${title} (${needed})`];
    });
    return open.length === 0 ? [] : [`${label}: no difference found in ${open.join(', ')}.`];
  });
}

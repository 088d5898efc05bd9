import { boundsText, isSettled, meanText, openText, quantityTitle } from '../extension/shared/differences.ts';
import type { Differences, Interval } from '../extension/shared/experiments.ts';

type Quantity = Differences['quantities'][number];

/**
 * How settings differ from the user's own: a row for each, and for each quantity its interval as a bar about zero, in numbers,
 * and in words where it holds zero.
 */
export function DifferenceTable({ title, differences }: { readonly title: string; readonly differences: Differences }) {
  const { quantities, rows, pairs } = differences;
  const widest = quantities.map((_, q) => Math.max(...rows.map(({ intervals }) => reach(intervals[q]))));
  return (
    <section>
      <h2>{title}</h2>
      <div class="scroll-x">
        <table class="grid fit differences">
          <caption class="spoken">{title}</caption>
          <thead>
            <tr>
              <th scope="col">setting</th>
              {quantities.map((quantity) => (
                <th key={quantity.title} scope="col">
                  {quantityTitle(quantity)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ label, intervals }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                {quantities.map((quantity, q) => (
                  <td key={quantity.title}>
                    <Difference interval={intervals[q]} quantity={quantity} widest={widest[q]} pairs={pairs} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="dim">
        Dot: mean; bar: 95 % interval; upright line: no difference. Hollow and dashed: the interval holds zero.
      </p>
    </section>
  );
}

/** The bound that lies farther from zero. */
const reach = (interval: Interval | null): number =>
  interval ? Math.max(Math.abs(interval.low), Math.abs(interval.high)) : 0;

interface Shown {
  readonly interval: Interval | null;
  readonly quantity: Quantity;
  /** What the half of the picture stands for. */
  readonly widest: number;
  readonly pairs: Differences['pairs'];
}

function Difference({ interval, quantity, widest, pairs }: Shown) {
  const open = openText(interval, pairs);
  if (!interval) return <span class="dim">{open}</span>;
  const settled = isSettled(interval);
  const place = (value: number) => (widest === 0 ? middle : middle + (value / widest) * (middle - margin));
  return (
    <>
      <svg class={settled ? 'interval' : 'interval open'} viewBox={`0 0 ${2 * middle} 14`} aria-hidden="true">
        <line class="zero" x1={middle} x2={middle} y1="0" y2="14" />
        <line class="whisker" x1={place(interval.low)} x2={place(interval.high)} y1="7" y2="7" />
        <circle cx={place(interval.mean)} cy="7" r="3.5" />
      </svg>
      <div class="amount">
        {settled ? <strong>{meanText(interval, quantity)}</strong> : meanText(interval, quantity)}{' '}
        <span class="dim">{boundsText(interval, quantity)}</span>
      </div>
      {open !== undefined && <div class="open-words">{open}</div>}
    </>
  );
}

/** Half the width of the picture, and what stays free at its ends. */
const [middle, margin] = [60, 5];

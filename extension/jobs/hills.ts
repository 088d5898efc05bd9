import type { StepLine } from '../shared/protocol.ts';

/** The norm's curve above its floor p·√ε; 0 where rounding puts it below. */
export function aboveFloor(steps: readonly Pick<StepLine, 'perturbedNorm'>[], floor: number): (number | null)[] {
  return steps.map(({ perturbedNorm }) => (perturbedNorm === null ? null : Math.max(0, perturbedNorm - floor)));
}

/** Falls and rises by less than this factor are no phases of their own. */
const leastChange = 1.1;

/**
 * The hill of a norm: the largest value after its initial fall, which begins at the start, or at the top of the rise that
 * leads away from the initial weights, and ends at the first minimum from which it rises by a tenth. Null where there is
 * none. Of a curve of many steps the running median is judged, so that a single step is no hill.
 */
export function hillOf(values: readonly (number | null)[]): { readonly at: number; readonly peak: number } | null {
  const smooth = runningMedian(values, Math.floor(values.length / 100));
  let top = 0;
  let least: number | undefined;
  let hill: { at: number; peak: number } | null = null;
  smooth.forEach((value, at) => {
    if (value === null) return;
    top = Math.max(top, value);
    if (least === undefined && value * leastChange > top) return;
    least = Math.min(least ?? value, value);
    if (hill === null ? value > leastChange * least : value > hill.peak) hill = { at, peak: value };
  });
  return hill;
}

/** The median of each value and `reach` neighbours on both sides. */
function runningMedian(values: readonly (number | null)[], reach: number): readonly (number | null)[] {
  if (reach === 0) return values;
  return values.map((value, i) => {
    if (value === null) return null;
    const near = values.slice(Math.max(0, i - reach), i + reach + 1).filter((other) => other !== null);
    return near.sort((a, b) => a - b)[near.length >> 1];
  });
}

export type Regime = 'stable' | 'spikes' | 'diverges';

/**
 * The regime of a full-batch run (Ma, Wu, E 2022) as its loss shows it; the bounds are chosen here. Spikes: the loss comes
 * back to a tenth of its first value or more, and to five times what it had reached. Divergence: it ends above its first.
 */
export function regimeOf(losses: readonly (number | null)[]): Regime {
  const first = losses[0] ?? Number.NaN;
  const last = losses[losses.length - 1] ?? Number.NaN;
  if (!(last <= first) || losses.includes(null)) return 'diverges';
  let least = first;
  for (const loss of losses) {
    if (loss! > Math.max(5 * least, first / 10)) return 'spikes';
    least = Math.min(least, loss!);
  }
  return 'stable';
}

/** The norm where the loss first falls to `level`, between two steps by interpolation. */
export function normAtLoss(
  steps: readonly { readonly loss: number | null }[],
  norms: readonly (number | null)[],
  level: number,
): number | null {
  for (let i = 0; i < steps.length; i++) {
    const { loss } = steps[i];
    if (loss === null || loss > level) continue;
    const before = i === 0 ? null : steps[i - 1].loss;
    const [from, to] = [norms[i - 1], norms[i]];
    if (before === null || before === loss || from === null || from === undefined || to === null) return norms[i];
    return to + ((level - loss) / (before - loss)) * (from - to);
  }
  return null;
}

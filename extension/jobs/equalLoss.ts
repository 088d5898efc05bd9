import type { Path } from '../engine/path.ts';

/** Half width of a bin of the loss, relative to it. */
export const binWidth = 0.12;

/** Rises of the loss within a bin, against the width of the bin, above which a run counts as oscillating there. */
const mostRise = 0.05;

/** What is asked of a path, prepared: every question costs a search. */
export class LossIndex {
  /** Highest loss from each record on. */
  private readonly highestAfter: number[];
  /** Sum of all rises of the loss up to each record. */
  private readonly rises: number[] = [0];
  /** Records by their loss, and sums of log norms in that order. */
  private readonly sorted: readonly number[];
  private readonly sums: Float64Array[];

  constructor(private readonly path: Path) {
    const { losses, norms } = path;
    losses.forEach((loss, i) => {
      if (i > 0) this.rises.push(this.rises[i - 1] + Math.max(0, loss - losses[i - 1]));
    });
    this.highestAfter = [...losses];
    for (let i = losses.length - 2; i >= 0; i--)
      this.highestAfter[i] = Math.max(this.highestAfter[i], this.highestAfter[i + 1]);
    const order = losses.map((_, i) => i).sort((a, b) => losses[a] - losses[b]);
    this.sorted = order.map((i) => losses[i]);
    const width = norms[0]?.length ?? 0;
    this.sums = Array.from({ length: width }, (_, t) => {
      const sum = new Float64Array(order.length + 1);
      order.forEach((i, k) => {
        sum[k + 1] = sum[k] + Math.log(norms[i][t]);
      });
      return sum;
    });
  }

  /** True where the loss does not fall steadily around `loss`: it rises by more than a twentieth of the bin within it. */
  oscillates(loss: number): boolean {
    const { lowestUntil } = this.path;
    const first = firstWhere(lowestUntil.length, (i) => lowestUntil[i] <= loss * (1 + binWidth));
    const last = firstWhere(this.highestAfter.length, (i) => this.highestAfter[i] < loss * (1 - binWidth)) - 1;
    if (last <= first) return false;
    return this.rises[last] - this.rises[first] > mostRise * 2 * binWidth * loss;
  }

  /** Geometric means of the norms over the steps whose loss lies in the bin around `loss`. */
  bin(loss: number): readonly number[] | undefined {
    const { sorted, sums } = this;
    const from = firstWhere(sorted.length, (i) => sorted[i] >= loss * (1 - binWidth));
    const to = firstWhere(sorted.length, (i) => sorted[i] > loss * (1 + binWidth));
    if (to <= from) return undefined;
    return sums.map((sum) => Math.exp((sum[to] - sum[from]) / (to - from)));
  }

  /** The part of the norms that averaging leaves around `loss`: of the bin where it oscillates, else between two points. */
  averaged(loss: number, binned: boolean): readonly number[] | undefined {
    const { averages } = this.path;
    if (averages.length === 0) return undefined;
    const inBin = averages.filter((point) => Math.abs(point.loss - loss) <= binWidth * loss);
    if (binned && inBin.length > 0)
      return inBin[0].ratios.map((_, t) =>
        Math.exp(inBin.reduce((sum, { ratios }) => sum + Math.log(ratios[t]), 0) / inBin.length),
      );
    const after = averages.findIndex((point) => point.loss <= loss);
    if (after <= 0) return averages.at(after < 0 ? -1 : 0)!.ratios;
    const [above, below] = [averages[after - 1], averages[after]];
    return between(above.loss, above.ratios, below.loss, below.ratios, loss);
  }
}

/**
 * The norms of a path where its loss first reaches `loss`, linear in the loss between the steps on both sides; undefined where
 * it begins below it or has not got there.
 */
export function crossing({ losses, norms, lowestUntil }: Path, loss: number): readonly number[] | undefined {
  const at = firstWhere(losses.length, (i) => lowestUntil[i] <= loss);
  if (at >= losses.length || (at === 0 && losses[0] < loss)) return undefined;
  if (at === 0) return norms[0];
  return between(losses[at - 1], norms[at - 1], losses[at], norms[at], loss);
}

function between(
  from: number,
  a: readonly number[],
  to: number,
  b: readonly number[],
  loss: number,
): readonly number[] {
  const share = from === to ? 1 : (from - loss) / (from - to);
  return a.map((value, t) => value + share * (b[t] - value));
}

/** The first i for which a condition holds that holds for all after it; `count` where it never does. */
function firstWhere(count: number, holds: (i: number) => boolean): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

import type { Path } from '../engine/path.ts';
import { slowShares } from './slowOscillation.ts';

/** Half width of a bin of the loss, relative to it. */
export const binWidth = 0.12;

/** Rises of the loss within a bin, against the width of the bin, above which a run counts as oscillating there. */
const mostRise = 0.05;

/** Geometric means of vectors over ranges of the loss, prepared: every question costs a search. */
class LossBins {
  private readonly sorted: readonly number[];
  /** Sums of logarithms in the order of the losses. */
  private readonly sums: readonly Float64Array[];

  constructor(losses: readonly number[], vectors: readonly (readonly number[])[]) {
    const order = losses.map((_, i) => i).sort((a, b) => losses[a] - losses[b]);
    this.sorted = order.map((i) => losses[i]);
    const width = vectors[0]?.length ?? 0;
    this.sums = Array.from({ length: width }, (_, t) => {
      const sum = new Float64Array(order.length + 1);
      order.forEach((i, k) => {
        sum[k + 1] = sum[k] + Math.log(vectors[i][t]);
      });
      return sum;
    });
  }

  /** Over those whose loss lies in the bin around `loss`; undefined where there are none. */
  mean(loss: number): readonly number[] | undefined {
    const { sorted, sums } = this;
    const from = firstWhere(sorted.length, (i) => sorted[i] >= loss * (1 - binWidth));
    const to = firstWhere(sorted.length, (i) => sorted[i] > loss * (1 + binWidth));
    if (to <= from) return undefined;
    return sums.map((sum) => Math.exp((sum[to] - sum[from]) / (to - from)));
  }
}

/** What is asked of a path, prepared: every question costs a search. */
export class LossIndex {
  /** Highest loss from each record on. */
  private readonly highestAfter: number[];
  /** Sum of all rises of the loss up to each record. */
  private readonly rises: number[] = [0];
  private readonly bins: LossBins;
  /** Of what averaging leaves. */
  private readonly averagedBins: LossBins;
  /** The lowest loss of averaged points up to each of them. */
  private readonly averagedUntil: readonly number[];

  /** Of the model, by stretch. */
  private readonly slowShares: readonly (number | null)[];

  constructor(private readonly path: Path) {
    const { losses, norms, averages, stretches } = path;
    this.slowShares = stretches.map((stretch) => slowShares(averages, stretch)[0]);
    losses.forEach((loss, i) => {
      if (i > 0) this.rises.push(this.rises[i - 1] + Math.max(0, loss - losses[i - 1]));
    });
    this.highestAfter = [...losses];
    for (let i = losses.length - 2; i >= 0; i--)
      this.highestAfter[i] = Math.max(this.highestAfter[i], this.highestAfter[i + 1]);
    this.bins = new LossBins(losses, norms);
    this.averagedBins = new LossBins(
      averages.map(({ loss }) => loss),
      averages.map(({ ratios }) => ratios),
    );
    let lowest = Number.POSITIVE_INFINITY;
    this.averagedUntil = averages.map(({ loss }) => {
      lowest = Math.min(lowest, loss);
      return lowest;
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
    return this.bins.mean(loss);
  }

  /** The part of the norms that averaging leaves around `loss`: of the bin where it oscillates, else between two points. */
  averaged(loss: number, binned: boolean): readonly number[] | undefined {
    const { averages } = this.path;
    const mean = binned ? this.averagedBins.mean(loss) : undefined;
    if (mean || averages.length === 0) return mean;
    const after = firstWhere(averages.length, (i) => this.averagedUntil[i] <= loss);
    if (after === 0 || after === averages.length) return averages.at(after === 0 ? 0 : -1)!.ratios;
    const [above, below] = [averages[after - 1], averages[after]];
    return between(above.loss, above.ratios, below.loss, below.ratios, loss);
  }

  /** The share of slow oscillation in the stretch in which the loss is first reached, as near as a bin; null where not known. */
  slowShare(loss: number): number | null {
    const { stretches } = this.path;
    const reached = stretches.findIndex(({ low }) => low <= loss);
    const at = reached < 0 ? stretches.length - 1 : reached;
    const near = at >= 0 && loss <= stretches[at].high * (1 + binWidth) && loss >= stretches[at].low * (1 - binWidth);
    return near ? this.slowShares[at] : null;
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

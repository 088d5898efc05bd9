import type { StepRecord } from './stepRecord.ts';

/** Numbers that one path holds, about; a longer one keeps fewer of its steps. */
const mostNumbers = 4_000_000;

/** Norms at an averaged point over those at the step in its middle: of the model first, then of each tensor. */
export interface AveragedPoint {
  readonly step: number;
  /** At the step, not at the averaged point. */
  readonly loss: number;
  readonly ratios: readonly number[];
}

/** A stretch of many steps, and what was measured at the mean of its points; see `stretches.ts`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Means over its steps, and their extremes. */
  readonly loss: number;
  readonly high: number;
  readonly low: number;
  readonly lossAtMean: number;
  /** Norms at the mean point over the mean of the norms: of the model first, then of each tensor. */
  readonly ratios: readonly number[];
  /** False where the norm falls or grows so much along it that what the mean lacks may be a trend. */
  readonly steady: boolean;
}

/** A path as it was saved: of this class alone. */
export type SavedPath = { readonly path: unique symbol };

/** Losses, one-norms of the model's gradient and the lowest loss until each, without tensors, averaged points and stretches. */
export interface KeptPath {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly lowestUntil: readonly number[];
  readonly lowest: number;
}

/** The one-norms of a record: of the model first, then of each tensor. */
export const normsOf = ({ gradientNorm1, tensors }: StepRecord): number[] => [
  gradientNorm1,
  ...tensors.map((tensor) => tensor.gradientNorm1),
];

/**
 * What is kept of a run to compare it with another at equal loss: the loss over all samples and the one-norms of its gradient,
 * in the order of the steps.
 */
export class Path {
  readonly losses: number[] = [];
  readonly norms: (readonly number[])[] = [];
  /** The lowest loss up to each record. */
  readonly lowestUntil: number[] = [];
  /** In the order of the steps. */
  readonly averages: AveragedPoint[] = [];
  /** In the order of the steps. */
  readonly stretches: Stretch[] = [];
  /** The lowest loss so far. */
  lowest = Number.POSITIVE_INFINITY;
  private stride = 1;
  private seen = 0;
  private averageStride = 1;
  private averagesSeen = 0;

  /** @param most records that are held; of a longer path every third one, and so on: an odd stride keeps oscillations */
  constructor(private readonly most?: number) {}

  /** Adds the next record: its loss, and its norms in the order of `normsOf`; one that is not finite ends a path and is left out. */
  push({ loss, norms }: { readonly loss: number; readonly norms: readonly number[] }): void {
    if (!Number.isFinite(loss) || !norms.every(Number.isFinite)) return;
    this.lowest = Math.min(this.lowest, loss);
    if (this.seen++ % this.stride !== 0) return;
    this.losses.push(loss);
    this.norms.push(norms);
    this.lowestUntil.push(this.lowest);
    if (this.losses.length <= this.mostOf(norms)) return;
    this.stride *= 3;
    thin(this.losses);
    thin(this.norms);
    thin(this.lowestUntil);
  }

  /** A path of the model alone, of what was kept of another. */
  static of({ losses, norms, lowestUntil, lowest }: KeptPath): Path {
    const path = new Path();
    path.losses.push(...losses);
    for (const norm of norms) path.norms.push([norm]);
    path.lowestUntil.push(...lowestUntil);
    path.lowest = lowest;
    return path;
  }

  /** All of it, to go on from. */
  get saved(): SavedPath {
    return { ...this } as unknown as SavedPath;
  }

  restore(saved: SavedPath): void {
    Object.assign(this, saved);
  }

  /** What of a path is about the whole model, as plain data. */
  get kept(): KeptPath {
    const { losses, lowestUntil, lowest } = this;
    return { losses, norms: this.norms.map(([norm]) => norm), lowestUntil, lowest };
  }

  /** Adds the next averaged point. */
  average(point: AveragedPoint): void {
    if (this.averagesSeen++ % this.averageStride !== 0) return;
    this.averages.push(point);
    if (this.averages.length <= this.mostOf(point.ratios)) return;
    this.averageStride *= 3;
    thin(this.averages);
  }

  /** Adds the next stretch. */
  stretch(stretch: Stretch): void {
    this.stretches.push(stretch);
  }

  private mostOf(numbers: readonly number[]): number {
    return this.most ?? Math.max(1000, mostNumbers / numbers.length);
  }
}

/** Leaves every third entry. */
function thin(list: unknown[]): void {
  const kept = Math.ceil(list.length / 3);
  for (let i = 0; i < kept; i++) list[i] = list[3 * i];
  list.length = kept;
}

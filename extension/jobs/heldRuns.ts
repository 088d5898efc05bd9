import { type KeptPath, Path } from '../engine/path.ts';
import type { CompareNumbers } from './compareResult.ts';
import { Comparison } from './comparison.ts';
import { binWidth, crossing, LossIndex } from './equalLoss.ts';
import { type KeptReference, keptReference } from './references.ts';

/** What was measured at a point of a run on the test set, and the loss over all samples there. */
export interface TestPoint {
  readonly trainLoss: number;
  readonly loss: number;
  readonly accuracy: number | null;
}

/** One run of a comparison, as far as the runs of its seed are compared with each other: plain data. */
export interface HeldRun {
  readonly path: KeptPath;
  readonly reference: KeptReference | undefined;
  /** Nothing of its memory could be switched off: it does not differ from its twin. */
  readonly ownTwin: boolean;
  readonly tests: readonly TestPoint[];
  /** Step and loss of every record. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
}

/** What all runs of one seed came to: the loss at which they are compared, and the numbers of each setting there. */
export interface SeedNumbers {
  readonly loss: number;
  readonly numbers: readonly CompareNumbers[];
}

/** The numbers of the runs of one seed, at the lowest loss that all of them come clearly below. */
export function seedNumbers(held: readonly HeldRun[]): SeedNumbers {
  const reached = Math.max(...held.map(({ path }) => path.lowest));
  // Half way down where a bin would reach above the start.
  const loss = Math.min(reached * (1 + binWidth), Math.sqrt(reached * Math.max(reached, held[0].path.losses[0])));
  const runs = held.map((each) => ({ ...each, path: Path.of(each.path) }));
  // Where the loss of one of them does not fall steadily, all are measured by bins, so that like is compared with like.
  const binned = runs.some(({ path }) => new LossIndex(path).oscillates(loss));
  return { loss, numbers: runs.map((each) => numbersOf(each, loss, binned)) };
}

type Run = Omit<HeldRun, 'path'> & { readonly path: Path };

function numbersOf({ path, reference, ownTwin, tests, losses }: Run, loss: number, binned: boolean): CompareNumbers {
  const found = reference && new Comparison(path, keptReference(reference)).at(loss, undefined, binned);
  const norms = binned ? new LossIndex(path).bin(loss) : crossing(path, loss);
  const tested = (read: (point: TestPoint) => number | null) =>
    whereFirst(tests, loss, ({ trainLoss }) => trainLoss, read);
  return {
    effect: ownTwin ? 0 : found && !('reason' in found) ? found.effect[0] : null,
    norm: norms?.[0] ?? null,
    steps: whereFirst(
      losses,
      loss,
      (record) => record.loss,
      ({ step }) => step,
    ),
    trainLoss: path.losses.at(-1) ?? null,
    testLoss: tested((point) => point.loss),
    accuracy: tested((point) => point.accuracy),
  };
}

/** What is read of a list where its loss first comes down to `loss`, linear in it between two entries; null where it does not. */
function whereFirst<T>(
  list: readonly T[],
  loss: number,
  lossOf: (entry: T) => number,
  read: (entry: T) => number | null,
): number | null {
  const after = list.findIndex((entry) => lossOf(entry) <= loss);
  if (after < 0) return null;
  const [a, b] = [list[Math.max(0, after - 1)], list[after]];
  const [from, to] = [read(a), read(b)];
  if (from === null || to === null) return null;
  const share = lossOf(a) === lossOf(b) ? 1 : (lossOf(a) - loss) / (lossOf(a) - lossOf(b));
  return from + share * (to - from);
}

import type { AveragedPoint, Path, Stretch } from '../engine/path.ts';
import type { StretchPlan } from '../engine/stretches.ts';
import type { Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';
import type { SlowOscillation, SlowStretch } from '../shared/protocol.ts';

/** Steps of a stretch: of the shortest run that has one, and where no long memory asks for more. */
const [shortest, usual] = [20, 80];
/** Length of a stretch in memories of the numerator 1/(1 − β), of which waves have two to three: the window lets little of them pass. */
const memories = 4;
/** Stretches of a run, about. */
const most = 24;
/** Where a run does not stop at every step, so many steps are taken together, and so many lengths lie from stretch to stretch. */
const sparse = 5;

/** Why there are no stretches, as a clause. */
export const noStretches = {
  short: `a run of fewer than ${shortest} steps is too short to tell`,
  batches: 'on mini-batches the mean of many steps lacks their noise, too',
} as const;

/** The run that stretches are for. */
interface Run {
  readonly first: number;
  readonly steps: number;
  readonly optimizer: Pick<Optimizer, 'memory'>;
  readonly hyper: Hyperparameters;
}

/** Those of a run, the last of which ends where it ends; undefined where it is too short. `dense`: it stops at every step. */
export function stretchesOf({ dense, ...run }: Run & { readonly dense: boolean }): StretchPlan | undefined {
  const { first, steps } = run;
  const width = widthOf(run);
  if (width === undefined) return undefined;
  const period = Math.max(dense ? width : sparse * width, Math.floor(steps / most));
  return { first: first + ((steps - width) % period), width, period, spacing: dense ? 1 : sparse };
}

/** Those of a run that is followed as far as needed: one after the other from where it begins. */
export function stretchesFrom(run: Run): StretchPlan | undefined {
  const width = widthOf(run);
  return width === undefined ? undefined : { first: run.first, width, period: width, spacing: sparse };
}

function widthOf({ steps, optimizer: { memory }, hyper }: Run): number | undefined {
  if (steps < shortest) return undefined;
  const decays = [memory.numerator, memory.steps].map((name) => (name === undefined ? 0 : Number(hyper[name] ?? 0)));
  const wanted = Math.min(Math.round(memories / (1 - Math.max(...decays))), steps / 2);
  const unit = 2 * sparse;
  return unit * Math.floor(Math.min(steps, Math.max(usual, wanted)) / unit);
}

/** The share of a norm that is oscillation, where averaging leaves `kept` of it. */
export const oscillationOf = (kept: number | undefined): number | null =>
  kept !== undefined && Number.isFinite(kept) ? Math.max(0, 1 - kept) : null;

/**
 * The share of the norms of a stretch that is slow oscillation, of the model first, then of each tensor: what its mean lacks of
 * what averaging three neighbouring steps leaves, so that an oscillation from step to step is no part of it.
 */
export function slowShares(averages: readonly AveragedPoint[], stretch: Stretch): (number | null)[] {
  const inside = averages.filter(({ step }) => stretch.from < step && step < stretch.to);
  const middle = (stretch.from + stretch.to) / 2;
  const distance = ({ step }: AveragedPoint) => Math.abs(step - middle);
  const some = inside.length > 0 ? inside : averages.toSorted((a, b) => distance(a) - distance(b)).slice(0, 1);
  return stretch.ratios.map((ratio, t) => {
    const left = some.reduce((sum, { ratios }) => sum + ratios[t], 0) / some.length;
    return stretch.steady ? oscillationOf(some.length > 0 ? ratio / left : ratio) : null;
  });
}

/** Why a stretch does not tell; undefined where it does. */
export const slowDoubt = ({ steady }: Stretch): string | undefined =>
  steady ? undefined : 'the norm changes too much along these steps to tell a wave from it';

/** The stretch that a step lies in. */
export const stretchAt = (stretches: readonly Stretch[], step: number): Stretch | undefined =>
  stretches.findLast(({ from, to }) => from <= step && step <= to);

/** What is told of all stretches of a run; `reason` where it has none. */
export function slowOscillation(
  { stretches, averages }: Pick<Path, 'stretches' | 'averages'>,
  names: readonly string[],
  reason: string | undefined,
): SlowOscillation {
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    stretches: stretches.map((stretch): SlowStretch => {
      const { from, to, loss, lossAtMean, ratios } = stretch;
      const [share, ...tensors] = slowShares(averages, stretch);
      return {
        ...{ from, to, loss, lossAtMean: finite(lossAtMean), normAtMean: finite(ratios[0]), share },
        ...(!stretch.steady && { reason: slowDoubt(stretch) }),
        tensors: Object.fromEntries(names.map((name, i) => [name, tensors[i]])),
      };
    }),
    ...(stretches.length === 0 && { reason: reason ?? 'the run has ended before its first stretch has' }),
  };
}

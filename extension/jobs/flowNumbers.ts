import type { Path } from '../engine/path.ts';
import { crossing } from './equalLoss.ts';
import { sharePercent, shown } from './format.ts';

/** The change of the norm that halving the flow's step may make: of the model, and of a tensor. */
export const flowTolerance = 0.005;
export const tensorTolerance = 0.1;

/** Below this change, what is left of the error is of first order, and is extrapolated away. */
const regular = 0.03;

/** What is known of a reference at a loss. */
export interface ReferenceNorms {
  /** One-norms of the model and of each tensor; null where a number has not converged. */
  readonly norms: readonly (number | null)[];
}

/** Why there are none. */
export interface NoNorms {
  readonly reason: string;
}

/** The highest loss at which even the finest step of a flow had not converged, and by how much the norm moved there. */
export interface FlowFailure {
  readonly loss: number;
  readonly moved: number;
}

const relative = (norm: number, other: number): number => (norm === other ? 0 : norm / other - 1);

/** Why a path says nothing of a loss. */
export const notThere = (path: Path, loss: number): NoNorms => ({
  reason:
    path.losses.length > 0 && loss > path.losses[0]
      ? 'the loss is above that of the start'
      : 'the reference has not come down to this loss',
});

/**
 * The norms of a flow at a loss, of the model first, and how much of them the last halving of the step moved.
 *
 * @param paths those of the three smallest steps, or of two, the smallest last
 */
export function flowNumbers(
  paths: readonly Path[],
  loss: number,
): readonly { readonly norm: number; readonly moved: number }[] | undefined {
  const [fine, coarse, coarser] = paths.toReversed().map((path) => crossing(path, loss));
  if (!fine || !coarse) return undefined;
  return fine.map((norm, t) => {
    const extrapolated = 2 * norm - coarse[t];
    const moved = Math.abs(relative(norm, coarse[t]));
    if (!coarser) return { norm: moved < regular ? extrapolated : norm, moved };
    // Where the error is not of first order, extrapolation does not help.
    const left = Math.abs(relative(extrapolated, 2 * coarse[t] - coarser[t]));
    return left < moved ? { norm: extrapolated, moved: left } : { norm, moved };
  });
}

/** The norms of a flow that has come down to a loss, those of tensors where they have converged. */
export function flowCrossing(paths: readonly Path[], loss: number): ReferenceNorms | NoNorms {
  const found = flowNumbers(paths, loss);
  if (!found) return notThere(paths.at(-1)!, loss);
  return { norms: found.map(({ norm, moved }, t) => (t === 0 || moved < tensorTolerance ? norm : null)) };
}

/** Why a flow says nothing of a loss, though it got there. */
export function flowDoubt(failed: FlowFailure | undefined, refinement: number, loss: number): string | undefined {
  if (!failed || loss > failed.loss) return undefined;
  const { moved, loss: from } = failed;
  return `the memoryless flow does not converge: at loss ${shown(from)} halving its step to lr/${refinement} still moves the norm by ${sharePercent(moved)} (tolerance ${sharePercent(flowTolerance)})`;
}

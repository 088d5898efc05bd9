import type { Path } from '../engine/path.ts';
import { oscillating } from '../shared/effectWords.ts';
import type { EffectPart } from '../shared/protocol.ts';
import { crossing, LossIndex } from './equalLoss.ts';
import type { Compared } from './references.ts';
import { oscillationOf } from './slowOscillation.ts';

/** The effect at a loss, of the model first, then of each tensor; null where a number is undefined. */
export interface Found {
  readonly method: 'crossing' | 'bins';
  readonly effect: readonly (number | null)[];
  /** Why a number is undefined. */
  readonly reasons: readonly (string | undefined)[];
}

export interface Unknown {
  readonly reason: string;
}

/** Norms over norms, less 1; null where one of the two is not known or not above 0, with the reason. */
export function found(method: Found['method'], norms: readonly number[], others: readonly (number | null)[]): Found {
  const effect = norms.map((norm, t) => {
    const other = others[t];
    const value = other !== null && other > 0 ? norm / other - 1 : Number.NaN;
    return Number.isFinite(value) ? value : null;
  });
  const reasons = effect.map((value, t) => {
    if (value !== null) return undefined;
    if (others[t] === null) return 'the flow has not converged for this tensor';
    return Number.isFinite(norms[t]) ? "the reference's gradient is 0 there" : 'the norm is not finite';
  });
  return { method, effect, reasons };
}

/** A run and its reference, both at their ends, at equal loss. */
export class Comparison {
  readonly run: LossIndex;
  readonly other: LossIndex;

  constructor(
    readonly path: Path,
    private readonly reference: Compared,
  ) {
    this.run = new LossIndex(path);
    this.other = new LossIndex(reference.path);
  }

  /**
   * Whether the effect at a loss is measured over a bin of it: where the loss of one of the two does not fall steadily, or,
   * against a twin, where a good part of a norm is oscillation, so that a single step shows a phase of it. A converged flow has
   * no phases.
   */
  binnedAt(loss: number): boolean {
    const { run, other } = this;
    if (run.oscillates(loss) || other.oscillates(loss)) return true;
    return !this.reference.steady && [run, other].some((index) => normOscillates(index, loss, false));
  }

  /** Which of the two oscillates around a loss: in its loss, or in its norm. */
  swingsAt(loss: number, { method }: Found): EffectPart['oscillating'] {
    const binned = method === 'bins';
    const swings = (index: LossIndex) => normOscillates(index, loss, binned) || (binned && index.oscillates(loss));
    const [run, other] = [swings(this.run), swings(this.other)];
    return run && other ? 'both' : run ? 'run' : other ? 'reference' : null;
  }

  /** The effect at a loss: of the norms `own`, or where the run first reaches it; over a bin where one of the two oscillates. */
  at(loss: number, own = crossing(this.path, loss), binned = this.binnedAt(loss)): Found | Unknown {
    const reason = this.reference.doubt(loss);
    if (reason !== undefined) return { reason };
    if (!own) return { reason: 'the run has not come down to this loss' };
    const known = this.reference.crossing(loss);
    if (!binned) return 'reason' in known ? known : found('crossing', own, known.norms);
    const [mine, theirs] = [this.run.bin(loss), this.other.bin(loss)];
    if (!mine || !theirs)
      return { reason: `the ${mine ? 'reference' : 'run'} has no step with a loss within 12 % of this one` };
    return found('bins', mine, theirs);
  }

  /** The same of the norms at averaged points; `own` is what averaging leaves of the run's norms, where it is known. */
  averaged(
    loss: number,
    { method, effect }: Found,
    own = this.run.averaged(loss, method === 'bins'),
  ): (number | null)[] {
    // A flow that has converged does not oscillate: averaging leaves all of its norms.
    const other = this.reference.steady ? effect.map(() => 1) : this.other.averaged(loss, method === 'bins');
    return effect.map((value, t) => {
      const result = value === null || !own || !other ? Number.NaN : ((1 + value) * own[t]) / other[t] - 1;
      return Number.isFinite(result) ? result : null;
    });
  }
}

/** From step to step, or over many steps. */
const normOscillates = (index: LossIndex, loss: number, binned: boolean): boolean =>
  (oscillationOf(index.averaged(loss, binned)?.[0]) ?? 0) > oscillating || (index.slowShare(loss) ?? 0) > oscillating;

import { finePercent, number, percent } from './format.ts';
import type { PanelRun } from './panel.ts';
import type { EffectFields, RunHeader, StepLine } from './protocol.ts';

/** What every surface says of the measured effect. */

type Measured = Pick<RunHeader, 'reference' | 'effect'>;

/** The last line at which the effect of the model is defined. */
export const lastEffect = (steps: readonly StepLine[]): StepLine | undefined =>
  steps.findLast(({ effect }) => typeof effect === 'number');

/**
 * The last line at which the effect is defined. Once a run has ended, its effect is the one that is shown first: that at the
 * lowest loss that run and reference have both reached.
 */
export function effectLineOf({ header: { effect }, steps }: Pick<PanelRun, 'header' | 'steps'>): StepLine | undefined {
  const line = lastEffect(steps);
  if (!effect || !line) return line;
  const tensors = Object.entries(line.tensors).map(([name, fields]) => {
    const late = effect.tensors[name]?.late;
    return [name, typeof late === 'number' ? { ...fields, effect: late } : fields] as const;
  });
  return { ...line, effect: effect.late ?? line.effect, tensors: Object.fromEntries(tensors) };
}

/** `+12 %`; an en dash where it is undefined. */
export const effectText = ({ effect }: EffectFields): string => finePercent(effect, true);

/** Larger predictions are not told apart: where the theory does not hold, its sum can reach any power of ten. */
const mostPredicted = 10;

/** What the theory predicts for the effect. */
export const predictedText = (value: number | null | undefined): string =>
  typeof value === 'number' && value > mostPredicted ? `>${percent(mostPredicted)}` : percent(value, true);

/** `+12 %`, `+18 % early, −22 … −91 % later (oscillation)`: of a run that goes on, as it stands; undefined before it is known. */
export function effectHeadline({ effect }: Measured, line: StepLine | undefined): string | undefined {
  return effect?.headline ?? (line && effectText(line));
}

/** What was measured, in plain words; undefined where a run was held against nothing. */
export function effectSentence({ reference, effect }: Measured, line: StepLine | undefined): string | undefined {
  if (!reference || reference.kind === 'none') return undefined;
  if (!reference.converged && reference.reason) return `The effect is not shown: ${reference.reason}`;
  if (effect) return effect.sentence;
  if (typeof line?.effect !== 'number') return undefined;
  const { effect: value } = line;
  const much = finePercent(Math.abs(value));
  return much === finePercent(0)
    ? `So far, at loss ${number(line.loss)}, the gradient’s one-norm is as large as ${reference.words}.`
    : `So far, at loss ${number(line.loss)}, the gradient’s one-norm is ${much} ${value > 0 ? 'larger' : 'smaller'} than ${reference.words}.`;
}

/** Why there is no effect to show; undefined where there is one, or where it was not asked for. */
export function noEffect({ reference, effect }: Measured, line: StepLine | undefined): string | undefined {
  if (!reference || typeof line?.effect === 'number') return undefined;
  return reference.reason ?? effect?.reason ?? undefined;
}

/** Below this share of the norm, oscillation is not spoken of. */
const leastOscillation = 0.05;

/** `no oscillation`, `31 % of the norm is oscillation`; undefined where it was not measured. */
export function oscillationText({ oscillation }: EffectFields): string | undefined {
  if (typeof oscillation !== 'number') return undefined;
  return oscillation < leastOscillation ? 'no oscillation' : `${percent(oscillation)} of the norm is oscillation`;
}

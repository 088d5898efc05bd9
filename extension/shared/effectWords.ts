import { finePercent, number, percent } from './format.ts';
import type { PanelRun } from './panel.ts';
import type { EffectFields, EffectSummary, RunHeader, SlowStretch, StepLine } from './protocol.ts';
import { lastWithTensors } from './steps.ts';

/** What every surface says of the measured effect. */

type Measured = Pick<RunHeader, 'reference' | 'effect'>;

/** Whether the effect of the model is defined at a line. */
export const hasEffect = ({ effect }: StepLine): boolean => typeof effect === 'number';

/** The last line at which the effect of the model is defined. */
export const lastEffect = (steps: readonly StepLine[]): StepLine | undefined => steps.findLast(hasEffect);

/**
 * The last line at which the effect is defined. Once a run has ended, its effect is the one that is shown first: that at the
 * lowest loss that run and reference have both reached.
 */
export function effectLineOf({ header: { effect }, steps }: Pick<PanelRun, 'header' | 'steps'>): StepLine | undefined {
  const line = lastWithTensors(steps, hasEffect);
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

/** A share of the norm from which on oscillation is a good part of it. */
export const oscillating = 0.2;

/** The last stretch of a run, where the sentence says that a good part of the norm along it is slow oscillation. */
export function slowStretch({ slow }: Pick<EffectSummary, 'slow'>): SlowStretch | undefined {
  const last = slow?.stretches.at(-1);
  return (last?.share ?? 0) < oscillating ? undefined : last;
}

/** Below this share of the norm, oscillation is not spoken of. */
const leastOscillation = 0.05;

/**
 * `no oscillation`, `31 % of the norm is oscillation from step to step`, `75 % of the norm is oscillation over many steps`, or
 * both; undefined where it was not measured.
 */
export function oscillationText({ oscillation, slowOscillation }: EffectFields): string | undefined {
  const kinds = [
    [oscillation, 'from step to step'],
    [slowOscillation, 'over many steps'],
  ] as const;
  const known = kinds.filter(([share]) => typeof share === 'number');
  const seen = known.filter(([share]) => share! >= leastOscillation);
  if (known.length === 0) return undefined;
  if (seen.length === 0) return known.length === 2 ? 'no oscillation' : `no oscillation ${known[0][1]}`;
  return seen
    .map(([share, kind], i) => `${percent(share)} of the ${i === 0 ? 'norm' : 'rest'} is oscillation ${kind}`)
    .join(', ');
}

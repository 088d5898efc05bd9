import { amount, finePercent, number, percent } from './format.ts';
import type { EffectFields, MeasureFields, RunHeader, SelfCheckFields, StepLine } from './protocol.ts';

/** Above this self-check of the run so far the first-order theory is not shown as fact: calibrated, see THEORY.md, C7. */
export const mostSelfCheck = 0.5;
/** Predicted and measured effect agree within this factor. */
export const mostFactor = 1.5;
/** Smaller effects are rounding. */
const leastEffect = 1e-5;

/** What a line, a tensor's part of it or a point of a sweep tells of how far the theory holds there. */
export type Checked = Pick<MeasureFields, 'selfCheck' | 'validShare'> & SelfCheckFields & EffectFields;

/**
 * The self-check that decides: that of the run so far, by averages of three neighbouring steps where there are some, so that
 * an oscillation from step to step does not decide.
 */
export const decisiveSelfCheck = ({ selfCheck, selfCheckRun, selfCheckAveraged }: Checked): number | null =>
  selfCheckAveraged ?? selfCheckRun ?? selfCheck ?? null;

/** True where predicted and measured effect agree, false where they do not; undefined where they do not tell. */
function agreement({ effect, effectPredicted }: Checked): boolean | undefined {
  if (typeof effect !== 'number' || typeof effectPredicted !== 'number') return undefined;
  if (Math.max(Math.abs(effect), Math.abs(effectPredicted)) < leastEffect) return undefined;
  const factor = effectPredicted / effect;
  return factor > 1 / mostFactor && factor < mostFactor;
}

/** Small effects keep their digits. */
const effectOf = (value: number | null | undefined): string =>
  Math.abs(value ?? 0) < 0.001 ? `${number(100 * (value ?? 0), true)} %` : finePercent(value, true);

/** True where the first-order theory holds well enough for its numbers to mean something. */
export const isBelievable = (checked: Checked): boolean => doubt(checked) === undefined;

/** A number of the first-order theory as it is shown: in parentheses where the theory does not hold. */
export const hedged = (text: string, believable: boolean): string => (believable || text === '–' ? text : `(${text})`);

/** True where nothing can be held against what the theory says of the memory: it predicts nothing of the steps. */
export function isUnchecked(checked: Checked): boolean {
  const check = decisiveSelfCheck(checked);
  return (check === null || check === 1) && agreement(checked) === undefined;
}

/** What predicts a large self-check best (THEORY.md, C7): gradients that change too much within the memory. */
function reason({ validShare }: Checked): string {
  const changing = typeof validShare === 'number' ? 1 - validShare : 0;
  return changing > 0
    ? `: the gradients of ${finePercent(changing)} of the parameters are predicted to change by 30 % or more within the memory`
    : '';
}

/** Why it is not shown as fact, in one clause; undefined where it is. */
export function doubt(checked: Checked): string | undefined {
  const agrees = agreement(checked);
  const check = decisiveSelfCheck(checked);
  if (check !== null && check !== 1 && check > mostSelfCheck)
    return `it does not predict the steps that the optimizer took (self-check ${amount(check)}, above ${mostSelfCheck})${reason(checked)}`;
  if (agrees === false)
    return `it predicts an effect of ${effectOf(checked.effectPredicted)} where ${effectOf(checked.effect)} was measured`;
  // A prediction of nothing passes no check.
  if ((check === null || check === 1) && !agrees)
    return 'nothing checks it here, since it predicts no trace of the memory in the steps';
  return undefined;
}

/** A line with a correction, with the effect of the line at which it was measured last. */
export const heldAgainst = (line: StepLine, measured: EffectFields | undefined): StepLine =>
  measured ? { ...line, effect: measured.effect, effectPredicted: measured.effectPredicted } : line;

/** `Anti-regularizing 0.99`, `regularizing 0.02`: word and magnitude of h·κ. */
export function strength(hKappa: number | null | undefined): string {
  if (hKappa === null || hKappa === undefined) return 'strength unknown';
  if (hKappa === 0) return 'neither regularizing nor anti-regularizing';
  return `${hKappa < 0 ? 'anti-regularizing' : 'regularizing'} ${amount(Math.abs(hKappa))}`;
}

/** The same where there is little room: `anti-regularizing 0.016`, `regularizing 0.003`, `neutral`; an en dash where it is unknown. */
export function strengthText(hKappa: number | null | undefined): string {
  if (hKappa === null || hKappa === undefined || Number.isNaN(hKappa)) return '–';
  return Math.abs(hKappa) < negligible ? 'neutral' : strength(hKappa);
}

/**
 * What the strengths of coordinates span, from anti-regularizing to regularizing, where there is little room: `anti 0.02…0.01`,
 * `anti 0.02…reg. 0.003`; an en dash where it is unknown.
 */
export const strengthRange = (fields: Partial<MeasureFields>): string => rangeText(strengthsOf(fields));

/** The same of all coordinates of a line, whose tensors may have step sizes of their own. */
export function modelStrengthRange({ tensors, ...all }: Partial<StepLine>): string {
  const each = Object.values(tensors ?? {})
    .map(strengthsOf)
    .filter((strengths) => strengths.every(Number.isFinite));
  return rangeText(
    each.length === 0
      ? strengthsOf(all)
      : [Math.min(...each.map(([low]) => low)), Math.max(...each.map(([, high]) => high))],
  );
}

/** h·κ of the coordinates at both ends; NaN where it is unknown. */
function strengthsOf({ kappa, hKappa, kappaMin, kappaMax }: Partial<MeasureFields>): readonly [number, number] {
  const step = (hKappa ?? Number.NaN) / (kappa ?? Number.NaN);
  return [(kappaMin ?? Number.NaN) * step, (kappaMax ?? Number.NaN) * step];
}

function rangeText([low, high]: readonly [number, number]): string {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return '–';
  const words = [low, high].map((value) => (Math.abs(value) < negligible ? '' : value < 0 ? 'anti' : 'reg.'));
  const texts = [low, high].map((value, i) => (words[i] ? number(Math.abs(value)) : '0'));
  const [from, to] = words.map((word, i) =>
    word && (i === 0 || word !== words[0]) ? `${word} ${texts[i]}` : texts[i],
  );
  return `${from}…${to}`;
}

/** Below this a strength is an error of rounding. */
const negligible = 1e-12;

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What theory predicts for these settings, in sentences; opens with the scope and closes with the caveat. */
export function sentence(run: Pick<RunHeader, 'optimizer' | 'hKappaLimit' | 'notApplicable'>, line: StepLine): string {
  if (run.notApplicable)
    return `No first-order correction exists for ${run.optimizer.title} with these settings: ${run.notApplicable}`;
  const { net, hKappa, normRateBase } = line;
  const norm = run.optimizer.norm ?? 'the norm of the loss gradient';
  // Where numbers have stopped being finite, the limit is still known.
  const sign = hKappa ?? run.hKappaLimit ?? 0;
  const effect =
    sign === 0
      ? `finite steps neither impede nor favour the reduction of ${norm}`
      : `finite steps ${sign < 0 ? 'impede' : 'favour'} the reduction of ${norm}`;
  const problem = doubt(line);
  const matched =
    net === null || net === undefined || !normRateBase
      ? ''
      : `; at equal loss it ${net >= 0 ? 'raises' : 'lowers'} the norm, by ${percent(Math.abs(net / normRateBase))} of its rate of change`;
  const here = problem
    ? `Here this is not reliable: ${problem}.`
    : `At step ${line.step} it predicts: ${strength(hKappa)}${matched}.`;
  return `In full-batch training with these settings, theory predicts that ${effect}${run.optimizer.condition ? ` (${run.optimizer.condition})` : ''}. ${here} Small batches can reverse this.`;
}

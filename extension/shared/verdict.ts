import { amount, percent } from './format.ts';
import type { MeasureFields, RunHeader, StepLine } from './protocol.ts';

/** Below this share of valid coordinates, or above this self-check, the first-order theory is not shown as fact (theory C5). */
export const leastValidShare = 0.5;
export const mostSelfCheck = 1;

/** True where the first-order theory holds well enough for its numbers to mean something. */
export function isBelievable(measures: MeasureFields): boolean {
  return (measures.validShare ?? 0) >= leastValidShare && (measures.selfCheck ?? 0) <= mostSelfCheck;
}

/** A number of the first-order theory as it is shown: in parentheses where the theory does not hold. */
export const hedged = (text: string, believable: boolean): string => (believable || text === '–' ? text : `(${text})`);

/** Why it does not hold, in one clause; undefined where it does. */
export function doubt(measures: MeasureFields): string | undefined {
  if ((measures.validShare ?? 0) < leastValidShare)
    return `the step size is too large for the first-order theory: it holds for only ${percent(measures.validShare)} of the parameters`;
  if ((measures.selfCheck ?? 0) > mostSelfCheck)
    return `the theory does not predict what the optimizer did (self-check ${amount(measures.selfCheck)}, above 1)`;
  return undefined;
}

/** `Anti-regularizing 0.99`, `regularizing 0.02`: word and magnitude of h·κ. */
export function strength(hKappa: number | null | undefined): string {
  if (hKappa === null || hKappa === undefined) return 'strength unknown';
  if (hKappa === 0) return 'neither regularizing nor anti-regularizing';
  return `${hKappa < 0 ? 'anti-regularizing' : 'regularizing'} ${amount(Math.abs(hKappa))}`;
}

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

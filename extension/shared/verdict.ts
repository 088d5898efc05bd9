import { percent, setting } from './format.ts';
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
    return `the step size is too large for the first-order theory: it holds for only ${share(measures.validShare)} of the parameters`;
  if ((measures.selfCheck ?? 0) > mostSelfCheck)
    return `the theory does not predict what the optimizer did (self-check ${short(measures.selfCheck)}, above 1)`;
  return undefined;
}

/** `Anti-regularizing 0.99`, `regularizing 0.02`: word and magnitude of h·κ. */
export function strength(hKappa: number | null | undefined): string {
  if (hKappa === null || hKappa === undefined) return 'strength unknown';
  if (hKappa === 0) return 'neither regularizing nor anti-regularizing';
  return `${hKappa < 0 ? 'anti-regularizing' : 'regularizing'} ${short(Math.abs(hKappa))}`;
}

export const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What theory predicts for these settings and what was measured, in sentences; opens with the scope and closes with the caveat. */
export function sentence(run: Pick<RunHeader, 'optimizer' | 'hKappaLimit' | 'notApplicable'>, line: StepLine): string {
  if (run.notApplicable)
    return `No first-order correction exists for ${run.optimizer.title} with these settings: ${run.notApplicable}`;
  const { net, hKappa, normRateBase } = line;
  const norm = normOf(run.optimizer);
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
      : `; at equal loss it ${net >= 0 ? 'raises' : 'lowers'} the norm, by ${share(Math.abs(net / normRateBase))} of its rate of change`;
  const holds = line.largestValidStepSize
    ? ` Up to a learning rate of about ${setting(Number(line.largestValidStepSize.toPrecision(2)))} the expansion would hold for nine tenths of the parameters.`
    : '';
  const measured = problem
    ? `Here this is not reliable: ${problem}.${holds}`
    : `Measured at step ${line.step}: ${strength(hKappa)}${matched}.`;
  return `In full-batch training with these settings, theory predicts that ${effect}. ${measured} Small batches can reverse this.`;
}

/** The norm that the correction of an optimizer is about. */
function normOf(optimizer: RunHeader['optimizer']): string {
  if (optimizer.name === 'sgd') return 'the squared two-norm of the loss gradient';
  if (optimizer.name === 'adagrad') return 'the squared loss gradient, weighted by the accumulator';
  if (['lion', 'signum', 'signsgd'].includes(optimizer.name)) return 'the smoothed one-norm of the loss gradient';
  return optimizer.hyper.eps_placement === 'inside'
    ? 'the perturbed one-norm of the loss gradient'
    : 'the one-norm of the loss gradient (perturbed by ε)';
}

const short = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? 'unknown'
    : (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5) || value === 0
      ? String(Number(value.toPrecision(3)))
      : value.toExponential(2).replace('e+', 'e').replace('-', '−');
const share = (value: number | null | undefined): string =>
  value === null || value === undefined ? 'an unknown share' : percent(value);

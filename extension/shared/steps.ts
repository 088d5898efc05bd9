import type { RunHeader, StepLine } from './protocol.ts';

/** Most numbers of one run that are held in memory, about; a run of many tensors has fewer lines, but not too few for a curve. */
const mostNumbers = 400_000;
const numbersOfTensor = 22;
const fewestLines = 200;

type About = Pick<RunHeader, 'tensors' | 'request'>;

/**
 * Which lines are held of a run that has come to step `last`: all of a short one; of a long one every n-th, and every m-th of
 * those with a correction. Both are powers of two that grow with the run, so that what was left out once never comes back.
 */
export function isHeld({ tensors, request }: About, last: number): (step: number) => boolean {
  const most = Math.max(fewestLines, mostNumbers / ((tensors.length + 1) * numbersOfTensor));
  const stride = (lines: number) => 2 ** Math.max(0, Math.ceil(Math.log2(lines / most)));
  const every = Math.max(1, request.every || 1);
  const all = stride(last);
  const corrected = every * stride(last / every);
  return (step) => step % all === 0 || step % corrected === 0;
}

/** The held lines of a run after further ones; the last line and the last with a correction stay. A step is not added twice. */
export function grown(about: About, steps: readonly StepLine[], records: readonly StepLine[]): readonly StepLine[] {
  const before = steps.at(-1)?.step ?? -1;
  const joined = [...steps, ...records.filter(({ step }) => step > before)];
  const held = isHeld(about, joined.at(-1)?.step ?? 0);
  const corrected = joined.findLastIndex(({ kappa }) => kappa !== undefined);
  return joined.filter(({ step }, i) => held(step) || i === corrected || i === joined.length - 1);
}

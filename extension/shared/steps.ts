import type { RunHeader, StepLine } from './protocol.ts';

/** Most numbers of one run that are held in memory, about; a run of many tensors has fewer lines, but not too few for a curve. */
const mostNumbers = 400_000;
const numbersOfTensor = 22;
const fewestLines = 200;

type About = Pick<RunHeader, 'tensors' | 'request'>;

/** Up to so many tensors, every line has the values of each. */
const fewTensors = 64;
/** Of more tensors, as many lines as have them at most. */
const mostWithTensors = 128;

/** Steps from one line with the values of each tensor to the next, where a run is not asked for a number. */
export function tensorsEveryOf(
  tensors: number,
  {
    steps,
    every = 1,
    recordEvery = 1,
  }: { readonly steps: number; readonly every?: number; readonly recordEvery?: number },
): number {
  if (tensors <= fewTensors) return 1;
  // Steps that are written and have a correction.
  const apart = leastCommonMultiple(every, recordEvery);
  return apart * 2 ** Math.max(0, Math.ceil(Math.log2(steps / apart / mostWithTensors)));
}

function leastCommonMultiple(a: number, c: number): number {
  let [x, y] = [a, c];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * c;
}

/** Whether a line has the values of each tensor. */
export function hasTensors({ tensors }: StepLine): boolean {
  for (const _ in tensors) return true;
  return false;
}

/** The last of the wanted lines that has the values of each tensor, or the last of them where none has. */
export const lastWithTensors = (
  steps: readonly StepLine[],
  isWanted: (line: StepLine) => boolean,
): StepLine | undefined => steps.findLast((line) => isWanted(line) && hasTensors(line)) ?? steps.findLast(isWanted);

/** The line that numbers of the theory are taken from: the last with a correction. */
export const lastCorrected = (steps: readonly StepLine[]): StepLine | undefined =>
  lastWithTensors(steps, ({ kappa }) => kappa !== undefined);

/**
 * Which lines are held of a run that has come to step `last`: all of a short one; of a long one every n-th, and every m-th of
 * those with a correction or with the values of each tensor. These numbers are powers of two that grow with the run, so that what was left out once never comes back.
 */
export function isHeld({ tensors, request }: About, last: number): (step: number) => boolean {
  const most = Math.max(fewestLines, mostNumbers / ((tensors.length + 1) * numbersOfTensor));
  const stride = (lines: number) => 2 ** Math.max(0, Math.ceil(Math.log2(lines / most)));
  const every = Math.max(1, request.every || 1);
  const all = stride(last);
  const corrected = every * stride(last / every);
  const apart = Math.max(1, request.tensorsEvery || every);
  const withTensors = apart * stride(last / apart);
  return (step) => step % all === 0 || step % corrected === 0 || step % withTensors === 0;
}

/**
 * The held lines of a run after further ones; the last line stays, and the last with a correction and with the values of each
 * tensor. A step is not added twice.
 */
export function grown(about: About, steps: readonly StepLine[], records: readonly StepLine[]): readonly StepLine[] {
  const before = steps.at(-1)?.step ?? -1;
  const joined = [...steps, ...records.filter(({ step }) => step > before)];
  const held = isHeld(about, joined.at(-1)?.step ?? 0);
  const corrected = joined.findLastIndex(({ kappa }) => kappa !== undefined);
  const withTensors = joined.findLastIndex((line) => line.kappa !== undefined && hasTensors(line));
  return joined.filter(({ step }, i) => held(step) || i === corrected || i === withTensors || i === joined.length - 1);
}

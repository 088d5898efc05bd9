import { EngineClient } from '../engine/client.ts';
import { ownScript } from '../files/ownScript.ts';
import { errorOf } from '../shared/errors.ts';
import { amount, duration, thousands } from '../shared/format.ts';
import type { InspectRequest, RunCounts } from '../shared/protocol.ts';
import { type Timing, timeStep, tryOf } from './timing.ts';

/** What a run will take, said before anything of it is run. */
export interface RunPlan extends RunCounts {
  /** Of a step with its correction, taken on some of the samples. */
  readonly timing: Timing;
  /** Bytes that the run takes at its peak, with its reference, by what the timed steps took without. */
  readonly peakMemory: number;
  /** Expected of a step with its correction over all samples. */
  readonly secondsPerCorrection: number;
}

/**
 * Counts what a run takes, and times a few steps on some of the samples in a folder that is removed, in processes of their own.
 * Throws an InspectorError for anything that does not fit.
 */
export async function planRun(request: InspectRequest, signal?: AbortSignal): Promise<RunPlan> {
  // First, so that what does not fit is told before anything is timed.
  const counts = await countsOf(request, signal);
  return planOf(request, counts, await timeStep(request, signal), signal);
}

/** The plan of a run with as many samples as keep a step short. */
export async function planShortSteps(request: InspectRequest, signal?: AbortSignal): Promise<RunPlan> {
  const timing = await timeStep(request, signal);
  const shortened = { ...request, limit: timing.samples };
  return planOf(shortened, await countsOf(shortened, signal), timing, signal);
}

async function planOf(
  request: InspectRequest,
  counts: RunCounts,
  timing: Timing,
  signal: AbortSignal | undefined,
): Promise<RunPlan> {
  const tried = await countsOf(tryOf(request, timing.timed), signal);
  return {
    ...counts,
    timing,
    secondsPerCorrection: (timing.seconds * counts.samples) / timing.timed,
    peakMemory: peakOf(timing.peakMemory, tried.memory, counts.memory),
  };
}

/** How far an expected amount of memory may be from what is taken: beyond that, the smaller run says nothing of the larger. */
const mostScale = 3;

/**
 * Bytes that a run takes at its peak, from what a smaller run of the same model took and what both were expected to take: what
 * one takes more than the other is scaled as the expectation of the smaller one has proved to be.
 */
export function peakOf(taken: number, expectedThen: number, expected: number): number {
  const scale = Math.min(mostScale, Math.max(1 / mostScale, taken / expectedThen));
  return Math.max(taken, taken + scale * (expected - expectedThen));
}

async function countsOf(request: InspectRequest, signal: AbortSignal | undefined): Promise<RunCounts> {
  const client = new EngineClient(ownScript('engineProcess.js'));
  const stop = () => client.dispose();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const last = await client.run({ type: 'count', request }, () => {});
    if (last.type === 'failed') throw errorOf(last.failure);
    if (last.type !== 'counted') throw new Error(`the engine answered with ${last.type}`);
    return last.counts;
  } finally {
    signal?.removeEventListener('abort', stop);
    client.dispose();
  }
}

/** The plan in lines: what each is about, and what it says. */
export function planLines(
  plan: RunPlan,
  { steps }: Pick<InspectRequest, 'steps'>,
): readonly (readonly [about: string, text: string])[] {
  const { parameters, tensors, samples, batch, chunk, flops, peakMemory, timing, secondsPerCorrection: seconds } = plan;
  const inBatches = batch < samples ? `, ${thousands(batch)} in a step` : ', all in every step';
  return [
    ['parameters', `${thousands(parameters)} in ${thousands(tensors)} tensor${tensors === 1 ? '' : 's'}`],
    [
      'samples',
      `${thousands(samples)}${inBatches}; evaluated ${thousands(chunk.plain)} at a time, ${thousands(chunk.corrected)} with the correction`,
    ],
    [
      'arithmetic',
      `about ${flopText(flops.plain)} for a step, ${flopText(flops.corrected)} with a Hessian-vector product`,
    ],
    [
      'time',
      `about ${timeText(seconds)} for a step with its correction over all samples (timed on ${thousands(timing.timed)} of them); ${thousands(steps)} steps take at most ${timeText(seconds * steps)}`,
    ],
    ['memory', `about ${amount(peakMemory / 2 ** 20)} MiB at the peak, from what the timed steps took`],
  ];
}

/** The plan in lines of text. */
export const planText = (plan: RunPlan, request: Pick<InspectRequest, 'steps'>): string =>
  [
    ...planLines(plan, request).map(([about, text]) => about.padEnd(12) + text),
    '',
    'Nothing was written. The edge of stability and the reference of the measured effect take steps of their own: about as many again.',
  ].join('\n');

const timeText = (seconds: number): string => (seconds < 1 ? `${amount(1000 * seconds)} ms` : duration(seconds));

function flopText(flops: number): string {
  const power = Math.max(0, Math.min(5, Math.floor(Math.log10(Math.max(1, flops)) / 3)));
  return `${amount(flops / 1000 ** power)} ${['', 'kilo', 'mega', 'giga', 'tera', 'peta'][power]}flop`;
}

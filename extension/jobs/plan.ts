import { type StepFlops, stepFlops } from '../engine/flops.ts';
import { memoryNeed } from '../engine/memory.ts';
import { checkRequest } from '../shared/checkRequest.ts';
import { amount, duration, thousands } from '../shared/format.ts';
import type { InspectRequest } from '../shared/protocol.ts';
import { batchesOf, withEvery } from './batchOrder.ts';
import { chunksFor, readSubject, settingsOf } from './setup.ts';
import { type Timing, timeStep } from './timing.ts';

/** What a run will take, said before anything of it is run. */
export interface RunPlan {
  readonly parameters: number;
  readonly tensors: number;
  readonly samples: number;
  /** Samples of a step; all of them without mini-batches. */
  readonly batch: number;
  /** Samples that are evaluated at once, in steps without and with the correction. */
  readonly chunk: { readonly plain: number; readonly corrected: number };
  /** Of one step over `batch` samples. */
  readonly flops: StepFlops;
  /** Bytes that the process is expected to take at its peak. */
  readonly memory: number;
  /** Of a step with its correction, taken on some of the samples. */
  readonly timing: Timing;
  /** Expected of a step with its correction over all samples. */
  readonly secondsPerCorrection: number;
}

/**
 * Reads model and data, counts, and times a few steps on some of the samples in a folder that is removed. Throws an
 * InspectorError for anything that does not fit.
 */
export async function planRun(asked: InspectRequest): Promise<RunPlan> {
  checkRequest(asked);
  const subject = await readSubject(asked);
  const { problem } = subject;
  const { samples, layout } = problem;
  const batches = await batchesOf(asked, problem, asked.steps);
  const request = withEvery(asked, batches);
  settingsOf(request, subject, asked.steps);
  const plan = chunksFor(problem, request, 'cpu', batches);
  const timing = await timeStep(asked);
  return {
    parameters: layout.segments.reduce((sum, { size }) => sum + size, 0),
    tensors: layout.segments.length,
    samples,
    batch: batches?.size ?? samples,
    chunk: { plain: plan.batch?.pass ?? plan.plain.size, corrected: plan.corrected.size },
    flops: stepFlops(problem, batches?.size ?? samples),
    memory: memoryNeed(problem, plan).total,
    timing,
    secondsPerCorrection: (timing.seconds * samples) / timing.timed,
  };
}

/** The plan in lines of text. */
export function planText(plan: RunPlan, { steps }: Pick<InspectRequest, 'steps'>): string {
  const { parameters, tensors, samples, batch, chunk, flops, memory, timing, secondsPerCorrection: seconds } = plan;
  const inBatches = batch < samples ? `, ${thousands(batch)} in a step` : ', all in every step';
  return [
    `parameters  ${thousands(parameters)} in ${thousands(tensors)} tensor${tensors === 1 ? '' : 's'}`,
    `samples     ${thousands(samples)}${inBatches}; evaluated ${thousands(chunk.plain)} at a time, ${thousands(chunk.corrected)} with the correction`,
    `arithmetic  about ${flopText(flops.plain)} for a step, ${flopText(flops.corrected)} with a Hessian-vector product`,
    `time        about ${timeText(seconds)} for a step with its correction over all samples (timed on ${thousands(timing.timed)} of them); ${thousands(steps)} steps take at most ${timeText(seconds * steps)}`,
    `memory      about ${amount(memory / 2 ** 20)} MiB at the peak`,
    '',
    'Nothing was written. The edge of stability and the reference of the measured effect take steps of their own: about as many again.',
  ].join('\n');
}

const timeText = (seconds: number): string => (seconds < 1 ? `${amount(1000 * seconds)} ms` : duration(seconds));

function flopText(flops: number): string {
  const power = Math.max(0, Math.min(5, Math.floor(Math.log10(Math.max(1, flops)) / 3)));
  return `${amount(flops / 1000 ** power)} ${['', 'kilo', 'mega', 'giga', 'tera', 'peta'][power]}flop`;
}

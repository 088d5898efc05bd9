import { totalmem } from 'node:os';
import { bytesPerElement } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { thousands } from '../shared/format.ts';
import { at, words } from '../shared/words.ts';
import type { Plan } from './chunks.ts';
import { sampleCost, workingSet } from './chunks.ts';
import type { Problem } from './problem.ts';

/** Bytes of a vector of all parameters from which on memory matters more than a few allocations in every step. */
const large = 2 ** 25;

/** What the process takes before a model is read: the program and the runtime. */
const emptyProcess = 100e6;

/**
 * Vectors of the length of θ that a run holds at its peak, beside the values that grow with the samples. Measured with 26 M
 * parameters; small models hold more, in memory that the runtime keeps between calls, which is little in all.
 */
const vectors = { large: 14, small: 35 };

/** Bytes of one vector of all parameters. */
export const vectorBytes = ({ layout, floatType }: Pick<Problem, 'layout' | 'floatType'>): number =>
  layout.length * bytesPerElement(floatType);

/** True where vectors of all parameters are so long that each that is held counts. */
export const isLarge = (problem: Pick<Problem, 'layout' | 'floatType'>): boolean => vectorBytes(problem) > large;

/** What a run takes at its peak, in bytes, and what for. */
export interface MemoryNeed {
  readonly total: number;
  /** Vectors of all parameters: state, gradient, product, what the program copies. */
  readonly parameters: number;
  /** Values of the samples that are evaluated at once. */
  readonly activations: number;
  readonly data: number;
}

/** What a run is expected to take at its peak. */
export function memoryNeed(problem: Problem, plan: Plan): MemoryNeed {
  const { samples, feeds } = problem;
  const { corrected } = plan;
  const lanes = plan.lanes?.length ?? 1;
  const data = 3 * feeds.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  // Corrections are of all samples, whatever a step sees.
  const active = corrected.together ? samples : Math.min(samples, corrected.size * lanes);
  const activations = workingSet * sampleCost(problem).total * active;
  const parameters = (isLarge(problem) ? vectors.large : vectors.small) * vectorBytes(problem);
  return { total: emptyProcess + data + activations + parameters, parameters, activations, data };
}

/** The share of its estimate that a run takes at least: what would not fit even so is refused. */
const certain = 0.6;

/** Throws an InspectorError, with the sum, for a run that cannot fit `memory` bytes. */
export function checkMemory(problem: Problem, plan: Plan, memory = machineMemory()): void {
  const { total, parameters, activations, data } = memoryNeed(problem, plan);
  if (certain * total <= memory) return;
  const { count } = problem.layout;
  const atOnce = plan.corrected.together ? problem.samples : plan.corrected.size;
  throw new InspectorError(
    `The run needs about ${mebibytes(total)}, and this machine has ${mebibytes(memory)}: ${mebibytes(parameters)} for vectors of ${thousands(count)} parameters, ${mebibytes(activations)} for the values of ${thousands(atOnce)} samples at a time, ${mebibytes(data)} for the data.`,
    activations > parameters && atOnce > 1
      ? words`Try a smaller ${at('microBatch')}.`
      : 'Inspect a smaller model of the same kind, or use a machine with more memory.',
  );
}

const mebibytes = (bytes: number): string => `${thousands(Math.round(bytes / 2 ** 20))} MiB`;

/** Bytes that this machine, or what limits this process, has. */
export function machineMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  // Without a limit it is 0, or a number beyond all machines.
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

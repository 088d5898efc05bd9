import { totalmem } from 'node:os';
import { type Node, nodesReaching, type Value } from '../onnx/graph.ts';
import { bytesPerElement, elementCount } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { thousands } from '../shared/format.ts';
import { at, words } from '../shared/words.ts';
import type { Chunks, Plan } from './chunks.ts';
import { chunkValues } from './chunks.ts';
import type { Problem } from './problem.ts';

/** Bytes of a vector of all parameters from which on memory matters more than a few allocations in every step. */
const large = 2 ** 25;

/** What the process takes before a model is read, and each thread that evaluates samples beside others. */
const emptyProcess = 100e6;
const emptyLane = 50e6;

/**
 * Vectors of the length of θ that each lane of a run holds at its peak, beside the values that grow with the samples, and those
 * of plain steps that it is held against. Measured: 10 to 19 with 24 to 162 M parameters, and 12 to 15 for a reference; small
 * models hold more, in memory that the runtime keeps between calls.
 */
const vectors = { large: { own: 14, reference: 12 }, small: { own: 35, reference: 25 } };

/** Bytes that the runtime's arena takes for each byte of values of chunks that are evaluated one after the other; measured. */
const arena = 2;

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

/**
 * What a run is expected to take at its peak, with the reference that it is held against or without one: within 25 % of what
 * every row of the benchmark took without.
 */
export function memoryNeed(problem: Problem, plan: Plan, withReference = false): MemoryNeed {
  const { feeds } = problem;
  const lanes = plan.lanes?.length ?? 1;
  const data = 3 * feeds.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  const { gradient, products } = chunkValues(problem, plan.corrected.size);
  const plain = withReference ? chunkValues(problem, plan.plain.size).gradient : [];
  const factorOf = ({ count, rest, together }: Chunks) =>
    together ? count + Math.min(1, rest) : isLarge(problem) ? 1 : arena;
  const activations =
    lanes *
    (factorOf(plan.corrected) * liveBytes([...gradient, ...products]) + factorOf(plan.plain) * liveBytes(plain));
  const { own, reference } = isLarge(problem) ? vectors.large : vectors.small;
  const parameters = lanes * (withReference ? own + reference : own) * vectorBytes(problem);
  const program = emptyProcess + (lanes > 1 ? lanes * emptyLane : 0);
  return { total: program + data + activations + parameters, parameters, activations, data };
}

/** Most bytes of values that exist at the same time while `wanted` are computed, in the order in which they were emitted. */
function liveBytes(wanted: readonly Value[]): number {
  const nodes = nodesReaching(wanted, () => true).filter(({ opType }) => opType !== 'Reshape');
  // Views share memory with what they show.
  const owner = (value: Value): Value =>
    value.node?.opType === 'Reshape' && value.node.inputs[0] ? owner(value.node.inputs[0]) : value;
  const read = ({ inputs }: Node): Value[] => inputs.flatMap((value) => (value ? [owner(value)] : []));
  const uses = new Map<Value, number>(wanted.map((value) => [owner(value), 1]));
  for (const value of nodes.flatMap(read)) uses.set(value, (uses.get(value) ?? 0) + 1);
  let live = 0;
  let most = 0;
  for (const node of nodes) {
    const made = node.outputs.filter((value) => uses.has(value));
    live += bytesOf(made);
    most = Math.max(most, live);
    for (const value of read(node)) {
      uses.set(value, uses.get(value)! - 1);
      if (uses.get(value) === 0 && value.node) live -= bytesOf([value]);
    }
  }
  return most;
}

const bytesOf = (values: readonly Value[]): number =>
  values.reduce((sum, { shape, type }) => sum + elementCount(shape) * bytesPerElement(type), 0);

/** The share of its estimate that a run takes at least: what would not fit even so is refused. */
const certain = 0.75;

/** Throws an InspectorError, with the sum, for a run that cannot fit `memory` bytes. */
export function checkMemory(
  problem: Problem,
  plan: Plan,
  { withReference = false, memory = machineMemory() } = {},
): void {
  const { total, parameters, activations, data } = memoryNeed(problem, plan, withReference);
  if (certain * total <= memory) return;
  const without = withReference && certain * memoryNeed(problem, plan).total <= memory;
  const { count } = problem.layout;
  const atOnce = plan.corrected.together ? problem.samples : plan.corrected.size;
  throw new InspectorError(
    `The run needs about ${mebibytes(total)}, and this machine has ${mebibytes(memory)}: ${mebibytes(parameters)} for vectors of ${thousands(count)} parameters, ${mebibytes(activations)} for the values of ${thousands(atOnce)} samples at a time, ${mebibytes(data)} for the data.`,
    without
      ? words`Use ${at('reference', 'none')}, which leaves out the run that the effect is measured against, or a machine with more memory.`
      : activations > parameters && atOnce > 1
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

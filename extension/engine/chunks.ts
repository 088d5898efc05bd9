import { availableParallelism } from 'node:os';
import { gradient, vectorJacobianProduct } from '../autodiff/gradient.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { nodesReaching, type Value } from '../onnx/graph.ts';
import { bytesPerElement, elementCount } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import { at, words } from '../shared/words.ts';
import type { Problem } from './problem.ts';
import type { Device } from './session.ts';

/** The data set in parts: `count` equal chunks of `size` samples and a smaller rest. */
export interface Chunks {
  readonly size: number;
  readonly count: number;
  readonly rest: number;
  /** Evaluated side by side, with all activations kept, instead of one after the other. */
  readonly together: boolean;
}

/** Chunks of `size` samples and what remains; a single one counts as together. */
export function chunksOf(samples: number, size: number, together = false): Chunks {
  const bounded = Math.max(1, Math.min(size, samples));
  return {
    size: bounded,
    count: Math.floor(samples / bounded),
    rest: samples % bounded,
    together: together || bounded === samples,
  };
}

/**
 * Parts of about `size` samples: as equal as possible, without a rest where a divisor of the number of samples lies near.
 */
export function evenChunks(samples: number, size: number): Chunks {
  const parts = Math.ceil(samples / Math.max(1, size));
  for (let more = parts; more <= parts * 1.25; more++)
    if (samples % more === 0) return chunksOf(samples, samples / more);
  return chunksOf(samples, Math.ceil(samples / parts));
}

/** Samples that one thread evaluates. */
export interface Lane {
  readonly first: number;
  readonly samples: number;
}

/** How the data set is evaluated in a plain step and in a step with correction; the chunks are those of one lane. */
export interface Plan {
  readonly plain: Chunks;
  readonly corrected: Chunks;
  /** The parts of the data that threads evaluate at the same time; one, if not given. */
  readonly lanes?: readonly Lane[];
  /** How mini-batches are evaluated, where there are any. */
  readonly batch?: BatchPlan;
}

export interface BatchPlan {
  /** Samples that are evaluated in one pass. */
  readonly pass: number;
  /** A step is so little work that one thread does it best. */
  readonly small: boolean;
}

/** Divides samples among `lanes` as evenly as possible, at multiples of `unit`. */
export function lanesOf(samples: number, lanes: number, unit = 1): Lane[] {
  const units = Math.ceil(samples / unit);
  const bounds = Array.from({ length: lanes + 1 }, (_, i) => Math.min(samples, unit * Math.ceil((units * i) / lanes)));
  return Array.from({ length: lanes }, (_, i) => ({ first: bounds[i], samples: bounds[i + 1] - bounds[i] })).filter(
    (lane) => lane.samples > 0,
  );
}

/** The chunks of a lane in a plan whose lanes may differ by a few samples. */
export const chunksIn = ({ samples }: Lane, { size, together }: Chunks): Chunks => chunksOf(samples, size, together);

/** What the graph of loss and gradient costs, in bytes for one sample. */
export interface SampleCost {
  /** All intermediate values of loss and gradient. */
  readonly total: number;
  /** The largest single value. */
  readonly largest: number;
  /** Nodes of the graph, however many samples there are. */
  readonly nodes: number;
}

/** Measures the graph of a problem for batches of two sizes and takes the difference, which leaves out what does not grow. */
export function sampleCost(problem: Problem): SampleCost {
  const unit = problem.fixedBatch ?? 1;
  if (problem.samples < 2 * unit || problem.fixedBatch !== undefined) {
    const { total, largest, nodes } = graphBytes(problem, unit);
    return { total: total / unit, largest: largest / unit, nodes };
  }
  const [one, two] = [graphBytes(problem, unit), graphBytes(problem, 2 * unit)];
  return {
    total: Math.max(1, two.total - one.total) / unit,
    largest: Math.max(1, two.largest / (2 * unit)),
    nodes: one.nodes,
  };
}

/** Parameters and data of `batch` samples as inputs of a graph, by name. */
export function chunkInputs(b: GraphBuilder, { layout, floatType, feeds }: Problem, batch: number) {
  const parameters = new Map(layout.segments.map(({ name, shape }) => [name, b.input(name, floatType, shape)]));
  const data = new Map(
    feeds.map(({ name, tensor, perSample }) => [
      name,
      b.input(name, tensor.type, perSample ? [batch, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  return { parameters, data };
}

/** Loss and gradient of `batch` samples, and the products of its Hessian with a direction that is an input. */
export function chunkValues(problem: Problem, batch: number): { gradient: Value[]; products: Value[] } {
  const b = new GraphBuilder();
  const { parameters, data } = chunkInputs(b, problem, batch);
  const weights = [...parameters.values()];
  const loss = problem.emit(b, parameters, data);
  const gradients = gradient(b, loss, weights);
  const directions = weights.map(({ type, shape }, i) => b.input(`direction_${i}`, type, shape));
  const products = vectorJacobianProduct(b, gradients, directions, weights);
  return { gradient: [loss, ...gradients], products };
}

function graphBytes(problem: Problem, batch: number): SampleCost {
  const b = new GraphBuilder();
  const { parameters, data } = chunkInputs(b, problem, batch);
  const loss = problem.emit(b, parameters, data);
  const results = gradient(b, loss, [...parameters.values()]);
  let total = 0;
  let largest = 0;
  const weights = new Set(problem.layout.segments.map(({ size }) => size));
  const nodes = nodesReaching([loss, ...results], () => true);
  for (const node of nodes) {
    // Views share memory with what they show.
    if (node.opType === 'Reshape') continue;
    for (const value of node.outputs) {
      const bytes = elementCount(value.shape) * bytesPerElement(value.type);
      total += bytes;
      if (!weights.has(elementCount(value.shape))) largest = Math.max(largest, bytes);
    }
  }
  return { total, largest, nodes: nodes.length };
}

/** Memory of a step with correction against all values of loss and gradient of its samples: measured 0.6 (MLP) to 1.8 (CNN). */
const workingSet = 1.8;

/** Most parts that are evaluated side by side: each adds a copy of the network's nodes to the program. */
const mostParts = 12;

/** With more nodes, the runtime takes many seconds to load a program: the time grows with their square. */
const mostNodes = 16_000;
/** Nodes of a step with correction against those of loss and gradient, in recurrent networks. */
const correctedNodes = 3;

/**
 * Bytes of one activation that stay in the cache while the next operator reads them. Where each core has its chunk, few
 * enough for the two that an operator reads and the one that it writes to fit the core's own cache, if that does not leave
 * too little work.
 */
const cacheTarget = { shared: 3.3e6, own: { least: 0.55e6, most: 1.7e6 } };

/**
 * Bytes of intermediate values for each byte of the parameters, whose gradients are put together and added up once a chunk:
 * a tenth of the work.
 */
const worthItsSum = 14;

/** Samples of a chunk that is evaluated by one core. */
function ownChunk({ layout, floatType }: Problem, { largest, total }: SampleCost): number {
  const { least, most } = cacheTarget.own;
  const enough = (worthItsSum * layout.length * bytesPerElement(floatType)) / total;
  return Math.min(most / largest, Math.max(least / largest, enough));
}

/** More threads than this would spend their time waiting for memory. */
const mostLanes = 8;

/** How many threads may evaluate the data at the same time. */
export const lanesFor = (device: Device, threads = availableParallelism()): number =>
  device === 'cpu' ? Math.min(mostLanes, threads) : 1;

/** Least bytes of intermediate values for which several threads are worth their meetings. */
const laneTarget = 2 ** 26;

/**
 * Evaluates in chunks small enough for activations to stay in the cache. A step with correction needs the whole gradient
 * before its second half, so it pays one more forward and backward pass unless the activations of all chunks fit the memory
 * budget. Large problems are divided among up to `lanes` threads.
 */
export function chooseChunks(
  problem: Problem,
  options: { microBatch?: number; memoryBudget: number; lanes?: number },
): Plan {
  const { samples, fixedBatch } = problem;
  const { microBatch } = options;
  checkDivision(problem, microBatch);
  // With batch statistics, micro-batches that are asked for are ghost batches: each is normalised on its own.
  const divided = microBatch !== undefined && microBatch < samples;
  if (fixedBatch === undefined && problem.indivisible !== undefined && !divided)
    return { plain: chunksOf(samples, samples), corrected: chunksOf(samples, samples) };
  const given = fixedBatch ?? microBatch;
  const allowed = options.lanes ?? 1;
  if (given !== undefined && allowed === 1)
    return { plain: chunksOf(samples, given), corrected: chunksOf(samples, given) };
  const cost = sampleCost(problem);
  const lanes = lanesOf(samples, laneCount(problem, cost, options.memoryBudget, allowed), given);
  const [{ samples: most }] = lanes;
  if (given !== undefined) return { plain: chunksOf(most, given), corrected: chunksOf(most, given), lanes };
  const affordable = Math.max(1, Math.floor(options.memoryBudget / (workingSet * cost.total)));
  const fitting = lanes.length > 1 ? ownChunk(problem, cost) : cacheTarget.shared / cost.largest;
  const cached = Math.max(1, Math.round(fitting));
  const plain = evenChunks(most, Math.min(Math.ceil(affordable / lanes.length), cached));
  if (affordable < samples) return { plain, corrected: plain, lanes };
  const fewParts = Math.max(1, Math.min(mostParts, Math.floor(mostNodes / (correctedNodes * cost.nodes))));
  const parts = evenChunks(most, Math.max(plain.size, Math.ceil(most / fewParts)));
  return { plain, corrected: { ...parts, together: true }, lanes };
}

/** Bytes of intermediate values and parameters up to which threads would wait for each other longer than they work. */
const smallStep = 2 ** 20;

/**
 * How mini-batches are evaluated: how many samples in one pass, so that activations stay in the cache and memory suffices,
 * and whether one thread is faster than several. Passes that are asked for are ghost batches under batch statistics.
 */
export function batchPlan(
  problem: Problem,
  size: number,
  { microBatch, memoryBudget }: { microBatch?: number; memoryBudget: number },
): BatchPlan {
  const { layout, floatType, indivisible, fixedBatch } = problem;
  const cost = sampleCost(problem);
  const small = size * cost.total + 4 * layout.length * bytesPerElement(floatType) < smallStep;
  if (microBatch !== undefined) return { pass: Math.min(microBatch, size), small };
  if (indivisible !== undefined || fixedBatch !== undefined) return { pass: size, small };
  const affordable = Math.max(1, Math.floor(memoryBudget / (workingSet * cost.total)));
  const cached = Math.max(1, Math.round(cacheTarget.shared / cost.largest));
  return { pass: evenChunks(size, Math.min(affordable, cached)).size, small };
}

/** Vectors of the length of θ that a lane holds of its own: its gradient and product, their parts and sums. */
const laneVectors = 25;

/**
 * As many lanes as are allowed where the work on the samples is large, and larger than that on the parameters. Each holds a
 * copy of its part of the data and vectors of its own, which must fit the budget.
 */
function laneCount(
  { samples, layout, floatType, feeds }: Problem,
  cost: SampleCost,
  budget: number,
  most: number,
): number {
  const work = samples * cost.total;
  const parameters = layout.length * bytesPerElement(floatType);
  const data = feeds.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  const fits = data <= budget && most * laneVectors * parameters <= budget;
  return fits && work >= laneTarget && work >= 16 * parameters ? most : 1;
}

/** Refuses chunks that the model cannot be evaluated in. */
function checkDivision({ samples, fixedBatch, indivisible }: Problem, microBatch: number | undefined): void {
  if (fixedBatch !== undefined) {
    if (microBatch !== undefined && microBatch !== fixedBatch) {
      throw new InspectorError(
        `The model is bound to batches of ${fixedBatch}, so micro-batches of ${microBatch} are impossible.`,
        words`Leave ${at('microBatch')} out, or export the model with a dynamic batch axis.`,
      );
    }
    if (samples % fixedBatch !== 0) {
      throw new InspectorError(
        `The model is bound to batches of ${fixedBatch}, and ${samples} samples are no multiple of that.`,
        samples < fixedBatch
          ? 'Export the model with a dynamic batch axis, or give more samples.'
          : words`Export the model with a dynamic batch axis, or use ${at('limit', samples - (samples % fixedBatch))}.`,
      );
    }
    if (indivisible === 'loss inside' && samples !== fixedBatch) {
      throw new InspectorError(
        `The loss is computed inside the model, which is bound to batches of ${fixedBatch}, so the mean over ${samples} samples cannot be taken.`,
        'Export the model with a dynamic batch axis.',
      );
    }
  } else if (indivisible === 'loss inside' && microBatch !== undefined && microBatch < samples) {
    throw new InspectorError(
      'The loss is computed inside the model, so it cannot be put together from micro-batches.',
      words`Leave ${at('microBatch')} out, or export the model without its loss and choose one with ${at('loss')}.`,
    );
  }
}

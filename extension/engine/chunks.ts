import { gradient } from '../autodiff/gradient.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { nodesReaching } from '../onnx/graph.ts';
import { bytesPerElement, elementCount } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import type { Problem } from './problem.ts';

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

/** What one sample costs in the graph of loss and gradient, in bytes. */
export interface SampleCost {
  /** All intermediate values of loss and gradient. */
  readonly total: number;
  /** The largest single value. */
  readonly largest: number;
}

/** Measures the graph of a problem for batches of two sizes and takes the difference, which leaves out what does not grow. */
export function sampleCost(problem: Problem): SampleCost {
  const unit = problem.fixedBatch ?? 1;
  if (problem.samples < 2 * unit || problem.fixedBatch !== undefined) {
    const { total, largest } = graphBytes(problem, unit);
    return { total: total / unit, largest: largest / unit };
  }
  const [one, two] = [graphBytes(problem, unit), graphBytes(problem, 2 * unit)];
  return { total: Math.max(1, two.total - one.total) / unit, largest: Math.max(1, two.largest / (2 * unit)) };
}

function graphBytes(problem: Problem, batch: number): { total: number; largest: number } {
  const b = new GraphBuilder();
  const parameters = new Map(
    problem.layout.segments.map(({ name, shape }) => [name, b.input(name, problem.floatType, shape)]),
  );
  const data = new Map(
    problem.feeds.map(({ name, tensor, perSample }) => [
      name,
      b.input(name, tensor.type, perSample ? [batch, ...tensor.shape.slice(1)] : tensor.shape),
    ]),
  );
  const loss = problem.emit(b, parameters, data);
  const results = gradient(b, loss, [...parameters.values()]);
  let total = 0;
  let largest = 0;
  const weights = new Set(problem.layout.segments.map(({ size }) => size));
  for (const node of nodesReaching([loss, ...results], () => true)) {
    // Views share memory with what they show.
    if (node.opType === 'Reshape') continue;
    for (const value of node.outputs) {
      const bytes = elementCount(value.shape) * bytesPerElement(value.type);
      total += bytes;
      if (!weights.has(elementCount(value.shape))) largest = Math.max(largest, bytes);
    }
  }
  return { total, largest };
}

/** Memory of a step with correction against all values of loss and gradient of its samples: measured 0.6 (MLP) to 1.8 (CNN). */
const workingSet = 1.8;

/** Most parts that are evaluated side by side: each adds a copy of the network's nodes to the program. */
const mostParts = 12;

/** Bytes of one activation that stay in a core's cache while the next operator reads them. */
const cacheTarget = 3.3e6;

/**
 * The chunk sizes of a plain step and of a step with correction. Small chunks keep activations in the cache; a step with
 * correction needs the whole gradient before its second half, so it pays one more forward and backward pass unless the
 * activations of all chunks fit the memory budget.
 */
export function chooseChunks(
  problem: Problem,
  options: { microBatch?: number; memoryBudget: number },
): { plain: Chunks; corrected: Chunks } {
  const { samples, fixedBatch } = problem;
  if (fixedBatch !== undefined) {
    if (options.microBatch !== undefined && options.microBatch !== fixedBatch) {
      throw new InspectorError(
        `The model is bound to batches of ${fixedBatch}, so micro-batches of ${options.microBatch} are impossible.`,
        'Leave --micro-batch out, or export the model with a dynamic batch axis.',
      );
    }
    if (samples % fixedBatch !== 0) {
      throw new InspectorError(
        `The model is bound to batches of ${fixedBatch}, and ${samples} samples are no multiple of that.`,
        samples < fixedBatch
          ? 'Export the model with a dynamic batch axis, or give more samples.'
          : `Export the model with a dynamic batch axis, or use --limit ${samples - (samples % fixedBatch)}.`,
      );
    }
    if (problem.indivisible === 'loss inside' && samples !== fixedBatch) {
      throw new InspectorError(
        `The loss is computed inside the model, which is bound to batches of ${fixedBatch}, so the mean over ${samples} samples cannot be taken.`,
        'Export the model with a dynamic batch axis.',
      );
    }
    return { plain: chunksOf(samples, fixedBatch), corrected: chunksOf(samples, fixedBatch) };
  }
  const divided = options.microBatch !== undefined && options.microBatch < samples;
  if (problem.indivisible === 'loss inside' && divided) {
    throw new InspectorError(
      'The loss is computed inside the model, so it cannot be put together from micro-batches.',
      'Leave --micro-batch out, or export the model without its loss and choose one with --loss.',
    );
  }
  // With batch statistics, micro-batches that are asked for are ghost batches: each is normalised on its own.
  if (problem.indivisible !== undefined && !divided) {
    return { plain: chunksOf(samples, samples), corrected: chunksOf(samples, samples) };
  }
  if (options.microBatch !== undefined) {
    const chunks = chunksOf(samples, options.microBatch);
    return { plain: chunks, corrected: chunks };
  }
  const cost = sampleCost(problem);
  const affordable = Math.max(1, Math.floor(options.memoryBudget / (workingSet * cost.total)));
  const cached = Math.max(1, Math.round(cacheTarget / cost.largest));
  const plain = evenChunks(samples, Math.min(affordable, cached));
  if (affordable < samples) return { plain, corrected: plain };
  const parts = evenChunks(samples, Math.max(plain.size, Math.ceil(samples / mostParts)));
  return { plain, corrected: { ...parts, together: true } };
}

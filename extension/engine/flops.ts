import { type Node, nodesReaching, type Value } from '../onnx/graph.ts';
import { elementCount } from '../onnx/tensor.ts';
import { chunkValues } from './chunks.ts';
import type { Problem } from './problem.ts';

/** Floating-point operations of a step: an addition and a multiplication are two. */
export interface StepFlops {
  /** Loss and gradient. */
  readonly plain: number;
  /** Loss, gradient and one product of the Hessian with a vector. */
  readonly corrected: number;
}

/**
 * Counts the operations of a step over `samples` samples: 2·m·n·k for products of matrices, the same for convolutions as such
 * products, and one for each element that any other operator puts out. Optimizers that take several products need more.
 */
export function stepFlops(problem: Problem, samples: number): StepFlops {
  const unit = problem.fixedBatch ?? 1;
  if (problem.fixedBatch !== undefined || samples < 2 * unit) {
    const one = countedAt(problem, unit);
    return { plain: (one.plain * samples) / unit, corrected: (one.corrected * samples) / unit };
  }
  // Linear in the samples, with a part that does not grow.
  const [one, two] = [countedAt(problem, unit), countedAt(problem, 2 * unit)];
  const grown = (of: keyof StepFlops) => one[of] + ((two[of] - one[of]) * (samples - unit)) / unit;
  return { plain: grown('plain'), corrected: grown('corrected') };
}

function countedAt(problem: Problem, batch: number): StepFlops {
  const { gradient, products } = chunkValues(problem, batch);
  return { plain: flopsOf(gradient), corrected: flopsOf([...gradient, ...products]) };
}

const flopsOf = (wanted: readonly Value[]): number =>
  nodesReaching(wanted, () => true).reduce((sum, node) => sum + nodeFlops(node), 0);

function nodeFlops(node: Node): number {
  const [a, w] = node.inputs;
  const out = node.outputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  // A body runs once for each slice of its sequences; its own nodes are few beside the products outside it.
  if (node.body) return flopsOf(node.body.outputs.map(({ value }) => value)) * (node.outputs.at(-1)?.shape[0] ?? 1);
  switch (node.opType) {
    case 'Gemm':
      return 2 * out * (a!.shape[node.attributes.transA === 1 ? 0 : 1] ?? 1);
    case 'MatMul':
      return 2 * out * (a!.shape.at(-1) ?? 1);
    case 'Conv':
    case 'BlockedConv':
      // Every element put out is a product of one filter with a window: c/group·kernel.
      return 2 * out * elementCount(w!.shape.slice(1));
    case 'ConvTranspose':
      return 2 * elementCount(a!.shape) * elementCount(w!.shape.slice(1));
    case 'ConvWeightGradient':
      // As many products as the convolution has whose weights these are: dy [n, m, …], the second input, against windows.
      return 2 * elementCount(w!.shape) * elementCount(node.outputs[0].shape.slice(1));
    case 'Reshape':
      return 0;
    default:
      return out;
  }
}

import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { allocate, elementCount, type FloatType, type Shape, type Tensor, toFloat } from '../onnx/tensor.ts';

/** Elements that one partial sum covers: enough for speed, few enough for float32. */
export const blockSize = 128;

/** Where one parameter tensor lies in θ. */
export interface Segment {
  readonly name: string;
  readonly shape: Shape;
  readonly size: number;
  readonly offset: number;
  /** Zeros behind it, up to the next multiple of the block size. */
  readonly filler: number;
}

/**
 * θ ∈ R^p as one vector: every tensor starts at a multiple of the block size, so that sums per tensor are sums of whole
 * blocks. Optimizer states, gradients and products have the same layout, and an update is a handful of nodes however
 * many tensors a model has.
 */
export class ParameterLayout {
  readonly segments: readonly Segment[];
  /** Length of the vector, fillers included. */
  readonly length: number;
  /** p, the number of parameters. */
  readonly count: number;

  constructor(tensors: readonly { readonly name: string; readonly shape: Shape }[]) {
    let offset = 0;
    this.segments = tensors.map(({ name, shape }) => {
      const size = elementCount(shape);
      const filler = (blockSize - (size % blockSize)) % blockSize;
      const segment = { name, shape, size, offset, filler };
      offset += size + filler;
      return segment;
    });
    this.length = offset;
    this.count = this.segments.reduce((sum, { size }) => sum + size, 0);
  }

  /** The vector that holds the given tensors. */
  pack(type: FloatType, tensors: ReadonlyMap<string, Tensor>): Tensor<FloatType> {
    const data = allocate(type, this.length);
    for (const { name, offset } of this.segments) data.set(toFloat(tensors.get(name)!, type).data, offset);
    return { type, shape: [this.length], data };
  }

  zeros(type: FloatType): Tensor<FloatType> {
    return { type, shape: [this.length], data: allocate(type, this.length) };
  }

  /** The tensors of a vector, as copies. */
  unpack(vector: Tensor): Map<string, Tensor> {
    const data = vector.data as Float32Array;
    return new Map(
      this.segments.map(({ name, shape, offset, size }) => [
        name,
        { type: vector.type, shape, data: data.slice(offset, offset + size) },
      ]),
    );
  }

  /** Emits the parameter tensors as parts of the vector. */
  split(b: GraphBuilder, theta: Value): Map<string, Value> {
    const sizes = this.segments.flatMap(({ size, filler }) => (filler > 0 ? [size, filler] : [size]));
    const parts = [...b.split(theta, sizes, 0)];
    return new Map(
      this.segments.map(({ name, shape, filler }) => {
        const part = parts.shift()!;
        if (filler > 0) parts.shift();
        return [name, b.reshape(part, shape)];
      }),
    );
  }

  /** Emits 1 at parameters and 0 at fillers. */
  mask(b: GraphBuilder, type: FloatType): Value {
    const parts = this.segments.flatMap(({ size, filler }) => [
      b.full(type, [size], 1),
      ...(filler > 0 ? [b.full(type, [filler], 0)] : []),
    ]);
    return b.concat(parts, 0);
  }

  /**
   * Emits sums (or other reductions) per tensor of several vectors: the result is float64 [tensors, vectors]. Blocks are
   * reduced in the type of the vectors, blocks of a tensor in float64.
   */
  reduce(b: GraphBuilder, op: 'ReduceSum' | 'ReduceMin' | 'ReduceMax', vectors: readonly Value[]): Value {
    const blocks = this.length / blockSize;
    const partial = vectors.map((vector) =>
      b.reshape(b.cast(b.reduce(op, b.reshape(vector, [blocks, blockSize]), [1]), 'float64'), [1, blocks]),
    );
    const perTensor = b.split(
      b.concat(partial, 0),
      this.segments.map(({ size, filler }) => (size + filler) / blockSize),
      1,
    );
    const reduced = perTensor.map((part) => b.reshape(b.reduce(op, part, [1]), [1, vectors.length]));
    return b.concat(reduced, 0);
  }
}

import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { allocate, elementCount, type FloatType, type Shape, type Tensor, toFloat } from '../onnx/tensor.ts';

/** Elements that one partial sum covers: enough for speed, few enough for float32. */
export const blockSize = 128;

/** Elements of a tile, a multiple of the block size: a dozen such vectors fit a core's cache. */
export const tileSize = 1 << 15;

/** A tile as a matrix whose rows are blocks. */
export const tileShape = [tileSize / blockSize, blockSize] as const;

export type Reduction = 'ReduceSum' | 'ReduceMin' | 'ReduceMax';

/** Where one parameter tensor lies in θ. */
export interface Segment {
  readonly name: string;
  readonly shape: Shape;
  readonly size: number;
  readonly offset: number;
  /** Zeros behind it, up to the next multiple of the block size (of the tile size, behind the last of a long vector). */
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
    const padded = (size: number, unit: number) => Math.ceil(size / unit) * unit;
    const total = tensors.reduce((sum, { shape }) => sum + padded(elementCount(shape), blockSize), 0);
    const tail = total > tileSize ? padded(total, tileSize) - total : 0;
    this.segments = tensors.map(({ name, shape }, i) => {
      const size = elementCount(shape);
      const filler = padded(size, blockSize) - size + (i === tensors.length - 1 ? tail : 0);
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

  /** A vector as the matrix of its tiles, [tiles, …], where it is long. */
  tiled(b: GraphBuilder, vector: Value): Value {
    return this.length > tileSize ? b.reshape(vector, [this.length / tileSize, ...tileShape]) : vector;
  }

  /**
   * A vector in the shape in which a loop carries it: that in which work by tiles leaves it, since as a vector it would be copied at
   * the end of every turn. A vector that is one tensor, without filler, stays: whoever reshapes that tensor would reshape the
   * tiles, past the vector of which gradients are taken.
   */
  carried(b: GraphBuilder, vector: Value): Value {
    return this.segments.length === 1 && this.count === this.length ? vector : this.tiled(b, vector);
  }

  /** The vector of a matrix of tiles. */
  flat(b: GraphBuilder, tiles: Value): Value {
    return b.reshape(tiles, [this.length]);
  }

  /** Emits the parameter tensors as parts of the vector. */
  split(b: GraphBuilder, theta: Value): Map<string, Value> {
    return this.tensors(b, this.parts(b, theta));
  }

  /**
   * Emits the segments of the vector without fillers, [size] each. Gradients are taken of these where they are not taken of θ:
   * a model that reshapes a tensor reshapes its segment.
   */
  parts(b: GraphBuilder, theta: Value): Value[] {
    const sizes = this.segments.flatMap(({ size, filler }) => (filler > 0 ? [size, filler] : [size]));
    const pieces = [...b.split(theta, sizes, 0)];
    return this.segments.map(({ filler }) => pieces.splice(0, filler > 0 ? 2 : 1)[0]);
  }

  /** Emits the parameter tensors that the segments hold. */
  tensors(b: GraphBuilder, parts: readonly Value[]): Map<string, Value> {
    return new Map(this.segments.map(({ name, shape }, i) => [name, b.reshape(parts[i], shape)]));
  }

  /** Emits the vector of the given segments, with zeros between. */
  join(b: GraphBuilder, parts: readonly Value[]): Value {
    const pieces = this.segments.flatMap(({ filler }, i) =>
      filler > 0 ? [parts[i], b.full(parts[i].type, [filler], 0)] : [parts[i]],
    );
    return b.concat(pieces, 0);
  }

  /** Emits 1 at parameters and 0 at fillers. */
  mask(b: GraphBuilder, type: FloatType): Value {
    const parts = this.segments.flatMap(({ size, filler }) => [
      b.full(type, [size], 1),
      ...(filler > 0 ? [b.full(type, [filler], 0)] : []),
    ]);
    return b.concat(parts, 0);
  }

  /** Emits a vector of truth values: those of whole segments. */
  members(b: GraphBuilder, contains: (segment: number) => boolean): Value {
    const parts = this.segments.map(({ size, filler }, i) => b.full('bool', [size + filler], contains(i) ? 1 : 0));
    return b.concat(parts, 0);
  }

  /** Emits reductions per tensor from those of blocks: float64 [blocks, n] to [tensors, n]. */
  perTensor(b: GraphBuilder, op: Reduction, blocks: Value): Value {
    const parts = b.split(
      blocks,
      this.segments.map(({ size, filler }) => (size + filler) / blockSize),
      0,
    );
    const reduced = parts.map((part) => b.reduce(op, part, [0], true));
    return b.concat(reduced, 0);
  }
}

/**
 * Emits reductions of the blocks of some vectors: n·blockSize elements each to float64 [n, vectors], within a block in their own
 * type.
 */
export function reduceBlocks(b: GraphBuilder, op: Reduction, vectors: readonly Value[]): Value {
  const columns = vectors.map((vector) =>
    b.reduce(op, b.reshape(vector, [elementCount(vector.shape) / blockSize, blockSize]), [1], true),
  );
  return b.cast(b.concat(columns, 1), 'float64');
}

import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import { blockSize, type ParameterLayout, type Reduction, reduceBlocks, tileSize } from './layout.ts';

/** What is computed from vectors of the layout of θ, coordinate by coordinate. */
export interface CoordinateResults {
  /** Results that are vectors themselves. */
  readonly vectors: readonly Value[];
  /** Vectors of which only a reduction per tensor is wanted. */
  readonly sums: readonly Value[];
  readonly lows: readonly Value[];
  readonly highs: readonly Value[];
}

export interface ReducedResults {
  readonly vectors: readonly Value[];
  /** float64 [tensors, number of vectors]; undefined where there are none. */
  readonly sums: Value | undefined;
  readonly lows: Value | undefined;
  readonly highs: Value | undefined;
}

const reductions: readonly [keyof Omit<CoordinateResults, 'vectors'>, Reduction][] = [
  ['sums', 'ReduceSum'],
  ['lows', 'ReduceMin'],
  ['highs', 'ReduceMax'],
];

/**
 * Emits element-wise work on vectors of the layout of θ with reductions per tensor. A long vector is taken tile by tile, so
 * that the many intermediate vectors of an update and of the measures stay in the cache and need no memory of their own.
 */
export function perCoordinate(
  b: GraphBuilder,
  layout: ParameterLayout,
  inputs: readonly Value[],
  emit: (b: GraphBuilder, inputs: readonly Value[]) => CoordinateResults,
): ReducedResults {
  const tiles = layout.length / tileSize;
  if (tiles <= 1) {
    const results = emit(b, inputs);
    const reduced = reductions.map(([kind, op]) => {
      const vectors = results[kind];
      return vectors.length > 0 ? layout.perTensor(b, op, reduceBlocks(b, op, vectors)) : undefined;
    });
    return { vectors: results.vectors, sums: reduced[0], lows: reduced[1], highs: reduced[2] };
  }
  const cut = inputs.map((vector) => layout.tiled(b, vector));
  let counts: readonly number[] = [];
  let vectorCount = 0;
  const { stacked } = b.scan([], cut, (body, _, slices) => {
    const results = emit(body, slices);
    vectorCount = results.vectors.length;
    counts = reductions.map(([kind]) => results[kind].length);
    const blocks = reductions.flatMap(([kind, op]) =>
      results[kind].length > 0 ? [reduceBlocks(body, op, results[kind])] : [],
    );
    return { carried: [], stacked: [...results.vectors, ...blocks] };
  });
  const vectors = stacked.slice(0, vectorCount).map((value) => layout.flat(b, value));
  const rest = [...stacked.slice(vectorCount)];
  const reduced = reductions.map(([, op], i) => {
    if (counts[i] === 0) return undefined;
    // [tiles, blocks of a tile, n] to [blocks, n]
    return layout.perTensor(b, op, b.reshape(rest.shift()!, [layout.length / blockSize, counts[i]]));
  });
  return { vectors, sums: reduced[0], lows: reduced[1], highs: reduced[2] };
}

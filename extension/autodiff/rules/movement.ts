import type { GraphBuilder } from '../../onnx/builder.ts';
import { nth, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import { constantInts, sliceRange } from '../../onnx/shapes.ts';
import { type GradientRule, type RuleNode, simple } from '../rule.ts';

const zeros = (shape: readonly number[]): number[] => shape.map(() => 0);

export const movement = {
  ...simple({
    Reshape: (b, { in: [x] }, dy) => [b.reshape(dy, x.shape)],
    Transpose: (b, { attributes }, dy) => {
      const perm = attributes.perm;
      return [
        b.transpose(
          dy,
          perm.map((_, axis) => perm.indexOf(axis)),
        ),
      ];
    },
    // The reverse walk sums over the broadcast axes.
    Expand: (_b, _node, dy) => [dy],
    Concat: (b, { in: parts, attributes }, dy) => {
      const axis = attributes.axis;
      return b.split(
        dy,
        parts.map((part) => nth(part.shape, axis)),
        axis,
      );
    },
    Slice: (b, { in: [x, starts, ends, axes, steps] }, dy) => {
      const ranges = zip(...[axes, starts, ends, steps].map((value) => constantInts(value, 'a slice')));
      return [
        ranges.reduce((cotangent, range) => {
          const [axis, start, end, step] = range as [number, number, number, number];
          const size = nth(x.shape, axis);
          const { first } = sliceRange(size, start, end, step);
          return unslice(b, cotangent, axis, { size, first, step });
        }, dy),
      ];
    },
    Pad: (b, { in: [x, pads] }, dy) => {
      const removed = constantInts(pads, 'the pads').map((amount) => -amount);
      const rank = x.shape.length;
      return [b.pad(dy, removed.slice(0, rank), removed.slice(rank))];
    },
    Gather: (b, { in: [x, indices], attributes }, dy) => {
      // Moves the gathered axis to the front, where ScatterND can add whole rows.
      const axis = attributes.axis;
      const front = [axis, ...x.shape.map((_, i) => i).filter((i) => i !== axis)];
      const lead = indices.shape.map((_, i) => axis + i);
      const rest = dy.shape.map((_, i) => i).filter((i) => !lead.includes(i));
      const updates = b.transpose(dy, [...lead, ...rest]);
      const shape = front.map((i) => nth(x.shape, i));
      const sum = b.scatterNDAdd(
        b.full(x.type, shape, 0),
        b.reshape(nonNegative(b, indices, nth(x.shape, axis)), [...indices.shape, 1]),
        updates,
      );
      return [
        b.transpose(
          sum,
          front.map((_, i) => front.indexOf(i)),
        ),
      ];
    },
    GatherElements: (b, { in: [x, indices], attributes }, dy) => [
      b.scatterElementsAdd(b.zerosLike(x), indices, dy, attributes.axis),
    ],
    GatherND: (b, { in: [x, indices], attributes }, dy) => [
      b.scatterNDAdd(b.zerosLike(x), withBatchIndices(b, x, indices, attributes.batch_dims ?? 0), dy),
    ],
    // y = x with rows added (or replaced): what was replaced gets nothing
    ScatterElements: (b, { in: [, indices, updates], attributes }, dy) => {
      const axis = attributes.axis;
      const du = b.gatherElements(dy, indices, axis);
      if (attributes.reduction === 'add') return [dy, undefined, du];
      const kept = b.emit('ScatterElements', [b.full(dy.type, dy.shape, 1), indices, b.zerosLike(updates)], {
        axis,
        reduction: 'none',
      })[0];
      return [b.mul(dy, kept), undefined, du];
    },
    ScatterND: (b, { in: [, indices, updates], attributes }, dy) => {
      const du = b.gatherND(dy, indices);
      if (attributes.reduction === 'add') return [dy, undefined, du];
      const kept = b.emit('ScatterND', [b.full(dy.type, dy.shape, 1), indices, b.zerosLike(updates)], {
        reduction: 'none',
      })[0];
      return [b.mul(dy, kept), undefined, du];
    },
  }),
  Split: ((b: GraphBuilder, { out, attributes }: RuleNode<'Split'>, ...dy: (Value | undefined)[]) => [
    b.concat(
      out.map((part, i) => dy[i] ?? b.zerosLike(part)),
      attributes.axis,
    ),
  ]) satisfies GradientRule<'Split'>,
  // The values are elements of x at the indices that the forward pass chose.
  TopK: ((b: GraphBuilder, { in: [x], out: [, indices], attributes }: RuleNode<'TopK'>, dy?: Value) =>
    dy ? [b.scatterElementsAdd(b.zerosLike(x), indices, dy, attributes.axis)] : []) satisfies GradientRule<'TopK'>,
};

/** Puts the elements of a slice back where they came from, zeros elsewhere, along one axis. */
function unslice(
  b: GraphBuilder,
  dy: Value,
  axis: number,
  { size, first, step }: { size: number; first: number; step: number },
): Value {
  const count = nth(dy.shape, axis);
  if (count === 0) return b.full(dy.type, dy.shape.with(axis, size), 0);
  const stride = Math.abs(step);
  const ordered = step < 0 ? b.slice(dy, { starts: [-1], ends: [-(count + 1)], axes: [axis], steps: [-1] }) : dy;
  const low = step < 0 ? first + step * (count - 1) : first;
  const spread = spreadOut(b, ordered, axis, stride);
  const length = (count - 1) * stride + 1;
  const begin = zeros(dy.shape).with(axis, low);
  const end = zeros(dy.shape).with(axis, size - low - length);
  return b.pad(spread, begin, end);
}

/** Inserts stride − 1 zeros between neighbours along an axis: pad an inner axis, join it, cut the tail. */
export function spreadOut(b: GraphBuilder, x: Value, axis: number, stride: number): Value {
  const count = nth(x.shape, axis);
  // One element has no neighbour, however long the stride is.
  if (stride === 1 || count <= 1) return x;
  const split = b.reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)]);
  const padded = b.pad(split, zeros(split.shape), zeros(split.shape).with(axis + 1, stride - 1));
  const joined = b.reshape(padded, x.shape.with(axis, count * stride));
  return b.slice(joined, { starts: [0], ends: [(count - 1) * stride + 1], axes: [axis] });
}

/** Indices counted from the front. */
function nonNegative(b: GraphBuilder, indices: Value, size: number): Value {
  const index = b.cast(indices, 'int64');
  return b.where(b.less(index, b.scalar('int64', 0)), b.add(index, b.scalar('int64', size)), index);
}

/** Indices of GatherND with the batch coordinates written out, as ScatterND has no batch axes. */
function withBatchIndices(b: GraphBuilder, x: Value, indices: Value, batchDims: number): Value {
  if (!batchDims) return indices;
  const lead = indices.shape.slice(0, -1);
  const coordinates = x.shape.slice(0, batchDims).map((size, axis) => {
    const range = b.emit('Range', [b.scalar('int64', 0), b.scalar('int64', size), b.scalar('int64', 1)])[0];
    const shaped = b.reshape(range, [...lead.map((_, i) => (i === axis ? size : 1)), 1]);
    return b.expand(shaped, [...lead, 1]);
  });
  return b.concat([...coordinates, indices], lead.length);
}

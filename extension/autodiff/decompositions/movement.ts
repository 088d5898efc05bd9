import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { broadcastShapes, leading, normaliseAxes, normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount, numbersOf, tensorOf } from '../../onnx/tensor.ts';

/** The target of Reshape: 0 copies a dimension (unless allowzero), one −1 is inferred. */
function reshapeTarget(call: OperatorCall<'Reshape'>): number[] {
  const { shape } = call.in[0];
  const wanted = call.constantInts(1);
  const copied = wanted.map((dim, i) => (dim === 0 && call.attributes.allowzero === 0 ? (shape[i] ?? 0) : dim));
  const total = elementCount(shape);
  const known = copied.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const target = copied.map((dim) => (dim === -1 ? total / known : dim));
  if (target.some((dim) => !Number.isInteger(dim) || dim < 0) || elementCount(target) !== total) {
    throw new Error(`cannot reshape ${showShape(shape)} to ${showShape(wanted)}`);
  }
  return target;
}

const squeeze: Definition<'Squeeze'> = (b, call) => {
  const [x] = call.in;
  const rank = x.shape.length;
  const axes =
    (call.attributes.axes ?? call.optionalInts(1))?.map((axis) => normaliseAxis(axis, rank)) ??
    x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  for (const axis of axes)
    if (x.shape[axis] !== 1) throw new Error(`axis ${axis} of ${showShape(x.shape)} is not of size 1`);
  return b.reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
};

const unsqueeze: Definition<'Unsqueeze'> = (b, call) => {
  const [x] = call.in;
  const wanted = call.attributes.axes ?? call.optionalInts(1) ?? [];
  const rank = x.shape.length + wanted.length;
  const axes = new Set(normaliseAxes(wanted, rank));
  const rest = x.shape.values();
  return b.reshape(
    x,
    listed(rank, (axis) => (axes.has(axis) ? 1 : (rest.next().value ?? 1))),
  );
};

const slice: Definition<'Slice'> = (b, call) => {
  const { attributes } = call;
  const starts = attributes.starts ?? call.optionalInts(1) ?? [];
  return b.slice(call.in[0], {
    starts,
    ends: attributes.ends ?? call.optionalInts(2) ?? [],
    axes: attributes.axes ?? call.optionalInts(3) ?? starts.map((_, i) => i),
    steps: call.optionalInts(4),
  });
};

/** Sizes of the parts of a split: given, or equal with a smaller last one. */
function splitSizes(call: OperatorCall<'Split'>, dim: number): readonly number[] {
  const given = call.attributes.split ?? call.optionalInts(1);
  if (given) return given;
  const parts = call.attributes.num_outputs ?? call.node.outputs.length;
  const size = Math.ceil(dim / parts);
  return listed(parts, (i) => Math.max(0, Math.min(size, dim - i * size)));
}

/** The parts of a split; those of constants are folded, which takes one slice for each. */
export function splitParts(b: GraphBuilder, x: Value, sizes: readonly number[], axis: number): readonly Value[] {
  if (!x.constant) return b.split(x, sizes, axis);
  let start = 0;
  return sizes.map((size) => {
    const part = b.slice(x, { starts: [start], ends: [start + size], axes: [axis] });
    start += size;
    return part;
  });
}

/** Repeats a tensor along each axis by expanding an extra axis in front of it. */
function tile(b: GraphBuilder, x: Value, repeats: readonly number[]): Value {
  if (repeats.length !== x.shape.length)
    throw new Error(`${repeats.length} repeats are given for ${x.shape.length} axes`);
  const split = x.shape.flatMap((dim) => [1, dim]);
  const axes = zip(repeats, x.shape);
  return b.reshape(
    b.expand(b.reshape(x, split), axes.flat()),
    axes.map(([times, dim]) => dim * times),
  );
}

/** By how many places each column is ahead of the diagonal: column − row − offset, [rows, columns]. */
export function aheadOf(b: GraphBuilder, rows: number, columns: number, offset: number): Value {
  return b.sub(b.range(0, columns), b.reshape(b.range(offset, rows), [rows, 1]));
}

/** Lower (or upper) triangle: a constant mask times the matrix. */
const trilu: Definition<'Trilu'> = (b, call) => {
  const [x, diagonal] = call.in;
  const k = diagonal ? call.constantInt(1) : 0;
  const upper = call.attributes.upper === 1;
  const [rows, columns] = leading(x.shape.slice(-2), 2);
  const ahead = aheadOf(b, rows, columns, k);
  const zero = b.scalar('int64', 0);
  return b.where(upper ? b.greaterOrEqual(ahead, zero) : b.not(b.greater(ahead, zero)), x, b.number(0, x));
};

/** Cuts or fills the ends of some axes so that what is there stays in the middle. */
const centerCropPad: Definition<'CenterCropPad'> = (b, call) => {
  const [x] = call.in;
  const axes = normaliseAxes(call.attributes.axes ?? [...x.shape.keys()], x.shape.length);
  const sizes = call.constantInts(1);
  if (sizes.length !== axes.length) throw new Error(`${sizes.length} sizes are given for ${axes.length} axes`);
  const begin = x.shape.map(() => 0);
  const end = x.shape.map(() => 0);
  for (const [axis, size] of zip(axes, sizes)) {
    // Half of what is missing goes in front, rounded down; half of what is too much is cut there, rounded down.
    const missing = size - nth(x.shape, axis);
    const front = Math.trunc(missing / 2);
    begin[axis] = front;
    end[axis] = missing - front;
  }
  return b.pad(x, begin, end);
};

export const movement = {
  Reshape: (b, call) => b.reshape(call.in[0], reshapeTarget(call)),
  Flatten: (b, { in: [x], attributes: { axis } }) => {
    const at = axis < 0 ? axis + x.shape.length : axis;
    return b.reshape(x, [elementCount(x.shape.slice(0, at)), elementCount(x.shape.slice(at))]);
  },
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (b, { in: [x], attributes }) => {
    const axes = [...x.shape.keys()];
    const { perm = axes.toReversed() } = attributes;
    if (String(perm.toSorted((i, j) => i - j)) !== String(axes))
      throw new Error(`${showShape(perm)} is no order of the ${axes.length} axes`);
    return b.transpose(x, perm);
  },
  Concat: (b, call) => b.concat(call.in, call.attributes.axis),
  Split: (b, call) => {
    const [x] = call.in;
    const axis = normaliseAxis(call.attributes.axis, x.shape.length);
    const dim = nth(x.shape, axis);
    const sizes = splitSizes(call, dim);
    if (sizes.reduce((sum, size) => sum + size, 0) !== dim)
      throw new Error(`sizes ${showShape(sizes)} do not add up to ${dim}`);
    return splitParts(b, x, sizes, axis);
  },
  Slice: slice,
  Expand: (b, call) => b.expand(call.in[0], broadcastShapes(call.in[0].shape, call.constantInts(1))),
  CenterCropPad: centerCropPad,
  Tile: (b, call) => tile(b, call.in[0], call.constantInts(1)),
  Trilu: trilu,

  // ----- shapes and constants: all of it is known while the graph is built -----
  Shape: (b, { in: [{ shape }], attributes: { start, end = shape.length } }) => {
    const rank = shape.length;
    const within = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
    return b.ints(shape.slice(within(start), within(end)));
  },
  Size: (b, { in: [x] }) => b.scalar('int64', elementCount(x.shape)),
  Constant: (b, call) => constantOf(b, call),
  ConstantOfShape: (b, call) => {
    const shape = call.constantInts(0);
    const { value } = call.attributes;
    return value
      ? b.full(call.localType(value.type), shape, nth(numbersOf(value), 0))
      : b.full(call.floatType, shape, 0);
  },
  Range: (b, { in: [start, limit, delta] }) => b.emit('Range', [start, limit, delta]),
} satisfies Partial<Definitions>;

function constantOf(b: GraphBuilder, call: OperatorCall<'Constant'>): Value {
  const { value, value_float, value_int, value_ints, value_floats } = call.attributes;
  if (value) {
    const type = call.localType(value.type);
    return b.constant(type === value.type ? value : tensorOf(type, value.shape, numbersOf(value)));
  }
  if (value_float !== undefined) return b.scalar(call.floatType, value_float);
  if (value_int !== undefined) return b.scalar('int64', value_int);
  if (value_ints) return b.ints(value_ints);
  if (value_floats) return b.constant(tensorOf(call.floatType, [value_floats.length], value_floats));
  throw new RefusedUse('a constant of this kind is not supported');
}

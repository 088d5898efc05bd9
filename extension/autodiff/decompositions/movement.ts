import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { broadcastShapes, leading, normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount, numbersOf, tensorOf } from '../../onnx/tensor.ts';

/** A list given as attribute in older opsets and as input in newer ones. */
const listOf = (call: OperatorCall, name: string, index: number): readonly number[] | undefined =>
  call.has(name) ? call.ints(name) : call.inputs[index] ? call.constantInts(index) : undefined;

/** The target of Reshape: 0 copies a dimension (unless allowzero), one −1 is inferred. */
function reshapeTarget(call: OperatorCall): number[] {
  const { shape } = call.input(0);
  const wanted = listOf(call, 'shape', 1) ?? [];
  const copied = wanted.map((dim, i) => (dim === 0 && call.int('allowzero', 0) === 0 ? (shape[i] ?? 0) : dim));
  const total = elementCount(shape);
  const known = copied.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const target = copied.map((dim) => (dim === -1 ? total / known : dim));
  if (target.some((dim) => !Number.isInteger(dim) || dim < 0) || elementCount(target) !== total) {
    throw new Error(`cannot reshape ${showShape(shape)} to ${showShape(wanted)}`);
  }
  return target;
}

const squeeze: Operator = (b, call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const axes =
    listOf(call, 'axes', 1)?.map((axis) => normaliseAxis(axis, rank)) ??
    x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  for (const axis of axes)
    if (x.shape[axis] !== 1) throw new Error(`axis ${axis} of ${showShape(x.shape)} is not of size 1`);
  return b.reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
};

const unsqueeze: Operator = (b, call) => {
  const x = call.input(0);
  const wanted = listOf(call, 'axes', 1) ?? [];
  const rank = x.shape.length + wanted.length;
  const axes = new Set(wanted.map((axis) => normaliseAxis(axis, rank)));
  const rest = [...x.shape];
  return b.reshape(
    x,
    Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : rest.shift()!)),
  );
};

const slice: Operator = (b, call) => {
  const x = call.input(0);
  const starts = listOf(call, 'starts', 1) ?? [];
  return b.slice(x, {
    starts,
    ends: listOf(call, 'ends', 2) ?? [],
    axes: listOf(call, 'axes', 3) ?? starts.map((_, i) => i),
    steps: listOf(call, 'steps', 4),
  });
};

/** Sizes of the parts of a split: given, or equal with a smaller last one. */
function splitSizes(call: OperatorCall, dim: number): readonly number[] {
  const given = listOf(call, 'split', 1);
  if (given) return given;
  const parts = call.has('num_outputs') ? call.int('num_outputs') : call.node.outputs.length;
  const size = Math.ceil(dim / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(size, dim - i * size)));
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
  const split = x.shape.flatMap((dim) => [1, dim]);
  if (repeats.length !== x.shape.length)
    throw new Error(`${repeats.length} repeats are given for ${x.shape.length} axes`);
  const wide = x.shape.flatMap((dim, i) => [repeats[i]!, dim]);
  return b.reshape(
    b.expand(b.reshape(x, split), wide),
    x.shape.map((dim, i) => dim * repeats[i]!),
  );
}

/** Lower (or upper) triangle: a constant mask times the matrix. */
const trilu: Operator = (b, call) => {
  const x = call.input(0);
  const k = call.inputs[1] ? call.constantInt(1) : 0;
  const upper = call.int('upper', 1) === 1;
  const [rows, columns] = leading(x.shape.slice(-2), 2);
  const count = (length: number, from: number) => b.ints(Array.from({ length }, (_, i) => from + i));
  const ahead = b.sub(count(columns, 0), b.reshape(count(rows, k), [rows, 1]));
  const zero = b.scalar('int64', 0);
  return b.where(upper ? b.greaterOrEqual(ahead, zero) : b.not(b.greater(ahead, zero)), x, b.number(0, x));
};

/** Cuts or fills the ends of some axes so that what is there stays in the middle. */
const centerCropPad: Operator = (b, call) => {
  const x = call.input(0);
  const sizes = call.constantInts(1);
  const axes = call
    .ints(
      'axes',
      x.shape.map((_, i) => i),
    )
    .map((axis) => normaliseAxis(axis, x.shape.length));
  const begin = x.shape.map(() => 0);
  const end = [...begin];
  axes.forEach((axis, i) => {
    // Half of what is missing goes in front, rounded down; half of what is too much is cut there, rounded down.
    const missing = sizes[i]! - x.shape[axis]!;
    begin[axis] = Math.trunc(missing / 2);
    end[axis] = missing - begin[axis];
  });
  return b.pad(x, begin, end);
};

export const movement: Record<string, Operator> = {
  Reshape: (b, call) => b.reshape(call.input(0), reshapeTarget(call)),
  Flatten: (b, call) => {
    const { shape } = call.input(0);
    const axis = call.int('axis', 1);
    const at = axis < 0 ? axis + shape.length : axis;
    return b.reshape(call.input(0), [elementCount(shape.slice(0, at)), elementCount(shape.slice(at))]);
  },
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (b, call) => {
    const x = call.input(0);
    const axes = x.shape.map((_, i) => i);
    const perm = call.ints('perm', axes.toReversed());
    if (String(perm.toSorted((i, j) => i - j)) !== String(axes))
      throw new Error(`${showShape(perm)} is no order of the ${axes.length} axes`);
    return b.transpose(x, perm);
  },
  Concat: (b, call) =>
    b.concat(
      call.inputs.map((_, i) => call.input(i)),
      call.int('axis'),
    ),
  Split: (b, call) => {
    const x = call.input(0);
    const axis = normaliseAxis(call.int('axis', 0), x.shape.length);
    const sizes = splitSizes(call, x.shape[axis]!);
    if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[axis])
      throw new Error(`sizes ${showShape(sizes)} do not add up to ${x.shape[axis]}`);
    return splitParts(b, x, sizes, axis);
  },
  Slice: slice,
  Expand: (b, call) => {
    const x = call.input(0);
    return b.expand(x, broadcastShapes(x.shape, call.constantInts(1)));
  },
  CenterCropPad: centerCropPad,
  Tile: (b, call) => tile(b, call.input(0), call.constantInts(1)),
  Trilu: trilu,

  // ----- shapes and constants: all of it is known while the graph is built -----
  Shape: (b, call) => {
    const { shape } = call.input(0);
    const rank = shape.length;
    return b.ints(
      shape.slice(
        ...[call.int('start', 0), call.int('end', rank)].map((at) =>
          Math.min(Math.max(at < 0 ? at + rank : at, 0), rank),
        ),
      ),
    );
  },
  Size: (b, call) => b.scalar('int64', elementCount(call.input(0).shape)),
  Constant: (b, call) => constantOf(b, call),
  ConstantOfShape: (b, call) => {
    const shape = call.constantInts(0);
    if (!call.has('value')) return b.full(call.floatType, shape, 0);
    const value = call.tensor('value');
    return b.full(call.localType(value.type), shape, numbersOf(value)[0]!);
  },
  Range: (b, call) => b.emit('Range', [call.input(0), call.input(1), call.input(2)]),
};

function constantOf(b: GraphBuilder, call: OperatorCall): Value {
  if (call.has('value')) {
    const tensor = call.tensor('value');
    const type = call.localType(tensor.type);
    return b.constant(type === tensor.type ? tensor : tensorOf(type, tensor.shape, numbersOf(tensor)));
  }
  if (call.has('value_float')) return b.scalar(call.floatType, call.float('value_float'));
  if (call.has('value_int')) return b.scalar('int64', call.int('value_int'));
  if (call.has('value_ints')) return b.ints(call.ints('value_ints'));
  if (call.has('value_floats')) {
    const values = call.floats('value_floats');
    return b.constant(tensorOf(call.floatType, [values.length], values));
  }
  throw new RefusedUse('a constant of this kind is not supported');
}

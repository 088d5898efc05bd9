import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { constantInts, leading, normaliseAxis } from '../../onnx/shapes.ts';
import { elementCount, numbersOf, type Shape, type Tensor, tensorOf } from '../../onnx/tensor.ts';
import { castTarget } from './elementwise.ts';

/** The k largest or smallest along an axis: k is an attribute in opset 1, an input later. */
const topK: Operator = (b, call) => {
  const x = call.input(0);
  const axis = normaliseAxis(call.int('axis', -1), x.shape.length);
  const k = call.has('k') ? call.int('k') : call.constantInt(1);
  if (k < 0 || k > x.shape[axis]!) throw new Error(`k = ${k} exceeds the ${x.shape[axis]} elements of axis ${axis}`);
  const attributes = { axis, largest: call.int('largest', 1), sorted: call.int('sorted', 1) };
  return b.emit('TopK', [x, b.ints([k])], attributes);
};

/** Reverses the first lengths[i] steps of sequence i: a gather whose indices are known, as the lengths are. */
const reverseSequence: Operator = (b, call) => {
  const x = call.input(0);
  const batchAxis = call.int('batch_axis', 1);
  const timeAxis = call.int('time_axis', 0);
  if (batchAxis + timeAxis !== 1) throw new RefusedUse('batch_axis and time_axis must be 0 and 1');
  const lengths = constantInts(call.inputs[1], 'the sequence lengths');
  const steps = x.shape[timeAxis];
  const [rows, columns] = leading(x.shape, 2);
  const indices = Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [sequence, step] = batchAxis === 0 ? [row, column] : [column, row];
    if (lengths[sequence]! > steps!)
      throw new Error(`a sequence length of ${lengths[sequence]} exceeds ${steps} steps`);
    const source = step < lengths[sequence]! ? lengths[sequence]! - 1 - step : step;
    return batchAxis === 0 ? [sequence, source] : [source, sequence];
  });
  return b.gatherND(x, b.constant(tensorOf('int64', [rows, columns, 2], indices.flat())));
};

/** Keeps what a condition selects; how much that is must be known, so the condition must be constant. */
const compress: Operator = (b, call) => {
  const condition = call.inputs[1]?.constant;
  if (!condition) throw new RefusedUse('which elements are kept depends on data');
  const kept = Array.from(numbersOf(condition)).flatMap((keep, i) => (keep ? [i] : []));
  const x = call.input(0);
  const [source, axis] = call.has('axis')
    ? [x, normaliseAxis(call.int('axis'), x.shape.length)]
    : [b.reshape(x, [elementCount(x.shape)]), 0];
  return b.gather(source, b.ints(kept.filter((i) => i < source.shape[axis]!)), axis);
};

/** Coordinates of the elements that are not zero, as columns. */
function nonZero(b: GraphBuilder, call: OperatorCall): Value {
  const x = call.input(0).constant;
  if (!x) throw new RefusedUse('the number of elements that are not zero depends on data');
  const found = Array.from(numbersOf(x)).flatMap((value, i) => (value ? [i] : []));
  const coordinates = x.shape.map((dim, axis) => {
    const stride = elementCount(x.shape.slice(axis + 1));
    return found.map((i) => Math.floor(i / stride) % dim);
  });
  return b.constant(tensorOf('int64', [x.shape.length, found.length], coordinates.flat()));
}

/** Ones on a diagonal. */
const eyeLike: Operator = (b, call) => {
  const { type, shape } = call.input(0);
  if (shape.length !== 2) throw new Error(`an identity matrix has 2 axes, not ${shape.length}`);
  const k = call.int('k', 0);
  const [rows, columns] = shape;
  const ones = Array.from({ length: rows! * columns! }, (_, i) =>
    Number((i % columns!) - Math.floor(i / columns!) === k),
  );
  const target = call.has('dtype') ? call.localType(castTarget(call.int('dtype'))) : type;
  return b.constant(tensorOf(target, shape, ones));
};

const indices64 = (b: GraphBuilder, value: Value): Value => b.cast(value, 'int64');

/** One where an index stands, as a selection between two values. */
const oneHot: Operator = (b, call) => {
  const indices = call.input(0);
  const depth = call.constantInt(1);
  const rank = indices.shape.length + 1;
  const axis = normaliseAxis(call.int('axis', -1), rank);
  const spread = b.reshape(indices64(b, indices), [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)]);
  const [off, on] = b.split(call.input(2), [1, 1], 0).map((value) => b.reshape(value, []));
  return b.where(oneHotMask(b, spread, depth, axis), on!, off!);
};

/** True where the index along `axis` (of size 1 in `indices`, from −depth to depth − 1) equals the class. */
export function oneHotMask(b: GraphBuilder, indices: Value, depth: number, axis: number): Value {
  const classes = tensorOf(
    'int64',
    indices.shape.map((_, i) => (i === axis ? depth : 1)),
    Array.from({ length: depth }, (_, i) => i),
  );
  const fromEnd = b.add(indices, b.scalar('int64', depth));
  return b.equal(b.where(b.less(indices, b.scalar('int64', 0)), fromEnd, indices), b.constant(classes));
}

const scatter =
  (op: 'ScatterElements' | 'ScatterND'): Operator =>
  (b, call) => {
    const reduction = call.string('reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add')
      throw new RefusedUse(`scattering with reduction "${reduction}" is not supported; "none" and "add" are`);
    const x = call.input(0);
    const attributes =
      op === 'ScatterND'
        ? { reduction, axis: undefined }
        : { axis: normaliseAxis(call.int('axis', 0), x.shape.length), reduction };
    const [indices, updates] = [call.input(1), call.input(2)];
    const { axis } = attributes;
    if (axis === undefined) checkTuples(x, indices, 0);
    else checkIndices(indices, () => [axis, x.shape[axis]!]);
    const places = indices.constant && placesOf(indices.constant, x.shape, attributes.axis);
    if (reduction === 'none' && !updates.constant && places && new Set(places).size < places.length)
      throw new RefusedUse(
        'it writes to one place twice, and ONNX leaves open which value stays; export with opset 18 or later',
      );
    return b.emit(op, [x, indices64(b, indices), updates], attributes);
  };

/** The places in x to which each index (of ScatterElements along an axis, else of ScatterND) leads, as text. */
function placesOf(indices: Tensor, shape: Shape, axis: number | undefined): string[] {
  const values = numbersOf(indices);
  const place = (index: number, along: number) => (index < 0 ? index + shape[along]! : index);
  if (axis === undefined) {
    const width = indices.shape.at(-1)!;
    return Array.from({ length: values.length / width }, (_, i) =>
      String(Array.from(values.subarray(i * width, (i + 1) * width), place)),
    );
  }
  const inner = elementCount(indices.shape.slice(axis + 1));
  const line = inner * indices.shape[axis]!;
  return Array.from(values, (index, i) => `${Math.floor(i / line)},${i % inner},${place(index, axis)}`);
}

/** Constant indices must lie in the axis that they count through, from the front or from the end. */
function checkIndices(indices: Value, sizeAt: (place: number) => [axis: number, size: number]): void {
  if (!indices.constant) return;
  numbersOf(indices.constant).forEach((index, place) => {
    const [axis, size] = sizeAt(place);
    if (index < -size || index >= size)
      throw new Error(`index ${index} is out of range for axis ${axis} of size ${size}`);
  });
}

/** As `checkIndices`, for tuples of indices along the last axis of `indices`. */
function checkTuples(x: Value, indices: Value, batch: number): void {
  const width = indices.shape.at(-1) ?? 0;
  if (batch + width <= x.shape.length)
    checkIndices(indices, (place) => [batch + (place % width), x.shape[batch + (place % width)]!]);
}

export const selection: Record<string, Operator> = {
  Gather: (b, call) => {
    const [x, indices] = [call.input(0), call.input(1)];
    const axis = normaliseAxis(call.int('axis', 0), x.shape.length);
    checkIndices(indices, () => [axis, x.shape[axis]!]);
    return b.gather(x, indices, axis);
  },
  GatherElements: (b, call) => {
    const [x, indices] = [call.input(0), call.input(1)];
    const axis = normaliseAxis(call.int('axis', 0), x.shape.length);
    checkIndices(indices, () => [axis, x.shape[axis]!]);
    return b.gatherElements(x, indices64(b, indices), axis);
  },
  GatherND: (b, call) => {
    const [x, indices] = [call.input(0), call.input(1)];
    checkTuples(x, indices, call.int('batch_dims', 0));
    return b.gatherND(x, indices64(b, indices), call.int('batch_dims', 0));
  },
  ScatterElements: scatter('ScatterElements'),
  Scatter: scatter('ScatterElements'),
  ScatterND: scatter('ScatterND'),
  TopK: topK,
  ReverseSequence: reverseSequence,
  Compress: compress,
  NonZero: nonZero,
  OneHot: oneHot,
  EyeLike: eyeLike,
};

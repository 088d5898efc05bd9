import type { GraphBuilder } from '../../onnx/builder.ts';
import { last, listed, nth, numbered } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { constantInts, leading, normaliseAxis } from '../../onnx/shapes.ts';
import { elementCount, numbersOf, type Shape, type Tensor, tensorOf } from '../../onnx/tensor.ts';
import { castTarget } from './elementwise.ts';

/** The k largest or smallest along an axis: k is an attribute up to opset 9, an input later. */
const topK: Definition<'TopK'> = (b, call) => {
  const [x] = call.in;
  const { largest, sorted } = call.attributes;
  const axis = normaliseAxis(call.attributes.axis, x.shape.length);
  const size = nth(x.shape, axis);
  const k = call.attributes.k ?? call.constantInt(1);
  if (k < 0 || k > size) throw new Error(`k = ${k} exceeds the ${size} elements of axis ${axis}`);
  return b.emit('TopK', [x, b.ints([k])], { axis, largest, sorted });
};

/** Reverses the first lengths[i] steps of sequence i: a gather whose indices are known, as the lengths are. */
const reverseSequence: Definition<'ReverseSequence'> = (b, call) => {
  const [x, given] = call.in;
  const { batch_axis: batchAxis, time_axis: timeAxis } = call.attributes;
  if (batchAxis + timeAxis !== 1) throw new RefusedUse('batch_axis and time_axis must be 0 and 1');
  const lengths = constantInts(given, 'the sequence lengths');
  const [rows, columns] = leading(x.shape, 2);
  const [samples, steps] = batchAxis === 0 ? [rows, columns] : [columns, rows];
  if (lengths.length !== samples) throw new Error(`${lengths.length} lengths are given for ${samples} sequences`);
  const long = lengths.find((length) => length > steps);
  if (long !== undefined) throw new Error(`a sequence length of ${long} exceeds ${steps} steps`);
  // The row and the column of each element, one after the other.
  const indices = listed(2 * rows * columns, (i) => {
    const element = Math.floor(i / 2);
    const [row, column] = [Math.floor(element / columns), element % columns];
    if (i % 2 === batchAxis) return batchAxis === 0 ? row : column;
    const [sequence, step] = batchAxis === 0 ? [row, column] : [column, row];
    const length = nth(lengths, sequence);
    return step < length ? length - 1 - step : step;
  });
  return b.gatherND(x, b.constant(tensorOf('int64', [rows, columns, 2], indices)));
};

/** Keeps what a condition selects; how much that is must be known, so the condition must be constant. */
const compress: Definition<'Compress'> = (b, { in: [x, condition], attributes }) => {
  if (!condition.constant) throw new RefusedUse('which elements are kept depends on data');
  const kept = Array.from(numbersOf(condition.constant)).flatMap((keep, i) => (keep ? [i] : []));
  const [source, axis] =
    attributes.axis === undefined
      ? [b.reshape(x, [elementCount(x.shape)]), 0]
      : [x, normaliseAxis(attributes.axis, x.shape.length)];
  const size = nth(source.shape, axis);
  return b.gather(source, b.ints(kept.filter((i) => i < size)), axis);
};

/** Coordinates of the elements that are not zero, as columns. */
function nonZero(b: GraphBuilder, call: OperatorCall<'NonZero'>): Value {
  const x = call.in[0].constant;
  if (!x) throw new RefusedUse('the number of elements that are not zero depends on data');
  const found = Array.from(numbersOf(x)).flatMap((value, i) => (value ? [i] : []));
  const coordinates = x.shape.map((dim, axis) => {
    const stride = elementCount(x.shape.slice(axis + 1));
    return found.map((i) => Math.floor(i / stride) % dim);
  });
  return b.constant(tensorOf('int64', [x.shape.length, found.length], coordinates.flat()));
}

/** Ones on a diagonal. */
const eyeLike: Definition<'EyeLike'> = (b, call) => {
  const { type, shape } = call.in[0];
  const { k, dtype } = call.attributes;
  if (shape.length !== 2) throw new Error(`an identity matrix has 2 axes, not ${shape.length}`);
  const [rows, columns] = leading(shape, 2);
  const ones = numbered(rows * columns, (i) => Number((i % columns) - Math.floor(i / columns) === k));
  const target = dtype === undefined ? type : call.localType(castTarget(dtype));
  return b.constant(tensorOf(target, shape, ones));
};

const indices64 = (b: GraphBuilder, value: Value): Value => b.cast(value, 'int64');

/** One where an index stands, as a selection between two values. */
const oneHot: Definition<'OneHot'> = (b, call) => {
  const [indices, , values] = call.in;
  const depth = call.constantInt(1);
  const rank = indices.shape.length + 1;
  const axis = normaliseAxis(call.attributes.axis, rank);
  const spread = b.reshape(indices64(b, indices), [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)]);
  const [off, on] = b.split(values, [1, 1], 0);
  return b.where(oneHotMask(b, spread, depth, axis), b.reshape(on, []), b.reshape(off, []));
};

/** True where the index along `axis` (of size 1 in `indices`, from −depth to depth − 1) equals the class. */
export function oneHotMask(b: GraphBuilder, indices: Value, depth: number, axis: number): Value {
  const classes = b.reshape(
    b.range(0, depth),
    indices.shape.map((_, i) => (i === axis ? depth : 1)),
  );
  const fromEnd = b.add(indices, b.scalar('int64', depth));
  return b.equal(b.where(b.less(indices, b.scalar('int64', 0)), fromEnd, indices), classes);
}

/** What is written where, and how it is joined with what is there. */
interface Scattering {
  readonly x: Value;
  readonly indices: Value;
  readonly updates: Value;
  readonly reduction: string;
}

/** The reduction of a scattering to places that must differ where it has none. */
function checkedReduction({ indices, updates, reduction }: Scattering, places: (indices: Tensor) => string[]): string {
  const found = indices.constant && reduction === 'none' && !updates.constant ? places(indices.constant) : [];
  if (new Set(found).size < found.length)
    throw new RefusedUse(
      'it writes to one place twice, and ONNX leaves open which value stays; export with opset 18 or later',
    );
  return reduction;
}

/** Refuses reductions whose gradients are not known. */
function requireSum(reduction: string): void {
  if (reduction !== 'none' && reduction !== 'add')
    throw new RefusedUse(`scattering with reduction "${reduction}" is not supported; "none" and "add" are`);
}

const scatterElements = (b: GraphBuilder, scattering: Scattering, wanted: number): Value => {
  const { x, indices, updates } = scattering;
  requireSum(scattering.reduction);
  const axis = normaliseAxis(wanted, x.shape.length);
  checkIndices(indices, () => [axis, nth(x.shape, axis)]);
  const reduction = checkedReduction(scattering, (constant) => elementPlaces(constant, x.shape, axis));
  return b.emit('ScatterElements', [x, indices64(b, indices), updates], { axis, reduction })[0];
};

const scatterND: Definition<'ScatterND'> = (b, { in: [x, indices, updates], attributes }) => {
  requireSum(attributes.reduction);
  checkTuples(x, indices, 0);
  const scattering = { x, indices, updates, reduction: attributes.reduction };
  const reduction = checkedReduction(scattering, (constant) => tuplePlaces(constant, x.shape));
  return b.emit('ScatterND', [x, indices64(b, indices), updates], { reduction });
};

/** Writes new keys or values into a cache, for each sample from an index on, which may go on from the front again. */
const tensorScatter: Definition<'TensorScatter'> = (b, { in: [cache, update, starts], attributes }) => {
  const axis = normaliseAxis(attributes.axis, cache.shape.length);
  if (axis === 0) throw new Error('its axis is that of the samples');
  // [B, L, …] and [B, S, …]
  const order = [0, axis, ...cache.shape.flatMap((_, i) => (i === 0 || i === axis ? [] : [i]))];
  const [x, updates] = [b.transpose(cache, order), b.transpose(update, order)];
  const [samples, length] = leading(x.shape, 2);
  const [, written] = leading(updates.shape, 2);
  if (written > length) throw new Error(`${written} elements are written into ${length}`);
  const from = starts ? b.reshape(indices64(b, starts), [samples, 1]) : b.reshape(b.range(0, 1), [1, 1]);
  const places = b.expand(b.add(from, b.range(0, written)), [samples, written]);
  const rows = b.expand(b.reshape(b.range(0, samples), [samples, 1]), [samples, written]);
  const within = attributes.mode === 'circular' ? b.mod(places, b.scalar('int64', length)) : places;
  const column = (value: Value) => b.reshape(value, [samples, written, 1]);
  const indices = b.concat([column(rows), column(within)], 2);
  checkTuples(x, indices, 0);
  const [result] = b.emit('ScatterND', [x, indices, updates], { reduction: 'none' });
  return b.transpose(
    result,
    order.map((_, i) => order.indexOf(i)),
  );
};

/** An index that may count from the end, as one that does not. */
const fromStart = (index: number, size: number): number => (index < 0 ? index + size : index);

/** The places in x to which the indices of ScatterElements along an axis lead, as text. */
function elementPlaces(indices: Tensor, shape: Shape, axis: number): string[] {
  const size = nth(shape, axis);
  const inner = elementCount(indices.shape.slice(axis + 1));
  const line = inner * nth(indices.shape, axis);
  return Array.from(numbersOf(indices), (index, i) => `${Math.floor(i / line)},${i % inner},${fromStart(index, size)}`);
}

/** The places in x to which the tuples of ScatterND lead, as text. */
function tuplePlaces(indices: Tensor, shape: Shape): string[] {
  const values = numbersOf(indices);
  const width = last(indices.shape);
  return listed(values.length / width, (i) =>
    String(
      Array.from(values.subarray(i * width, (i + 1) * width), (index, along) => fromStart(index, nth(shape, along))),
    ),
  );
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
  if (width > 0 && batch + width <= x.shape.length)
    checkIndices(indices, (place) => [batch + (place % width), nth(x.shape, batch + (place % width))]);
}

export const selection = {
  Gather: (b, { in: [x, indices], attributes }) => {
    const axis = normaliseAxis(attributes.axis, x.shape.length);
    checkIndices(indices, () => [axis, nth(x.shape, axis)]);
    return b.gather(x, indices, axis);
  },
  GatherElements: (b, { in: [x, indices], attributes }) => {
    const axis = normaliseAxis(attributes.axis, x.shape.length);
    checkIndices(indices, () => [axis, nth(x.shape, axis)]);
    return b.gatherElements(x, indices64(b, indices), axis);
  },
  GatherND: (b, { in: [x, indices], attributes: { batch_dims } }) => {
    checkTuples(x, indices, batch_dims);
    return b.gatherND(x, indices64(b, indices), batch_dims);
  },
  ScatterElements: (b, { in: [x, indices, updates], attributes: { axis, reduction } }) =>
    scatterElements(b, { x, indices, updates, reduction }, axis),
  Scatter: (b, { in: [x, indices, updates], attributes: { axis } }) =>
    scatterElements(b, { x, indices, updates, reduction: 'none' }, axis),
  ScatterND: scatterND,
  TensorScatter: tensorScatter,
  TopK: topK,
  ReverseSequence: reverseSequence,
  Compress: compress,
  NonZero: nonZero,
  OneHot: oneHot,
  EyeLike: eyeLike,
} satisfies Partial<Definitions>;

import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { type FloatType, numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';
import { type AxisResampling, resampling } from './interpolation.ts';

/** Numbers of a constant floating-point input; an empty one counts as absent. */
function constantNumbers(call: OperatorCall, index: number, what: string): number[] | undefined {
  const value = call.inputs[index];
  if (!value) return undefined;
  if (!value.constant) throw new RefusedUse(`${what} depends on data`);
  const numbers = Array.from(numbersOf(value.constant));
  return numbers.length > 0 ? numbers : undefined;
}

interface Target {
  readonly shape: Shape;
  readonly scales: readonly number[];
  readonly region: readonly number[] | undefined;
}

/** The new shape and the scale of every axis, from scales or sizes, which may be given for some axes only. */
function targetOf(call: OperatorCall): Target {
  const { shape } = call.input(0);
  const rank = shape.length;
  const axes = call
    .ints(
      'axes',
      shape.map((_, i) => i),
    )
    .map((axis) => normaliseAxis(axis, rank));
  const newest = call.opType === 'Resize' && call.opset >= 11;
  const scales = call.has('scales') ? [...call.floats('scales')] : constantNumbers(call, newest ? 2 : 1, 'its scale');
  const sizes = newest ? constantNumbers(call, 3, 'its size') : undefined;
  const given = sizes ?? scales;
  if (!given) throw new Error('neither scales nor sizes are given');
  if (given.length !== axes.length)
    throw new Error(`${given.length} scales or sizes are given for ${axes.length} axes`);
  const spread = (values: readonly number[], fill: readonly number[]) => {
    const result = [...fill];
    axes.forEach((axis, i) => {
      result[axis] = values[i];
    });
    return result;
  };
  const region = constantNumbers(call, newest ? 1 : Number.POSITIVE_INFINITY, 'its region of interest');
  const roi = region && [
    ...spread(
      region.slice(0, axes.length),
      shape.map(() => 0),
    ),
    ...spread(
      region.slice(axes.length),
      shape.map(() => 1),
    ),
  ];
  if (!sizes) {
    const factors = spread(
      scales!,
      shape.map(() => 1),
    );
    // In single precision, in which scales are stored: 10·0.7 is 7 elements, though 0.7 is stored as 0.69999999.
    const rounded = shape.map((dim, i) => Math.floor(Math.fround(dim * factors[i])));
    return { shape: rounded, scales: factors, region: roi };
  }
  const policy = call.string('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') {
    const target = spread(sizes, shape);
    return { shape: target, scales: shape.map((dim, i) => target[i] / dim), region: roi };
  }
  const ratios = axes.map((axis, i) => sizes[i] / shape[axis]);
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const factors = spread(
    axes.map(() => ratio),
    shape.map(() => 1),
  );
  return { shape: shape.map((dim, i) => Math.round(dim * factors[i])), scales: factors, region: roi };
}

const resize: Operator = (b, call) => {
  const x = call.input(0);
  const { shape, scales, region } = targetOf(call);
  const rank = x.shape.length;
  const legacy = call.opType === 'Upsample' || call.opset < 11;
  const mode = call.string('mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'bilinear' && mode !== 'cubic')
    throw new RefusedUse(`mode "${mode}" is not supported`);
  const coordinates = legacy ? 'asymmetric' : call.string('coordinate_transformation_mode', 'half_pixel');
  const axis = (i: number): AxisResampling => ({
    size: x.shape[i],
    out: shape[i],
    scale: scales[i],
    mode: mode === 'bilinear' ? 'linear' : mode,
    coordinates,
    nearestMode: legacy ? 'floor' : call.string('nearest_mode', 'round_prefer_floor'),
    cubicCoefficient: call.float('cubic_coeff_a', -0.75),
    excludeOutside: call.int('exclude_outside', 0) === 1,
    antialias: call.int('antialias', 0) === 1,
    region: region ? [region[i], region[i + rank]] : [0, 1],
    extrapolation: call.float('extrapolation_value', 0),
  });
  const kept = (i: number) =>
    shape[i] === x.shape[i] && scales[i] === 1 && (coordinates !== 'tf_crop_and_resize' || !region);
  const repeated = wholeRepeats(x.shape, shape);
  const axes = x.shape.flatMap((_, i) => (kept(i) ? [] : [i]));
  const maps = axes.map((i) => ({ i, ...resampling(axis(i)) }));
  if (repeated && maps.every(({ i, matrix }) => repeatsElements(matrix, x.shape[i], shape[i])))
    return repeat(b, x, repeated);
  if (maps.some(({ offset }) => offset.some((value) => value !== 0))) return extrapolate(b, x, maps);
  return maps.reduce((value, { i, matrix }) => alongAxis(b, value, i, matrix, shape[i]), x);
};

/** x resampled along one axis by a constant matrix (out × size). */
function alongAxis(b: GraphBuilder, x: Value, axis: number, matrix: Float64Array, out: number): Value {
  const size = x.shape[axis];
  const rank = x.shape.length;
  if (axis === rank - 1) {
    const transposed = Float64Array.from(
      { length: matrix.length },
      (_, i) => matrix[(i % out) * size + Math.floor(i / out)],
    );
    return b.matMul(x, b.constant(tensorOf(x.type as FloatType, [size, out], transposed)));
  }
  const map = b.constant(tensorOf(x.type as FloatType, [out, size], matrix));
  const rest = x.shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const flat = b.reshape(x, [...x.shape.slice(0, axis + 1), rest]);
  return b.reshape(b.matMul(map, flat), x.shape.with(axis, out));
}

/** Positions outside the region's data take the extrapolation value, whichever axis puts them outside. */
function extrapolate(
  b: GraphBuilder,
  x: Value,
  maps: readonly { i: number; matrix: Float64Array; offset: Float64Array }[],
): Value {
  const inside = maps.reduce((value, { i, matrix, offset }) => alongAxis(b, value, i, matrix, offset.length), x);
  const rank = x.shape.length;
  return maps.reduce((value, { i, matrix, offset }) => {
    const size = x.shape[i];
    const outside = Array.from(offset, (_, row) =>
      Number(matrix.subarray(row * size, (row + 1) * size).every((weight) => weight === 0)),
    );
    const mask = b.constant(
      tensorOf(
        'bool',
        Array.from({ length: rank }, (_, j) => (j === i ? offset.length : 1)),
        outside,
      ),
    );
    return b.where(mask, b.number(Math.max(...offset) || Math.min(...offset), x), value);
  }, inside);
}

/** Whole factors by which the spatial axes grow, if that is all that happens. */
function wholeRepeats(from: Shape, to: Shape): number[] | undefined {
  if (from.length < 3 || from.length > 5 || from[0] !== to[0] || from[1] !== to[1]) return undefined;
  const factors = from.slice(2).map((dim, i) => to[i + 2] / dim);
  return factors.every(Number.isInteger) ? factors : undefined;
}

/** Is row i the unit vector i/factor? */
const repeatsElements = (matrix: Float64Array, size: number, out: number): boolean =>
  matrix.every((weight, at) => weight === Number(at % size === Math.floor(Math.floor(at / size) / (out / size))));

/** Each element repeated: the adjoint of summing over the blocks, and so of their mean times the block's volume. */
function repeat(b: GraphBuilder, x: Value, factors: readonly number[]): Value {
  const spread = b.emit('AveragePoolGradient', [x], {
    kernel_shape: factors,
    strides: factors,
    dilations: factors.map(() => 1),
    pads: [...factors, ...factors].fill(0),
    count_include_pad: 1,
    ceil_mode: 0,
    spatial: factors.map((factor, i) => x.shape[i + 2] * factor),
  })[0];
  return b.affine(
    spread,
    factors.reduce((product, factor) => product * factor, 1),
  );
}

/** Positions in the input of an axis padded by reflection, repetition of the edge, or wrapping around. */
function sourcesOf(mode: string, size: number, begin: number, end: number): number[] {
  return Array.from({ length: begin + size + end }, (_, i) => {
    const at = i - begin;
    if (mode === 'edge') return Math.min(Math.max(at, 0), size - 1);
    if (mode === 'wrap') return ((at % size) + size) % size;
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const folded = ((at % period) + period) % period;
    return folded < size ? folded : period - folded;
  });
}

/** Rows of consecutive runs (up, down or standing still) as slices; their adjoints are cheap, unlike those of Gather. */
function takeAlong(b: GraphBuilder, x: Value, axis: number, sources: readonly number[]): Value {
  const parts: Value[] = [];
  for (let start = 0; start < sources.length; ) {
    const step = start + 1 < sources.length ? Math.sign(sources[start + 1] - sources[start]) : 1;
    let length = 1;
    while (start + length < sources.length && sources[start + length] - sources[start + length - 1] === step) length++;
    const first = sources[start];
    if (step === 0)
      parts.push(
        b.expand(b.slice(x, { starts: [first], ends: [first + 1], axes: [axis] }), x.shape.with(axis, length)),
      );
    else {
      const end = first + step * length;
      const ends = [end < 0 ? Number.NEGATIVE_INFINITY : end];
      parts.push(b.slice(x, { starts: [first], ends, axes: [axis], steps: [step] }));
    }
    start += length;
  }
  return b.concat(parts, axis);
}

const pad: Operator = (b, call) => {
  const x = call.input(0);
  const rank = x.shape.length;
  const given = call.has('pads')
    ? call.ints('pads')
    : call.has('paddings')
      ? call.ints('paddings')
      : call.constantInts(1);
  const axes = call.inputs[3]
    ? call.constantInts(3).map((axis) => normaliseAxis(axis, rank))
    : x.shape.map((_, i) => i);
  if (given.length !== 2 * axes.length) throw new Error(`${given.length} pads are given for ${axes.length} axes`);
  const begin = x.shape.map(() => 0);
  const end = x.shape.map(() => 0);
  axes.forEach((axis, i) => {
    begin[axis] = given[i];
    end[axis] = given[i + axes.length];
  });
  const mode = call.string('mode', 'constant');
  if (mode === 'constant') return padConstant(b, call, x, begin, end);
  if (mode !== 'reflect' && mode !== 'edge' && mode !== 'wrap') throw new RefusedUse(`mode "${mode}" is not supported`);
  const cut = (amounts: readonly number[]) => amounts.map((amount) => Math.min(amount, 0));
  return x.shape.reduce(
    (value, _, axis) => {
      const [before, behind] = [Math.max(begin[axis], 0), Math.max(end[axis], 0)];
      const size = value.shape[axis];
      if (before === 0 && behind === 0) return value;
      if (size === 0) throw new Error(`axis ${axis} of ${showShape(x.shape)} is empty`);
      return takeAlong(b, value, axis, sourcesOf(mode, size, before, behind));
    },
    b.pad(x, cut(begin), cut(end)),
  );
};

function padConstant(b: GraphBuilder, call: OperatorCall, x: Value, begin: number[], end: number[]): Value {
  const value = call.inputs[2];
  if (!value) return b.pad(x, begin, end, call.has('value') ? call.float('value') : 0);
  if (value.constant) return b.pad(x, begin, end, numbersOf(value.constant)[0] ?? 0);
  const outside = b.oneMinus(b.pad(b.full(x.type, x.shape, 1), begin, end));
  return b.add(b.pad(x, begin, end), b.mul(outside, value));
}

export const resizing: Record<string, Operator> = { Resize: resize, Upsample: resize, Pad: pad };

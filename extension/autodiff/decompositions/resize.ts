import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { normaliseAxis, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';
import { type AxisResampling, type Resampling, resampling } from './interpolation.ts';

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
      result[axis] = values[i]!;
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
    const rounded = shape.map((dim, i) => Math.floor(Math.fround(dim * factors[i]!)));
    return { shape: rounded, scales: factors, region: roi };
  }
  const policy = call.string('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') {
    const target = spread(sizes, shape);
    return { shape: target, scales: shape.map((dim, i) => target[i]! / dim), region: roi };
  }
  const ratios = axes.map((axis, i) => sizes[i]! / shape[axis]!);
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const factors = spread(
    axes.map(() => ratio),
    shape.map(() => 1),
  );
  return { shape: shape.map((dim, i) => Math.round(dim * factors[i]!)), scales: factors, region: roi };
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
    size: x.shape[i]!,
    out: shape[i]!,
    scale: scales[i]!,
    mode: mode === 'bilinear' ? 'linear' : mode,
    coordinates,
    nearestMode: legacy ? 'floor' : call.string('nearest_mode', 'round_prefer_floor'),
    cubicCoefficient: call.float('cubic_coeff_a', -0.75),
    excludeOutside: call.int('exclude_outside', 0) === 1,
    antialias: call.int('antialias', 0) === 1,
    region: region ? [region[i]!, region[i + rank]!] : [0, 1],
    extrapolation: call.float('extrapolation_value', 0),
  });
  const kept = (i: number) =>
    shape[i] === x.shape[i] && scales[i] === 1 && (coordinates !== 'tf_crop_and_resize' || !region);
  const repeated = wholeRepeats(x.shape, shape);
  const axes = x.shape.flatMap((_, i) => (kept(i) ? [] : [i]));
  const maps = axes.map((i) => ({ i, ...resampling(axis(i)) }));
  if (repeated && maps.every((map) => repeatsElements(map, x.shape[map.i]!, shape[map.i]!)))
    return repeat(b, x, repeated);
  const inside = maps.reduce((value, map) => alongAxis(b, value, map), x);
  return maps.some(({ offset }) => offset.some((value) => value !== 0)) ? extrapolate(b, inside, maps) : inside;
};

interface AxisMap extends Resampling {
  readonly i: number;
}

/** Larger matrices take more time than the sums that they stand for. */
const largestMatrix = 2 ** 18;

/** x resampled along one axis: by a constant matrix, or where that is large by sums over what each element looks at. */
function alongAxis(b: GraphBuilder, x: Value, map: AxisMap): Value {
  const { i: axis, taps, indices, weights, offset } = map;
  const [size, out] = [x.shape[axis], offset.length];
  const type = x.type as FloatType;
  const behind = x.shape.slice(axis + 1);
  if (out * size! <= largestMatrix) {
    const last = behind.length === 0;
    const matrix = new Float64Array(out * size!);
    weights.forEach((weight, at) => {
      const row = Math.floor(at / taps);
      matrix[last ? indices[at]! * out + row : row * size! + indices[at]!]! += weight;
    });
    if (last) return b.matMul(x, b.constant(tensorOf(type, [size!, out], matrix)));
    const flat = b.reshape(x, [...x.shape.slice(0, axis + 1), elementCount(behind)]);
    return b.reshape(b.matMul(b.constant(tensorOf(type, [out, size!], matrix)), flat), x.shape.with(axis, out));
  }
  const taken = b.gather(x, b.constant(tensorOf('int64', [indices.length], Array.from(indices))), axis);
  if (taps === 1 && weights.every((weight) => weight === 1)) return taken;
  const spread = b.reshape(taken, [...x.shape.slice(0, axis), out, taps, ...behind]);
  const factors = b.constant(tensorOf(type, [out, taps, ...behind.map(() => 1)], weights));
  return b.reduceSum(b.mul(spread, factors), [axis + 1]);
}

/** Positions outside the region's data take the extrapolation value, whichever axis puts them outside. */
function extrapolate(b: GraphBuilder, inside: Value, maps: readonly AxisMap[]): Value {
  const rank = inside.shape.length;
  return maps.reduce((value, { i, taps, weights, offset }) => {
    const outside = Array.from(offset, (_, row) =>
      Number(weights.subarray(row * taps, (row + 1) * taps).every((weight) => weight === 0)),
    );
    const mask = b.constant(
      tensorOf(
        'bool',
        Array.from({ length: rank }, (_, j) => (j === i ? offset.length : 1)),
        outside,
      ),
    );
    const beyond = offset.find((amount) => amount !== 0) ?? 0;
    return b.where(mask, b.number(beyond, inside), value);
  }, inside);
}

/** Whole factors by which the spatial axes grow, if that is all that happens. */
function wholeRepeats(from: Shape, to: Shape): number[] | undefined {
  if (from.length < 3 || from.length > 5 || from[0] !== to[0] || from[1] !== to[1]) return undefined;
  const factors = from.slice(2).map((dim, i) => to[i + 2]! / dim);
  return factors.every(Number.isInteger) ? factors : undefined;
}

/** Does element i look at element i/factor alone? */
const repeatsElements = ({ taps, indices, weights }: AxisMap, size: number, out: number): boolean =>
  taps === 1 && weights.every((weight, i) => weight === 1 && indices[i] === Math.floor(i / (out / size)));

/** Each element repeated: the adjoint of summing over the blocks, and so of their mean times the block's volume. */
function repeat(b: GraphBuilder, x: Value, factors: readonly number[]): Value {
  const spread = b.emit('AveragePoolGradient', [x], {
    kernel_shape: factors,
    strides: factors,
    dilations: factors.map(() => 1),
    pads: [...factors, ...factors].fill(0),
    count_include_pad: 1,
    ceil_mode: 0,
    spatial: factors.map((factor, i) => x.shape[i + 2]! * factor),
  })[0];
  return b.affine(
    spread,
    factors.reduce((product, factor) => product * factor, 1),
  );
}

/** Position in an axis of which the position `at` before or behind it is a reflection, the edge, or what wraps around. */
function sourceOf(mode: string, size: number, at: number): number {
  if (mode === 'edge') return Math.min(Math.max(at, 0), size - 1);
  if (mode === 'wrap') return ((at % size) + size) % size;
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const folded = ((at % period) + period) % period;
  return folded < size ? folded : period - folded;
}

/** Padding in more pieces than this is gathered. */
const mostPieces = 64;

/**
 * The elements of an axis at given places. Consecutive runs (up, down or standing still) are slices, whose adjoints are
 * cheap, unlike those of Gather.
 */
function takeAlong(b: GraphBuilder, x: Value, axis: number, sources: readonly number[]): Value[] {
  const parts: Value[] = [];
  for (let start = 0; start < sources.length; ) {
    const step = start + 1 < sources.length ? Math.sign(sources[start + 1]! - sources[start]!) : 1;
    let length = 1;
    while (start + length < sources.length && sources[start + length]! - sources[start + length - 1]! === step)
      length++;
    const first = sources[start];
    if (parts.length === mostPieces) return [b.gather(x, b.ints(sources), axis)];
    if (step === 0)
      parts.push(
        b.expand(b.slice(x, { starts: [first!], ends: [first! + 1], axes: [axis] }), x.shape.with(axis, length)),
      );
    else {
      const end = first! + step * length;
      const ends = [end < 0 ? Number.NEGATIVE_INFINITY : end];
      parts.push(b.slice(x, { starts: [first!], ends, axes: [axis], steps: [step] }));
    }
    start += length;
  }
  return parts;
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
    begin[axis] = given[i]!;
    end[axis] = given[i + axes.length]!;
  });
  const mode = call.string('mode', 'constant');
  if (mode === 'constant') return padConstant(b, call, x, begin, end);
  if (mode !== 'reflect' && mode !== 'edge' && mode !== 'wrap') throw new RefusedUse(`mode "${mode}" is not supported`);
  const cut = (amounts: readonly number[]) => amounts.map((amount) => Math.min(amount, 0));
  return x.shape.reduce(
    (value, _, axis) => {
      const [before, behind] = [Math.max(begin[axis]!, 0), Math.max(end[axis]!, 0)];
      const size = value.shape[axis];
      if (before === 0 && behind === 0) return value;
      if (size === 0) throw new Error(`axis ${axis} of ${showShape(x.shape)} is empty`);
      const sources = (from: number, length: number) =>
        Array.from({ length }, (_, i) => sourceOf(mode, size!, from + i));
      const around = (from: number, length: number) => takeAlong(b, value, axis, sources(from, length));
      return b.concat([...around(-before, before), value, ...around(size!, behind)], axis);
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

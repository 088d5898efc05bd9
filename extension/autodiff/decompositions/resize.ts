import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, numbered, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import type { OperatorTypes } from '../../onnx/operatorTypes.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { normaliseAxes, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';
import { type AxisResampling, type Resampling, resampling } from './interpolation.ts';

/** Numbers of a constant floating-point input; an empty one counts as absent. */
function constantNumbers(value: Value | undefined, what: string): number[] | undefined {
  if (!value) return undefined;
  if (!value.constant) throw new RefusedUse(`${what} depends on data`);
  const numbers = Array.from(numbersOf(value.constant));
  return numbers.length > 0 ? numbers : undefined;
}

type Mode = OperatorTypes['Resize' | 'Upsample']['attributes']['mode'];

/** What the two operators say of how to resample, in the same words; scales or sizes may be given for some axes only. */
interface Resizing {
  readonly x: Value;
  readonly axes: readonly number[];
  readonly scales: readonly number[] | undefined;
  readonly sizes: readonly number[] | undefined;
  readonly region: readonly number[] | undefined;
  readonly policy: string;
  readonly settings: Pick<
    AxisResampling,
    'coordinates' | 'nearestMode' | 'cubicCoefficient' | 'excludeOutside' | 'antialias' | 'extrapolation'
  > & { readonly mode: Mode };
}

interface Target {
  readonly shape: Shape;
  readonly scales: readonly number[];
}

/** `values` at given axes, `fill` at the others. */
function spread(axes: readonly number[], values: readonly number[], fill: readonly number[]): readonly number[] {
  const result = [...fill];
  for (const [axis, value] of zip(axes, values)) result[axis] = value;
  return result;
}

/** The new shape and the scale of every axis. */
function targetOf({ x: { shape }, axes, scales, sizes, policy }: Resizing): Target {
  const given = sizes ?? scales;
  if (!given) throw new Error('neither scales nor sizes are given');
  if (given.length !== axes.length)
    throw new Error(`${given.length} scales or sizes are given for ${axes.length} axes`);
  const ones = shape.map(() => 1);
  if (!sizes) {
    const factors = spread(axes, given, ones);
    // In single precision, in which scales are stored: 10·0.7 is 7 elements, though 0.7 is stored as 0.69999999.
    return {
      shape: zip(shape, factors).map(([dim, factor]) => Math.floor(Math.fround(dim * factor))),
      scales: factors,
    };
  }
  if (policy === 'stretch') {
    const target = spread(axes, sizes, shape);
    return { shape: target, scales: zip(target, shape).map(([size, dim]) => size / dim) };
  }
  const ratios = zip(axes, sizes).map(([axis, size]) => size / nth(shape, axis));
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  const factors = spread(
    axes,
    axes.map(() => ratio),
    ones,
  );
  return { shape: zip(shape, factors).map(([dim, factor]) => Math.round(dim * factor)), scales: factors };
}

/** Start and end of the region of interest along every axis, as fractions; undefined where there is none. */
function regionOf({ x: { shape }, axes, region }: Resizing): readonly (readonly [number, number])[] | undefined {
  if (!region) return undefined;
  if (region.length !== 2 * axes.length)
    throw new Error(`its region of interest has ${region.length} numbers for ${axes.length} axes`);
  const starts = spread(
    axes,
    region.slice(0, axes.length),
    shape.map(() => 0),
  );
  const ends = spread(
    axes,
    region.slice(axes.length),
    shape.map(() => 1),
  );
  return zip(starts, ends);
}

function resample(b: GraphBuilder, resizing: Resizing): Value {
  const { x, settings } = resizing;
  const { mode, coordinates } = settings;
  const { shape, scales } = targetOf(resizing);
  const regions = coordinates === 'tf_crop_and_resize' ? regionOf(resizing) : undefined;
  const repeated = wholeRepeats(x.shape, shape);
  const maps = zip(x.shape, shape, scales).flatMap(([size, out, scale], i) => {
    if (out === size && scale === 1 && !regions) return [];
    const region = regions ? nth(regions, i) : ([0, 1] as const);
    const kernel = mode === 'bilinear' ? 'linear' : mode;
    return [{ i, size, ...resampling({ ...settings, size, out, scale, region, mode: kernel }) }];
  });
  if (repeated && maps.every(repeatsElements)) return repeat(b, x, repeated);
  const inside = maps.reduce((value, map) => alongAxis(b, value, map), x);
  return maps.some(({ offset }) => offset.some((value) => value !== 0)) ? extrapolate(b, inside, maps) : inside;
}

const allAxes = (x: Value): number[] => [...x.shape.keys()];

/** Before opset 11, Resize is what Upsample is: it knows scales alone, and no other coordinates. */
const older = (b: GraphBuilder, x: Value, scales: readonly number[] | undefined, mode: Mode): Value =>
  resample(b, {
    x,
    axes: allAxes(x),
    scales,
    sizes: undefined,
    region: undefined,
    policy: 'stretch',
    settings: {
      mode,
      coordinates: 'asymmetric',
      nearestMode: 'floor',
      cubicCoefficient: -0.75,
      excludeOutside: false,
      antialias: false,
      extrapolation: 0,
    },
  });

const upsample: Definition<'Upsample'> = (b, { in: [x, scales], attributes }) =>
  older(b, x, attributes.scales ?? constantNumbers(scales, 'its scale'), attributes.mode);

const resize: Definition<'Resize'> = (b, { in: [x, second, scales, sizes], attributes, opset }) => {
  if (opset < 11) return older(b, x, constantNumbers(second, 'its scale'), attributes.mode);
  const axes = attributes.axes ? normaliseAxes(attributes.axes, x.shape.length) : allAxes(x);
  return resample(b, {
    x,
    axes,
    scales: constantNumbers(scales, 'its scale'),
    sizes: constantNumbers(sizes, 'its size'),
    region: constantNumbers(second, 'its region of interest'),
    policy: attributes.keep_aspect_ratio_policy,
    settings: {
      mode: attributes.mode,
      coordinates: attributes.coordinate_transformation_mode,
      nearestMode: attributes.nearest_mode,
      cubicCoefficient: attributes.cubic_coeff_a,
      excludeOutside: attributes.exclude_outside === 1,
      antialias: attributes.antialias === 1,
      extrapolation: attributes.extrapolation_value,
    },
  });
};

interface AxisMap extends Resampling {
  /** The axis, and its elements before. */
  readonly i: number;
  readonly size: number;
}

/** Larger matrices take more time than the sums that they stand for. */
const largestMatrix = 2 ** 18;

/** x resampled along one axis: by a constant matrix, or where that is large by sums over what each element looks at. */
function alongAxis(b: GraphBuilder, x: Value, map: AxisMap): Value {
  const { i: axis, size, taps, indices, weights, offset } = map;
  const out = offset.length;
  const type = x.type as FloatType;
  const behind = x.shape.slice(axis + 1);
  if (out * size <= largestMatrix) {
    const last = behind.length === 0;
    const matrix = numbered(out * size, () => 0);
    weights.forEach((weight, at) => {
      const row = Math.floor(at / taps);
      const column = nth(indices, at);
      const place = last ? column * out + row : row * size + column;
      matrix[place] = nth(matrix, place) + weight;
    });
    if (last) return b.matMul(x, b.constant(tensorOf(type, [size, out], matrix)));
    const flat = b.reshape(x, [...x.shape.slice(0, axis + 1), elementCount(behind)]);
    return b.reshape(b.matMul(b.constant(tensorOf(type, [out, size], matrix)), flat), x.shape.with(axis, out));
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
        listed(rank, (j) => (j === i ? offset.length : 1)),
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
  const factors = zip(from.slice(2), to.slice(2)).map(([dim, size]) => size / dim);
  return factors.every((factor) => Number.isInteger(factor) && factor > 0) ? factors : undefined;
}

/** Does element i look at element i/factor alone? */
const repeatsElements = ({ taps, indices, weights, size, offset: { length: out } }: AxisMap): boolean =>
  taps === 1 && weights.every((weight, i) => weight === 1 && indices[i] === Math.floor(i / (out / size)));

/** Each element repeated: the adjoint of summing over the blocks, and so of their mean times the block's volume. */
function repeat(b: GraphBuilder, x: Value, factors: readonly number[]): Value {
  const [spread] = b.emit('AveragePoolGradient', [x], {
    kernel_shape: factors,
    strides: factors,
    dilations: factors.map(() => 1),
    pads: [...factors, ...factors].fill(0),
    count_include_pad: 1,
    ceil_mode: 0,
    spatial: zip(factors, x.shape.slice(2)).map(([factor, dim]) => dim * factor),
  });
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

/** Numbers that go up or down by one, or stand still. */
interface Run {
  readonly first: number;
  readonly step: number;
  readonly length: number;
}

/** A list as consecutive runs, each as long as it can be. */
function runsOf(numbers: readonly number[]): Run[] {
  const runs: Run[] = [];
  numbers.forEach((number, i) => {
    const run = runs.at(-1);
    if (run && number === run.first + run.step * run.length) {
      runs[runs.length - 1] = { ...run, length: run.length + 1 };
      return;
    }
    const next = numbers[i + 1];
    runs.push({ first: number, step: next === undefined ? 1 : Math.sign(next - number), length: 1 });
  });
  return runs;
}

/**
 * The elements of an axis at given places. Consecutive runs (up, down or standing still) are slices, whose adjoints are
 * cheap, unlike those of Gather.
 */
function takeAlong(b: GraphBuilder, x: Value, axis: number, sources: readonly number[]): Value[] {
  const runs = runsOf(sources);
  if (runs.length > mostPieces) return [b.gather(x, b.ints(sources), axis)];
  return runs.map(({ first, step, length }) => {
    if (step === 0)
      return b.expand(b.slice(x, { starts: [first], ends: [first + 1], axes: [axis] }), x.shape.with(axis, length));
    const end = first + step * length;
    const ends = [end < 0 ? Number.NEGATIVE_INFINITY : end];
    return b.slice(x, { starts: [first], ends, axes: [axis], steps: [step] });
  });
}

const pad: Definition<'Pad'> = (b, call) => {
  const [x, , value, alongAxes] = call.in;
  const rank = x.shape.length;
  const given = call.attributes.pads ?? call.constantInts(1);
  const axes = alongAxes ? normaliseAxes(call.constantInts(3), rank) : allAxes(x);
  if (given.length !== 2 * axes.length) throw new Error(`${given.length} pads are given for ${axes.length} axes`);
  const none = x.shape.map(() => 0);
  const begin = spread(axes, given.slice(0, axes.length), none);
  const end = spread(axes, given.slice(axes.length), none);
  const { mode } = call.attributes;
  if (mode === 'constant') return padConstant(b, x, value ?? call.attributes.value ?? 0, begin, end);
  const cut = (amounts: readonly number[]) => amounts.map((amount) => Math.min(amount, 0));
  return zip(begin, end).reduce(
    (padded, [before, behind], axis) => padEnds(b, padded, axis, { mode, before, behind }),
    b.pad(x, cut(begin), cut(end)),
  );
};

/** What an axis itself continues to before and behind it. */
function padEnds(
  b: GraphBuilder,
  x: Value,
  axis: number,
  { mode, before, behind }: { mode: string; before: number; behind: number },
): Value {
  const size = nth(x.shape, axis);
  if (before <= 0 && behind <= 0) return x;
  if (size === 0) throw new Error(`axis ${axis} of ${showShape(x.shape)} is empty`);
  const around = (from: number, length: number) =>
    takeAlong(
      b,
      x,
      axis,
      listed(Math.max(length, 0), (i) => sourceOf(mode, size, from + i)),
    );
  return b.concat([...around(-before, before), x, ...around(size, behind)], axis);
}

function padConstant(
  b: GraphBuilder,
  x: Value,
  value: Value | number,
  begin: readonly number[],
  end: readonly number[],
): Value {
  if (typeof value === 'number') return b.pad(x, begin, end, value);
  if (value.constant) return b.pad(x, begin, end, numbersOf(value.constant)[0] ?? 0);
  const outside = b.oneMinus(b.pad(b.full(x.type, x.shape, 1), begin, end));
  return b.add(b.pad(x, begin, end), b.mul(outside, value));
}

export const resizing = { Resize: resize, Upsample: upsample, Pad: pad } satisfies Partial<Definitions>;

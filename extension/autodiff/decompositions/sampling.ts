import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, numbered } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, type Shape, tensorOf } from '../../onnx/tensor.ts';

/** How positions beyond the ends of an axis are read. */
type Padding = 'zeros' | 'border' | 'reflection';

/** One axis of the input, of so many elements. */
interface SampledAxis {
  readonly size: number;
  /** Do −1 and 1 stand for the centres of the outer elements, or for their outer edges? */
  readonly aligned: boolean;
  readonly padding: Padding;
}

/** One of the elements of an axis that make a sample: its place, which may lie outside, and its weight. */
interface Tap {
  readonly place: Value;
  readonly weight: Value;
}

/** PyTorch's coefficient of Keys' kernel. */
const keysCoefficient = -0.75;

/** Positions in [−1, 1] as indices of elements, in the order of operations that PyTorch has, as floor follows. */
function denormalised(b: GraphBuilder, at: Value, { size, aligned }: SampledAxis): Value {
  const fromStart = b.affine(at, 1, 1);
  return aligned ? b.affine(fromStart, (size - 1) / 2) : b.affine(b.affine(fromStart, size / 2), 1, -0.5);
}

/** Positions folded back into the axis at its ends: the slope is ±1, and that of the folding is 0. */
function reflected(b: GraphBuilder, at: Value, { size, aligned }: SampledAxis): Value {
  const low = aligned ? 0 : -0.5;
  const span = aligned ? size - 1 : size;
  if (span === 0) return b.zerosLike(at);
  const distance = b.abs(b.affine(at, 1, -low));
  const turns = b.unary('Floor', b.affine(distance, 1 / span));
  const rest = b.sub(distance, b.affine(turns, span));
  const odd = b.equal(b.mod(turns, b.number(2, turns)), b.number(1, turns));
  return b.affine(b.where(odd, b.sub(b.number(span, rest), rest), rest), 1, low);
}

/** Positions read inside the axis; its ends and what is clipped to them have slope 0. Zeros are read outside, at weight 0. */
function padded(b: GraphBuilder, at: Value, axis: SampledAxis): Value {
  if (axis.padding === 'zeros') return at;
  const folded = axis.padding === 'reflection' ? reflected(b, at, axis) : at;
  return b.clip(folded, b.number(0, at), b.number(axis.size - 1, at));
}

const floor = (b: GraphBuilder, x: Value): Value => b.unary('Floor', x);

/** Keys' cubic convolution kernel at distances from 0 to 1, and from 1 to 2. */
function cubicNear(b: GraphBuilder, t: Value): Value {
  return b.affine(b.mul(b.affine(t, keysCoefficient + 2, -(keysCoefficient + 3)), b.mul(t, t)), 1, 1);
}

function cubicFar(b: GraphBuilder, t: Value): Value {
  const inner = b.affine(b.mul(b.affine(t, 1, -5), t), 1, 8);
  return b.affine(b.affine(b.mul(inner, t), 1, -4), keysCoefficient);
}

type Kernel = (b: GraphBuilder, at: Value, axis: SampledAxis) => readonly Tap[];

/** What is read along an axis for positions of the grid. */
const kernels: Readonly<Record<'nearest' | 'linear' | 'cubic', Kernel>> = {
  // Halves go to the even neighbour; the slope of the position is 0.
  nearest: (b, at, axis) => {
    const place = b.unary('Round', padded(b, denormalised(b, at, axis), axis));
    return [{ place, weight: b.full(at.type, at.shape, 1) }];
  },
  linear: (b, at, axis) => {
    const position = padded(b, denormalised(b, at, axis), axis);
    const before = floor(b, position);
    const behind = b.affine(before, 1, 1);
    return [
      { place: before, weight: b.sub(behind, position) },
      { place: behind, weight: b.sub(position, before) },
    ];
  },
  // Here the elements are folded back, not the position.
  cubic: (b, at, axis) => {
    const position = denormalised(b, at, axis);
    const before = floor(b, position);
    const t = b.sub(position, before);
    const rest = b.oneMinus(t);
    const weights = [
      cubicFar(b, b.affine(t, 1, 1)),
      cubicNear(b, t),
      cubicNear(b, rest),
      cubicFar(b, b.affine(rest, 1, 1)),
    ];
    return weights.map((weight, i) => ({ place: padded(b, b.affine(before, 1, i - 1), axis), weight }));
  },
};

/** The tap's index as an integer and its weight, both 0 where the place is outside the axis or not a number. */
function inside(b: GraphBuilder, { place, weight }: Tap, size: number): Tap {
  const within = b.and(b.greaterOrEqual(place, b.number(0, place)), b.not(b.greater(place, b.number(size - 1, place))));
  const zero = b.number(0, place);
  return { place: b.cast(b.where(within, place, zero), 'int64'), weight: b.where(within, weight, zero) };
}

/** The taps of two axes joined: every one with every one. Places count through the elements of both. */
const joined = (b: GraphBuilder, outer: readonly Tap[], inner: readonly Tap[], size: number): Tap[] =>
  outer.flatMap((row) =>
    inner.map((column) => ({
      place: b.add(b.mul(row.place, b.scalar('int64', size)), column.place),
      weight: b.mul(row.weight, column.weight),
    })),
  );

/** More weights than this are not held at once. */
const mostWeights = 2 ** 28;

/**
 * y[n, c, p] = Σₜ w[n, p, t]·x[n, c, i[n, p, t]] over the elements that each position p looks at: one gather of all of them,
 * whose adjoint is one scatter. The weights are differentiable functions of the grid, the indices have no derivative.
 */
const gridSample: Definition<'GridSample'> = (b, { in: [x, grid], attributes }) => {
  const [samples, channels, ...spatial] = x.shape;
  const [rows, ...positions] = grid.shape.slice(0, -1);
  if (spatial.length === 0 || positions.length !== spatial.length || grid.shape.at(-1) !== spatial.length)
    throw new Error(`a grid ${showShape(grid.shape)} does not fit data ${showShape(x.shape)}`);
  if (samples === undefined || channels === undefined || rows !== samples)
    throw new Error(`a grid of ${rows} samples does not fit ${samples}`);
  if (elementCount(spatial) === 0) throw new Error(`data ${showShape(x.shape)} has nothing to sample`);
  const { mode, padding_mode: padding, align_corners } = attributes;
  const kernel = kernels[mode === 'bilinear' ? 'linear' : mode === 'bicubic' ? 'cubic' : mode];
  const count = elementCount(positions);
  // The last axis of the grid names the axes of the data from the last to the first.
  const coordinates = b.split(
    b.reshape(grid, [samples, count, spatial.length]),
    spatial.map(() => 1),
    2,
  );
  const taps = spatial
    .map((size, i) => {
      const axis = { size, aligned: align_corners === 1, padding };
      return {
        size,
        taps: kernel(b, nth(coordinates, spatial.length - 1 - i), axis).map((tap) => inside(b, tap, size)),
      };
    })
    .reduce((outer, inner) => ({ size: inner.size, taps: joined(b, outer.taps, inner.taps, inner.size) })).taps;
  if (samples * count * taps.length > mostWeights)
    throw new RefusedUse(`sampling ${samples * count} positions from ${taps.length} elements each is not supported`);
  const all = (values: readonly Value[]) => b.concat(values, 2);
  // [n, elements, c]
  const elements = b.transpose(b.reshape(x, [samples, channels, elementCount(spatial)]), [0, 2, 1]);
  const indices = b.reshape(all(taps.map(({ place }) => place)), [samples, count, taps.length, 1]);
  const read = b.gatherND(elements, indices, 1);
  const weights = b.reshape(all(taps.map(({ weight }) => weight)), [samples, count, taps.length, 1]);
  const y = b.transpose(b.reduceSum(b.mul(read, weights), [2]), [0, 2, 1]);
  return b.reshape(y, [samples, channels, ...positions]);
};

/** −1 … 1 in equal steps, to the outer elements' centres or, not aligned, to their edges; rounded as PyTorch has them. */
function base(size: number, aligned: boolean): number[] {
  if (size === 1) return [0];
  const step = 2 / (size - 1);
  const places = listed(size, (i) => (i < size / 2 ? -1 + step * i : 1 - step * (size - 1 - i)));
  return aligned ? places : places.map((place) => (place * (size - 1)) / size);
}

/** Positions of the elements of an image in the coordinates of another: (x, y, 1)·θᵀ, or (x, y, z, 1)·θᵀ. */
const affineGrid: Definition<'AffineGrid'> = (b, call) => {
  const [theta] = call.in;
  const [samples, , ...spatial] = call.constantInts(1);
  const rank = spatial.length;
  const expected: Shape = [samples ?? 0, rank, rank + 1];
  if (rank < 2 || rank > 3 || theta.shape.length !== 3 || theta.shape.some((dim, i) => dim !== expected[i]))
    throw new Error(`matrices ${showShape(theta.shape)} do not fit the size ${showShape(call.constantInts(1))}`);
  const axes = spatial.map((size) => base(size, call.attributes.align_corners === 1));
  const count = elementCount(spatial);
  // Row p holds the coordinates of element p from the last axis to the first, and 1.
  const rows = numbered(count * (rank + 1), (at) => {
    const [element, column] = [Math.floor(at / (rank + 1)), at % (rank + 1)];
    if (column === rank) return 1;
    const axis = rank - 1 - column;
    const stride = elementCount(spatial.slice(axis + 1));
    return nth(nth(axes, axis), Math.floor(element / stride) % nth(spatial, axis));
  });
  const places = b.constant(tensorOf(theta.type as FloatType, [count, rank + 1], rows));
  const grid = b.matMul(places, b.transpose(theta, [0, 2, 1]));
  return b.reshape(grid, [nth(expected, 0), ...spatial, rank]);
};

export const sampling = { GridSample: gridSample, AffineGrid: affineGrid } satisfies Partial<Definitions>;

import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, mostNumbers, nth, writable, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { AttributesOf, PoolAttributes } from '../../onnx/nodeTypes.ts';
import { leading } from '../../onnx/shapes.ts';
import { allocate, elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { padsOf, windowAxes } from '../../onnx/window.ts';
import { spreadOut } from '../rules/movement.ts';

/** Sum over windows, one axis after the other. */
function sumOverWindows(b: GraphBuilder, x: Value, attributes: PoolAttributes, out: readonly number[]): Value {
  const { begins, ends } = padsOf(attributes);
  const padded = b.pad(x, [0, 0, ...begins], [0, 0, ...ends]);
  const axes = zip(out, windowAxes(attributes, attributes.kernel_shape, x.shape.slice(2)));
  return axes.reduce((value, [count, { stride, dilation, kernel }], i) => {
    /** Of sums over so many elements those that begin at element k of a window, for every window. */
    const startingAt = (sums: Value, k: number): Value => {
      const start = k * dilation;
      return b.slice(sums, {
        starts: [start],
        ends: [start + (count - 1) * stride + 1],
        axes: [i + 2],
        steps: [stride],
      });
    };
    return kernel > mostSlices
      ? sumByDoubling(b, value, i + 2, { size: kernel, dilation }, startingAt)
      : listed(kernel, (k) => startingAt(value, k)).reduce(b.add);
  }, padded);
}

/** Sums over larger windows are made of sums over 1, 2, 4, … elements. */
const mostSlices = 8;

/** S₂ₘ[i] = Sₘ[i] + Sₘ[i + m·dilation]; a window is the sum of those S whose lengths make up its size in binary. */
function sumByDoubling(
  b: GraphBuilder,
  x: Value,
  axis: number,
  { size, dilation }: { size: number; dilation: number },
  startingAt: (sums: Value, k: number) => Value,
): Value {
  const parts: Value[] = [];
  let sums = x;
  let covered = 0;
  for (let m = 1; m <= size; m *= 2) {
    // The bit m of the size.
    if (Math.floor(size / m) % 2 === 1) {
      parts.push(startingAt(sums, covered));
      covered += m;
    }
    const length = nth(sums.shape, axis) - m * dilation;
    if (2 * m > size) break;
    const from = (start: number): Value => b.slice(sums, { starts: [start], ends: [start + length], axes: [axis] });
    sums = b.add(from(0), from(m * dilation));
  }
  return parts.reduce(b.add);
}

/** AveragePool (pads counted) without its kernel. */
export const averagePoolAsSum = (
  b: GraphBuilder,
  x: Value,
  attributes: PoolAttributes,
  out: readonly number[],
): Value => b.affine(sumOverWindows(b, x, attributes, out), 1 / elementCount(attributes.kernel_shape));

/** ONNX Runtime takes pads that are smaller than the window, and joins a Pad in front with them. */
export const padsFit = ({ kernel_shape, pads }: PoolAttributes): boolean =>
  zip(pads, [...kernel_shape, ...kernel_shape]).every(([amount, size]) => amount >= 0 && amount < size);

/** Do the windows tile the data, with nothing between them? */
const tiles = (attributes: AttributesOf<'AveragePoolGradient'>, out: readonly number[]): boolean =>
  zip(out, windowAxes(attributes, attributes.kernel_shape, attributes.spatial)).every(
    ([count, { size, kernel, stride, dilation, begin, end }]) =>
      size === count * kernel && stride === kernel && dilation === 1 && begin === 0 && end === 0,
  );

/**
 * The adjoint of AveragePool. Tiles are filled by repetition. Overlapping windows: the adjoint of a sum over windows is
 * a sum over windows of the cotangent, spread out by the strides and padded until every window that touches an element
 * is counted.
 */
export function averagePoolGradient(
  b: GraphBuilder,
  dy: Value,
  attributes: AttributesOf<'AveragePoolGradient'>,
  average: (x: Value, attributes: PoolAttributes) => Value,
  repeat: Repeat,
): Value {
  const { spatial, ...pool } = attributes;
  const { kernel_shape: kernel, strides } = pool;
  if (tiles(attributes, dy.shape.slice(2))) return b.affine(repeat(b, dy, kernel), 1 / elementCount(kernel));
  const spread = strides.reduce((value, stride, i) => spreadOut(b, value, i + 2, stride), dy);
  const axes = windowAxes(pool, kernel, spatial);
  const begins = axes.map((axis) => axis.dilation * (axis.kernel - 1) - axis.begin);
  const ends = zip(axes, spread.shape.slice(2)).map(([axis, size]) => axis.size + axis.begin - size);
  const window = { ...pool, strides: kernel.map(() => 1), pads: [...begins, ...ends] };
  return padsFit(window) ? average(spread, window) : averagePoolAsSum(b, spread, window, spatial);
}

/** Repeats every element along each spatial axis. */
export type Repeat = (b: GraphBuilder, x: Value, factors: readonly number[]) => Value;

export const repeatByExpand: Repeat = (b, x, factors) => {
  const [n, c, ...out] = leading(x.shape, 2);
  const split = b.reshape(x, [n * c, ...out.flatMap((size) => [size, 1])]);
  const sizes = zip(out, factors);
  const wide = b.expand(split, [n * c, ...sizes.flat()]);
  return b.reshape(wide, [n, c, ...sizes.map(([size, factor]) => size * factor)]);
};

/** Sizes that single precision, in which scales are given, tells from their neighbours. */
const mostScaled = 2 ** 24;

/** Ten times as fast in ONNX Runtime as Expand with many axes. */
export const repeatByResize: Repeat = (b, x, factors) => {
  if (zip(x.shape.slice(2), factors).some(([size, factor]) => size * factor > mostScaled))
    return repeatByExpand(b, x, factors);
  const scales = b.constant(tensorOf('float32', [factors.length + 2], [1, 1, ...factors]));
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return b.emit('Resize', [x, undefined, scales], attributes)[0];
};

/**
 * 1 at the first maximum of every window. Elements equal to their window's maximum are numbered backwards, so that among
 * several the first has the largest number, and that is found as a maximum in turn.
 */
export function maxPoolMask(b: GraphBuilder, x: Value, y: Value, kernel: readonly number[], repeat: Repeat): Value {
  const spatial = x.shape.slice(2);
  const equal = b.indicator(b.equal(x, repeat(b, y, kernel)), x);
  const zeros = kernel.map(() => 0);
  const window = { kernel_shape: kernel, strides: kernel, dilations: kernel.map(() => 1), pads: [...zeros, ...zeros] };
  const numbered = b.mul(equal, numbersInWindows(b, x.type as FloatType, spatial, kernel));
  const largest = b.emit('MaxPool', [numbered], { ...window, ceil_mode: 0 })[0];
  return b.indicator(b.equal(numbered, repeat(b, largest, kernel)), x);
}

/** volume, volume − 1, …, 1 inside every window, in C order: [...spatial]. */
function numbersInWindows(
  b: GraphBuilder,
  type: FloatType,
  spatial: readonly number[],
  kernel: readonly number[],
): Value {
  const data = allocate(type, writable(elementCount(spatial), mostNumbers));
  data[0] = elementCount(kernel);
  // From the last axis on: what is there already is repeated along the next one, less the place along that.
  let [block, unit] = [1, 1];
  for (const [size, taps] of zip(spatial, kernel).reverse()) {
    for (let i = 1; i < size; i++)
      for (let k = 0; k < block; k++) data[i * block + k] = nth(data, k) - (i % taps) * unit;
    block *= size;
    unit *= taps;
  }
  return b.constant({ type, shape: spatial, data });
}

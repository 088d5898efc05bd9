import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, numbered, writable, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { AttributesOf, ConvolutionAttributes } from '../../onnx/nodeTypes.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, type Tensor, tensorOf } from '../../onnx/tensor.ts';
import { padsOf, windowAxes } from '../../onnx/window.ts';
import { InspectorError } from '../../shared/errors.ts';
import { thousands } from '../../shared/format.ts';
import { at, words } from '../../shared/words.ts';
import { spreadOut } from '../rules/movement.ts';

/** Positions of a kernel for each of which there is a part of a graph, or a row of places. */
const mostTaps = 2 ** 14;

/** Every position of a kernel, the last axis fastest. Throws an InspectorError where they are too many. */
export function taps(kernel: readonly number[]): number[][] {
  requireFewTaps(kernel);
  return kernel.reduce<number[][]>(
    (positions, size) => positions.flatMap((position) => listed(size, (k) => [...position, k])),
    [[]],
  );
}

/** Refuses kernels of so many positions that what is written for each would keep the program busy. */
export function requireFewTaps(kernel: readonly number[]): void {
  if (elementCount(kernel) > mostTaps)
    throw new InspectorError(
      `A convolution over windows of ${thousands(elementCount(kernel))} positions is too large to be written as operators.`,
      `At most ${thousands(mostTaps)} can be. Where its weight does not train, freeze it.`,
    );
}

/** Zeros around the spatial axes; negative amounts cut off. */
const padSpatial = (b: GraphBuilder, x: Value, begins: readonly number[], ends: readonly number[]): Value =>
  b.pad(x, [0, 0, ...begins], [0, 0, ...ends]);

/** The padded data under one position of the kernel, for every window: [n, c, ...out]. */
function underTap(
  b: GraphBuilder,
  padded: Value,
  tap: readonly number[],
  out: readonly number[],
  { strides, dilations }: ConvolutionAttributes,
): Value {
  const starts = zip(tap, dilations).map(([k, dilation]) => k * dilation);
  return b.slice(padded, {
    starts,
    ends: zip(starts, out, strides).map(([start, count, stride]) => start + (count - 1) * stride + 1),
    axes: tap.map((_, i) => i + 2),
    steps: strides,
  });
}

/** Positions of a kernel that are each a slice of their own; more are read by one gather, for which each place is a number. */
export const mostSlices = 1024;
/** Places of all windows that are written down. */
const mostPlaces = 2 ** 24;

/** Can the windows be laid out by one gather? */
export const fitsGather = (kernel: readonly number[], out: readonly number[]): boolean =>
  elementCount(kernel) * elementCount(out) <= mostPlaces;

/** Where the elements under each position of a kernel lie in the data, the positions one after the other: K·P indices. */
function placesOf(
  sizes: readonly number[],
  kernel: readonly number[],
  out: readonly number[],
  { strides, dilations }: ConvolutionAttributes,
): Tensor {
  if (elementCount(sizes) > 2 ** 31) throw new RefusedUse(`its padded data ${showShape(sizes)} are too large`);
  const along = (counts: readonly number[], steps: readonly number[]) =>
    numbered(elementCount(counts), (flat) => {
      let [rest, place] = [flat, 0];
      for (let axis = counts.length - 1; axis >= 0; axis--) {
        const count = nth(counts, axis);
        place += (rest % count) * nth(steps, axis) * elementCount(sizes.slice(axis + 1));
        rest = Math.floor(rest / count);
      }
      return place;
    });
  const starts = along(out, strides);
  const places = new Int32Array(writable(elementCount(kernel) * starts.length, mostPlaces));
  along(kernel, dilations).forEach((tap, row) => {
    for (let column = 0; column < starts.length; column++)
      places[row * starts.length + column] = tap + nth(starts, column);
  });
  return { type: 'int32', shape: [places.length], data: places };
}

/**
 * The windows as columns, [n, g, c/g·K, P]: K positions of the kernel, P of the output. Throws an InspectorError for kernels and
 * outputs whose windows are too many to be laid out.
 */
export function columns(
  b: GraphBuilder,
  x: Value,
  kernel: readonly number[],
  out: readonly number[],
  attributes: ConvolutionAttributes,
): Value {
  const { group } = attributes;
  const { begins, ends } = padsOf(attributes);
  const [n, c] = leading(x.shape, 2);
  const positions = elementCount(out);
  const padded = padSpatial(b, x, begins, ends);
  const count = elementCount(kernel);
  if (count > mostSlices) {
    if (!fitsGather(kernel, out))
      throw new InspectorError(
        `In double precision a convolution is a product of matrices, and that of a kernel ${showShape(kernel)} with outputs ${showShape(out)} is too large.`,
        words`Use ${at('dtype', 'float32')}.`,
      );
    const [, , ...sizes] = padded.shape;
    const rows = b.reshape(padded, [n, c, elementCount(sizes)]);
    const read = b.gather(rows, b.constant(placesOf(sizes, kernel, out, attributes)), 2);
    return b.reshape(read, [n, group, (c / group) * count, positions]);
  }
  const parts = taps(kernel).map((tap) =>
    b.reshape(underTap(b, padded, tap, out, attributes), [n, group, c / group, 1, positions]),
  );
  return b.reshape(b.concat(parts, 3), [n, group, (c / group) * parts.length, positions]);
}

/** Conv as a product of matrices: W [g, m/g, c/g·K] times columns. */
export function convAsProduct(
  b: GraphBuilder,
  x: Value,
  w: Value,
  bias: Value | undefined,
  attributes: ConvolutionAttributes,
  out: readonly number[],
): Value {
  const { group } = attributes;
  const [m, c, ...kernel] = leading(w.shape, 2);
  const matrix = b.reshape(w, [group, m / group, c * elementCount(kernel)]);
  const y = b.matMul(matrix, columns(b, x, kernel, out, attributes));
  const shaped = b.reshape(y, [nth(x.shape, 0), m, ...out]);
  return bias ? b.add(shaped, b.reshape(bias, [m, ...out.map(() => 1)])) : shaped;
}

/** The kernel of the adjoint: reversed in space, with input and output channels exchanged within each group. */
export function flipped(b: GraphBuilder, w: Value, group: number): Value {
  const [m, c, ...kernel] = leading(w.shape, 2);
  const grouped = b.reshape(reversedTaps(b, w), [group, m / group, c, elementCount(kernel)]);
  return b.reshape(b.transpose(grouped, [0, 2, 1, 3]), [group * c, m / group, ...kernel]);
}

/** Most rows of a matrix that is moved by a product rather than by a slower copy. */
export const fewRows = 64;

/** [m·c, taps] with the taps in reverse order: as a product, which ONNX Runtime does faster than a Slice with steps of −1. */
function reversedTaps(b: GraphBuilder, w: Value): Value {
  const [m, c, ...kernel] = leading(w.shape, 2);
  const count = elementCount(kernel);
  const rows = b.reshape(w, [m * c, count]);
  if (count === 1) return rows;
  if (count > fewRows) {
    const end = Number.NEGATIVE_INFINITY;
    return b.slice(rows, { starts: [-1], ends: [end], axes: [1], steps: [-1] });
  }
  const exchange = listed(count * count, (i) => Number(Math.floor(i / count) + (i % count) === count - 1));
  return b.gemm(rows, b.constant(tensorOf(w.type as FloatType, [count, count], exchange)));
}

/** Data, kernel and attributes of the convolution without strides that equals a transposed convolution. */
export function asConvolution(
  b: GraphBuilder,
  x: Value,
  w: Value,
  attributes: AttributesOf<'ConvTranspose'>,
): { x: Value; w: Value; attributes: ConvolutionAttributes } {
  const kernel = w.shape.slice(2);
  const { strides, dilations, group } = attributes;
  const spread = strides.reduce((value, stride, i) => spreadOut(b, value, i + 2, stride), x);
  const axes = zip(windowAxes(attributes, kernel, x.shape.slice(2)), attributes.output_padding);
  const amounts = axes.map(([axis, extra]) => {
    const reach = axis.dilation * (axis.kernel - 1);
    return { begin: reach - axis.begin, end: reach - axis.end + extra };
  });
  const begins = amounts.map(({ begin }) => begin);
  const ends = amounts.map(({ end }) => end);
  const cut = (values: readonly number[]) => values.map((amount) => Math.min(amount, 0));
  return {
    x: padSpatial(b, spread, cut(begins), cut(ends)),
    w: flipped(b, w, group),
    attributes: {
      strides: kernel.map(() => 1),
      dilations,
      pads: [...begins, ...ends].map((amount) => Math.max(amount, 0)),
      group,
    },
  };
}

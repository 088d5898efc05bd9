import type { GraphBuilder } from '../../onnx/builder.ts';
import { first, last, listed, nth, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { AttributesOf } from '../../onnx/nodeTypes.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { windowAxes } from '../../onnx/window.ts';
import { columns, fewRows, fitsGather, mostSlices, requireFewTaps, taps } from './convolution.ts';

/** One factor of the product: which elements it has for each position of the kernel along its axes. */
interface Side {
  readonly data: Value;
  /** Channels in a group. */
  readonly channels: number;
  /** The spatial axes whose taps this side is shifted by. */
  readonly axes: readonly number[];
  /** The first element that a tap sees, for each spatial axis; elements outside the data are zeros. */
  readonly first: (tap: readonly number[]) => number[];
  readonly steps: readonly number[];
}

/**
 * The gradient of a convolution with respect to its weights, dw[m,c,k] = Σ_{n,o} dy[n,m,o]·x[n,c,s·o+d·k−p], as a product
 * of matrices.
 *
 * Instead of collecting x under all taps (im2col), the taps are split between the factors: with i and j the taps along the
 * height and the width and h = o+i−p, the sum equals Σ_{h,w} dy[n,m,h+p−i,w]·x[n,c,h,w+j−p], so that a K×K kernel takes
 * K shifted copies of dy and K of x in place of K² of x. Their matrices are larger in turn, which suits the product. An
 * axis with strides has its taps on x. The copies are spread so that as little as possible is copied.
 */
export function weightGradient(
  b: GraphBuilder,
  x: Value,
  dy: Value,
  attributes: AttributesOf<'ConvWeightGradient'>,
): Value {
  const { kernel_shape: kernel, group, strides } = attributes;
  requireFewTaps(kernel);
  const [, c, ...size] = leading(x.shape, 2);
  const [, m, ...out] = leading(dy.shape, 2);
  const onX = axesOfX(kernel, strides, c, m);
  const shifts = (side: boolean) => elementCount(kernel.filter((_, i) => onX[i] === side));
  const copies = shifts(true) + shifts(false);
  if (copies > mostSlices && fitsGather(kernel, out)) return fromColumns(b, x, dy, attributes);
  if (copies > mostCopies)
    throw new RefusedUse(`the gradient of its kernel ${showShape(kernel)} takes ${copies} copies of its data; at most ${mostCopies} are made`); // biome-ignore format: one line
  const grid = zip(onX, out, size).map(([moved, outer, inner]) => (moved ? outer : inner));
  const axes = zip(windowAxes(attributes, kernel, size), onX);
  const axesWhere = (wanted: boolean) => kernel.flatMap((_, i) => (onX[i] === wanted ? [i] : []));
  // Long rows are summed image by image; short ones, and those of many small groups, are joined over the batch.
  const joined = group > 1 || elementCount(grid) <= longRow;
  const swap = (value: Value) => (joined ? b.transpose(value, [1, 0, ...kernel.map((_, i) => i + 2)]) : value);
  const left: Side = {
    data: swap(dy),
    channels: m / group,
    axes: axesWhere(false),
    first: (tap) => zip(axes, tap).map(([[{ begin, dilation }, moved], k]) => (moved ? 0 : begin - dilation * k)),
    steps: kernel.map(() => 1),
  };
  const right: Side = {
    data: swap(x),
    channels: c / group,
    axes: axesWhere(true),
    first: (tap) => zip(axes, tap).map(([[{ begin, dilation }, moved], k]) => (moved ? dilation * k - begin : 0)),
    steps: axes.map(([{ stride }, moved]) => (moved ? stride : 1)),
  };
  const rows = shiftedCopies(b, left, kernel, grid);
  const columns = shiftedCopies(b, right, kernel, grid);
  const product = sumOfProducts(b, rows, columns, { group, joined });
  return arrange(b, product, { left, right, kernel, group });
}

/** Shifted copies, each of which takes operations of its own. */
const mostCopies = 2048;

/** The same from all windows as columns, dw = Σₙ dy·columnsᵀ, where copies would be too many. */
function fromColumns(b: GraphBuilder, x: Value, dy: Value, attributes: AttributesOf<'ConvWeightGradient'>): Value {
  const { kernel_shape: kernel, group } = attributes;
  const [, c] = leading(x.shape, 2);
  const [n, m, ...out] = leading(dy.shape, 2);
  const rows = b.reshape(dy, [n, group, m / group, elementCount(out)]);
  const products = b.matMul(rows, b.swapLast(columns(b, x, kernel, out, attributes)));
  return b.reshape(b.reduceSum(products, [0]), [m, c / group, ...kernel]);
}

/** Which axes have their taps on x: those with strides, and the choice for the others that copies least. */
function axesOfX(kernel: readonly number[], strides: readonly number[], c: number, m: number): boolean[] {
  const copies = (onX: readonly boolean[]) => {
    const shifts = (side: boolean) =>
      kernel.reduce((product, size, i) => (onX[i] === side ? product * size : product), 1);
    const [onRight, onLeft] = [shifts(true), shifts(false)];
    return (onRight > 1 ? onRight * c : 0) + (onLeft > 1 ? onLeft * m : 0);
  };
  return taps(kernel.map(() => 2))
    .map((choice) => zip(choice, strides, kernel).map(([side, stride, size]) => side === 1 || stride > 1 || size === 1))
    .reduce((best, onX) => (copies(onX) < copies(best) ? onX : best));
}

/** The data of a side on the common grid, once for each tap along its axes: [n, channels, ...grid] each. */
function shiftedCopies(b: GraphBuilder, side: Side, kernel: readonly number[], grid: readonly number[]): Value[] {
  const { data, steps } = side;
  const size = data.shape.slice(2);
  const own = taps(kernel.map((count, i) => (side.axes.includes(i) ? count : 1)));
  const axes = size.map((_, i) => i + 2);
  const reach = zip(grid, steps).map(([count, step]) => step * (count - 1) + 1);
  const ends = (starts: readonly number[]) => zip(starts, reach).map(([start, length]) => start + length);
  if (steps.every((step) => step === 1)) {
    return own.map((tap) => {
      const starts = side.first(tap);
      return shifted(b, data, starts, minus(ends(starts), size));
    });
  }
  const lowest = side.first(first(own)).map((at) => Math.min(0, at));
  const highest = zip(size, ends(side.first(last(own)))).map(([length, end]) => Math.max(length, end));
  const padded = b.pad(data, [0, 0, ...lowest.map((at) => -at)], [0, 0, ...minus(highest, size)]);
  return own.map((tap) => {
    const starts = minus(side.first(tap), lowest);
    return b.slice(padded, { starts, ends: ends(starts), axes, steps });
  });
}

const minus = (x: readonly number[], y: readonly number[]): number[] => zip(x, y).map(([left, right]) => left - right);

/** Data cut at its begins and filled up with zeros at its ends, or the other way round. */
function shifted(b: GraphBuilder, data: Value, cut: readonly number[], filled: readonly number[]): Value {
  const [n, c, ...size] = leading(data.shape, 2);
  const [moved, ...others] = zip(cut, filled).flatMap(([amount, zeros], axis) =>
    amount === 0 && zeros === 0 ? [] : [{ axis, amount, zeros }],
  );
  // A shift along one axis alone is one along all axes behind it joined, which copies longer rows.
  if (moved && others.length === 0) {
    const { axis, amount, zeros } = moved;
    const length = nth(size, axis);
    const inner = elementCount(size.slice(axis + 1));
    const flat = b.reshape(data, [n, c, ...size.slice(0, axis), length * inner]);
    const none = [0, 0, ...size.slice(0, axis).fill(0)];
    const result = b.pad(flat, [...none, -amount * inner], [...none, zeros * inner]);
    return b.reshape(result, [n, c, ...size.with(axis, length - amount + zeros)]);
  }
  return b.pad(data, [0, 0, ...cut.map((amount) => -amount)], [0, 0, ...filled]);
}

/** Images with more positions than this are multiplied one by one. */
const longRow = 64;

/** Matrices with fewer rows than this are stacked, so that products are not too thin to be fast. */
const thin = 128;
const thinnest = 16;

/**
 * For each pair of copies the sum of left·rightᵀ over all positions of all images, as [left, right, g, m, c]. The thinner
 * matrices come first in the product, where the copies are joined below one another if they are thin.
 */
function sumOfProducts(
  b: GraphBuilder,
  left: readonly Value[],
  right: readonly Value[],
  { group, joined }: { group: number; joined: boolean },
): Value {
  const batchAxis = joined ? 1 : 0;
  const channels = (copies: readonly Value[]) => nth(first(copies).shape, 1 - batchAxis) / group;
  const leftFirst = channels(left) <= channels(right);
  const [thinner, thicker] = leftFirst ? [left, right] : [right, left];
  const matrices = (copies: readonly Value[], stack: boolean): Value[] => {
    const own = channels(copies);
    const { shape: whole } = first(copies);
    const [n, positions] = [nth(whole, batchAxis), elementCount(whole.slice(2))];
    const shape = joined ? [group, own, n * positions] : [n, group, own, positions];
    const split = copies.map((copy) => b.reshape(copy, shape));
    return stack ? [b.concat(split, shape.length - 2)] : split;
  };
  const rows = matrices(thinner, channels(thinner) < thin);
  const columns = matrices(thicker, channels(thicker) < thinnest);
  const [f, s] = [thinner.length / rows.length, thicker.length / columns.length];
  const products = rows.map((row) =>
    columns.map((column) => {
      const product = b.matMul(row, b.swapLast(column));
      const sum = joined ? product : b.reduceSum(product, [0]);
      return b.transpose(b.reshape(sum, [group, f, channels(thinner), s, channels(thicker)]), [1, 3, 0, 2, 4]);
    }),
  );
  const all = b.concat(
    products.map((row) => b.concat(row, 1)),
    0,
  );
  return leftFirst ? all : b.transpose(all, [1, 0, 2, 4, 3]);
}

/** From [left taps, right taps, g, m, c] to [g·m, c, ...kernel]. */
function arrange(
  b: GraphBuilder,
  product: Value,
  { left, right, kernel, group }: { left: Side; right: Side; kernel: readonly number[]; group: number },
): Value {
  const order = [...left.axes, ...right.axes];
  const weights = group * left.channels * right.channels;
  const split = b.reshape(product, [...order.map((axis) => nth(kernel, axis)), weights]);
  const inOrder = b.transpose(split, [...kernel.map((_, i) => order.indexOf(i)), kernel.length]);
  const matrix = tapsLast(b, b.reshape(inOrder, [elementCount(kernel), weights]));
  return b.reshape(matrix, [group * left.channels, right.channels, ...kernel]);
}

/**
 * The transpose of a matrix with few rows. As a product with the identity it is several times as fast in ONNX Runtime as
 * a Transpose, which the runtime would join with the reshaping around it.
 */
function tapsLast(b: GraphBuilder, matrix: Value): Value {
  const [rows] = leading(matrix.shape, 1);
  if (rows === 1 || rows > fewRows) return b.transpose(matrix, [1, 0]);
  const identity = listed(rows * rows, (i) => Number(i % (rows + 1) === 0));
  return b.gemm(matrix, b.constant(tensorOf(matrix.type as FloatType, [rows, rows], identity)), { transA: true });
}

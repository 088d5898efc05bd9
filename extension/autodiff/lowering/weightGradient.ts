import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Attributes, Value } from '../../onnx/graph.ts';
import { leading } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { fewRows, taps } from './convolution.ts';

const ints = (attributes: Attributes, name: string): readonly number[] => attributes[name] as readonly number[];

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
export function weightGradient(b: GraphBuilder, x: Value, dy: Value, attributes: Attributes): Value {
  const kernel = ints(attributes, 'kernel_shape');
  const group = attributes.group as number;
  const [, c, ...size] = leading(x.shape, 2);
  const [, m, ...out] = leading(dy.shape, 2);
  const [strides, dilations, pads] = ['strides', 'dilations', 'pads'].map((name) => ints(attributes, name));
  const onX = axesOfX(kernel, strides!, c, m);
  const grid = kernel.map((_, i) => (onX[i] ? out[i]! : size[i]!));
  const axesWhere = (wanted: boolean) => kernel.flatMap((_, i) => (onX[i] === wanted ? [i] : []));
  // Long rows are summed image by image; short ones, and those of many small groups, are joined over the batch.
  const joined = group > 1 || elementCount(grid) <= longRow;
  const swap = (value: Value) => (joined ? b.transpose(value, [1, 0, ...kernel.map((_, i) => i + 2)]) : value);
  const left: Side = {
    data: swap(dy),
    channels: m / group,
    axes: axesWhere(false),
    first: (tap) => kernel.map((_, i) => (onX[i] ? 0 : pads![i]! - dilations![i]! * tap[i]!)),
    steps: kernel.map(() => 1),
  };
  const right: Side = {
    data: swap(x),
    channels: c / group,
    axes: axesWhere(true),
    first: (tap) => kernel.map((_, i) => (onX[i] ? dilations![i]! * tap[i]! - pads![i]! : 0)),
    steps: kernel.map((_, i) => (onX[i]! ? strides![i]! : 1)),
  };
  const rows = shiftedCopies(b, left, kernel, grid);
  const columns = shiftedCopies(b, right, kernel, grid);
  const product = sumOfProducts(b, rows, columns, { group, joined });
  return arrange(b, product, { left, right, kernel, group });
}

/** Which axes have their taps on x: those with strides, and the choice for the others that copies least. */
function axesOfX(kernel: readonly number[], strides: readonly number[], c: number, m: number): boolean[] {
  const copies = (onX: readonly boolean[]) => {
    const [onRight, onLeft] = [true, false].map((side) =>
      kernel.reduce((product, size, i) => (onX[i] === side ? product * size : product), 1),
    );
    return (onRight! > 1 ? onRight! * c : 0) + (onLeft! > 1 ? onLeft! * m : 0);
  };
  return taps(kernel.map(() => 2))
    .map((choice) => choice.map((side, i) => side === 1 || strides[i]! > 1 || kernel[i] === 1))
    .reduce((best, onX) => (copies(onX) < copies(best) ? onX : best));
}

/** The data of a side on the common grid, once for each tap along its axes: [n, channels, ...grid] each. */
function shiftedCopies(b: GraphBuilder, side: Side, kernel: readonly number[], grid: readonly number[]): Value[] {
  const { data, steps } = side;
  const size = data.shape.slice(2);
  const own = taps(kernel.map((count, i) => (side.axes.includes(i) ? count : 1)));
  const axes = size.map((_, i) => i + 2);
  const reach = grid.map((count, i) => steps[i]! * (count - 1) + 1);
  if (steps.every((step) => step === 1)) {
    return own.map((tap) => {
      const first = side.first(tap);
      return shifted(
        b,
        data,
        first,
        first.map((at, i) => at + reach[i]! - size[i]!),
      );
    });
  }
  const lowest = size.map((_, i) => Math.min(0, side.first(own[0]!)[i]!));
  const highest = size.map((length, i) => Math.max(length, side.first(own[own.length - 1]!)[i]! + reach[i]!));
  const padded = b.pad(data, [0, 0, ...lowest.map((at) => -at)], [0, 0, ...highest.map((at, i) => at - size[i]!)]);
  return own.map((tap) => {
    const starts = side.first(tap).map((at, i) => at - lowest[i]!);
    return b.slice(padded, { starts, ends: starts.map((at, i) => at + reach[i]!), axes, steps });
  });
}

/** Data cut at its begins and filled up with zeros at its ends, or the other way round. */
function shifted(b: GraphBuilder, data: Value, cut: readonly number[], filled: readonly number[]): Value {
  const [n, c, ...size] = leading(data.shape, 2);
  const moved = cut.flatMap((amount, i) => (amount === 0 && filled[i] === 0 ? [] : [i]));
  // A shift along one axis alone is one along all axes behind it joined, which copies longer rows.
  if (moved.length === 1) {
    const [axis] = moved;
    const inner = elementCount(size.slice(axis! + 1));
    const flat = b.reshape(data, [n, c, ...size.slice(0, axis), size[axis!]! * inner]);
    const zeros = [0, 0, ...size.slice(0, axis).fill(0)];
    const result = b.pad(flat, [...zeros, -cut[axis!]! * inner], [...zeros, filled[axis!]! * inner]);
    return b.reshape(result, [n, c, ...size.with(axis!, size[axis!]! - cut[axis!]! + filled[axis!]!)]);
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
  const channels = (copies: readonly Value[]) => copies[0]!.shape[1 - batchAxis]! / group;
  const leftFirst = channels(left) <= channels(right);
  const [first, second] = leftFirst ? [left, right] : [right, left];
  const matrices = (copies: readonly Value[], stack: boolean): Value[] => {
    const own = channels(copies);
    const [n, positions] = [copies[0]!.shape[batchAxis]!, elementCount(copies[0]!.shape.slice(2))];
    const shape = joined ? [group, own, n * positions] : [n, group, own, positions];
    const split = copies.map((copy) => b.reshape(copy, shape));
    return stack ? [b.concat(split, shape.length - 2)] : split;
  };
  const rows = matrices(first, channels(first) < thin);
  const columns = matrices(second, channels(second) < thinnest);
  const [f, s] = [first.length / rows.length, second.length / columns.length];
  const products = rows.map((row) =>
    columns.map((column) => {
      const product = b.matMul(row, b.swapLast(column));
      const sum = joined ? product : b.reduceSum(product, [0]);
      return b.transpose(b.reshape(sum, [group, f, channels(first), s, channels(second)]), [1, 3, 0, 2, 4]);
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
  const split = b.reshape(product, [...order.map((axis) => kernel[axis]!), weights!]);
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
  const identity = Array.from({ length: rows * rows }, (_, i) => Number(i % (rows + 1) === 0));
  return b.gemm(matrix, b.constant(tensorOf(matrix.type as FloatType, [rows, rows], identity)), { transA: true });
}

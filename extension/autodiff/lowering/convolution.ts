import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Attributes, Value } from '../../onnx/graph.ts';
import { leading } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { spreadOut } from '../rules/movement.ts';

const ints = (attributes: Attributes, name: string): readonly number[] => attributes[name] as readonly number[];
const groupOf = (attributes: Attributes): number => attributes.group as number;

/** Every position of a kernel, the last axis fastest. */
export function taps(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (positions, size) => positions.flatMap((position) => Array.from({ length: size }, (_, k) => [...position, k])),
    [[]],
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
  attributes: Attributes,
): Value {
  const strides = ints(attributes, 'strides');
  const starts = tap.map((k, i) => k * ints(attributes, 'dilations')[i]!);
  return b.slice(padded, {
    starts,
    ends: starts.map((start, i) => start + (out[i]! - 1) * strides[i]! + 1),
    axes: tap.map((_, i) => i + 2),
    steps: strides,
  });
}

/** The windows as columns, [n, g, c/g·K, P]: K positions of the kernel, P of the output. */
function columns(
  b: GraphBuilder,
  x: Value,
  kernel: readonly number[],
  out: readonly number[],
  attributes: Attributes,
): Value {
  const rank = kernel.length;
  const pads = ints(attributes, 'pads');
  const group = groupOf(attributes);
  const [n, c] = leading(x.shape, 2);
  const positions = elementCount(out);
  const padded = padSpatial(b, x, pads.slice(0, rank), pads.slice(rank));
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
  attributes: Attributes,
  out: readonly number[],
): Value {
  const group = groupOf(attributes);
  const [m, c, ...kernel] = leading(w.shape, 2);
  const matrix = b.reshape(w, [group, m / group, c * elementCount(kernel)]);
  const y = b.matMul(matrix, columns(b, x, kernel, out, attributes));
  const shaped = b.reshape(y, [x.shape[0]!, m, ...out]);
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
  const exchange = Array.from({ length: count * count }, (_, i) =>
    Number(Math.floor(i / count) + (i % count) === count - 1),
  );
  return b.gemm(rows, b.constant(tensorOf(w.type as FloatType, [count, count], exchange)));
}

/** Data, kernel and attributes of the convolution without strides that equals a transposed convolution. */
export function asConvolution(
  b: GraphBuilder,
  x: Value,
  w: Value,
  attributes: Attributes,
): { x: Value; w: Value; attributes: Attributes } {
  const kernel = w.shape.slice(2);
  const rank = kernel.length;
  const [pads, dilations, extra] = ['pads', 'dilations', 'output_padding'].map((name) => ints(attributes, name));
  const spread = ints(attributes, 'strides').reduce((value, stride, i) => spreadOut(b, value, i + 2, stride), x);
  const reach = kernel.map((size, i) => dilations![i]! * (size - 1));
  const begins = reach.map((amount, i) => amount - pads![i]!);
  const ends = reach.map((amount, i) => amount - pads![i + rank]! + extra![i]!);
  const cut = (amounts: readonly number[]) => amounts.map((amount) => Math.min(amount, 0));
  return {
    x: padSpatial(b, spread, cut(begins), cut(ends)),
    w: flipped(b, w, groupOf(attributes)),
    attributes: {
      strides: kernel.map(() => 1),
      dilations,
      pads: [...begins, ...ends].map((amount) => Math.max(amount, 0)),
      group: groupOf(attributes),
    },
  };
}

import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape, windowOutput } from '../../onnx/shapes.ts';
import { type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { samePadding, type Window, windowOf } from './window.ts';

interface Pooling extends Window {
  readonly kernel_shape: readonly number[];
}

/** A pooling window; with `ceil_mode`, the end is padded until the last, partial window is a whole one. */
function poolingOf(call: OperatorCall): { given: Pooling; whole: Pooling; ceil: boolean } {
  const spatial = call.input(0).shape.slice(2);
  const kernel_shape = call.ints('kernel_shape');
  const given = { ...windowOf(call, spatial, kernel_shape), kernel_shape };
  const ceil = call.int('ceil_mode', 0) === 1 && !samePadding(call);
  const rank = spatial.length;
  const reach = spatial.map((size, i) => {
    const stride = given.strides[i]!;
    const dilation = given.dilations[i]!;
    const [begin, end] = [given.pads[i]!, given.pads[i + rank]!];
    const out = windowOutput({ size, kernel: kernel_shape[i]!, stride, dilation, begin, end }, ceil);
    return Math.max(end!, (out - 1) * stride! + dilation! * (kernel_shape[i]! - 1) + 1 - size - begin!);
  });
  return { given, whole: { ...given, pads: [...given.pads.slice(0, rank), ...reach] }, ceil };
}

const maxPool: Operator = (b, call) => {
  if (call.int('storage_order', 0) !== 0 && call.node.outputs[1])
    throw new RefusedUse('indices in column-major order (storage_order 1) are not supported');
  const x = call.input(0);
  const { given, ceil } = poolingOf(call);
  // Where windows tile the data, the maxima are found again by comparison; else the indices tell what was chosen.
  const indexed = call.node.outputs[1] || !tiles(given, x.shape.slice(2));
  return b.emit('MaxPool', [x], {
    ...given,
    ceil_mode: ceil ? 1 : 0,
    storage_order: indexed ? 0 : undefined,
  });
};

/** Does every element belong to exactly one window? */
const tiles = ({ kernel_shape, strides, dilations, pads }: Pooling, spatial: readonly number[]): boolean =>
  pads.every((amount) => amount === 0) &&
  spatial.every((size, i) => strides[i] === kernel_shape[i] && dilations[i] === 1 && size % kernel_shape[i]! === 0);

/** Mean over each whole window, pads counted as zeros. */
const meanOverWindow = (b: GraphBuilder, x: Value, pooling: Pooling): Value =>
  b.emit('AveragePool', [x], { ...pooling, count_include_pad: 1, ceil_mode: 0 })[0];

const volume = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/** An axis with more windows than this, of which some reach beyond the data, is not supported. */
const mostWindows = 2 ** 22;

/**
 * By what the mean over each whole window along an axis is multiplied, as only those of its elements count that are inside
 * the data, or inside data and pads; undefined where all do.
 */
function corrections(
  size: number,
  axis: number,
  out: number,
  { given, includePads }: { given: Pooling; includePads: boolean },
): number[] | undefined {
  const rank = given.strides.length;
  const begin = given.pads[axis];
  const [kernel, stride, dilation] = [given.kernel_shape[axis], given.strides[axis], given.dilations[axis]];
  const [low, high] = includePads ? [-begin!, size + given.pads[axis + rank]!] : [0, size];
  // Elements k with low ≤ start + k·dilation < high.
  const counted = (position: number): number => {
    const start = position * stride! - begin!;
    const first = Math.max(0, Math.ceil((low - start) / dilation!));
    const last = Math.min(kernel! - 1, Math.ceil((high - start) / dilation!) - 1);
    return Math.max(0, last - first + 1);
  };
  // Windows reach beyond one end or the other, so the first and the last lack most.
  if (counted(0) === kernel && counted(out - 1) === kernel) return undefined;
  if (out > mostWindows) throw new RefusedUse(`pads around more than ${mostWindows} windows are not supported`);
  return Array.from({ length: out }, (_, position) => kernel! / counted(position));
}

const averagePool: Operator = (b, call) => {
  const x = call.input(0);
  const { given, whole } = poolingOf(call);
  const y = meanOverWindow(b, x, whole);
  const includePads = call.int('count_include_pad', 0) === 1;
  // The mean over whole windows is corrected by a factor for each axis where some elements do not count.
  return y.shape.slice(2).reduce((value, out, axis) => {
    const factors = corrections(x.shape[axis + 2]!, axis, out, { given, includePads });
    const shape = y.shape.slice(2).map((_, i) => (i === axis ? out : 1));
    return factors ? b.mul(value, b.constant(tensorOf(x.type as FloatType, shape, factors))) : value;
  }, y);
};

/** |x|^p without the kink that |x| has at 0, for the usual p. */
const power = (b: GraphBuilder, x: Value, p: number): Value =>
  p === 2 ? b.mul(x, x) : p === 1 ? b.abs(x) : b.pow(b.abs(x), b.number(p, x));

const root = (b: GraphBuilder, x: Value, p: number): Value =>
  p === 2 ? b.sqrt(x) : p === 1 ? x : b.pow(x, b.number(1 / p, x));

const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, i) => i + 2);

/** Before opset 2, p was a float. */
const order = (call: OperatorCall): number => call.float('p', 2);

export const pooling: Record<string, Operator> = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (b, call) => b.reduceMean(call.input(0), spatialAxes(call.input(0)), true),
  GlobalMaxPool: (b, call) => {
    const x = call.input(0);
    const spatial = x.shape.slice(2);
    const zeros = spatial.map(() => 0);
    // As a pooling, so that the first maximum of a tie takes the whole gradient.
    return b.emit('MaxPool', [x], {
      strides: spatial,
      dilations: spatial.map(() => 1),
      pads: [...zeros, ...zeros],
      kernel_shape: spatial,
      ceil_mode: 0,
    })[0];
  },
  LpPool: (b, call) => {
    const { whole } = poolingOf(call);
    const p = order(call);
    const mean = meanOverWindow(b, power(b, call.input(0), p), whole);
    return root(b, b.affine(mean, volume(whole.kernel_shape)), p);
  },
  GlobalLpPool: (b, call) => {
    const x = call.input(0);
    return root(b, b.reduceSum(power(b, x, order(call)), spatialAxes(x), true), order(call));
  },
  MaxUnpool: (b, call) => {
    const x = call.input(0);
    const spatial = x.shape.slice(2);
    const kernel_shape = call.ints('kernel_shape');
    const strides = call.ints(
      'strides',
      spatial.map(() => 1),
    );
    const pads = call.ints('pads', [...spatial, ...spatial].fill(0));
    const natural = spatial.map(
      (size, i) => (size - 1) * strides[i]! + kernel_shape[i]! - pads[i]! - pads[i + spatial.length]!,
    );
    const shape = call.inputs[2] ? call.constantInts(2) : [...x.shape.slice(0, 2), ...natural];
    return b.emit('MaxUnpool', [x, call.input(1), b.ints(shape)], { kernel_shape, strides });
  },
  // y = x/(bias + α·m)^β with m the mean of x² over `size` neighbouring channels, zeros beyond the first and last.
  LRN: (b, call) => {
    const x = call.input(0);
    const size = call.int('size');
    const [n, c, ...spatial] = leading(x.shape, 2);
    if (size < 1 || c === undefined) throw new Error(`a window of ${size} channels does not fit ${showShape(x.shape)}`);
    const squares = b.reshape(b.mul(x, x), [n, 1, c, volume(spatial)]);
    const mean = meanOverWindow(b, squares, {
      kernel_shape: [size, 1],
      strides: [1, 1],
      dilations: [1, 1],
      pads: [Math.floor((size - 1) / 2), 0, Math.ceil((size - 1) / 2), 0],
    });
    const base = b.affine(b.reshape(mean, x.shape), call.float('alpha', 1e-4), call.float('bias', 1));
    return b.mul(x, b.pow(base, b.number(-call.float('beta', 0.75), x)));
  },
};

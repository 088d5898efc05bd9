import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { WindowAttributes } from '../../onnx/nodeTypes.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape, windowOutput } from '../../onnx/shapes.ts';
import { type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { padsOf, type WindowAxis, windowAxes } from '../../onnx/window.ts';
import { requireLength, samePadding, windowOf } from './window.ts';

interface Pooling extends WindowAttributes {
  readonly kernel_shape: readonly number[];
}

/** A pooling window; with `ceil_mode`, the end is padded until the last, partial window is a whole one. */
function poolingOf(call: OperatorCall<'MaxPool' | 'AveragePool' | 'LpPool'>): {
  given: Pooling;
  whole: Pooling;
  ceil: boolean;
} {
  const spatial = call.in[0].shape.slice(2);
  const { kernel_shape, ceil_mode } = call.attributes;
  const given = { ...windowOf(call, spatial, kernel_shape), kernel_shape };
  const ceil = ceil_mode === 1 && !samePadding(call);
  const reach = windowAxes(given, kernel_shape, spatial).map((axis) => {
    const { size, kernel, stride, dilation, begin, end } = axis;
    const out = windowOutput(axis, ceil);
    return Math.max(end, (out - 1) * stride + dilation * (kernel - 1) + 1 - size - begin);
  });
  return { given, whole: { ...given, pads: [...padsOf(given).begins, ...reach] }, ceil };
}

const maxPool: Definition<'MaxPool'> = (b, call) => {
  if (call.attributes.storage_order !== 0 && call.node.outputs[1])
    throw new RefusedUse('indices in column-major order (storage_order 1) are not supported');
  const [x] = call.in;
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
const tiles = (pooling: Pooling, spatial: readonly number[]): boolean =>
  windowAxes(pooling, pooling.kernel_shape, spatial).every(
    ({ size, kernel, stride, dilation, begin, end }) =>
      begin === 0 && end === 0 && stride === kernel && dilation === 1 && size % kernel === 0,
  );

/** Mean over each whole window, pads counted as zeros. */
const meanOverWindow = (b: GraphBuilder, x: Value, pooling: Pooling): Value =>
  b.emit('AveragePool', [x], { ...pooling, count_include_pad: 1, ceil_mode: 0 })[0];

const volume = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

/**
 * By what the mean over each whole window along an axis is multiplied, as only those of its elements count that are inside
 * the data, or inside data and pads; undefined where all do.
 */
function corrections(
  { size, kernel, stride, dilation, begin, end }: WindowAxis,
  out: number,
  includePads: boolean,
): number[] | undefined {
  const [low, high] = includePads ? [-begin, size + end] : [0, size];
  // Elements k with low ≤ start + k·dilation < high.
  const counted = (position: number): number => {
    const start = position * stride - begin;
    const first = Math.max(0, Math.ceil((low - start) / dilation));
    const last = Math.min(kernel - 1, Math.ceil((high - start) / dilation) - 1);
    return Math.max(0, last - first + 1);
  };
  // Windows reach beyond one end or the other, so the first and the last lack most.
  if (counted(0) === kernel && counted(out - 1) === kernel) return undefined;
  return listed(out, (position) => kernel / counted(position));
}

const averagePool: Definition<'AveragePool'> = (b, call) => {
  const [x] = call.in;
  const { given, whole } = poolingOf(call);
  const y = meanOverWindow(b, x, whole);
  const includePads = call.attributes.count_include_pad === 1;
  const outs = y.shape.slice(2);
  const axes = windowAxes(given, given.kernel_shape, x.shape.slice(2));
  // The mean over whole windows is corrected by a factor for each axis where some elements do not count.
  return zip(outs, axes).reduce((value, [out, axis], at) => {
    const factors = corrections(axis, out, includePads);
    const shape = outs.map((_, i) => (i === at ? out : 1));
    return factors ? b.mul(value, b.constant(tensorOf(x.type as FloatType, shape, factors))) : value;
  }, y);
};

/** |x|^p without the kink that |x| has at 0, for the usual p. */
const power = (b: GraphBuilder, x: Value, p: number): Value =>
  p === 2 ? b.mul(x, x) : p === 1 ? b.abs(x) : b.pow(b.abs(x), b.number(p, x));

const root = (b: GraphBuilder, x: Value, p: number): Value =>
  p === 2 ? b.sqrt(x) : p === 1 ? x : b.pow(x, b.number(1 / p, x));

const spatialAxes = (x: Value): number[] => x.shape.slice(2).map((_, i) => i + 2);

export const pooling = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (b, { in: [x] }) => b.reduceMean(x, spatialAxes(x), true),
  GlobalMaxPool: (b, { in: [x] }) => {
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
    const { p } = call.attributes;
    const mean = meanOverWindow(b, power(b, call.in[0], p), whole);
    return root(b, b.affine(mean, volume(whole.kernel_shape)), p);
  },
  GlobalLpPool: (b, { in: [x], attributes: { p } }) => root(b, b.reduceSum(power(b, x, p), spatialAxes(x), true), p),
  MaxUnpool: (b, call) => {
    const [x, indices, outputShape] = call.in;
    const spatial = x.shape.slice(2);
    const { kernel_shape, strides = spatial.map(() => 1), pads = [...spatial, ...spatial].fill(0) } = call.attributes;
    requireLength('kernel_shape', kernel_shape, spatial.length);
    requireLength('strides', strides, spatial.length);
    requireLength('pads', pads, 2 * spatial.length);
    const window = { strides, dilations: spatial.map(() => 1), pads };
    const natural = windowAxes(window, kernel_shape, spatial).map(
      ({ size, kernel, stride, begin, end }) => (size - 1) * stride + kernel - begin - end,
    );
    const shape = outputShape ? call.constantInts(2) : [...x.shape.slice(0, 2), ...natural];
    return b.emit('MaxUnpool', [x, indices, b.ints(shape)], { kernel_shape, strides });
  },
  // y = x/(bias + α·m)^β with m the mean of x² over `size` neighbouring channels, zeros beyond the first and last.
  LRN: (b, { in: [x], attributes: { size, alpha, beta, bias } }) => {
    const [n, c, ...spatial] = leading(x.shape, 2);
    if (size < 1) throw new Error(`a window of ${size} channels does not fit ${showShape(x.shape)}`);
    const squares = b.reshape(b.mul(x, x), [n, 1, c, volume(spatial)]);
    const mean = meanOverWindow(b, squares, {
      kernel_shape: [size, 1],
      strides: [1, 1],
      dilations: [1, 1],
      pads: [Math.floor((size - 1) / 2), 0, Math.ceil((size - 1) / 2), 0],
    });
    const base = b.affine(b.reshape(mean, x.shape), alpha, bias);
    return b.mul(x, b.pow(base, b.number(-beta, x)));
  },
} satisfies Partial<Definitions>;

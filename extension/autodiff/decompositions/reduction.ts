import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { oneHotMask } from './selection.ts';

type ReducingOp =
  | 'ReduceSum'
  | 'ReduceMean'
  | 'ReduceMax'
  | 'ReduceMin'
  | 'ReduceProd'
  | 'ReduceSumSquare'
  | 'ReduceL1'
  | 'ReduceL2'
  | 'ReduceLogSum'
  | 'ReduceLogSumExp'
  | 'FirstMaximum'
  | 'FirstMinimum';

/** The axes of a reduction: an attribute in older opsets, an input in newer ones, all where neither is given. */
export function axesOf(call: OperatorCall<ReducingOp>, rank: number): readonly number[] {
  const axes = call.attributes.axes ?? (call.in[1] ? call.constantInts(1) : []);
  if (axes.length > 0) return axes.map((axis) => normaliseAxis(axis, rank));
  return call.attributes.noop_with_empty_axes ? [] : listed(rank, (axis) => axis);
}

type Reduce = (b: GraphBuilder, x: Value, axes: readonly number[], keepdims: boolean) => Value;

const reduction =
  (reduce: Reduce): Definition<ReducingOp> =>
  (b, call) => {
    const [x] = call.in;
    return reduce(b, x, axesOf(call, x.shape.length), call.attributes.keepdims === 1);
  };

/** Gives a reduction the shape that it has when the reduced axes are dropped. */
const dropAxes = (b: GraphBuilder, y: Value, axes: readonly number[], keepdims: boolean): Value =>
  keepdims
    ? y
    : b.reshape(
        y,
        y.shape.filter((_, axis) => !axes.includes(axis)),
      );

/**
 * log Σ exp x, shifted by the maximum rounded up: rounding makes the shift piecewise constant, so nothing flows through
 * it. Where all of x is −∞ the shift is 0, and so is the gradient, as in PyTorch.
 */
const logSumExp: Reduce = (b, x, axes, keepdims) => {
  if (axes.length === 0) return x;
  const lowest = b.number(Number.NEGATIVE_INFINITY, x);
  const peak = b.unary('Ceil', b.reduceMax(x, axes, true));
  const nothing = b.equal(peak, lowest);
  const shift = b.where(nothing, b.number(0, x), peak);
  const sum = b.reduceSum(b.exp(b.sub(x, shift)), axes, true);
  const result = b.add(b.log(b.where(nothing, b.number(1, x), sum)), shift);
  return dropAxes(b, b.where(nothing, lowest, result), axes, keepdims);
};

/** √x for x ≥ 0, with gradient 0 at 0. */
export function rootOrZero(b: GraphBuilder, x: Value): Value {
  const positive = b.greater(x, b.number(0, x));
  return b.where(positive, b.sqrt(b.where(positive, x, b.number(1, x))), b.number(0, x));
}

/** √Σx², with gradient 0 where all of x is 0, as PyTorch's norm has it. */
export const euclideanNorm: Reduce = (b, x, axes, keepdims) => rootOrZero(b, b.reduceSum(b.mul(x, x), axes, keepdims));

/** Index of an extremum along one axis. */
const indexOf =
  (op: 'ArgMax' | 'ArgMin'): Definition<'ArgMax' | 'ArgMin'> =>
  (b, { in: [x], attributes: { axis, keepdims, select_last_index } }) =>
    b.emit(op, [x], { axis: normaliseAxis(axis, x.shape.length), keepdims, select_last_index });

/** Before opset 13, softmax joined all axes from `axis` on. */
const softmax =
  (op: 'softmax' | 'logSoftmax'): Definition<'Softmax' | 'LogSoftmax'> =>
  (b, { in: [x], attributes, opset }) => {
    if (opset >= 13) return b[op](x, attributes.axis);
    const axis = normaliseAxis(attributes.axis, x.shape.length);
    if (axis === x.shape.length - 1) return b[op](x, axis);
    const flat = b.reshape(x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
    return b.reshape(b[op](flat, 1), x.shape);
  };

/** One at the first largest element, 0 elsewhere; before opset 13 over all axes from `axis` on. */
const hardmax: Definition<'Hardmax'> = (b, { in: [x], attributes, opset }) => {
  const axis = normaliseAxis(attributes.axis, x.shape.length);
  const flat =
    opset >= 13 ? x : b.reshape(x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
  const along = opset >= 13 ? axis : 1;
  const [largest] = b.emit('ArgMax', [flat], { axis: along, keepdims: 1, select_last_index: 0 });
  return b.reshape(b.indicator(oneHotMask(b, largest, nth(flat.shape, along), along), x), x.shape);
};

/** Products of the elements up to each one, by doubling: after turn k, of the last 2ᵏ. Zeros need no care, as nothing is divided. */
const cumProd: Definition<'CumProd'> = (b, call) => {
  const [x] = call.in;
  const axis = normaliseAxis(call.constantInt(1), x.shape.length);
  const { exclusive, reverse } = call.attributes;
  const size = nth(x.shape, axis);
  if (size === 0) return x;
  const none = x.shape.map(() => 0);
  /** Moved along, with ones where nothing comes from. */
  const shifted = (value: Value, by: number): Value => {
    const [front, back] = [none.with(axis, by), none.with(axis, -by)];
    return reverse === 1 ? b.pad(value, back, front, 1) : b.pad(value, front, back, 1);
  };
  let product = exclusive === 1 ? shifted(x, 1) : x;
  for (let by = 1; by < size; by *= 2) product = b.mul(product, shifted(product, by));
  return product;
};

export const reductions = {
  ReduceSum: reduction((b, x, axes, keepdims) => b.reduceSum(x, axes, keepdims)),
  ReduceMean: reduction((b, x, axes, keepdims) => b.reduceMean(x, axes, keepdims)),
  ReduceMax: reduction((b, x, axes, keepdims) => b.reduceMax(x, axes, keepdims)),
  ReduceMin: reduction((b, x, axes, keepdims) => b.reduceMin(x, axes, keepdims)),
  // One axis at a time, which is the form that the gradient rule has.
  ReduceProd: reduction((b, x, axes, keepdims) => {
    const product = axes.reduce((value, axis) => b.reduce('ReduceProd', value, [axis], true), x);
    return dropAxes(b, product, axes, keepdims);
  }),
  ReduceSumSquare: reduction((b, x, axes, keepdims) => b.reduceSum(b.mul(x, x), axes, keepdims)),
  ReduceL1: reduction((b, x, axes, keepdims) => b.reduceSum(b.abs(x), axes, keepdims)),
  ReduceL2: reduction(euclideanNorm),
  ReduceLogSum: reduction((b, x, axes, keepdims) => b.log(b.reduceSum(x, axes, keepdims))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: indexOf('ArgMax'),
  ArgMin: indexOf('ArgMin'),
  Softmax: softmax('softmax'),
  LogSoftmax: softmax('logSoftmax'),
  Hardmax: hardmax,
  CumProd: cumProd,
  CumSum: (b, call) => {
    const [x] = call.in;
    const axis = normaliseAxis(call.constantInt(1), x.shape.length);
    const { exclusive, reverse } = call.attributes;
    return b.cumSum(x, axis, { exclusive: exclusive === 1, reverse: reverse === 1 });
  },
} satisfies Partial<Definitions>;

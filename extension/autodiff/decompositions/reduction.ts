import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { oneHotMask } from './selection.ts';

/** The axes of a reduction: an attribute in older opsets, an input in newer ones, all where neither is given. */
export function axesOf(call: OperatorCall, rank: number): readonly number[] {
  const axes = call.has('axes') ? call.ints('axes') : call.inputs[1] ? call.constantInts(1) : [];
  if (axes.length > 0) return axes.map((axis) => normaliseAxis(axis, rank));
  return call.int('noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

type Reduce = (b: GraphBuilder, x: Value, axes: readonly number[], keepdims: boolean) => Value;

const reduction =
  (reduce: Reduce): Operator =>
  (b, call) => {
    const x = call.input(0);
    return reduce(b, x, axesOf(call, x.shape.length), call.int('keepdims', 1) === 1);
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
  (op: 'ArgMax' | 'ArgMin'): Operator =>
  (b, call) => {
    const x = call.input(0);
    return b.emit(op, [x], {
      axis: normaliseAxis(call.int('axis', 0), x.shape.length),
      keepdims: call.int('keepdims', 1),
      select_last_index: call.int('select_last_index', 0),
    });
  };

/** Before opset 13, softmax joined all axes from `axis` on. */
const softmax =
  (op: 'softmax' | 'logSoftmax'): Operator =>
  (b, call) => {
    const x = call.input(0);
    if (call.opset >= 13) return b[op](x, call.int('axis', -1));
    const axis = normaliseAxis(call.int('axis', 1), x.shape.length);
    if (axis === x.shape.length - 1) return b[op](x, axis);
    const flat = b.reshape(x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
    return b.reshape(b[op](flat, 1), x.shape);
  };

/** One at the first largest element, 0 elsewhere; before opset 13 over all axes from `axis` on. */
const hardmax: Operator = (b, call) => {
  const x = call.input(0);
  const axis = normaliseAxis(call.int('axis', call.opset >= 13 ? -1 : 1), x.shape.length);
  const flat =
    call.opset >= 13 ? x : b.reshape(x, [elementCount(x.shape.slice(0, axis)), elementCount(x.shape.slice(axis))]);
  const along = call.opset >= 13 ? axis : 1;
  const largest = b.emit('ArgMax', [flat], { axis: along, keepdims: 1, select_last_index: 0 })[0];
  return b.reshape(b.indicator(oneHotMask(b, largest, flat.shape[along]!, along), x), x.shape);
};

export const reductions: Record<string, Operator> = {
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
  CumSum: (b, call) => {
    const x = call.input(0);
    const axis = normaliseAxis(call.constantInt(1), x.shape.length);
    return b.cumSum(x, axis, { exclusive: call.int('exclusive', 0) === 1, reverse: call.int('reverse', 0) === 1 });
  },
};

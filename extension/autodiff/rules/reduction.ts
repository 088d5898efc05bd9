import type { GraphBuilder } from '../../onnx/builder.ts';
import { first, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import { constantInts } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { type RuleNode, simple } from '../rule.ts';

type ReduceOp = 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd';

/** The result of a reduction, or its cotangent, with the reduced axes kept as size 1. */
function keepAxes(b: GraphBuilder, { in: [x, axes] }: RuleNode<ReduceOp>, y: Value): Value {
  const over = new Set(constantInts(axes, 'the axes'));
  return b.reshape(
    y,
    x.shape.map((dim, axis) => (over.has(axis) ? 1 : dim)),
  );
}

/** The extremum is shared evenly among the elements that attain it, as PyTorch's amax does. */
function extremum(b: GraphBuilder, node: RuleNode<ReduceOp>, dy: Value): Value {
  const [x] = node.in;
  const attained = b.indicator(b.equal(x, keepAxes(b, node, node.out[0])), x);
  const axes = constantInts(node.in[1], 'the axes');
  return b.mul(b.div(keepAxes(b, node, dy), b.reduceSum(attained, axes, true)), attained);
}

/**
 * The product of all elements that stand before each along an axis, or behind it where `direction` is −1: elements are moved
 * on by 1, and then what covers m elements is multiplied with what covers the m before, for m = 1, 2, 4, …
 */
function productsBefore(b: GraphBuilder, x: Value, axis: number, direction: 1 | -1): Value {
  const none = x.shape.map(() => 0);
  const movedOn = (value: Value, m: number): Value =>
    b.pad(value, none.with(axis, direction * m), none.with(axis, -direction * m), 1);
  let products = movedOn(x, 1);
  for (let m = 1; m < nth(x.shape, axis); m *= 2) products = b.mul(products, movedOn(products, m));
  return products;
}

export const reduction = simple({
  ReduceSum: (b, node, dy) => [b.expand(keepAxes(b, node, dy), node.in[0].shape)],
  ReduceMean: (b, node, dy) => {
    const [x] = node.in;
    const share = elementCount(node.out[0].shape) / elementCount(x.shape);
    return [b.expand(keepAxes(b, node, b.affine(dy, share)), x.shape)];
  },
  ReduceMax: (b, node, dy) => [extremum(b, node, dy)],
  ReduceMin: (b, node, dy) => [extremum(b, node, dy)],
  // y = Πx, along one axis: dx = dy·(product of what stands before)·(product of what stands behind), without dividing by x.
  ReduceProd: (b, node, dy) => {
    const [x] = node.in;
    const axis = first(constantInts(node.in[1], 'the axes'));
    const others = b.mul(productsBefore(b, x, axis, 1), productsBefore(b, x, axis, -1));
    return [b.mul(keepAxes(b, node, dy), others)];
  },
  // y = softmax x      dx = y·(dy − Σ dy·y)
  Softmax: (b, { out: [y], attributes }, dy) => {
    const weighted = b.mul(dy, y);
    return [b.sub(weighted, b.mul(y, b.reduceSum(weighted, [attributes.axis], true)))];
  },
  // y = log softmax x  dx = dy − softmax(x)·Σ dy
  LogSoftmax: (b, { in: [x], attributes }, dy) => {
    const axis = attributes.axis;
    return [b.sub(dy, b.mul(b.softmax(x, axis), b.reduceSum(dy, [axis], true)))];
  },
  CumSum: (b, { in: [, axis], attributes }, dy) => [
    b.cumSum(dy, first(constantInts(axis, 'the axis')), {
      exclusive: attributes.exclusive === 1,
      reverse: attributes.reverse !== 1,
    }),
  ],
});

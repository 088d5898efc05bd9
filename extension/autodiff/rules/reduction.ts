import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { constantInts } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { type RuleNode, simple } from '../rule.ts';

/** The result of a reduction, or its cotangent, with the reduced axes kept as size 1. */
function keepAxes(b: GraphBuilder, { in: [x, axes] }: RuleNode, y: Value): Value {
  const over = new Set(constantInts(axes, 'the axes'));
  return b.reshape(
    y,
    x.shape.map((dim, axis) => (over.has(axis) ? 1 : dim)),
  );
}

/** The extremum is shared evenly among the elements that attain it, as PyTorch's amax does. */
function extremum(b: GraphBuilder, node: RuleNode, dy: Value): Value {
  const [x] = node.in;
  const attained = b.indicator(b.equal(x, keepAxes(b, node, node.out[0])), x);
  const axes = constantInts(node.in[1], 'the axes');
  return b.mul(b.div(keepAxes(b, node, dy), b.reduceSum(attained, axes, true)), attained);
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
    const [axis] = constantInts(node.in[1], 'the axes');
    const size = x.shape[axis];
    const parts = b.split(x, new Array(size).fill(1), axis);
    const one = b.full(x.type, parts[0].shape, 1);
    const before = [one];
    const behind = [one];
    for (let i = 1; i < size; i++) {
      before.push(b.mul(before[i - 1], parts[i - 1]));
      behind.push(b.mul(behind[i - 1], parts[size - i]));
    }
    const others = parts.map((_, i) => b.mul(before[i], behind[size - 1 - i]));
    return [b.mul(keepAxes(b, node, dy), b.concat(others, axis))];
  },
  // y = softmax x      dx = y·(dy − Σ dy·y)
  Softmax: (b, { out: [y], attributes }, dy) => {
    const weighted = b.mul(dy, y);
    return [b.sub(weighted, b.mul(y, b.reduceSum(weighted, [attributes.axis as number], true)))];
  },
  // y = log softmax x  dx = dy − softmax(x)·Σ dy
  LogSoftmax: (b, { in: [x], attributes }, dy) => {
    const axis = attributes.axis as number;
    return [b.sub(dy, b.mul(b.softmax(x, axis), b.reduceSum(dy, [axis], true)))];
  },
  CumSum: (b, { in: [, axis], attributes }, dy) => [
    b.cumSum(dy, constantInts(axis, 'the axis')[0], {
      exclusive: attributes.exclusive === 1,
      reverse: attributes.reverse !== 1,
    }),
  ],
});

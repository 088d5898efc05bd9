import type { GraphBuilder } from '../../onnx/builder.ts';
import { zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { ConvolutionAttributes, PoolAttributes } from '../../onnx/nodeTypes.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { windowAxes } from '../../onnx/window.ts';
import { type GradientRule, type RuleNode, simple } from '../rule.ts';

/** The adjoint of Conv in its data, for data of spatial size `spatial`: a transposed convolution with the same weights. */
function inputGradient(
  b: GraphBuilder,
  dy: Value,
  w: Value,
  attributes: ConvolutionAttributes,
  spatial: readonly number[],
): Value {
  // What the strides leave over at the end of the data is reached by no window, or by its last one.
  const output_padding = zip(windowAxes(attributes, w.shape.slice(2), spatial), dy.shape.slice(2)).map(
    ([{ size, kernel, stride, dilation, begin, end }, count]) =>
      size + begin + end - ((count - 1) * stride + (kernel - 1) * dilation + 1),
  );
  return b.emit('ConvTranspose', [dy, w], { ...attributes, output_padding })[0];
}

const weightGradient = (b: GraphBuilder, x: Value, dy: Value, attributes: ConvolutionAttributes, w: Value): Value =>
  b.emit('ConvWeightGradient', [x, dy], { ...attributes, kernel_shape: w.shape.slice(2) })[0];

/** Conv with data that may reach beyond the last window, so that the result has the spatial size `out` all the same. */
function convTo(b: GraphBuilder, x: Value, w: Value, attributes: ConvolutionAttributes, out: readonly number[]): Value {
  const y = b.emit('Conv', [x, w], attributes)[0];
  const axes = out.map((_, i) => i + 2);
  return b.slice(y, { starts: out.map(() => 0), ends: out, axes });
}

/** Do no two windows of a pooling share an element? */
const disjoint = ({ kernel_shape, dilations, strides }: PoolAttributes): boolean =>
  zip(kernel_shape, dilations, strides).every(([size, dilation, stride]) => (size - 1) * dilation < stride);

/**
 * Convolution, transposed convolution and weight gradient are the three faces of one trilinear form
 * T(x, w, u) = ⟨u, Conv(x, w)⟩, so their derivatives are one another.
 */
export const convolution = {
  ...simple({
    Conv: (b, { in: [x, w, bias], attributes }, dy) => [
      inputGradient(b, dy, w, attributes, x.shape.slice(2)),
      weightGradient(b, x, dy, attributes, w),
      bias &&
        b.reduceSum(
          dy,
          dy.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis])),
        ),
    ],
    ConvTranspose: (b, { in: [x, w], attributes }, dy) => {
      const { output_padding: _, ...conv } = attributes;
      return [convTo(b, dy, w, conv, x.shape.slice(2)), weightGradient(b, dy, x, conv, w)];
    },
    ConvWeightGradient: (b, { in: [x, u], attributes }, dw) => {
      const { kernel_shape: _, ...conv } = attributes;
      return [inputGradient(b, u, dw, conv, x.shape.slice(2)), convTo(b, x, dw, conv, u.shape.slice(2))];
    },
    AveragePool: (b, { in: [x], attributes }, dy) => [
      b.emit('AveragePoolGradient', [dy], { ...attributes, spatial: x.shape.slice(2) })[0],
    ],
    // A gradient of no elements depends on nothing.
    AveragePoolGradient: (b, { in: [dy], attributes: { spatial: _, ...pool } }, dx) => [
      elementCount(dx.shape) === 0 ? b.zerosLike(dy) : b.emit('AveragePool', [dx], pool)[0],
    ],
    // Puts each element at a place of its own; the adjoint picks the elements from there.
    MaxUnpool: (b, { in: [x, indices] }, dy) => {
      const size = elementCount(x.shape);
      const picked = b.gather(b.reshape(dy, [elementCount(dy.shape)]), b.reshape(indices, [size]), 0);
      return [b.reshape(picked, x.shape)];
    },
  }),
  MaxPool: ((b: GraphBuilder, { in: [x], out: [y, indices], attributes }: RuleNode<'MaxPool'>, dy?: Value) => {
    if (!dy) return [];
    if (!indices) {
      const { kernel_shape, strides, dilations, pads } = attributes;
      const mask = b.emit('MaxPoolMask', [x, y], { kernel_shape })[0];
      const mean = { kernel_shape, strides, dilations, pads, count_include_pad: 1, ceil_mode: 0 };
      const shared = b.emit('AveragePoolGradient', [dy], { ...mean, spatial: x.shape.slice(2) })[0];
      return [b.mul(mask, b.affine(shared, elementCount(kernel_shape)))];
    }
    // The values are elements of x at the flat indices that the forward pass chose (the first maximum of a window); where
    // windows overlap, an element may have been chosen more than once.
    if (disjoint(attributes)) {
      // The window only serves to guess the shape, which is given; the runtime refuses one smaller than its guess.
      const ones = x.shape.slice(2).map(() => 1);
      return [b.emit('MaxUnpool', [dy, indices, b.ints(x.shape)], { kernel_shape: ones, strides: ones })[0]];
    }
    const flat = b.full(x.type, [elementCount(x.shape)], 0);
    const size = elementCount(dy.shape);
    return [b.reshape(b.scatterElementsAdd(flat, b.reshape(indices, [size]), b.reshape(dy, [size]), 0), x.shape)];
  }) satisfies GradientRule<'MaxPool'>,
};

import { zip } from '../../onnx/checked.ts';
import type { Replacements } from '../../onnx/rewrite.ts';
import { asConvolution } from './convolution.ts';
import { elementwiseLowerings } from './elementwise.ts';
import { averagePoolAsSum, averagePoolGradient, maxPoolMask, padsFit, repeatByResize } from './pooling.ts';
import { weightGradient } from './weightGradient.ts';

/** Operators that are not ONNX's, and those that ONNX Runtime computes faster in another form. */
export const float32Lowerings = {
  ...elementwiseLowerings,
  // Without strides, the convolution with the reversed kernel is faster than the transposed one.
  ConvTranspose: (b, [x, w], { attributes }) => {
    const { strides, output_padding } = attributes;
    if (
      strides.some((stride) => stride > 1) &&
      zip(strides, output_padding).every(([stride, amount]) => amount < stride)
    )
      return b.emit('ConvTranspose', [x, w], attributes);
    const conv = asConvolution(b, x, w, attributes);
    return b.emit('Conv', [conv.x, conv.w], conv.attributes);
  },
  ConvWeightGradient: (b, [x, dy], { attributes }) => [weightGradient(b, x, dy, attributes)],
  AveragePool: (b, [x], { attributes, outputs: [y] }) =>
    padsFit(attributes)
      ? b.emit('AveragePool', [x], attributes)
      : [averagePoolAsSum(b, x, attributes, y.shape.slice(2))],
  AveragePoolGradient: (b, [dy], { attributes }) => [
    averagePoolGradient(b, dy, attributes, (x, pool) => b.emit('AveragePool', [x], pool)[0], repeatByResize),
  ],
  MaxPoolMask: (b, [x, y], { attributes }) => [maxPoolMask(b, x, y, attributes.kernel_shape, repeatByResize)],
} satisfies Replacements;

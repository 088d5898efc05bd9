import type { OpType } from '../../onnx/ops.ts';
import type { Replacement } from '../../onnx/rewrite.ts';
import { asConvolution } from './convolution.ts';
import { averagePoolGradient, maxPoolMask, repeatByResize } from './pooling.ts';
import { weightGradient } from './weightGradient.ts';

/** Operators that are not ONNX's, and those that ONNX Runtime computes faster in another form. */
export const float32Lowerings: Partial<Record<OpType, Replacement>> = {
  ConvTranspose: (b, [x, w], { attributes }) => {
    const conv = asConvolution(b, x!, w!, attributes);
    return b.emit('Conv', [conv.x, conv.w], conv.attributes);
  },
  ConvWeightGradient: (b, [x, dy], { attributes }) => [weightGradient(b, x!, dy!, attributes)],
  AveragePoolGradient: (b, [dy], { attributes }) => [
    averagePoolGradient(b, dy!, attributes, (x, pool) => b.emit('AveragePool', [x], pool)[0], repeatByResize),
  ],
  MaxPoolMask: (b, [x, y], { attributes }) => [
    maxPoolMask(b, x!, y!, attributes.kernel_shape as readonly number[], repeatByResize),
  ],
};

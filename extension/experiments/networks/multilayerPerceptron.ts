import type { Model } from '../../onnx/model.ts';
import type { FloatType } from '../../onnx/tensor.ts';
import { NetworkBuilder } from './builder.ts';

/** A multilayer perceptron; `sizes` are the widths from the input to the output, with the activation between them. */
export function multilayerPerceptron(
  sizes: readonly number[],
  activation: 'Gelu' | 'Tanh' | 'Relu',
  seed: number,
  type: FloatType,
): Model {
  const b = new NetworkBuilder(seed, type);
  const last = sizes.length - 2;
  let x = 'x';
  for (let layer = 0; layer <= last; layer++) {
    x = b.linear(`layer${layer + 1}`, x, sizes[layer], sizes[layer + 1]);
    if (layer < last) x = b.node(activation, [x]);
  }
  return b.model([sizes[0]], x, sizes[sizes.length - 1]);
}

import type { Model } from '../../onnx/model.ts';
import type { FloatType } from '../../onnx/tensor.ts';
import { NetworkBuilder } from './builder.ts';
import type { ImageShape } from './convolutional.ts';

export interface ResidualShape {
  /** Blocks of each stage; the channels double and the sides halve from stage to stage. */
  readonly blocks: readonly number[];
  /** Channels of the first stage, inside its blocks. */
  readonly width: number;
  /** 1×1, 3×3, 1×1 with four times the channels outside, instead of two 3×3 convolutions. */
  readonly bottleneck?: boolean;
}

/**
 * A residual network for small images (He et al. 2016): a 3×3 stem without pooling, blocks with BatchNormalization, stride
 * in the 3×3 convolution (version 1.5), the mean over the image and a linear layer. Blocks [3, 4, 6, 3] with bottlenecks and
 * width 64 are the ResNet-50 of Cattaneo, Klusowski, Shigida (ICML 2024; 23,520,842 parameters), [n, n, n] without them and
 * width 16 the ResNet-(6n + 2) for CIFAR-10.
 */
export function residualNetwork(
  image: ImageShape,
  { blocks, width, bottleneck = false }: ResidualShape,
  classes: number,
  seed: number,
  type: FloatType,
): Model {
  const b = new NetworkBuilder(seed, type);
  const relu = (x: string) => b.node('Relu', [x]);
  let channels = width;
  let x = relu(b.normalisedConvolution('stem', 'x', image[0], width, 3));
  blocks.forEach((count, stage) => {
    for (let block = 0; block < count; block++) {
      const name = `stage${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const inner = width * 2 ** stage;
      const outer = bottleneck ? 4 * inner : inner;
      let y = x;
      if (bottleneck) {
        y = relu(b.normalisedConvolution(`${name}.conv1`, y, channels, inner, 1));
        y = relu(b.normalisedConvolution(`${name}.conv2`, y, inner, inner, 3, stride));
        y = b.normalisedConvolution(`${name}.conv3`, y, inner, outer, 1);
      } else {
        y = relu(b.normalisedConvolution(`${name}.conv1`, y, channels, inner, 3, stride));
        y = b.normalisedConvolution(`${name}.conv2`, y, inner, inner, 3);
      }
      const shortcut =
        stride === 1 && channels === outer
          ? x
          : b.normalisedConvolution(`${name}.shortcut`, x, channels, outer, 1, stride);
      x = relu(b.node('Add', [y, shortcut]));
      channels = outer;
    }
  });
  x = b.node('Flatten', [b.node('GlobalAveragePool', [x])]);
  return b.model(image, b.linear('linear', x, channels, classes), classes);
}

import type { Model } from '../../onnx/model.ts';
import type { FloatType } from '../../onnx/tensor.ts';
import { NetworkBuilder } from './builder.ts';

/** Channels, height and width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * The convolutional network of Cattaneo, Klusowski, Shigida (ICML 2024): up to three blocks of two 3×3 convolutions with
 * ReLU and a 2×2 max pool, with width, 2·width and 4·width channels, and two linear layers with 16·width units between
 * them. Width 32 on 3×32×32 images is theirs (1,341,226 parameters).
 */
export function convolutionalNetwork(
  image: ImageShape,
  width: number,
  classes: number,
  seed: number,
  type: FloatType,
): Model {
  const b = new NetworkBuilder(seed, type);
  let [channels, rows, columns] = image;
  let x = 'x';
  for (let block = 0; block < 3 && Math.min(rows, columns) >= 4; block++) {
    const next = width * 2 ** block;
    for (const [i, from] of [channels, next].entries())
      x = b.node('Relu', [b.convolution(`block${block + 1}.conv${i + 1}`, x, from, next)]);
    x = b.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
    [channels, rows, columns] = [next, Math.floor(rows / 2), Math.floor(columns / 2)];
  }
  x = b.node('Flatten', [x]);
  x = b.node('Relu', [b.linear('linear1', x, channels * rows * columns, 16 * width)]);
  return b.model(image, b.linear('linear2', x, 16 * width, classes), classes);
}

import type { Dataset } from '../../datasets/dataset.ts';
import type { Model } from '../../onnx/model.ts';
import { elementCount, type FloatType, numbersOf, type Tensor } from '../../onnx/tensor.ts';
import { InspectorError } from '../../shared/errors.ts';
import { mention, words } from '../../shared/words.ts';
import { convolutionalNetwork, type ImageShape } from './convolutional.ts';
import { multilayerPerceptron } from './multilayerPerceptron.ts';
import { residualNetwork } from './residual.ts';
import { visionTransformer } from './visionTransformer.ts';

/** The networks that are built where no model is given. */
export const networkNames = ['mlp', 'cnn', 'resnet', 'vit'] as const;
export type NetworkName = (typeof networkNames)[number];

/** Widths that a machine with two cores trains in a minute on the bundled digits. */
export const standardWidth: Readonly<Record<NetworkName, number>> = { mlp: 32, cnn: 4, resnet: 4, vit: 16 };

export interface NetworkChoice {
  readonly network: NetworkName;
  /** Hidden units (mlp), channels of the first layers (cnn, resnet), size of a token (vit). */
  readonly width: number;
  /** Hidden layers (mlp), blocks in each of three stages (resnet), layers (vit). */
  readonly depth: number;
}

/** A network for a data set, with its weights drawn from any seed, and what it is in a few words. */
export interface BuiltNetwork {
  readonly name: string;
  model(seed: number, type: FloatType): Model;
}

/** Throws an InspectorError where the data are none that the network could classify. */
export function networkFor(dataset: Dataset, { network, width, depth }: NetworkChoice): BuiltNetwork {
  const { x, classes } = samplesOf(dataset);
  if (network === 'mlp') {
    const sizes = [elementCount(x.shape.slice(1)), ...new Array<number>(depth).fill(width), classes];
    return {
      name: `GELU network ${sizes.join('-')}`,
      model: (seed, type) => multilayerPerceptron(sizes, 'Gelu', seed, type),
    };
  }
  const image = imageShape(x);
  if (network === 'cnn')
    return {
      name: `convolutional network of width ${width}`,
      model: (seed, type) => convolutionalNetwork(image, width, classes, seed, type),
    };
  if (network === 'resnet')
    return {
      name: `ResNet-${6 * depth + 2} of width ${width}`,
      model: (seed, type) => residualNetwork(image, { blocks: [depth, depth, depth], width }, classes, seed, type),
    };
  const heads = Math.max(1, Math.floor(width / 16));
  const patch = patchOf(image);
  const shape = { patch, width, depth, heads, headWidth: Math.min(16, width), hidden: 2 * width };
  return {
    name: `vision transformer (patches of ${patch}, width ${width}, depth ${depth}, ${heads} head${heads === 1 ? '' : 's'})`,
    model: (seed, type) => visionTransformer(image, shape, classes, seed, type),
  };
}

/** The largest side that divides the image into at least about seven by seven patches: 4 for 32 and 28, 2 for 8. */
function patchOf([, height, width]: ImageShape): number {
  const side = Math.min(height, width);
  for (let patch = Math.max(2, Math.floor(side / 7)); patch > 1; patch--)
    if (height % patch === 0 && width % patch === 0) return patch;
  return 1;
}

/** Channels, height and width: as the data has them, or of square grey or colour images that are stored flat. */
function imageShape(x: Tensor): ImageShape {
  const sample = x.shape.slice(1);
  if (sample.length === 3) return [sample[0], sample[1], sample[2]];
  if (sample.length === 2) return [1, sample[0], sample[1]];
  for (const channels of [1, 3]) {
    const side = Math.sqrt(elementCount(sample) / channels);
    if (Number.isInteger(side)) return [channels, side, side];
  }
  throw new InspectorError(
    `Samples of ${elementCount(sample)} values are no square images.`,
    'Give images as [N, C, H, W], or take the network mlp.',
  );
}

function samplesOf({ arrays }: Dataset): { readonly x: Tensor; readonly classes: number } {
  const [x, y] = [arrays.get('x'), arrays.get('y')];
  if (!x || !y)
    throw new InspectorError(
      'The data has no samples "x" and labels "y".',
      'Give both, or a model that fits the data.',
    );
  let classes = 1;
  for (const label of numbersOf(y)) classes = Math.max(classes, label + 1);
  if (!Number.isInteger(classes) || classes < 2 || classes > 10000)
    throw new InspectorError(
      'The labels are no classes, for which a network could be built.',
      words`Give a model that fits the data with ${mention('model')}.`,
    );
  return { x, classes };
}

import type { Model } from '../../onnx/model.ts';
import { type FloatType, type Tensor, tensorOf } from '../../onnx/tensor.ts';
import { InspectorError } from '../../shared/errors.ts';
import { mention, words } from '../../shared/words.ts';
import { NetworkBuilder } from './builder.ts';
import type { ImageShape } from './convolutional.ts';

export interface TransformerShape {
  /** Side of a patch. */
  readonly patch: number;
  /** Size of a token; a multiple of four. */
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Size of a token in each head. */
  readonly headWidth: number;
  /** Hidden units of the feed-forward layers. */
  readonly hidden: number;
}

/**
 * A vision transformer with fixed sine and cosine positions and the mean of all tokens before the linear head (Beyer, Zhai,
 * Kolesnikov 2022, as vit_pytorch's SimpleViT). Patches of 4, width 512, depth 6, 16 heads of 64 and 1024 hidden units on
 * 32×32 images are the network of Cattaneo, Klusowski, Shigida (ICML 2024).
 */
export function visionTransformer(
  image: ImageShape,
  { patch, width, depth, heads, headWidth, hidden }: TransformerShape,
  classes: number,
  seed: number,
  type: FloatType,
): Model {
  const [channels, height, columns] = image;
  if (height % patch !== 0 || columns % patch !== 0 || width % 4 !== 0)
    throw new InspectorError(
      `Images of ${height}×${columns} do not divide into patches of ${patch}, or the width ${width} is no multiple of 4.`,
      words`Choose another ${mention('width')}, or another network.`,
    );
  const b = new NetworkBuilder(seed, type);
  const [across, down] = [columns / patch, height / patch];
  const tokens = across * down;
  const patchSize = patch * patch * channels;
  let x = b.reshape('x', [-1, channels, down, patch, across, patch]);
  x = b.reshape(b.node('Transpose', [x], { perm: [0, 2, 4, 3, 5, 1] }), [-1, tokens, patchSize]);
  x = b.layerNormalisation('patch.norm', x, patchSize);
  x = b.linearOnLast('patch.linear', x, patchSize, width);
  x = b.layerNormalisation('patch.out', x, width);
  x = b.node('Add', [x, b.constant(positions(down, across, width, type))]);
  const scale = b.constant(tensorOf(type, [], [1 / Math.sqrt(headWidth)]));
  const own = heads * headWidth;
  for (let layer = 0; layer < depth; layer++) {
    const name = `layer${layer + 1}`;
    const normed = b.layerNormalisation(`${name}.attention.norm`, x, width);
    // Queries, keys and values side by side: [N, tokens, 3, heads, headWidth] → [3, N, heads, tokens, headWidth].
    const projected = b.linearOnLast(`${name}.attention.qkv`, normed, width, 3 * own, false);
    const split = b.node('Transpose', [b.reshape(projected, [-1, tokens, 3, heads, headWidth])], {
      perm: [2, 0, 3, 1, 4],
    });
    const [q, k, v] = [0, 1, 2].map((part) =>
      b.node('Gather', [split, b.constant(tensorOf('int64', [], [BigInt(part)]))], { axis: 0 }),
    );
    const scores = b.node('MatMul', [q, b.node('Transpose', [k], { perm: [0, 1, 3, 2] })]);
    const weights = b.node('Softmax', [b.node('Mul', [scores, scale])], { axis: -1 });
    const mixed = b.node('Transpose', [b.node('MatMul', [weights, v])], { perm: [0, 2, 1, 3] });
    const out = b.linearOnLast(`${name}.attention.out`, b.reshape(mixed, [-1, tokens, own]), own, width, false);
    x = b.node('Add', [x, out]);
    let y = b.layerNormalisation(`${name}.feedforward.norm`, x, width);
    y = b.node('Gelu', [b.linearOnLast(`${name}.feedforward.linear1`, y, width, hidden)]);
    x = b.node('Add', [x, b.linearOnLast(`${name}.feedforward.linear2`, y, hidden, width)]);
  }
  x = b.layerNormalisation('norm', x, width);
  x = b.node('ReduceMean', [x, b.constant(tensorOf('int64', [1], [1n]))], { keepdims: 0 });
  return b.model(image, b.linear('head', x, width, classes), classes);
}

/** [tokens, width]: sin and cos of column and row at width/4 frequencies from 1 to 1/10000. */
function positions(rows: number, columns: number, width: number, type: FloatType): Tensor {
  const quarter = width / 4;
  const values: number[] = [];
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (const [of, at] of [
        [Math.sin, x],
        [Math.cos, x],
        [Math.sin, y],
        [Math.cos, y],
      ] as const)
        for (let i = 0; i < quarter; i++) values.push(of(at / 10000 ** (i / Math.max(1, quarter - 1))));
  return tensorOf(type, [rows * columns, width], values);
}

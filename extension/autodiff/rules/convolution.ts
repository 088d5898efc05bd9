import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Attributes, Value } from '../../onnx/graph.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { type GradientRule, simple } from '../rule.ts';

const ints = (attributes: Attributes, name: string): readonly number[] => attributes[name] as readonly number[];

/** The transposed convolution that maps a cotangent of Conv's output to one of its input of spatial size `spatial`. */
function inputGradient(
  b: GraphBuilder,
  dy: Value,
  w: Value,
  attributes: Attributes,
  spatial: readonly number[],
): Value {
  const pads = ints(attributes, 'pads');
  const rank = spatial.length;
  const reached = spatial.map(
    (_, i) =>
      (dy.shape[i + 2] - 1) * ints(attributes, 'strides')[i] +
      (w.shape[i + 2] - 1) * ints(attributes, 'dilations')[i] +
      1 -
      pads[i] -
      pads[i + rank],
  );
  return b.emit('ConvTranspose', [dy, w], {
    ...attributes,
    output_padding: spatial.map((size, i) => size - reached[i]),
  })[0];
}

/** ∂⟨dy, Conv(x, w)⟩/∂w as a convolution of x with dy in which batch and channels have changed places. */
function weightGradient(
  b: GraphBuilder,
  x: Value,
  dy: Value,
  attributes: Attributes,
  wShape: readonly number[],
): Value {
  const group = attributes.group as number;
  const rank = wShape.length - 2;
  const [n, c] = x.shape;
  const m = dy.shape[1];
  const axes = Array.from({ length: rank }, (_, i) => i);
  const swap = (value: Value, channels: number): Value => {
    const split = b.reshape(value, [n, group, channels / group, ...value.shape.slice(2)]);
    const swapped = b.transpose(split, [2, 1, 0, ...axes.map((i) => i + 3)]);
    return b.reshape(swapped, [channels / group, group * n, ...value.shape.slice(2)]);
  };
  const filters = b.reshape(
    b.transpose(b.reshape(dy, [n, m, ...dy.shape.slice(2)]), [1, 0, ...axes.map((i) => i + 2)]),
    [m, n, ...dy.shape.slice(2)],
  );
  const result = b.emit('Conv', [swap(x, c), filters], {
    ...attributes,
    strides: ints(attributes, 'dilations'),
    dilations: ints(attributes, 'strides'),
  })[0];
  const cut = b.slice(result, { starts: axes.map(() => 0), ends: wShape.slice(2), axes: axes.map((i) => i + 2) });
  return b.transpose(cut, [1, 0, ...axes.map((i) => i + 2)]);
}

export const convolution = {
  ...simple({
    Conv: (b, { in: [x, w], attributes }, dy) => [
      inputGradient(b, dy, w, attributes, x.shape.slice(2)),
      weightGradient(b, x, dy, attributes, w.shape),
    ],
    // ConvTranspose is the adjoint of Conv in its data, so the roles of input and cotangent change places.
    ConvTranspose: (b, { in: [x, w], attributes }, dy) => {
      const { output_padding: _, ...conv } = attributes;
      return [b.emit('Conv', [dy, w], conv)[0], weightGradient(b, dy, x, conv, w.shape)];
    },
  }),
  // The values are elements of x at the flat indices that the forward pass chose; windows may overlap, so they add.
  MaxPool: ((b, { in: [x], out: [, indices] }, dy) => {
    if (!dy) return [];
    const flat = b.full(x.type, [elementCount(x.shape)], 0);
    const size = elementCount(dy.shape);
    return [b.reshape(b.scatterElementsAdd(flat, b.reshape(indices, [size]), b.reshape(dy, [size]), 0), x.shape)];
  }) as GradientRule,
};

import type { GraphBuilder } from '../../onnx/builder.ts';
import { first, listed, numbered, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { elementCount, type FloatType, tensorOf } from '../../onnx/tensor.ts';
import { distribute, samePadding, windowOf } from './window.ts';

/** Spatial axes of the data and the kernel; rank and attribute must agree. */
function geometry({ in: [x, w], attributes: { kernel_shape } }: OperatorCall<'Conv' | 'ConvTranspose'>): {
  spatial: readonly number[];
  kernel: readonly number[];
} {
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    throw new Error(`weights ${showShape(w.shape)} do not fit input ${showShape(x.shape)}`);
  const kernel = w.shape.slice(2);
  if (kernel_shape && String(kernel_shape) !== String(kernel))
    throw new Error(`kernel_shape ${showShape(kernel_shape)} contradicts weights ${showShape(w.shape)}`);
  return { spatial: x.shape.slice(2), kernel };
}

const conv: Definition<'Conv'> = (b, call) => {
  const { spatial, kernel } = geometry(call);
  const [x, w, bias] = call.in;
  const attributes = { ...windowOf(call, spatial, kernel), group: call.attributes.group };
  return b.emit('Conv', bias ? [x, w, bias] : [x, w], attributes);
};

/**
 * Pads and output padding of a transposed convolution, of whose three descriptions (pads, SAME, the output's shape) one is
 * given. An output that is larger than what the windows reach is filled with zeros at its end.
 */
function transposedWindow(call: OperatorCall<'ConvTranspose'>) {
  const { spatial, kernel } = geometry(call);
  const window = windowOf(call, spatial, kernel);
  const { output_padding = spatial.map(() => 0), output_shape } = call.attributes;
  if (output_padding.length !== spatial.length)
    throw new Error(`output_padding ${showShape(output_padding)} does not fit ${spatial.length} axes of space`);
  if (output_padding.some((amount) => amount < 0))
    throw new Error(`output_padding ${showShape(output_padding)} has a negative amount; take places away with pads`);
  const same = samePadding(call);
  const wanted =
    output_shape?.slice(-spatial.length) ??
    (same && zip(spatial, window.strides).map(([size, stride]) => size * stride));
  if (!wanted) return { ...window, output_padding };
  if (wanted.length !== spatial.length)
    throw new Error(`output_shape ${showShape(wanted)} does not fit ${spatial.length} axes of space`);
  if (wanted.some((size) => size < 1)) throw new Error(`output_shape ${showShape(wanted)} has an axis without places`);
  const surplus = zip(spatial, window.strides, window.dilations, output_padding, kernel, wanted).map(
    ([size, stride, dilation, padding, taps, due]) => stride * (size - 1) + padding + (taps - 1) * dilation + 1 - due,
  );
  return {
    ...window,
    pads: distribute(
      surplus.map((amount) => Math.max(0, amount)),
      same ?? 'lower',
    ),
    output_padding: zip(output_padding, surplus).map(([amount, excess]) => amount + Math.max(0, -excess)),
  };
}

const convTranspose: Definition<'ConvTranspose'> = (b, call) => {
  const [x, w, bias] = call.in;
  const y = b.emit('ConvTranspose', [x, w], { ...transposedWindow(call), group: call.attributes.group })[0];
  return bias ? b.add(y, perChannel(b, bias, y.shape.length)) : y;
};

/**
 * Patches joined to images, overlapping ones summed: the transposed convolution whose kernel k of a channel is 1 at the k-th
 * element of a patch alone.
 */
const col2Im: Definition<'Col2Im'> = (b, call) => {
  const [x] = call.in;
  const [image, block] = [call.constantInts(1), call.constantInts(2)];
  const { pads = [...block, ...block].fill(0), ...given } = call.attributes;
  const { strides = block.map(() => 1), dilations = block.map(() => 1) } = given;
  const lists = [image, strides, dilations, pads.slice(block.length)];
  if (block.length === 0 || lists.some(({ length }) => length !== block.length))
    throw new Error(`an image ${showShape(image)} does not fit patches ${showShape(block)}`);
  if (x.shape.length !== 3) throw new Error(`it takes three axes, not ${showShape(x.shape)}`);
  const [samples, rows, patches] = leading(x.shape, 3);
  const ends = pads.slice(block.length);
  const reach = zip(dilations, block).map(([dilation, size]) => dilation * (size - 1) + 1);
  const counts = zip(image, pads.slice(0, block.length), ends, reach, strides).map(
    ([size, begin, end, window, stride]) => Math.floor((size + begin + end - window) / stride) + 1,
  );
  const taps = elementCount(block);
  const channels = rows / taps;
  if (elementCount(counts) !== patches || counts.some((count) => count < 1) || !Number.isInteger(channels))
    throw new Error(`patches ${showShape(x.shape)} of ${showShape(block)} do not fit an image ${showShape(image)}`);
  const kernel = b.constant(
    tensorOf(
      x.type as FloatType,
      [rows, 1, ...block],
      numbered(rows * taps, (at) => Number(at % taps === Math.floor(at / taps) % taps)),
    ),
  );
  const reached = zip(strides, counts, reach).map(([stride, count, window]) => stride * (count - 1) + window);
  return b.emit('ConvTranspose', [b.reshape(x, [samples, rows, ...counts]), kernel], {
    strides,
    dilations,
    pads,
    output_padding: zip(image, reached, pads.slice(0, block.length), ends).map(
      ([size, last, begin, end]) => size - (last - begin - end),
    ),
    group: channels,
  })[0];
};

/** A vector with one element for each channel, shaped to broadcast against data of a rank. */
const perChannel = (b: GraphBuilder, vector: Value, rank: number): Value =>
  b.reshape(vector, [first(vector.shape), ...listed(rank - 2, () => 1)]);

/** The sizes of images, of which blocks of pixels are moved between space and channels. */
function imageOf({ shape }: Value): { n: number; c: number; h: number; w: number } {
  if (shape.length !== 4) throw new Error(`it takes four axes, not ${showShape(shape)}`);
  const [n, c, h, w] = leading(shape, 4);
  return { n, c, h, w };
}

export const convolutions = {
  Conv: conv,
  ConvTranspose: convTranspose,
  Col2Im: col2Im,
  DepthToSpace: (b, { in: [x], attributes: { blocksize: size, mode } }) => {
    const { n, c, h, w } = imageOf(x);
    const rest = c / size ** 2;
    const columnFirst = mode === 'CRD';
    const split = b.reshape(x, columnFirst ? [n, rest, size, size, h, w] : [n, size, size, rest, h, w]);
    const moved = b.transpose(split, columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
    return b.reshape(moved, [n, rest, h * size, w * size]);
  },
  SpaceToDepth: (b, { in: [x], attributes: { blocksize: size } }) => {
    const { n, c, h, w } = imageOf(x);
    const split = b.reshape(x, [n, c, h / size, size, w / size, size]);
    return b.reshape(b.transpose(split, [0, 3, 5, 1, 2, 4]), [n, c * size ** 2, h / size, w / size]);
  },
} satisfies Partial<Definitions>;

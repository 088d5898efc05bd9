import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { distribute, samePadding, windowOf } from './window.ts';

/** Spatial axes of the data and the kernel; rank and attribute must agree. */
function geometry(call: OperatorCall): { spatial: readonly number[]; kernel: readonly number[] } {
  const x = call.input(0);
  const w = call.input(1);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    throw new Error(`weights ${showShape(w.shape)} do not fit input ${showShape(x.shape)}`);
  const kernel = w.shape.slice(2);
  const declared = call.ints('kernel_shape', kernel);
  if (String(declared) !== String(kernel))
    throw new Error(`kernel_shape ${showShape(declared)} contradicts weights ${showShape(w.shape)}`);
  return { spatial: x.shape.slice(2), kernel };
}

const conv: Operator = (b, call) => {
  const { spatial, kernel } = geometry(call);
  const [x, w, bias] = [call.input(0), call.input(1), call.inputs[2]];
  const attributes = { ...windowOf(call, spatial, kernel), group: call.int('group', 1) };
  return b.emit('Conv', bias ? [x, w, bias] : [x, w], attributes);
};

/**
 * Pads and output padding of a transposed convolution, of whose three descriptions (pads, SAME, the output's shape) one is
 * given. An output that is larger than what the windows reach is filled with zeros at its end.
 */
function transposedWindow(call: OperatorCall) {
  const { spatial, kernel } = geometry(call);
  const window = windowOf(call, spatial, kernel);
  const padding = call.ints(
    'output_padding',
    spatial.map(() => 0),
  );
  if (padding.length !== spatial.length)
    throw new Error(`output_padding ${showShape(padding)} does not fit ${spatial.length} axes of space`);
  const same = samePadding(call);
  const wanted = call.has('output_shape')
    ? call.ints('output_shape').slice(-spatial.length)
    : same && spatial.map((size, i) => size * window.strides[i]!);
  if (!wanted) return { ...window, output_padding: padding };
  if (wanted.length !== spatial.length)
    throw new Error(`output_shape ${showShape(wanted)} does not fit ${spatial.length} axes of space`);
  if (wanted.some((size) => size < 1)) throw new Error(`output_shape ${showShape(wanted)} has an axis without places`);
  const surplus = spatial.map(
    (size, i) =>
      window.strides[i]! * (size - 1) + padding[i]! + (kernel[i]! - 1) * window.dilations[i]! + 1 - wanted[i]!,
  );
  return {
    ...window,
    pads: distribute(
      surplus.map((amount) => Math.max(0, amount)),
      same ?? 'lower',
    ),
    output_padding: padding.map((amount, i) => amount + Math.max(0, -surplus[i]!)),
  };
}

const convTranspose: Operator = (b, call) => {
  const y = b.emit('ConvTranspose', [call.input(0), call.input(1)], {
    ...transposedWindow(call),
    group: call.int('group', 1),
  })[0];
  const bias = call.inputs[2];
  return bias ? b.add(y, perChannel(b, bias, y.shape.length)) : y;
};

/** A vector with one element for each channel, shaped to broadcast against data of a rank. */
const perChannel = (b: GraphBuilder, vector: Value, rank: number): Value =>
  b.reshape(vector, [vector.shape[0]!, ...new Array<number>(rank - 2).fill(1)]);

/** [n, c, h, w] with blocks of b×b pixels moved between space and channels. */
function blocks(call: OperatorCall): { n: number; c: number; h: number; w: number; size: number } {
  const { shape } = call.input(0);
  if (shape.length !== 4) throw new Error(`it takes four axes, not ${showShape(shape)}`);
  const [n, c, h, w] = leading(shape, 4);
  return { n, c, h, w, size: call.int('blocksize') };
}

export const convolutions: Record<string, Operator> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  DepthToSpace: (b, call) => {
    const { n, c, h, w, size } = blocks(call);
    const rest = c / size ** 2;
    const columnFirst = call.string('mode', 'DCR') === 'CRD';
    const split = b.reshape(call.input(0), columnFirst ? [n, rest, size, size, h, w] : [n, size, size, rest, h, w]);
    const moved = b.transpose(split, columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
    return b.reshape(moved, [n, rest, h * size, w * size]);
  },
  SpaceToDepth: (b, call) => {
    const { n, c, h, w, size } = blocks(call);
    const split = b.reshape(call.input(0), [n, c, h / size, size, w / size, size]);
    return b.reshape(b.transpose(split, [0, 3, 5, 1, 2, 4]), [n, c * size ** 2, h / size, w / size]);
  },
};

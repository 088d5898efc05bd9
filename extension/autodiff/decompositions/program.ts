import { nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { type ElementType, elementCount } from '../../onnx/tensor.ts';
import { axesOf, rootOrZero } from './reduction.ts';

/**
 * The extremum over some axes, whose gradient goes to the first element that attains it: these are gathered into one axis at
 * the end, in the order in which the elements lie.
 */
const firstExtremum =
  (largest: 0 | 1): Definition<'FirstMaximum' | 'FirstMinimum'> =>
  (b, call) => {
    const [x] = call.in;
    const axes = axesOf(call, x.shape.length);
    const kept = x.shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
    const over = [...axes].sort((i, j) => i - j);
    const outer = kept.map((axis) => nth(x.shape, axis));
    const size = elementCount(over.map((axis) => nth(x.shape, axis)));
    const rows = b.reshape(b.transpose(x, [...kept, ...over]), [...outer, size]);
    const [found] = b.emit('TopK', [rows, b.ints([1])], { axis: outer.length, largest, sorted: 1 });
    const keepdims = call.attributes.keepdims === 1;
    return b.reshape(found, keepdims ? x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) : outer);
  };

/** What integers of a type can be; those that ONNX quantises to. */
const integerRanges: Readonly<Partial<Record<ElementType, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/**
 * y = s·(clip(round(x/s) + z) − z). Gradients pass as through the identity where nothing is clipped; scale and zero point, which
 * observers find, do not train. The scale is one number, or one for each place along `axis`.
 */
const fakeQuantize: Definition<'FakeQuantize'> = (b, { in: [x, scale, zero], attributes }) => {
  const { axis, block_size, quant_min, quant_max } = attributes;
  const [least, most] = integerRanges[zero?.type ?? 'uint8'] ?? [];
  if (least === undefined || most === undefined || block_size || (!zero && attributes.output_dtype))
    throw new RefusedUse(
      'a fake quantiser is supported that rounds to 8 or 16 bits, with a zero point and not in blocks',
    );
  const shaped = (value: Value): Value => {
    if (elementCount(value.shape) === 1) return b.reshape(value, []);
    const along = normaliseAxis(axis ?? 1, x.shape.length);
    return b.reshape(
      value,
      x.shape.map((dim, i) => (i === along ? dim : 1)),
    );
  };
  const s = b.stopGradient(shaped(scale));
  const z = zero ? b.cast(shaped(zero), x.type) : b.number(0, x);
  const rounded = b.add(b.unary('Round', b.div(x, s)), z);
  const [low, high] = [b.number(quant_min ?? least, x), b.number(quant_max ?? most, x)];
  const y = b.stopGradient(b.mul(b.sub(b.clip(rounded, low, high), z), s));
  const inside = b.and(b.greaterOrEqual(rounded, low), b.greaterOrEqual(high, rounded));
  return b.where(inside, b.add(x, b.stopGradient(b.sub(y, x))), y);
};

/**
 * No operators of ONNX: functions of the program from which a model was exported whose derivatives are others than those of the
 * operators that stand for them. Nodes get these names where the exporter notes what they come from.
 */
export const program = {
  StopGradient: (b, { in: [x] }) => b.stopGradient(x),
  FakeQuantize: fakeQuantize,
  // Rows of a table by indices, of which the one at `padding_idx` does not train.
  PaddedGather: (b, { in: [table, indices], attributes }) => {
    const axis = normaliseAxis(attributes.axis, table.shape.length);
    const rows = b.gather(table, indices, axis);
    const padding = b.equal(indices, b.number(attributes.padding_idx, indices));
    const inner = table.shape.slice(axis + 1).map(() => 1);
    return b.where(b.reshape(padding, [...indices.shape, ...inner]), b.stopGradient(rows), rows);
  },
  FirstMaximum: firstExtremum(1),
  FirstMinimum: firstExtremum(0),
  // √x with gradient 0 at 0
  RootOrZero: (b, { in: [x] }) => rootOrZero(b, x),
} satisfies Partial<Definitions>;

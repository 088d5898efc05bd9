import { nth } from '../../onnx/checked.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { elementCount } from '../../onnx/tensor.ts';
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

/**
 * No operators of ONNX: functions of the program from which a model was exported whose derivatives are others than those of the
 * operators that stand for them. Nodes get these names where the exporter notes what they come from.
 */
export const program = {
  StopGradient: (b, { in: [x] }) => b.stopGradient(x),
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

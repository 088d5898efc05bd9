import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { type Operator, type OperatorCall, Sequence } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { splitParts } from './movement.ts';

/** A position in a sequence of known length; it may count from the end. */
function positionOf(call: OperatorCall, index: number, length: number): number {
  const position = call.constantInt(index);
  const at = position < 0 ? position + length : position;
  if (at < 0 || at >= length) throw new Error(`position ${position} is outside a sequence of ${length}`);
  return at;
}

/** More tensors than a sequence of any use has. */
const mostParts = 2 ** 16;

/** Parts of the given sizes, of one given size, or of size 1, whose axis may be dropped. */
const splitToSequence: Operator = (b, call) => {
  const x = call.input(0);
  const axis = normaliseAxis(call.int('axis', 0), x.shape.length);
  const size = x.shape[axis];
  const equalParts = (length: number): number[] => {
    if (!(length > 0)) throw new Error(`there are no parts of ${length} elements`);
    const count = Math.ceil(size! / length);
    if (count > mostParts) throw new RefusedUse(`it makes ${count} tensors; at most ${mostParts} are supported`);
    return Array.from({ length: count }, (_, i) => Math.min(length, size! - i * length));
  };
  if (!call.inputs[1]) {
    const parts = splitParts(b, x, equalParts(1), axis);
    if (call.int('keepdims', 1) === 1) return new Sequence(parts);
    const shape = x.shape.filter((_, i) => i !== axis);
    return new Sequence(parts.map((part) => b.reshape(part, shape)));
  }
  const sizes = call.inputs[1].shape.length === 0 ? equalParts(call.constantInt(1)) : call.constantInts(1);
  return new Sequence(splitParts(b, x, sizes, axis));
};

/** Joins the tensors of a sequence along an axis of theirs, or along a new one. */
function concatFromSequence(b: GraphBuilder, call: OperatorCall): Value {
  const items = call.sequence(0);
  if (items.length === 0) throw new Error('an empty sequence cannot be joined');
  if (call.int('new_axis', 0) === 0) return b.concat(items, call.int('axis'));
  const { shape } = items[0]!;
  const axis = normaliseAxis(call.int('axis'), shape.length + 1);
  return b.concat(
    items.map((item) => b.reshape(item, [...shape.slice(0, axis), 1, ...shape.slice(axis)])),
    axis,
  );
}

export const sequences: Record<string, Operator> = {
  SequenceEmpty: () => new Sequence([]),
  SequenceConstruct: (_b, call) => new Sequence(call.inputs.map((_, i) => call.input(i))),
  SequenceAt: (_b, call) => {
    const items = call.sequence(0);
    return items[positionOf(call, 1, items.length)]!;
  },
  SequenceLength: (b, call) => b.scalar('int64', call.sequence(0).length),
  SequenceInsert: (_b, call) => {
    const items = call.sequence(0);
    const at = call.inputs[2] ? call.constantInt(2) : items.length;
    return new Sequence(items.toSpliced(at, 0, call.input(1)));
  },
  SequenceErase: (_b, call) => {
    const items = call.sequence(0);
    return new Sequence(items.toSpliced(call.inputs[1] ? positionOf(call, 1, items.length) : items.length - 1, 1));
  },
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
};

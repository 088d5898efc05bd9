import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { Sequence } from '../../onnx/sequence.ts';
import { normaliseAxis } from '../../onnx/shapes.ts';
import { splitParts } from './movement.ts';

/** A position in a sequence of known length; it may count from the end. */
function positionOf(call: OperatorCall<'SequenceAt' | 'SequenceErase'>, index: number, length: number): number {
  const position = call.constantInt(index);
  const at = position < 0 ? position + length : position;
  if (at < 0 || at >= length) throw new Error(`position ${position} is outside a sequence of ${length}`);
  return at;
}

/** More tensors than a sequence of any use has. */
const mostParts = 2 ** 16;

/** Parts of the given sizes, of one given size, or of size 1, whose axis may be dropped. */
const splitToSequence: Definition<'SplitToSequence'> = (b, call) => {
  const [x, split] = call.in;
  const axis = normaliseAxis(call.attributes.axis, x.shape.length);
  const size = nth(x.shape, axis);
  const equalParts = (length: number): number[] => {
    if (!(length > 0)) throw new Error(`there are no parts of ${length} elements`);
    const count = Math.ceil(size / length);
    if (count > mostParts) throw new RefusedUse(`it makes ${count} tensors; at most ${mostParts} are supported`);
    return listed(count, (i) => Math.min(length, size - i * length));
  };
  if (!split) {
    const parts = splitParts(b, x, equalParts(1), axis);
    if (call.attributes.keepdims === 1) return new Sequence(parts);
    const shape = x.shape.filter((_, i) => i !== axis);
    return new Sequence(parts.map((part) => b.reshape(part, shape)));
  }
  const sizes = split.shape.length === 0 ? equalParts(call.constantInt(1)) : call.constantInts(1);
  return new Sequence(splitParts(b, x, sizes, axis));
};

/** Joins the tensors of a sequence along an axis of theirs, or along a new one. */
function concatFromSequence(b: GraphBuilder, call: OperatorCall<'ConcatFromSequence'>): Value {
  const [{ items }] = call.in;
  const { axis, new_axis } = call.attributes;
  const [head] = items;
  if (!head) throw new Error('an empty sequence cannot be joined');
  if (new_axis === 0) return b.concat(items, axis);
  const { shape } = head;
  const place = normaliseAxis(axis, shape.length + 1);
  return b.concat(
    items.map((item) => b.reshape(item, [...shape.slice(0, place), 1, ...shape.slice(place)])),
    place,
  );
}

export const sequences = {
  SequenceEmpty: () => new Sequence([]),
  SequenceConstruct: (_b, call) => new Sequence(call.in),
  SequenceAt: (_b, call) => {
    const [{ items }] = call.in;
    return nth(items, positionOf(call, 1, items.length));
  },
  SequenceLength: (b, { in: [{ items }] }) => b.scalar('int64', items.length),
  SequenceInsert: (_b, call) => {
    const [{ items }, tensor, position] = call.in;
    return new Sequence(items.toSpliced(position ? call.constantInt(2) : items.length, 0, tensor));
  },
  SequenceErase: (_b, call) => {
    const [{ items }, position] = call.in;
    return new Sequence(items.toSpliced(position ? positionOf(call, 1, items.length) : items.length - 1, 1));
  },
  SplitToSequence: splitToSequence,
  ConcatFromSequence: concatFromSequence,
} satisfies Partial<Definitions>;

import type { GraphBuilder } from './builder.ts';
import type { Attributes, Value } from './graph.ts';
import type { OpType } from './ops.ts';
import { constantInts } from './shapes.ts';
import type { Shape } from './tensor.ts';
import { numbersOf } from './tensor.ts';

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/** The number that every element of a small constant equals. */
export function uniformValue(value: Value): number | undefined {
  if (!value.constant || value.constant.data.length === 0 || value.constant.data.length > 64) return undefined;
  const numbers = numbersOf(value.constant);
  return numbers.every((x) => x === numbers[0]) ? numbers[0] : undefined;
}

type Simplification = (
  b: GraphBuilder,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes,
  shape: Shape,
) => Value | undefined;

/** `x` where the other operand is the neutral element and broadcasting does not enlarge it. */
const neutral =
  (element: number, sides: readonly (0 | 1)[]): Simplification =>
  (_b, inputs, _attributes, shape) => {
    for (const side of sides) {
      const kept = inputs[1 - side]!;
      if (sameShape(kept.shape, shape) && uniformValue(inputs[side]!) === element) return kept;
    }
    return undefined;
  };

/** f(f(x)) = x. */
const involution =
  (op: OpType): Simplification =>
  (_b, [x]) =>
    x!.node?.opType === op ? x!.node.inputs[0] : undefined;

/** Reductions over axes of size 1 only change the shape. */
const reduceNothing: Simplification = (b, [x, axes], _attributes, shape) => {
  const over = constantInts(axes, 'the axes');
  return over.every((axis) => x!.shape[axis < 0 ? axis + x!.shape.length : axis] === 1)
    ? b.reshape(x!, shape)
    : undefined;
};

/**
 * Identities applied whenever a node is built. They keep gradient graphs small; none changes a value, except that
 * sums are not reassociated.
 */
export const simplifications: Partial<Record<OpType, Simplification>> = {
  Add: neutral(0, [0, 1]),
  Sub: neutral(0, [1]),
  Mul: neutral(1, [0, 1]),
  Div: neutral(1, [1]),
  Pow: (b, inputs, attributes, shape) => {
    const exponent = uniformValue(inputs[1]!);
    if (exponent === 2 && sameShape(inputs[0]!.shape, shape)) return b.mul(inputs[0]!, inputs[0]!);
    return neutral(1, [1])(b, inputs, attributes, shape);
  },
  Neg: involution('Neg'),
  Identity: (_b, [x]) => x,
  Cast: (_b, [x], { to }) => (x!.type === to ? x : undefined),
  Reshape: (b, [x], _attributes, shape) => {
    if (sameShape(x!.shape, shape)) return x;
    return x!.node?.opType === 'Reshape' ? b.reshape(x!.node.inputs[0]!, shape) : undefined;
  },
  Expand: (b, [x], _attributes, shape) => {
    if (sameShape(x!.shape, shape)) return x;
    return x!.node?.opType === 'Expand' ? b.expand(x!.node.inputs[0]!, shape) : undefined;
  },
  Transpose: (b, [x], { perm }, shape) => {
    const order = perm as readonly number[];
    if (order.every((axis, i) => axis === i)) return x;
    // Moving only axes of size 1 leaves the elements where they are.
    const moved = order.filter((axis) => x!.shape[axis] !== 1);
    if (moved.every((axis, i) => i === 0 || moved[i - 1] < axis)) return b.reshape(x!, shape);
    if (x!.node?.opType !== 'Transpose') return undefined;
    const inner = x!.node.attributes.perm as readonly number[];
    return b.transpose(
      x!.node.inputs[0]!,
      order.map((axis) => inner[axis]),
    );
  },
  Concat: (_b, inputs) => (inputs.length === 1 ? inputs[0] : undefined),
  Slice: (_b, [x, , , , steps], _attributes, shape) => {
    const forward = constantInts(steps, 'the steps of a slice').every((step) => step > 0);
    return forward && sameShape(x!.shape, shape) ? x : undefined;
  },
  Pad: (_b, [x, pads]) => (constantInts(pads, 'the pads').every((amount) => amount === 0) ? x : undefined),
  ReduceSum: reduceNothing,
  ReduceMean: reduceNothing,
  ReduceMax: reduceNothing,
  ReduceMin: reduceNothing,
  ReduceProd: reduceNothing,
  Where: (_b, [condition, x, y], _attributes, shape) => {
    const always = uniformValue(condition!);
    const kept = always === undefined ? undefined : always ? x! : y!;
    return kept && sameShape(kept.shape, shape) ? kept : undefined;
  },
};

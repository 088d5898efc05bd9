import {
  expansions,
  factors,
  hoisted,
  operandOf,
  reused,
  type Simplification,
  signs,
  squares,
  twice,
} from './algebra.ts';
import type { GraphBuilder } from './builder.ts';
import { nth } from './checked.ts';
import type { Attributes, Value } from './graph.ts';
import { isNode } from './nodeTypes.ts';
import type { PrimitiveOp } from './ops.ts';
import { broadcastShapes, constantInts, sameShape } from './shapes.ts';
import { elementCount, isFloat, numbersOf, type Shape } from './tensor.ts';

/** The number that every element of a small or expanded constant equals. */
export function uniformValue(value: Value): number | undefined {
  if (isNode(value.node, 'Expand')) return uniformValue(value.node.inputs[0]);
  if (!value.constant || value.constant.data.length === 0 || value.constant.data.length > 64) return undefined;
  const numbers = numbersOf(value.constant);
  return numbers.every((x) => x === numbers[0]) ? numbers[0] : undefined;
}

/** `x` where the other operand is the neutral element and broadcasting does not enlarge it. */
const neutral =
  (element: number, sides: readonly (0 | 1)[]) =>
  (_b: GraphBuilder, [x, y]: readonly [Value, Value], _attributes: unknown, shape: Shape): Value | undefined => {
    for (const side of sides) {
      const [operand, kept] = side === 0 ? [x, y] : [y, x];
      if (sameShape(kept.shape, shape) && uniformValue(operand) === element) return kept;
    }
    return undefined;
  };

/** Applies the first identity that fits. */
const firstOf =
  <Call extends readonly unknown[]>(...candidates: readonly ((...call: Call) => Value | undefined)[]) =>
  (...call: Call): Value | undefined => {
    for (const candidate of candidates) {
      const result = candidate(...call);
      if (result) return result;
    }
    return undefined;
  };

/** An operand is used before its expansion where broadcasting alone gives the same shape. */
const unexpanded =
  (op: PrimitiveOp) =>
  (b: GraphBuilder, inputs: readonly Value[], attributes: Attributes, shape: Shape): Value | undefined => {
    for (const [i, value] of inputs.entries()) {
      const source = operandOf(value, 'Expand');
      if (!source) continue;
      const operands = inputs.with(i, source);
      if (sameShape(broadcastShapes(...operands.map((operand) => operand.shape)), shape))
        return b.emitNode(op, operands, attributes)[0];
    }
    return undefined;
  };

/** A single number stands behind: the runtime takes half as long as with the number in front. */
const numberLast =
  (op: 'Add' | 'Mul') =>
  (b: GraphBuilder, [x, y]: readonly [Value, Value]): Value | undefined =>
    elementCount(x.shape) === 1 && elementCount(y.shape) > 1 ? b.emit(op, [y, x])[0] : undefined;

/** Reductions over axes of size 1 only change the shape. */
const reduceNothing = (
  b: GraphBuilder,
  [x, axes]: readonly [Value, Value],
  _attributes: unknown,
  shape: Shape,
): Value | undefined => {
  const over = constantInts(axes, 'the axes');
  return over.every((axis) => x.shape.at(axis) === 1) ? b.reshape(x, shape) : undefined;
};

/** 1 where a condition holds and 0 elsewhere is the condition as a number. */
const indicator: Simplification<'Where'> = (b, [condition, x, y], _attributes, shape) =>
  isFloat(x.type) && uniformValue(x) === 1 && uniformValue(y) === 0 && sameShape(condition.shape, shape)
    ? b.cast(condition, x.type)
    : undefined;

/**
 * Identities applied whenever a node is built. They keep gradient graphs small. None changes a value but for the rounding
 * of products; sums are not reassociated.
 */
const simplifications: { readonly [Op in PrimitiveOp]?: Simplification<Op> } = {
  Add: firstOf(neutral(0, [0, 1]), signs.Add, twice, unexpanded('Add'), expansions('Add'), numberLast('Add')),
  Sub: firstOf(neutral(0, [1]), signs.Sub, unexpanded('Sub'), expansions('Sub')),
  Mul: firstOf(
    neutral(1, [0, 1]),
    squares,
    factors,
    signs.Mul,
    reused,
    unexpanded('Mul'),
    expansions('Mul'),
    numberLast('Mul'),
  ),
  Div: firstOf(neutral(1, [1]), signs.Div, unexpanded('Div'), expansions('Div')),
  Max: unexpanded('Max'),
  Min: unexpanded('Min'),
  Pow: (b, [x, y], _attributes, shape) => {
    if (!sameShape(x.shape, shape) || !isFloat(x.type)) return undefined;
    switch (uniformValue(y)) {
      case 0:
        return b.full(x.type, shape, 1);
      case 0.5:
        return b.sqrt(x);
      case 1:
        return x;
      case 2:
        return b.mul(x, x);
      case -1:
        return b.reciprocal(x);
      default:
        return undefined;
    }
  },
  Neg: firstOf(signs.Neg, expansions('Neg')),
  Identity: (_b, [x]) => x,
  Cast: (_b, [x], { to }) => (x.type === to ? x : undefined),
  Reshape: (b, [x], _attributes, shape) => {
    if (sameShape(x.shape, shape)) return x;
    const inner = operandOf(x, 'Reshape');
    return inner && b.reshape(inner, shape);
  },
  Expand: (b, [x], _attributes, shape) => {
    if (sameShape(x.shape, shape)) return x;
    const inner = operandOf(x, 'Expand');
    return inner && b.expand(inner, shape);
  },
  Transpose: (b, [x], { perm: order }, shape) => {
    if (order.every((axis, i) => axis === i)) return x;
    // Moving only axes of size 1 leaves the elements where they are.
    const moved = order.filter((axis) => x.shape[axis] !== 1);
    if (moved.every((axis, i) => i === 0 || nth(moved, i - 1) < axis)) return b.reshape(x, shape);
    if (!isNode(x.node, 'Transpose')) return undefined;
    const { inputs, attributes } = x.node;
    return b.transpose(
      inputs[0],
      order.map((axis) => nth(attributes.perm, axis)),
    );
  },
  Concat: (_b, inputs) => (inputs.length === 1 ? inputs[0] : undefined),
  Slice: (_b, [x, , , , steps], _attributes, shape) => {
    const forward = constantInts(steps, 'the steps of a slice').every((step) => step > 0);
    return forward && sameShape(x.shape, shape) ? x : undefined;
  },
  Pad: (_b, [x, pads]) => (constantInts(pads, 'the pads').every((amount) => amount === 0) ? x : undefined),
  ReduceSum: firstOf(reduceNothing, hoisted('ReduceSum')),
  ReduceMean: firstOf(reduceNothing, hoisted('ReduceMean')),
  ReduceMax: reduceNothing,
  ReduceMin: reduceNothing,
  ReduceProd: reduceNothing,
  Where: firstOf(
    (_b, [condition, x, y], _attributes, shape) => {
      const always = uniformValue(condition);
      const kept = always === undefined ? undefined : always ? x : y;
      return kept && sameShape(kept.shape, shape) ? kept : undefined;
    },
    indicator,
    unexpanded('Where'),
  ),
  Equal: unexpanded('Equal'),
  Greater: unexpanded('Greater'),
  GreaterOrEqual: unexpanded('GreaterOrEqual'),
  Less: unexpanded('Less'),
  LessOrEqual: unexpanded('LessOrEqual'),
  And: unexpanded('And'),
  Or: unexpanded('Or'),
};

/** The value of a primitive in normal form, where an identity gives it in a simpler one. */
export function simplify(
  b: GraphBuilder,
  op: PrimitiveOp,
  inputs: readonly (Value | undefined)[],
  attributes: Attributes,
  shape: Shape,
): Value | undefined {
  // The table is typed for nodes in normal form.
  const identity = simplifications[op] as
    | ((b: GraphBuilder, inputs: object, attributes: Attributes, shape: Shape) => Value | undefined)
    | undefined;
  return identity?.(b, inputs, attributes, shape);
}

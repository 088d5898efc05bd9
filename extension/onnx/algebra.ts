import type { GraphBuilder } from './builder.ts';
import type { Value } from './graph.ts';
import { type AttributesOf, type InputsOf, isNode } from './nodeTypes.ts';
import type { OpType, PrimitiveOp } from './ops.ts';
import { broadcastShapes, constantInts, sameShape } from './shapes.ts';
import type { Shape } from './tensor.ts';
import { elementCount, isFloat, numbersOf } from './tensor.ts';

// Identities of arithmetic that save passes over large tensors: signs move outwards until they cancel or join a sum,
// constant factors meet, and what is small is multiplied with what is small.

/** The value of a node in a simpler form, or undefined where it has none; `shape` is that of its result. */
export type Simplification<Op extends PrimitiveOp> = (
  b: GraphBuilder,
  inputs: InputsOf<Op>,
  attributes: AttributesOf<Op>,
  shape: Shape,
) => Value | undefined;

/** The argument of the node of type `op` that computes a value. */
export const operandOf = (value: Value | undefined, op: OpType): Value | undefined =>
  value?.node?.opType === op ? value.node.inputs[0] : undefined;

/** The number that a constant scalar is. */
const scalarValue = (value: Value): number | undefined =>
  value.constant && value.shape.length === 0 && isFloat(value.type) ? numbersOf(value.constant)[0] : undefined;

/** Both orders of a commutative operator's arguments. */
const bothWays = (x: Value, y: Value): readonly (readonly [Value, Value])[] => [
  [x, y],
  [y, x],
];

/** x + x = 2·x */
export const twice: Simplification<'Add'> = (b, [x, y]) =>
  x === y && isFloat(x.type) ? b.mul(x, b.number(2, x)) : undefined;

/** |x|·|x| = x·x, which has a second derivative at 0; so has c·|x|·|x|. */
export const squares: Simplification<'Mul'> = (b, [left, right]) => {
  for (const [absolute, other] of bothWays(left, right)) {
    const x = operandOf(absolute, 'Abs');
    if (!x) continue;
    if (other === absolute) return b.mul(x, x);
    if (!isNode(other.node, 'Mul')) continue;
    const [first, second] = other.node.inputs;
    const constant = first === absolute ? second : second === absolute ? first : undefined;
    if (constant && scalarValue(constant) !== undefined) return b.mul(b.mul(x, x), constant);
  }
  return undefined;
};

/** factor·x where x is a product that has a constant scalar somewhere, which takes the factor up. */
function scaled(b: GraphBuilder, x: Value, factor: number, depth = 3): Value | undefined {
  if (!isNode(x.node, 'Mul') || depth === 0) return undefined;
  const pairs = bothWays(...x.node.inputs);
  for (const [value, rest] of pairs) {
    const number = scalarValue(value);
    if (number !== undefined) return b.mul(rest, b.number(number * factor, x));
  }
  for (const [value, rest] of pairs) {
    const inner = scaled(b, value, factor, depth - 1);
    if (inner) return b.mul(rest, inner);
  }
  return undefined;
}

/** Products: constant factors meet; c·exp(d − x) = exp(log c + d − x); small operands meet before large ones. */
export const factors: Simplification<'Mul'> = (b, [x, y]) => {
  for (const [constant, other] of bothWays(x, y)) {
    const value = scalarValue(constant);
    if (value === undefined) continue;
    const exponent = operandOf(other, 'Exp');
    if (isNode(exponent?.node, 'Sub') && value > 0) {
      const [shift, rest] = exponent.node.inputs;
      const offset = scalarValue(shift);
      if (offset !== undefined) return b.exp(b.sub(b.number(offset + Math.log(value), other), rest));
    }
    const joined = scaled(b, other, value);
    if (joined) return joined;
  }
  for (const [small, large] of bothWays(x, y)) {
    if (!isNode(large.node, 'Mul') || !isFloat(large.type) || small.shape.length === 0) continue;
    const size = elementCount(large.shape);
    for (const [left, right] of bothWays(...large.node.inputs)) {
      const together = elementCount(broadcastShapes(small.shape, left.shape));
      if (together < size && elementCount(right.shape) === size) return b.mul(b.mul(small, left), right);
    }
  }
  return undefined;
};

/**
 * x·(p·q) = (x·p)·q where x·p is older than p·q: a value and its slopes, such as x·σ and x·σ·(1 − σ), share what they can.
 */
export const reused: Simplification<'Mul'> = (b, [x, y]) => {
  for (const [factor, product] of bothWays(x, y)) {
    if (!isNode(product.node, 'Mul')) continue;
    for (const [left, right] of bothWays(...product.node.inputs)) {
      const older = b.existing('Mul', [factor, left]) ?? b.existing('Mul', [left, factor]);
      if (older && older.id < product.id && sameShape(older.shape, product.shape)) return b.mul(older, right);
    }
  }
  return undefined;
};

type ArithmeticOp = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Neg';

/** Signs move outwards, where they cancel, join a sum or meet a constant. */
export const signs: { readonly [Op in ArithmeticOp]: Simplification<Op> } = {
  Add: (b, [x, y]) => {
    const [minusX, minusY] = [operandOf(x, 'Neg'), operandOf(y, 'Neg')];
    if (minusY) return b.sub(x, minusY);
    return minusX ? b.sub(y, minusX) : undefined;
  },
  Sub: (b, [x, y]) => {
    const minusY = operandOf(y, 'Neg');
    return minusY && b.add(x, minusY);
  },
  Mul: (b, [x, y]) => {
    const [minusX, minusY] = [operandOf(x, 'Neg'), operandOf(y, 'Neg')];
    if (minusX && minusY) return b.mul(minusX, minusY);
    if (minusX) return y.constant ? b.mul(minusX, b.neg(y)) : b.neg(b.mul(minusX, y));
    if (minusY) return x.constant ? b.mul(b.neg(x), minusY) : b.neg(b.mul(x, minusY));
    return undefined;
  },
  // x/c = x·(1/c), which is faster and joins with other factors
  Div: (b, [x, y]) => {
    const divisor = scalarValue(y);
    if (divisor !== undefined && Number.isFinite(divisor) && Number.isFinite(Math.fround(1 / divisor)))
      return b.mul(x, b.number(1 / divisor, x));
    const minusX = operandOf(x, 'Neg');
    return minusX && b.neg(b.div(minusX, y));
  },
  Neg: (b, [x]) => {
    if (isNode(x.node, 'Neg')) return x.node.inputs[0];
    if (isNode(x.node, 'Sub')) {
      const [left, right] = x.node.inputs;
      return b.sub(right, left);
    }
    return scaled(b, x, -1);
  },
};

/** Operators on expanded tensors are applied before the expansion. */
export const expansions =
  (op: ArithmeticOp) =>
  (b: GraphBuilder, inputs: readonly Value[], _attributes: unknown, shape: Shape): Value | undefined => {
    if (!inputs.some((value) => value.node?.opType === 'Expand')) return undefined;
    const sources = inputs.map((value) => operandOf(value, 'Expand') ?? value);
    const size = elementCount(broadcastShapes(...sources.map((source) => source.shape)));
    return size < elementCount(shape) ? b.expand(b.emitNode(op, sources)[0], shape) : undefined;
  };

/** Σ(−x) = −Σx, and Σ(a·x) = a·Σx where a does not vary along the summed axes. */
export const hoisted =
  (op: 'ReduceSum' | 'ReduceMean'): Simplification<'ReduceSum' | 'ReduceMean'> =>
  (b, [x, axes], attributes, shape) => {
    const reduce = (value: Value): Value => b.emit(op, [value, axes], attributes)[0];
    const negated = operandOf(x, 'Neg');
    if (negated) return b.neg(reduce(negated));
    if (!isNode(x.node, 'Mul') || !isFloat(x.type) || elementCount(shape) === elementCount(x.shape)) return undefined;
    const over = new Set(constantInts(axes, 'the axes'));
    for (const [factor, rest] of bothWays(...x.node.inputs)) {
      const lead = x.shape.length - factor.shape.length;
      if (elementCount(rest.shape) !== elementCount(x.shape) || rest.shape.length !== x.shape.length) continue;
      if (factor.shape.some((dim, i) => dim !== 1 && over.has(i + lead))) continue;
      const kept = factor.shape.filter((_, i) => attributes.keepdims === 1 || !over.has(i + lead));
      return b.mul(b.reshape(factor, kept), reduce(rest));
    }
    return undefined;
  };

import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/instantiate.ts';
import { type PrimitiveOp, unaryOps } from '../../onnx/ops.ts';
import { isFloat, numbersOf } from '../../onnx/tensor.ts';

/** An operator that is a primitive as it stands. */
const primitive =
  (op: PrimitiveOp): Operator =>
  (b, call) =>
    b.emit(op, call.inputs);

/** x where x > 0, else the other branch. */
const positiveOr = (b: GraphBuilder, x: Value, otherwise: Value): Value =>
  b.where(b.greater(x, b.number(0, x)), x, otherwise);

/**
 * e^(x·rate) − 1 where it is used (x ≤ 0). Positive arguments are cut off, so that nothing overflows in the branch not taken;
 * by a selection, whose slope at 0 is that of the negative side.
 */
function expMinusOne(b: GraphBuilder, x: Value, rate = 1): Value {
  const negative = b.where(b.greater(x, b.number(0, x)), b.number(0, x), x);
  return b.affine(b.exp(b.affine(negative, rate)), 1, -1);
}

/** Folds an operator of any number of arguments from one of two. */
const nary =
  (combine: (b: GraphBuilder) => (x: Value, y: Value) => Value): Operator =>
  (b, call) =>
    call.inputs.map((_, i) => call.input(i)).reduce(combine(b));

/** min(max(x, low), high) with derivative 1 at the bounds, as torch.clamp has. */
function clip(b: GraphBuilder, x: Value, low: Value | undefined, high: Value | undefined): Value {
  const above = low ? b.where(b.less(x, low), low, x) : x;
  return high ? b.where(b.greater(above, high), high, above) : above;
}

/** Up to opset 10 the bounds are attributes, later they are inputs. */
function clipBounds(b: GraphBuilder, call: OperatorCall): [Value | undefined, Value | undefined] {
  const x = call.input(0);
  const bound = (name: string, index: number) => (call.has(name) ? b.number(call.float(name), x) : call.inputs[index]);
  return [bound('min', 1), bound('max', 2)];
}

/** x·Φ(x), Φ the normal distribution function. */
export const gelu = (b: GraphBuilder, x: Value): Value =>
  b.mul(x, b.affine(b.affine(b.unary('Erf', b.affine(x, Math.SQRT1_2)), 0.5), 1, 0.5));

/** 0.5·x·(1 + tanh(√(2/π)(x + 0.044715 x³))). */
function geluTanh(b: GraphBuilder, x: Value): Value {
  const cube = b.mul(x, b.mul(x, x));
  const inner = b.affine(b.add(x, b.affine(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return b.mul(x, b.affine(b.tanh(inner), 0.5, 0.5));
}

const hardSigmoid = (b: GraphBuilder, x: Value, alpha: number, beta: number): Value => {
  const line = b.affine(x, alpha, beta);
  const zero = b.number(0, x);
  const one = b.number(1, x);
  // The slope is 0 at both kinks, as in PyTorch.
  const below = b.where(b.greater(line, zero), line, zero);
  return b.where(b.less(below, one), below, one);
};

/** Primitives whose definition has not changed since opset 7 but for types and broadcasting. */
const unchanged = [
  ...unaryOps,
  'Sign',
  'Floor',
  'Ceil',
  'Round',
  'IsNaN',
  'Not',
  'Add',
  'Sub',
  'Mul',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'And',
  'Or',
  'Xor',
  'Where',
] as const;

export const elementwise: Record<string, Operator> = {
  ...Object.fromEntries(unchanged.map((op) => [op, primitive(op)])),
  // Integer division truncates, which the folding of constants does too.
  Div: primitive('Div'),
  // The exponent may have another type than the base.
  Pow: (b, call) => b.pow(call.input(0), b.cast(call.input(1), call.input(0).type)),
  // Of floating-point numbers the remainder is x − y·n with n = trunc(x/y), which is constant almost everywhere.
  Mod: (b, call) => {
    const [x, y] = [call.input(0), call.input(1)];
    if (!isFloat(x.type)) return b.emit('Mod', [x, y], call.int('fmod', 0) ? { fmod: 1 } : {});
    const quotient = b.unary('Round', b.div(b.sub(x, b.mod(x, y)), y));
    return b.sub(x, b.mul(y, quotient));
  },
  IsInf: (b, call) => {
    const x = call.input(0);
    const is = (value: number) => b.equal(x, b.number(value, x));
    const positive = call.int('detect_positive', 1) === 1;
    const negative = call.int('detect_negative', 1) === 1;
    if (positive && negative) return b.unary('IsInf', x);
    if (positive) return is(Number.POSITIVE_INFINITY);
    return negative ? is(Number.NEGATIVE_INFINITY) : b.full('bool', x.shape, 0);
  },
  Cast: (b, call) => {
    const type = castTarget(call.int('to'));
    return b.cast(call.input(0), call.localType(type));
  },
  CastLike: (b, call) => b.cast(call.input(0), call.input(1).type),

  // ----- any number of arguments -----
  Sum: nary((b) => b.add),
  Max: nary((b) => b.max),
  Min: nary((b) => b.min),
  Mean: (b, call) => b.affine(call.inputs.map((_, i) => call.input(i)).reduce(b.add), 1 / call.inputs.length),

  // ----- activations -----
  Clip: (b, call) => clip(b, call.input(0), ...clipBounds(b, call)),
  LeakyRelu: (b, call) => positiveOr(b, call.input(0), b.affine(call.input(0), call.float('alpha', 0.01))),
  PRelu: (b, call) => {
    const x = call.input(0);
    return b.where(b.greater(x, b.number(0, x)), x, b.mul(x, call.input(1)));
  },
  Elu: (b, call) => positiveOr(b, call.input(0), b.affine(expMinusOne(b, call.input(0)), call.float('alpha', 1))),
  Selu: (b, call) => {
    const alpha = call.float('alpha', 1.6732631921768188);
    const negative = b.affine(expMinusOne(b, call.input(0)), alpha);
    return b.affine(positiveOr(b, call.input(0), negative), call.float('gamma', 1.0507010221481323));
  },
  Celu: (b, call) => {
    const alpha = call.float('alpha', 1);
    return positiveOr(b, call.input(0), b.affine(expMinusOne(b, call.input(0), 1 / alpha), alpha));
  },
  ThresholdedRelu: (b, call) => {
    const x = call.input(0);
    return b.where(b.greater(x, b.number(call.float('alpha', 1), x)), x, b.number(0, x));
  },
  Gelu: (b, call) =>
    call.string('approximate', 'none') === 'tanh' ? geluTanh(b, call.input(0)) : gelu(b, call.input(0)),
  Mish: (b, call) => b.mul(call.input(0), b.tanh(b.softplus(call.input(0)))),
  Swish: (b, call) => b.mul(call.input(0), b.sigmoid(b.affine(call.input(0), call.float('alpha', 1)))),
  HardSigmoid: (b, call) => hardSigmoid(b, call.input(0), call.float('alpha', 0.2), call.float('beta', 0.5)),
  // x·hardSigmoid(x) in the form whose slope at 3 is 1, as PyTorch has it
  HardSwish: (b, call) => {
    const x = call.input(0);
    const inner = b.mul(x, b.affine(b.affine(x, 1, 3), 1 / 6));
    const low = b.where(b.greater(x, b.number(-3, x)), inner, b.number(0, x));
    return b.where(b.less(x, b.number(3, x)), low, x);
  },
  Softsign: (b, call) => b.div(call.input(0), b.affine(b.abs(call.input(0)), 1, 1)),
  Shrink: (b, call) => {
    const x = call.input(0);
    const lambda = call.float('lambd', 0.5);
    const bias = call.float('bias', 0);
    const low = b.where(b.less(x, b.number(-lambda, x)), b.affine(x, 1, bias), b.number(0, x));
    return b.where(b.greater(x, b.number(lambda, x)), b.affine(x, 1, -bias), low);
  },
  // Without the training flag, dropout is the identity; its mask, where asked for, keeps everything.
  Dropout: (b, call) => {
    const training = call.inputs[2];
    if (call.opset >= 12 && training) {
      if (!training.constant) throw new Error('whether it is in training mode depends on data');
      const ratio = call.inputs[1];
      const rate = ratio ? (ratio.constant ? numbersOf(ratio.constant)[0] : 1) : 0.5;
      if (numbersOf(training.constant)[0] && rate > 0)
        throw new Error('dropout in training mode is random; export the model in eval mode');
    } else if (call.opset < 7 && call.int('is_test', 0) === 0 && call.float('ratio', 0.5) > 0) {
      throw new Error('dropout in training mode is random; export the model in eval mode');
    }
    return [call.input(0), b.full('bool', call.input(0).shape, 1)];
  },
};

const castTargets: Record<
  number,
  'float32' | 'float64' | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'bool'
> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float32',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'float32',
};

/** The type with an ONNX code; the 16-bit floats are computed in the graph's own float type anyway. */
export function castTarget(code: number) {
  const type = castTargets[code];
  if (!type) throw new Error(`element type ${code} is not supported`);
  return type;
}

import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { alike, type Definition, type Definitions } from '../../onnx/operator.ts';
import { compareOps, unaryOps } from '../../onnx/ops.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { isFloat, numbersOf } from '../../onnx/tensor.ts';
import { guardedSoftmax } from './attention.ts';

type Variadic = 'Sum' | 'Max' | 'Min';

/** Folds an operator of any number of arguments from one of two. */
const nary =
  (combine: (b: GraphBuilder) => (x: Value, y: Value) => Value): Definition<Variadic> =>
  (b, call) =>
    call.in.reduce(combine(b));

// Primitives whose definition has not changed since opset 7 but for types and broadcasting. Integer division truncates, which
// the folding of constants does too.
const ofOne = [...unaryOps, 'Sign', 'Floor', 'Ceil', 'Round', 'IsNaN', 'Not'] as const;
const ofTwo = ['Add', 'Sub', 'Mul', 'Div', ...compareOps] as const;

export const elementwise = {
  ...alike(
    ofOne,
    (op) =>
      (b, { in: [x] }) =>
        b.unary(op, x),
  ),
  ...alike(
    ofTwo,
    (op) =>
      (b, { in: [x, y] }) =>
        b.emit(op, [x, y]),
  ),
  Where: (b, call) => guardedSoftmax(b, call) ?? b.where(...call.in),
  // The exponent may have another type than the base.
  Pow: (b, { in: [x, y] }) => b.pow(x, b.cast(y, x.type)),
  // Of floating-point numbers the remainder is x − y·n with n = trunc(x/y), which is constant almost everywhere.
  Mod: (b, { in: [x, y], attributes: { fmod } }) => {
    if (!isFloat(x.type)) return b.emit('Mod', [x, y], fmod ? { fmod: 1 } : {});
    const quotient = b.unary('Round', b.div(b.sub(x, b.mod(x, y)), y));
    return b.sub(x, b.mul(y, quotient));
  },
  IsInf: (b, { in: [x], attributes: { detect_positive, detect_negative } }) => {
    const is = (value: number) => b.equal(x, b.number(value, x));
    const [positive, negative] = [detect_positive === 1, detect_negative === 1];
    if (positive && negative) return b.unary('IsInf', x);
    if (positive) return is(Number.POSITIVE_INFINITY);
    return negative ? is(Number.NEGATIVE_INFINITY) : b.full('bool', x.shape, 0);
  },
  Cast: (b, call) => b.cast(call.in[0], call.localType(castTarget(call.attributes.to))),
  CastLike: (b, { in: [x, like] }) => b.cast(x, like.type),

  // No operator of ONNX: tf2onnx leaves it in the GELU of Keras under its TensorFlow name. erfc x = 1 − erf x
  Erfc: (b, { in: [x] }) => b.oneMinus(b.unary('Erf', x)),

  // ----- any number of arguments -----
  Sum: nary((b) => b.add),
  Max: nary((b) => b.max),
  Min: nary((b) => b.min),
  Mean: (b, call) => b.affine(call.in.reduce(b.add), 1 / call.in.length),

  // Without the training flag, dropout is the identity; its mask, where asked for, keeps everything.
  Dropout: (b, { in: [x, ratio, training] }) => {
    const outputs = [x, b.full('bool', x.shape, 1)];
    if (!training) return outputs;
    if (!training.constant) throw new RefusedUse('whether it is in training mode depends on data');
    const rate = ratio ? (ratio.constant ? (numbersOf(ratio.constant)[0] ?? 0) : 1) : 0.5;
    if (numbersOf(training.constant)[0] && rate > 0)
      throw new RefusedUse('dropout in training mode is random; export the model in eval mode, or with p = 0', outputs);
    return outputs;
  },
} satisfies Partial<Definitions>;

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
  if (!type) throw new RefusedUse(`element type ${code} is not supported`);
  return type;
}

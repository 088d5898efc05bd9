import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator } from '../../onnx/operator.ts';
import { unaryOps } from '../../onnx/ops.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { isFloat, numbersOf } from '../../onnx/tensor.ts';
import { guardedSoftmax } from './attention.ts';

/** Folds an operator of any number of arguments from one of two. */
const nary =
  (combine: (b: GraphBuilder) => (x: Value, y: Value) => Value): Operator =>
  (b, call) =>
    call.inputs.map((_, i) => call.input(i)).reduce(combine(b));

// Primitives whose definition has not changed since opset 7 but for types and broadcasting. Integer division truncates, which
// the folding of constants does too.
const ofOne = [...unaryOps, 'Sign', 'Floor', 'Ceil', 'Round', 'IsNaN', 'Not'] as const;
const ofTwo = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'And',
  'Or',
  'Xor',
] as const;

export const elementwise: Record<string, Operator> = {
  ...Object.fromEntries(ofOne.map((op): [string, Operator] => [op, (b, call) => b.unary(op, call.input(0))])),
  ...Object.fromEntries(
    ofTwo.map((op): [string, Operator] => [op, (b, call) => b.emit(op, [call.input(0), call.input(1)])]),
  ),
  Where: (b, call) => guardedSoftmax(b, call) ?? b.where(call.input(0), call.input(1), call.input(2)),
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

  // No operator of ONNX: tf2onnx leaves it in the GELU of Keras under its TensorFlow name. erfc x = 1 − erf x
  Erfc: (b, call) => b.oneMinus(b.unary('Erf', call.input(0))),

  // ----- any number of arguments -----
  Sum: nary((b) => b.add),
  Max: nary((b) => b.max),
  Min: nary((b) => b.min),
  Mean: (b, call) => b.affine(call.inputs.map((_, i) => call.input(i)).reduce(b.add), 1 / call.inputs.length),

  // Without the training flag, dropout is the identity; its mask, where asked for, keeps everything.
  Dropout: (b, call) => {
    const outputs = [call.input(0), b.full('bool', call.input(0).shape, 1)];
    const random = new RefusedUse(
      'dropout in training mode is random; export the model in eval mode, or with p = 0',
      outputs,
    );
    const training = call.inputs[2];
    if (call.opset >= 12 && training) {
      if (!training.constant) throw new RefusedUse('whether it is in training mode depends on data');
      const ratio = call.inputs[1];
      const rate = ratio ? (ratio.constant ? numbersOf(ratio.constant)[0] : 1) : 0.5;
      if (numbersOf(training.constant)[0] && rate! > 0) throw random;
    } else if (call.opset < 7 && call.int('is_test', 0) === 0 && call.float('ratio', 0.5) > 0) {
      throw random;
    }
    return outputs;
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
  if (!type) throw new RefusedUse(`element type ${code} is not supported`);
  return type;
}

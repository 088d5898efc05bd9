import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/instantiate.ts';

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

/** min(max(x, low), high) with derivative 1 at the bounds, as torch.clamp has. */
export function clip(b: GraphBuilder, x: Value, low: Value | undefined, high: Value | undefined): Value {
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
const gelu = (b: GraphBuilder, x: Value): Value =>
  b.mul(x, b.affine(b.affine(b.unary('Erf', b.affine(x, Math.SQRT1_2)), 0.5), 1, 0.5));

/** 0.5·x·(1 + tanh(√(2/π)(x + 0.044715 x³))). */
function geluTanh(b: GraphBuilder, x: Value): Value {
  const cube = b.mul(x, b.mul(x, x));
  const inner = b.affine(b.add(x, b.affine(cube, 0.044715)), Math.sqrt(2 / Math.PI));
  return b.mul(x, b.affine(b.tanh(inner), 0.5, 0.5));
}

export const leakyRelu = (b: GraphBuilder, x: Value, alpha: number): Value => positiveOr(b, x, b.affine(x, alpha));

export const elu = (b: GraphBuilder, x: Value, alpha: number): Value =>
  positiveOr(b, x, b.affine(expMinusOne(b, x), alpha));

export const thresholdedRelu = (b: GraphBuilder, x: Value, alpha: number): Value =>
  b.where(b.greater(x, b.number(alpha, x)), x, b.number(0, x));

export const softsign = (b: GraphBuilder, x: Value): Value => b.div(x, b.affine(b.abs(x), 1, 1));

/** max(0, min(1, αx + β)); the slope is 0 at both kinks, as in PyTorch. */
export function hardSigmoid(b: GraphBuilder, x: Value, alpha: number, beta: number): Value {
  const line = b.affine(x, alpha, beta);
  const [zero, one] = [b.number(0, x), b.number(1, x)];
  const above = b.where(b.greater(line, zero), line, zero);
  return b.where(b.less(above, one), above, one);
}

export const activations: Record<string, Operator> = {
  Clip: (b, call) => clip(b, call.input(0), ...clipBounds(b, call)),
  LeakyRelu: (b, call) => leakyRelu(b, call.input(0), call.float('alpha', 0.01)),
  PRelu: (b, call) => positiveOr(b, call.input(0), b.mul(call.input(0), call.input(1))),
  Elu: (b, call) => elu(b, call.input(0), call.float('alpha', 1)),
  Selu: (b, call) => {
    const alpha = call.float('alpha', 1.6732631921768188);
    return b.affine(elu(b, call.input(0), alpha), call.float('gamma', 1.0507010221481323));
  },
  Celu: (b, call) => {
    const alpha = call.float('alpha', 1);
    return positiveOr(b, call.input(0), b.affine(expMinusOne(b, call.input(0), 1 / alpha), alpha));
  },
  ThresholdedRelu: (b, call) => thresholdedRelu(b, call.input(0), call.float('alpha', 1)),
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
  Softsign: (b, call) => softsign(b, call.input(0)),
  Shrink: (b, call) => {
    const x = call.input(0);
    const lambda = call.float('lambd', 0.5);
    const bias = call.float('bias', 0);
    const low = b.where(b.less(x, b.number(-lambda, x)), b.affine(x, 1, bias), b.number(0, x));
    return b.where(b.greater(x, b.number(lambda, x)), b.affine(x, 1, -bias), low);
  },
};

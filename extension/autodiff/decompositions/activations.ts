import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definitions, OperatorCall } from '../../onnx/operator.ts';

// Selections are spelled as products with indicators: the runtime's Where takes many times as long as a product, and the
// derivative of such a product is the indicator. The indicators decide what happens at kinks, as PyTorch has it.

/** 1 where x > 0, and its complement. */
function sides(b: GraphBuilder, x: Value): [positive: Value, other: Value] {
  const positive = b.indicator(b.greater(x, b.number(0, x)), x);
  return [positive, b.oneMinus(positive)];
}

/** x where x > 0, else x·slope. */
function twoSlopes(b: GraphBuilder, x: Value, slope: Value): Value {
  const [positive, other] = sides(b, x);
  return b.mul(x, b.add(positive, b.mul(other, slope)));
}

/**
 * x where x > 0, else α(e^(x·rate) − 1); positive arguments of exp are set to 0. At 0 the slope is α·rate, as on the left, and
 * the second derivative 0, as on the right: there the line α·rate·x stands in place of the exponential.
 */
function exponential(b: GraphBuilder, x: Value, alpha: number, rate = 1): Value {
  const zero = b.number(0, x);
  const negative = b.indicator(b.less(x, zero), x);
  const decay = b.exp(b.affine(b.mul(x, negative), rate));
  const slope = alpha * rate;
  const atZero = b.affine(b.indicator(b.equal(x, zero), x), slope - 1);
  const line = slope === 1 ? b.oneMinus(negative) : b.add(b.oneMinus(negative), atZero);
  return b.add(b.mul(x, line), b.affine(decay, alpha, -alpha));
}

/** Up to opset 10 the bounds are attributes, later they are inputs. */
function clipBounds(b: GraphBuilder, call: OperatorCall<'Clip'>): [Value | undefined, Value | undefined] {
  const [x, low, high] = call.in;
  const bound = (name: 'min' | 'max', input: Value | undefined) => {
    // The defaults of the attributes are the largest numbers, which bound nothing.
    const given = call.has(name) ? call.attributes[name] : undefined;
    const value = given === undefined ? input : b.number(given, x);
    return value && b.reshape(value, []);
  };
  return [bound('min', low), bound('max', high)];
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

export const leakyRelu = (b: GraphBuilder, x: Value, alpha: number): Value => twoSlopes(b, x, b.number(alpha, x));

export const elu = (b: GraphBuilder, x: Value, alpha: number): Value => exponential(b, x, alpha);

export const thresholdedRelu = (b: GraphBuilder, x: Value, alpha: number): Value =>
  b.mul(x, b.indicator(b.greater(x, b.number(alpha, x)), x));

export const softsign = (b: GraphBuilder, x: Value): Value => b.div(x, b.affine(b.abs(x), 1, 1));

/** 1 where low < x < high, and 1 from high on. */
function between(b: GraphBuilder, x: Value, low: number, high: number): [inside: Value, above: Value] {
  const inside = b.and(b.greater(x, b.number(low, x)), b.less(x, b.number(high, x)));
  return [b.indicator(inside, x), b.indicator(b.greaterOrEqual(x, b.number(high, x)), x)];
}

/** max(0, min(1, αx + β)); the slope is 0 at both kinks. */
export function hardSigmoid(b: GraphBuilder, x: Value, alpha: number, beta: number): Value {
  const line = b.affine(x, alpha, beta);
  const [inside, above] = between(b, line, 0, 1);
  return b.add(b.mul(line, inside), above);
}

/** x·max(0, min(1, (x + 3)/6)); the slope is 1 at 3 and 0 at −3. */
function hardSwish(b: GraphBuilder, x: Value): Value {
  const [inside, above] = between(b, x, -3, 3);
  return b.mul(x, b.add(b.mul(inside, b.affine(x, 1 / 6, 0.5)), above));
}

export const activations = {
  Clip: (b, call) => b.clip(call.in[0], ...clipBounds(b, call)),
  LeakyRelu: (b, { in: [x], attributes: { alpha } }) => leakyRelu(b, x, alpha),
  PRelu: (b, { in: [x, slope] }) => b.emit('PRelu', [x, slope]),
  Elu: (b, { in: [x], attributes: { alpha } }) => elu(b, x, alpha),
  Selu: (b, { in: [x], attributes: { alpha, gamma } }) => b.affine(elu(b, x, alpha), gamma),
  Celu: (b, { in: [x], attributes: { alpha } }) => exponential(b, x, alpha, 1 / alpha),
  ThresholdedRelu: (b, { in: [x], attributes: { alpha } }) => thresholdedRelu(b, x, alpha),
  Gelu: (b, { in: [x], attributes: { approximate } }) => (approximate === 'tanh' ? geluTanh(b, x) : gelu(b, x)),
  Mish: (b, { in: [x] }) => b.mul(x, b.tanh(b.softplus(x))),
  Swish: (b, { in: [x], attributes: { alpha } }) => b.mul(x, b.sigmoid(b.affine(x, alpha))),
  HardSigmoid: (b, { in: [x], attributes: { alpha, beta } }) => hardSigmoid(b, x, alpha, beta),
  HardSwish: (b, { in: [x] }) => hardSwish(b, x),
  Softsign: (b, { in: [x] }) => softsign(b, x),
  Shrink: (b, { in: [x], attributes: { lambd, bias } }) => {
    const low = b.where(b.less(x, b.number(-lambd, x)), b.affine(x, 1, bias), b.number(0, x));
    return b.where(b.greater(x, b.number(lambd, x)), b.affine(x, 1, -bias), low);
  },
} satisfies Partial<Definitions>;

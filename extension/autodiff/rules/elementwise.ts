import type { Value } from '../../onnx/graph.ts';
import type { BinaryOp, UnaryOp } from '../../onnx/ops.ts';
import { numbersOf } from '../../onnx/tensor.ts';
import { simple } from '../rule.ts';

/** log(2/√π), 2/√π being the slope of erf at 0. */
const logErfSlope = Math.log(2 / Math.sqrt(Math.PI));

// At kinks the choice is PyTorch's: relu'(0) = 0, |·|'(0) = 0, ties of max and min are shared half and half.
export const elementwise = simple<UnaryOp | BinaryOp | 'Clip' | 'PRelu' | 'Where' | 'Cast'>({
  // ----- one argument: dx = dy·f'(x) -----
  Abs: (b, { in: [x] }, dy) => [b.mul(dy, b.sign(x))],
  // −1/√(1−x²)
  Acos: (b, { in: [x] }, dy) => [b.neg(b.div(dy, b.sqrt(b.oneMinus(b.mul(x, x)))))],
  // 1/√(x²−1)
  Acosh: (b, { in: [x] }, dy) => [b.div(dy, b.sqrt(b.affine(b.mul(x, x), 1, -1)))],
  // 1/√(1−x²)
  Asin: (b, { in: [x] }, dy) => [b.div(dy, b.sqrt(b.oneMinus(b.mul(x, x))))],
  // 1/√(x²+1)
  Asinh: (b, { in: [x] }, dy) => [b.div(dy, b.sqrt(b.affine(b.mul(x, x), 1, 1)))],
  // 1/(1+x²)
  Atan: (b, { in: [x] }, dy) => [b.div(dy, b.affine(b.mul(x, x), 1, 1))],
  // 1/(1−x²)
  Atanh: (b, { in: [x] }, dy) => [b.div(dy, b.oneMinus(b.mul(x, x)))],
  Cos: (b, { in: [x] }, dy) => [b.neg(b.mul(dy, b.unary('Sin', x)))],
  Cosh: (b, { in: [x] }, dy) => [b.mul(dy, b.unary('Sinh', x))],
  // (2/√π)·exp(−x²), the factor drawn into the exponent
  Erf: (b, { in: [x] }, dy) => [b.mul(dy, b.exp(b.sub(b.number(logErfSlope, x), b.mul(x, x))))],
  Exp: (b, { out: [y] }, dy) => [b.mul(dy, y)],
  Identity: (_b, _node, dy) => [dy],
  Log: (b, { in: [x] }, dy) => [b.div(dy, x)],
  Neg: (b, _node, dy) => [b.neg(dy)],
  // −1/x² = −y²
  Reciprocal: (b, { out: [y] }, dy) => [b.neg(b.mul(dy, b.mul(y, y)))],
  Relu: (b, { in: [x] }, dy) => [b.mul(dy, b.indicator(b.greater(x, b.number(0, x)), x))],
  // y·(1−y)
  Sigmoid: (b, { out: [y] }, dy) => [b.mul(dy, b.mul(y, b.oneMinus(y)))],
  Sin: (b, { in: [x] }, dy) => [b.mul(dy, b.unary('Cos', x))],
  Sinh: (b, { in: [x] }, dy) => [b.mul(dy, b.unary('Cosh', x))],
  Softplus: (b, { in: [x] }, dy) => [b.mul(dy, b.sigmoid(x))],
  // 1/(2y)
  Sqrt: (b, { out: [y] }, dy) => [b.div(b.affine(dy, 0.5), y)],
  // 1+y²
  Tan: (b, { out: [y] }, dy) => [b.mul(dy, b.affine(b.mul(y, y), 1, 1))],
  // 1−y²
  Tanh: (b, { out: [y] }, dy) => [b.mul(dy, b.oneMinus(b.mul(y, y)))],

  // ----- two arguments -----
  Add: (_b, _node, dz) => [dz, dz],
  Sub: (b, _node, dz) => [dz, b.neg(dz)],
  Mul: (b, { in: [x, y] }, dz) => (x === y ? [b.mul(dz, b.affine(x, 2))] : [b.mul(dz, y), b.mul(dz, x)]),
  // z = x/y            dx = dz/y, dy = −dz·z/y
  Div: (b, { in: [, y], out: [z] }, dz) => {
    const dx = b.div(dz, y);
    return [dx, b.neg(b.mul(dx, z))];
  },
  // z = x^y            dx = dz·y·x^(y−1) (0 where y = 0), dy = dz·z·log x (0 where x = 0 ≤ y, and then never −∞·0)
  Pow: (b, { in: [x, y], out: [z] }, dz) => {
    const zero = b.number(0, x);
    const slope = b.mul(y, b.pow(x, b.affine(y, 1, -1)));
    const neverZero = y.constant && numbersOf(y.constant).every((exponent) => exponent !== 0);
    const dx = neverZero ? slope : b.where(b.equal(y, zero), zero, slope);
    if (y.constant) return [b.mul(dz, dx)];
    const safe = b.where(b.greater(x, zero), x, b.number(1, x));
    return [b.mul(dz, dx), b.mul(dz, b.mul(z, b.log(safe)))];
  },
  Max: (b, { in: [x, y] }, dz) => {
    const share = b.add(b.indicator(b.greater(x, y), x), b.affine(b.indicator(b.equal(x, y), x), 0.5));
    return [b.mul(dz, share), b.mul(dz, b.oneMinus(share))];
  },
  Min: (b, { in: [x, y] }, dz) => {
    const share = b.add(b.indicator(b.less(x, y), x), b.affine(b.indicator(b.equal(x, y), x), 0.5));
    return [b.mul(dz, share), b.mul(dz, b.oneMinus(share))];
  },

  // ----- selection and conversion -----
  // The slope is 0 at the bounds, as relu6, hardtanh and clamp of PyTorch have it. The bounds are scalars.
  Clip: (b, { in: [x, low, high] }, dy) => {
    const below = low && b.less(x, low);
    const above = high && b.greater(x, high);
    const over = low && b.greater(x, low);
    const under = high && b.less(x, high);
    const inside = over && under ? b.and(over, under) : (over ?? under);
    const share = (where: Value | undefined) => where && b.mul(dy, b.indicator(where, x));
    return [share(inside) ?? dy, low?.constant ? undefined : share(below), high?.constant ? undefined : share(above)];
  },
  // y = x where x > 0, else x·w. PyTorch's slope at 0 is w, but as a function of dy, x and w it is differentiated as on the right.
  PRelu: (b, { in: [x, w] }, dy) => {
    const zero = b.number(0, x);
    const negative = b.indicator(b.less(x, zero), x);
    const slope = b.add(b.oneMinus(negative), b.mul(negative, w));
    const atZero = b.stopGradient(b.mul(dy, b.affine(w, 1, -1)));
    const dx = b.add(b.mul(dy, slope), b.mul(atZero, b.indicator(b.equal(x, zero), x)));
    return [dx, b.mul(dy, b.mul(x, negative))];
  },
  Where: (b, { in: [condition] }, dy) => {
    const zero = b.number(0, dy);
    return [undefined, b.where(condition, dy, zero), b.where(condition, zero, dy)];
  },
  Cast: (b, { in: [x] }, dy) => [b.cast(dy, x.type)],
});

import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Replacements } from '../../onnx/rewrite.ts';
import { elementCount } from '../../onnx/tensor.ts';
import { asConvolution, convAsProduct } from './convolution.ts';
import { prelu } from './elementwise.ts';
import { averagePoolAsSum, averagePoolGradient, maxPoolMask, repeatByExpand } from './pooling.ts';
import { weightGradient } from './weightGradient.ts';

/** Coefficients of a polynomial, the highest first. */
type Coefficients = readonly [number, ...number[]];

/** Rational approximations of erf by W. J. Cody (Math. Comp. 23, 1969), in SPECFUN's form: relative error below 1e-15. */
const cody: Readonly<Record<'small' | 'middle' | 'large', { numerator: Coefficients; denominator: Coefficients }>> = {
  small: {
    numerator: [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694],
    denominator: [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
  },
  middle: {
    numerator: [
      2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001,
      881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
    ],
    denominator: [
      1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
      4362.619090143247, 3439.3676741437216, 1230.3393548037495,
    ],
  },
  large: {
    numerator: [
      0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275,
      0.0006587491615298378,
    ],
    denominator: [
      1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
    ],
  },
};

const horner = (b: GraphBuilder, x: Value, [first, ...rest]: Coefficients): Value =>
  rest.reduce((sum, c) => b.affine(b.mul(sum, x), 1, c), b.number(first, x));

const rational = (
  b: GraphBuilder,
  x: Value,
  { numerator, denominator }: { numerator: Coefficients; denominator: Coefficients },
): Value => b.div(horner(b, x, numerator), horner(b, x, denominator));

/** erf on three ranges of |x|: below 0.46875, up to 4, and beyond, where 1 − erf ≈ e^{−x²}(1/√π − …)/|x|. */
function erf(b: GraphBuilder, x: Value): Value {
  const size = b.abs(x);
  const square = b.mul(x, x);
  const small = b.mul(x, rational(b, square, cody.small));
  const decay = b.exp(b.neg(square));
  // Each branch sees only arguments of its own range, so that none overflows.
  const inMiddle = b.min(size, b.number(4, x));
  const middle = b.oneMinus(b.mul(decay, rational(b, inMiddle, cody.middle)));
  const inLarge = b.max(size, b.number(4, x));
  const inverse = b.reciprocal(b.mul(inLarge, inLarge));
  const tail = b.sub(b.number(1 / Math.sqrt(Math.PI), x), b.mul(inverse, rational(b, inverse, cody.large)));
  const large = b.oneMinus(b.mul(decay, b.div(tail, inLarge)));
  const positive = b.where(b.less(size, b.number(4, x)), middle, large);
  return b.where(b.less(size, b.number(0.46875, x)), small, b.mul(b.sign(x), positive));
}

/**
 * atan by three halvings of the angle, atan x = 2·atan(x/(1 + √(1+x²))), after which |t| < 0.2 and thirteen terms of the
 * series t − t³/3 + t⁵/5 − … reach float64.
 */
function atan(b: GraphBuilder, x: Value): Value {
  const halve = (t: Value): Value => b.div(t, b.affine(b.sqrt(b.affine(b.mul(t, t), 1, 1)), 1, 1));
  const t = halve(halve(halve(x)));
  const series = listed(12, (k) => (k % 2 ? -1 : 1) / (2 * k + 1)).reverse();
  return b.affine(b.mul(t, horner(b, b.mul(t, t), [1 / 25, ...series])), 8);
}

/** (eˣ + sign·e⁻ˣ)/2 */
const hyperbolic = (b: GraphBuilder, x: Value, sign: 1 | -1): Value =>
  b.affine(b.add(b.exp(x), b.affine(b.exp(b.neg(x)), sign)), 0.5);

/** atan(x/√(1−x²)) */
const asin = (b: GraphBuilder, x: Value): Value => atan(b, b.div(x, b.sqrt(b.oneMinus(b.mul(x, x)))));

/** Operators without a float64 kernel in ONNX Runtime's CPU provider. */
export const float64Lowerings = {
  Acos: (b, [x]) => [b.affine(asin(b, x), -1, Math.PI / 2)],
  Acosh: (b, [x]) => [b.log(b.add(x, b.sqrt(b.affine(b.mul(x, x), 1, -1))))],
  Asin: (b, [x]) => [asin(b, x)],
  Asinh: (b, [x]) => [b.mul(b.sign(x), b.log(b.add(b.abs(x), b.sqrt(b.affine(b.mul(x, x), 1, 1)))))],
  Atan: (b, [x]) => [atan(b, x)],
  Atanh: (b, [x]) => [b.affine(b.log(b.div(b.affine(x, 1, 1), b.oneMinus(x))), 0.5)],
  Cosh: (b, [x]) => [hyperbolic(b, x, 1)],
  Erf: (b, [x]) => [erf(b, x)],
  Sinh: (b, [x]) => [hyperbolic(b, x, -1)],
  // log(1 + eˣ) = max(x, 0) + log(1 + e^{−|x|})
  Softplus: (b, [x]) => [b.add(b.relu(x), b.log(b.affine(b.exp(b.neg(b.abs(x))), 1, 1)))],
  StopGradient: (_b, [x]) => [x],
  PRelu: prelu,
  Tan: (b, [x]) => [b.div(b.unary('Sin', x), b.unary('Cos', x))],

  // ----- convolution and pooling -----
  Conv: (b, [x, w, bias], { attributes, outputs: [y] }) => [convAsProduct(b, x, w, bias, attributes, y.shape.slice(2))],
  ConvTranspose: (b, [x, w], { attributes, outputs: [y] }) => {
    const conv = asConvolution(b, x, w, attributes);
    return [convAsProduct(b, conv.x, conv.w, undefined, conv.attributes, y.shape.slice(2))];
  },
  ConvWeightGradient: (b, [x, dy], { attributes }) => [weightGradient(b, x, dy, attributes)],
  AveragePool: (b, [x], { attributes, outputs: [y] }) => [averagePoolAsSum(b, x, attributes, y.shape.slice(2))],
  AveragePoolGradient: (b, [dy], { attributes }) => [
    averagePoolGradient(
      b,
      dy,
      attributes,
      (x, pool) => averagePoolAsSum(b, x, pool, attributes.spatial),
      repeatByExpand,
    ),
  ],
  MaxPoolMask: (b, [x, y], { attributes }) => [maxPoolMask(b, x, y, attributes.kernel_shape, repeatByExpand)],
  MaxUnpool: (b, [x, indices], { outputs: [y] }) => {
    const size = elementCount(x.shape);
    const flat = b.full(x.type, [elementCount(y.shape)], 0);
    return [b.reshape(b.scatterElementsAdd(flat, b.reshape(indices, [size]), b.reshape(x, [size]), 0), y.shape)];
  },
} satisfies Replacements;

import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { OpType } from '../../onnx/ops.ts';
import type { Replacement } from '../../onnx/rewrite.ts';

/** Rational approximations of erf by W. J. Cody (Math. Comp. 23, 1969), in SPECFUN's form: relative error below 1e-15. */
const cody = {
  small: {
    numerator: [
      1.85777706184603153e-1, 3.1611237438705656, 1.1386415415105016e2, 3.77485237685302021e2, 3.20937758913846947e3,
    ],
    denominator: [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3],
  },
  middle: {
    numerator: [
      2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
      8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
    ],
    denominator: [
      1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
      3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
    ],
  },
  large: {
    numerator: [
      1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
      1.60837851487422766e-2, 6.58749161529837803e-4,
    ],
    denominator: [
      1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
      2.33520497626869185e-3,
    ],
  },
};

const horner = (b: GraphBuilder, x: Value, coefficients: readonly number[]): Value =>
  coefficients.slice(1).reduce((sum, c) => b.affine(b.mul(sum, x), 1, c), b.number(coefficients[0], x));

const rational = (
  b: GraphBuilder,
  x: Value,
  { numerator, denominator }: { numerator: readonly number[]; denominator: readonly number[] },
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

/** Operators without a float64 kernel in ONNX Runtime's CPU provider. */
export const float64Lowerings: Partial<Record<OpType, Replacement>> = {
  Erf: (b, [x]) => [erf(b, x!)],
  // log(1 + eˣ) = max(x, 0) + log(1 + e^{−|x|})
  Softplus: (b, [x]) => [b.add(b.relu(x!), b.log(b.affine(b.exp(b.neg(b.abs(x!))), 1, 1)))],
};

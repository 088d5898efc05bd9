import { describe, it } from 'node:test';
import { checkOperator, type OperatorSpec } from './harness.ts';

const x = { shape: [3, 4] };
const positive = { shape: [3, 4], range: [0.3, 2] } as const;
const inside = { shape: [3, 4], range: [-0.9, 0.9] } as const;
const kinked = { shape: [4, 5], avoid: [0] } as const;

const specs: OperatorSpec[] = [
  ...['Atan', 'Asinh', 'Cos', 'Cosh', 'Exp', 'Neg', 'Sigmoid', 'Sin', 'Sinh', 'Tan', 'Tanh', 'Identity'].map((op) => ({
    op,
    inputs: [x],
    oracle:
      op === 'Asinh' || op === 'Cosh' || op === 'Sinh' || op === 'Tan' || op === 'Atan'
        ? ('float32' as const)
        : ('float64' as const),
  })),
  ...['Log', 'Sqrt', 'Reciprocal'].map((op) => ({ op, inputs: [positive] })),
  ...['Acos', 'Asin', 'Atanh'].map((op) => ({ op, inputs: [inside], oracle: 'float32' as const })),
  { op: 'Acosh', inputs: [{ shape: [3, 4], range: [1.2, 3] }], oracle: 'float32' },
  { op: 'Erf', inputs: [{ shape: [40], range: [-6, 6] }], oracle: 'float32' },
  { op: 'Softplus', inputs: [{ shape: [20], range: [-8, 8] }], oracle: 'float32' },
  { op: 'Abs', inputs: [kinked] },
  { op: 'Relu', inputs: [kinked] },
  ...['Add', 'Sub', 'Mul'].map((op) => ({ op, inputs: [{ shape: [3, 1, 4] }, { shape: [2, 1] }] })),
  { op: 'Sum', inputs: [{ shape: [3, 1, 4] }, { shape: [2, 1] }, { shape: [4] }], oracle: 'float32' },
  { op: 'Sum', label: 'Sum of one', inputs: [x], oracle: 'float32' },
  { op: 'Mean', inputs: [{ shape: [3, 1, 4] }, { shape: [2, 1] }, { shape: [4] }], oracle: 'float32' },
  {
    op: 'CastLike',
    inputs: [x, { constant: { type: 'float64', shape: [], data: Float64Array.of(3) } }],
    oracle: 'float32',
  },
  { op: 'Div', inputs: [{ shape: [3, 4] }, { shape: [4], range: [0.5, 2] }] },
  { op: 'Pow', inputs: [positive, { shape: [4] }] },
  {
    op: 'Pow',
    label: 'Pow of a negative base',
    inputs: [kinked, { constant: { type: 'float64', shape: [], data: Float64Array.of(3) } }],
  },
  {
    op: 'Pow',
    label: 'Pow squared',
    inputs: [kinked, { constant: { type: 'float64', shape: [], data: Float64Array.of(2) } }],
  },
];

describe('element-wise operators: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

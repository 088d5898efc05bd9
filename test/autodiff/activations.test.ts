import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { evaluateOperator, type PointSpec, row, scalarOf } from './evaluate.ts';
import { checkOperator, type OperatorSpec } from './harness.ts';

const x = { shape: [5, 4], range: [-4, 4], avoid: [-3, -2.5, -1, -0.5, 0, 0.5, 1, 2.5, 3] } as const;
const image = { shape: [2, 3, 4, 2], avoid: [0] } as const;
const scalar = (value: number) => ({ constant: scalarOf(value) });

const specs: OperatorSpec[] = [
  ...[
    'LeakyRelu',
    'Elu',
    'Selu',
    'Celu',
    'HardSigmoid',
    'HardSwish',
    'Mish',
    'Softsign',
    'ThresholdedRelu',
    'Shrink',
  ].map((op): OperatorSpec => ({ op, inputs: [x], oracle: 'float32' })),
  { op: 'LeakyRelu', label: 'LeakyRelu alpha', inputs: [x], attributes: { alpha: { float: 0.3 } }, oracle: 'float32' },
  { op: 'LeakyRelu', label: 'LeakyRelu-6', inputs: [x], opset: 7, oracle: 'float32' },
  { op: 'Elu', label: 'Elu alpha', inputs: [x], attributes: { alpha: { float: 0.7 } }, oracle: 'float32' },
  { op: 'Celu', label: 'Celu alpha', inputs: [x], attributes: { alpha: { float: 0.7 } }, oracle: 'float32' },
  {
    op: 'Selu',
    label: 'Selu alpha gamma',
    inputs: [x],
    attributes: { alpha: { float: 1.5 }, gamma: { float: 0.9 } },
    oracle: 'float32',
  },
  {
    op: 'HardSigmoid',
    label: 'HardSigmoid alpha beta',
    inputs: [x],
    attributes: { alpha: { float: 1 / 6 }, beta: { float: 0.5 } },
    oracle: 'float32',
  },
  {
    op: 'ThresholdedRelu',
    label: 'ThresholdedRelu alpha',
    inputs: [x],
    attributes: { alpha: { float: 0.5 } },
    oracle: 'float32',
  },
  {
    op: 'Shrink',
    label: 'Shrink soft',
    inputs: [x],
    attributes: { lambd: { float: 1 }, bias: { float: 0.4 } },
    oracle: 'float32',
  },
  { op: 'PRelu', label: 'PRelu one slope', inputs: [image, { shape: [1] }], oracle: 'float32' },
  { op: 'PRelu', label: 'PRelu [C,1,1]', inputs: [image, { shape: [3, 1, 1] }], oracle: 'float32' },
  { op: 'PRelu', label: 'PRelu full', inputs: [image, { shape: [2, 3, 4, 2] }], oracle: 'float32' },
  { op: 'PRelu', label: 'PRelu-7', inputs: [image, { shape: [3, 1, 1] }], opset: 7, oracle: 'float32' },
  { op: 'Gelu', inputs: [x], opset: 20, oracle: 'float32' },
  { op: 'Gelu', label: 'Gelu tanh', inputs: [x], attributes: { approximate: 'tanh' }, opset: 20, oracle: 'float32' },
  // The runtime has no kernel of Swish yet.
  { op: 'Swish', inputs: [x], opset: 24, oracle: 'none' },
  { op: 'Swish', label: 'Swish alpha', inputs: [x], attributes: { alpha: { float: 1.7 } }, opset: 24, oracle: 'none' },
  { op: 'Clip', label: 'Clip both', inputs: [x, scalar(-1), scalar(2.5)] },
  { op: 'Clip', label: 'Clip low', inputs: [x, scalar(-1)] },
  { op: 'Clip', label: 'Clip high', inputs: [x, undefined, scalar(0.5)] },
  { op: 'Clip', label: 'Clip none', inputs: [x] },
  {
    op: 'Clip',
    label: 'Clip-6 attributes',
    inputs: [x],
    attributes: { min: { float: -1 }, max: { float: 2.5 } },
    opset: 7,
    oracle: 'float32',
  },
  { op: 'Dropout', label: 'Dropout-13', inputs: [x], opset: 13, oracle: 'float32' },
  { op: 'Dropout', label: 'Dropout-7', inputs: [x], opset: 7, oracle: 'float32' },
  {
    op: 'Dropout',
    label: 'Dropout-13 not training',
    inputs: [x, scalar(0.5), { constant: tensorOf('bool', [], [0]) }],
    opset: 13,
    oracle: 'float32',
  },
];

describe('activations: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

interface Expectation extends PointSpec {
  readonly label?: string;
  /** Expected gradient of the sum of the output, for each floating-point input. */
  readonly gradients: readonly (readonly number[])[];
}

// PyTorch's choices where a function has a kink.
const kinks: Expectation[] = [
  { op: 'Relu', at: [row(0, -0)], gradients: [[0, 0]] },
  { op: 'Abs', at: [row(0)], gradients: [[0]] },
  { op: 'Sign', at: [row(0)], gradients: [[0]] },
  { op: 'Clip', at: [row(-1, 2), scalarOf(-1), scalarOf(2)], gradients: [[0, 0], [0], [0]] },
  {
    op: 'Clip',
    label: 'Clip-6',
    opset: 6,
    attributes: { min: { float: -1 }, max: { float: 2 } },
    at: [row(-1, 2)],
    gradients: [[0, 0]],
  },
  { op: 'Max', at: [row(1), row(1)], gradients: [[0.5], [0.5]] },
  { op: 'Min', at: [row(1), row(1)], gradients: [[0.5], [0.5]] },
  { op: 'LeakyRelu', attributes: { alpha: { float: 0.25 } }, at: [row(0)], gradients: [[0.25]] },
  { op: 'PRelu', at: [row(0), row(0.25)], gradients: [[0.25], [0]] },
  { op: 'ReduceMax', at: [row(1, 2, 2, 0)], gradients: [[0, 0.5, 0.5, 0]] },
  { op: 'ReduceMin', at: [row(1, 0, 0, 0)], gradients: [[0, 1 / 3, 1 / 3, 1 / 3]] },
  {
    op: 'TopK',
    attributes: { axis: 0 },
    at: [row(1, 2, 2, 0), tensorOf('int64', [1], [1])],
    gradients: [[0, 1, 0, 0]],
  },
  { op: 'HardSwish', at: [row(3, -3)], gradients: [[1, 0]] },
  { op: 'HardSigmoid', attributes: { alpha: { float: 1 / 6 } }, at: [row(3, -3)], gradients: [[0, 0]] },
  { op: 'ThresholdedRelu', at: [row(1)], gradients: [[0]] },
  { op: 'Elu', at: [row(0)], gradients: [[1]] },
  { op: 'Celu', at: [row(0)], gradients: [[1]] },
];

describe('derivatives at kinks are those that PyTorch chooses', () => {
  for (const { label, gradients, ...spec } of kinks) {
    it(label ?? spec.op, async () => assert.deepEqual((await evaluateOperator(spec)).gradients, gradients));
  }
});

interface Extreme extends PointSpec {
  readonly label?: string;
  readonly value: readonly number[];
  readonly gradient: readonly number[];
  readonly product: readonly number[];
}

const inf = Number.POSITIVE_INFINITY;
// [point, value, first and second derivative] where a careless formula overflows or gives NaN.
const extremes: Extreme[] = [
  { op: 'Tanh', at: [row(100, -100)], value: [1, -1], gradient: [0, 0], product: [0, 0] },
  { op: 'Sigmoid', at: [row(200, -800)], value: [1, 0], gradient: [0, 0], product: [0, 0] },
  { op: 'Softplus', at: [row(200, -800)], value: [200, 0], gradient: [1, 0], product: [0, 0] },
  { op: 'Exp', at: [row(-800)], value: [0], gradient: [0], product: [0] },
  { op: 'Log', at: [row(1e-100)], value: [Math.log(1e-100)], gradient: [1e100], product: [-1e200] },
  { op: 'Sqrt', at: [row(1e-100, 0.25)], value: [1e-50, 0.5], gradient: [5e49, 1], product: [-2.5e149, -2] },
  { op: 'Erf', at: [row(30, -30)], value: [1, -1], gradient: [0, 0], product: [0, 0] },
  {
    op: 'Erfc',
    at: [row(0, 1, 30)],
    value: [1, 0.15729920705028513, 0],
    gradient: [-1.1283791670955126, -0.41510749742059466, 0],
    product: [0, 0.8302149948411893, 0],
  },
  { op: 'Gelu', opset: 20, at: [row(60, -60)], value: [60, 0], gradient: [1, 0], product: [0, 0] },
  { op: 'Mish', at: [row(300, -900)], value: [300, 0], gradient: [1, 0], product: [0, 0] },
  { op: 'Swish', at: [row(300, -900)], value: [300, 0], gradient: [1, 0], product: [0, 0] },
  { op: 'Elu', at: [row(900, -900)], value: [900, -1], gradient: [1, 0], product: [0, 0] },
  { op: 'Selu', at: [row(-900)], value: [-1.0507010221481323 * 1.6732631921768188], gradient: [0], product: [0] },
  { op: 'Softsign', at: [row(1e200)], value: [1], gradient: [0], product: [0] },
  {
    op: 'Pow',
    label: 'Pow: 0²',
    at: [row(0), { ...scalarOf(2), type: 'float32', data: Float32Array.of(2) }],
    value: [0],
    gradient: [0],
    product: [2],
  },
  {
    op: 'Pow',
    label: 'Pow: 0¹',
    at: [row(0), { ...scalarOf(1), type: 'float32', data: Float32Array.of(1) }],
    value: [0],
    gradient: [1],
    product: [0],
  },
  {
    op: 'Pow',
    label: 'Pow: 0⁰',
    at: [row(0), { ...scalarOf(0), type: 'float32', data: Float32Array.of(0) }],
    value: [1],
    gradient: [0],
    product: [0],
  },
  {
    op: 'Pow',
    label: 'Pow: (−2)³',
    at: [row(-2, 0), { ...scalarOf(3), type: 'float32', data: Float32Array.of(3) }],
    value: [-8, 0],
    gradient: [12, 0],
    product: [-12, 0],
  },
  { op: 'Softmax', at: [row(1, -inf, 1)], value: [0.5, 0, 0.5], gradient: [0, 0, 0], product: [0, 0, 0] },
  { op: 'Softmax', label: 'Softmax large', at: [row(1e5, -1e5)], value: [1, 0], gradient: [0, 0], product: [0, 0] },
  { op: 'ReduceLogSumExp', at: [row(1000, -inf)], value: [1000], gradient: [1, 0], product: [0, 0] },
  {
    op: 'ReduceLogSumExp',
    label: 'ReduceLogSumExp of nothing',
    at: [row(-inf, -inf)],
    value: [-inf],
    gradient: [0, 0],
    product: [0, 0],
  },
  { op: 'ReduceProd', at: [row(0, 2, 3)], value: [0], gradient: [6, 0, 0], product: [5, 3, 2] },
  { op: 'ReduceL2', label: 'ReduceL2 of zeros', at: [row(0, 0)], value: [0], gradient: [0, 0], product: [0, 0] },
];

describe('special values stay finite to second order', () => {
  for (const { label, value, gradient, product, ...spec } of extremes) {
    it(label ?? spec.op, async () => {
      const got = await evaluateOperator(spec);
      const near = (actual: readonly number[], expected: readonly number[], what: string) =>
        actual.forEach((y, i) => {
          const bound = 1e-12 * Math.max(1, Math.abs(expected[i]));
          assert.ok(
            y === expected[i] || Math.abs(y - expected[i]) <= bound,
            `${what} ${i} is ${y}, expected ${expected[i]}`,
          );
        });
      near(got.value, value, 'value');
      near(got.gradients[0], gradient, 'gradient');
      near(got.products[0], product, 'Hessian product');
    });
  }

  it('Div by a tiny number', async () => {
    const { gradients } = await evaluateOperator({ op: 'Div', at: [row(1), row(1e-100)] });
    assert.deepEqual(gradients, [[1e100], [-1e200]]);
  });
});

describe('what the runtime computes slowly is spelled out in float32', () => {
  const cases: [name: string, build: (b: GraphBuilder, x: Value) => Value, exact: (x: number) => number][] = [
    ['Softplus', (b, x) => b.softplus(x), (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
    ['Pow 3', (b, x) => b.pow(x, b.number(3, x)), (x) => x ** 3],
    ['Pow 2.5', (b, x) => b.pow(b.abs(x), b.number(2.5, x)), (x) => Math.abs(x) ** 2.5],
  ];
  for (const [name, build, exact] of cases) {
    it(name, async () => {
      const data = Float32Array.of(-80, -30, -20, -5, -0.1, 0, 0.3, 5, 30, 90);
      const b = new GraphBuilder();
      const y = build(b, b.input('x', 'float32', [data.length]));
      const graph = lower({ scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: y }] });
      const session = await Session.create(encodeModel(graph), 'cpu', 1);
      const result = (await session.run(new Map([['x', { type: 'float32', shape: [data.length], data }]]))).get('y')!;
      await session.release();
      data.forEach((x, i) => {
        const [got, wanted] = [Number(result.data[i]), exact(x)];
        assert.ok(Math.abs(got - wanted) <= 1e-6 * Math.abs(wanted), `at ${x}: ${got}, expected ${wanted}`);
      });
    });
  }
});

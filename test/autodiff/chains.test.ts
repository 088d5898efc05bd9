import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodesOf, type Value } from '../../extension/onnx/graph.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator } from './harness.ts';

type Build = (b: GraphBuilder, x: Value) => Value;

const apply = (b: GraphBuilder, op: string, ...inputs: Value[]): Value =>
  applyOperator(b, { op, inputs: [], opset: 20 }, inputs, 'float32')[0]!;

/**
 * Passes over the data that an activation takes in a network: its value, its share of the gradient (a product with dy),
 * and its share of a Hessian product (products with u and with the cotangent q of the second pass).
 */
function passes(build: Build): { value: number; gradient: number; product: number } {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [8, 16]);
  const y = build(b, x);
  const [dy, u, q] = ['dy', 'u', 'q'].map((name) => b.input(name, 'float32', y.shape));
  const count = (...values: Value[]) =>
    nodesOf({ scope: b, inputs: b.inputs, outputs: values.map((value, i) => ({ name: `${i}`, value })) }).length;
  const [g] = vectorJacobianProduct(b, [y], [dy], [x]);
  const [fromX, fromDy] = vectorJacobianProduct(b, [g], [u], [x, dy]);
  const [again] = vectorJacobianProduct(b, [y], [q], [x]);
  const [value, both] = [count(y), count(y, g)];
  return { value, gradient: both - value, product: count(y, g, fromDy, b.add(again, fromX)) - both };
}

// As exporters write them. More passes than here would make training programs slower.
const activations: [name: string, build: Build, limits: [value: number, gradient: number, product: number]][] = [
  ['Relu', (b, x) => apply(b, 'Relu', x), [1, 3, 2]],
  ['Tanh', (b, x) => apply(b, 'Tanh', x), [1, 3, 7]],
  ['Sigmoid', (b, x) => apply(b, 'Sigmoid', x), [1, 3, 9]],
  ['Silu', (b, x) => apply(b, 'Mul', x, apply(b, 'Sigmoid', x)), [2, 5, 12]],
  ['Gelu', (b, x) => apply(b, 'Gelu', x), [5, 6, 10]],
  [
    'Gelu by Erf',
    (b, x) => {
      const erf = apply(b, 'Erf', apply(b, 'Div', x, b.number(Math.SQRT2, x)));
      return apply(b, 'Mul', apply(b, 'Mul', x, apply(b, 'Add', erf, b.number(1, x))), b.number(0.5, x));
    },
    [5, 7, 11],
  ],
  [
    'Gelu by Tanh',
    (b, x) => {
      const cube = apply(b, 'Mul', apply(b, 'Pow', x, b.number(3, x)), b.number(0.044715, x));
      const tanh = apply(b, 'Tanh', apply(b, 'Mul', apply(b, 'Add', x, cube), b.number(0.79788456, x)));
      return apply(b, 'Mul', apply(b, 'Mul', x, b.number(0.5, x)), apply(b, 'Add', tanh, b.number(1, x)));
    },
    [8, 11, 18],
  ],
];

describe('activations take few passes over the data', () => {
  for (const [name, build, [value, gradient, product]] of activations) {
    it(name, () => {
      const got = passes(build);
      assert.ok(
        got.value <= value && got.gradient <= gradient && got.product <= product,
        `${JSON.stringify(got)} exceeds ${[value, gradient, product]}`,
      );
    });
  }
});

/** An element-wise function as a graph and as numbers. */
interface Expression {
  readonly build: Build;
  readonly at: (x: number) => number;
}

const unary = {
  Tanh: Math.tanh,
  Sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  Softplus: (x: number) => Math.log1p(Math.exp(x)),
  Sin: Math.sin,
  Neg: (x: number) => -x,
} as const;
const binary = {
  add: (x: number, y: number) => x + y,
  sub: (x: number, y: number) => x - y,
  mul: (x: number, y: number) => x * y,
} as const;
const keys = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

/** Random functions: smooth but for one kink at 0, bounded where they grow, in shapes that meet the builder's identities. */
const expression: fc.Arbitrary<Expression> = fc.letrec<{ f: Expression }>((tie) => ({
  f: fc.oneof(
    { maxDepth: 5 },
    fc.constant<Expression>({ build: (_b, x) => x, at: (x) => x }),
    fc.integer({ min: -16, max: 16 }).map(
      (n): Expression => ({
        build: (b, x) => b.affine(x, n / 8, 0.25),
        at: (x) => (x * n) / 8 + 0.25,
      }),
    ),
    fc.tuple(fc.constantFrom(...keys(unary)), tie('f')).map(
      ([op, f]): Expression => ({
        build: (b, x) => b.unary(op, f.build(b, x)),
        at: (x) => unary[op](f.at(x)),
      }),
    ),
    fc.tuple(fc.integer({ min: 1, max: 12 }), tie('f')).map(
      ([n, f]): Expression => ({
        build: (b, x) => {
          const y = b.tanh(f.build(b, x));
          return b.mul(b.exp(b.sub(b.number(0.2, x), b.mul(y, y))), b.number(n / 4, x));
        },
        at: (x) => (Math.exp(0.2 - Math.tanh(f.at(x)) ** 2) * n) / 4,
      }),
    ),
    fc.tuple(fc.constantFrom(...keys(binary)), tie('f'), tie('f')).map(
      ([op, f, g]): Expression => ({
        build: (b, x) => b[op](b.tanh(f.build(b, x)), g.build(b, x)),
        at: (x) => binary[op](Math.tanh(f.at(x)), g.at(x)),
      }),
    ),
    fc.tuple(tie('f'), tie('f')).map(
      ([f, g]): Expression => ({
        build: (b, x) => b.div(f.build(b, x), b.affine(b.exp(b.tanh(g.build(b, x))), 1, 1)),
        at: (x) => f.at(x) / (Math.exp(Math.tanh(g.at(x))) + 1),
      }),
    ),
    fc.tuple(tie('f'), tie('f')).map(
      ([f, g]): Expression => ({
        build: (b, x) => b.where(b.greater(x, b.number(0, x)), f.build(b, x), b.exp(b.tanh(g.build(b, x)))),
        at: (x) => (x > 0 ? f.at(x) : Math.exp(Math.tanh(g.at(x)))),
      }),
    ),
  ),
})).f;

async function evaluate(b: GraphBuilder, outputs: Record<string, Value>, feeds: Map<string, Tensor>) {
  const graph = lower({
    scope: b,
    inputs: b.inputs,
    outputs: Object.entries(outputs).map(([name, value]) => ({ name, value })),
  });
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

describe('compositions of element-wise functions', () => {
  it('have the values that numbers give', async () => {
    const points = tensorOf('float64', [6], [-1.7, -0.9, -0.3, 0.2, 0.8, 1.6]);
    await fc.assert(
      fc.asyncProperty(expression, async ({ build, at }) => {
        const b = new GraphBuilder();
        const y = build(b, b.input('x', 'float64', points.shape));
        const got = (await evaluate(b, { y }, new Map([['x', points]]))).get('y')!;
        points.data.forEach((x, i) => {
          const value = Number(got.data[i]);
          assert.ok(Math.abs(value - at(x)) <= 1e-12 * (1 + Math.abs(at(x))), `at ${x}: ${value}, expected ${at(x)}`);
        });
      }),
      { numRuns: 400, seed: 2 },
    );
  });

  it('have the gradients and Hessian products that central differences give', async () => {
    // Points away from 0, where the selections have their kink.
    const points = tensorOf('float64', [2, 3], [-1.7, -0.9, -0.3, 0.2, 0.8, 1.6]);
    const weights = tensorOf('float64', [3], [0.7, -1.1, 0.4]);
    const step = 1e-5;
    await fc.assert(
      fc.asyncProperty(expression, expression, async (f, g) => {
        const b = new GraphBuilder();
        const x = b.input('x', 'float64', points.shape);
        const w = b.input('w', 'float64', weights.shape);
        // The row w is broadcast, so that signs, factors and sums meet expansions and reductions.
        const inner = f.build(b, x);
        const y = b.mul(g.build(b, b.mul(inner, w)), b.sub(w, b.reduceMean(inner, [1], true)));
        const loss = b.reduceMean(y);
        const grads = gradient(b, loss, [x, w]);
        const along = b.add(b.reduceSum(b.unary('Sin', grads[0])), b.reduceSum(b.mul(grads[1], b.number(0.7, x))));
        const [hx, hw] = gradient(b, along, [x, w]);
        const outputs = { loss, along, gx: grads[0], gw: grads[1], hx, hw };
        const at = (shift: number) =>
          evaluate(
            b,
            outputs,
            new Map([
              ['x', { ...points, data: points.data.map((value) => value + shift) }],
              ['w', { ...weights, data: weights.data.map((value) => value - 2 * shift) }],
            ]),
          );
        const [here, above, below] = [await at(0), await at(step), await at(-step)];
        const total = (name: string) => Array.from(here.get(name)!.data as Float64Array).reduce((a, c) => a + c, 0);
        const slope = (name: string) =>
          (Number(above.get(name)!.data[0]) - Number(below.get(name)!.data[0])) / (2 * step);
        for (const [scalar, dx, dw] of [
          ['loss', 'gx', 'gw'],
          ['along', 'hx', 'hw'],
        ]) {
          const [analytic, numeric] = [total(dx) - 2 * total(dw), slope(scalar)];
          const size = 1 + Math.abs(numeric) + Math.abs(total(dx)) + Math.abs(total(dw));
          assert.ok(Math.abs(analytic - numeric) <= 1e-6 * size, `d ${scalar}: ${analytic}, numerically ${numeric}`);
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

describe('identities of arithmetic keep values', () => {
  const sin: Build = (b, x) => b.unary('Sin', x);
  const minus: Build = (b, x) => b.neg(sin(b, x));
  const cases: [text: string, build: Build, at: (x: number) => number][] = [
    ['x − (−sin x)', (b, x) => b.sub(x, minus(b, x)), (x) => x + Math.sin(x)],
    ['x + (−sin x)', (b, x) => b.add(x, minus(b, x)), (x) => x - Math.sin(x)],
    ['(−sin x) + x', (b, x) => b.add(minus(b, x), x), (x) => x - Math.sin(x)],
    ['(−sin x)·(−tanh x)', (b, x) => b.mul(minus(b, x), b.neg(b.tanh(x))), (x) => Math.sin(x) * Math.tanh(x)],
    ['(−sin x)·tanh x', (b, x) => b.mul(minus(b, x), b.tanh(x)), (x) => -Math.sin(x) * Math.tanh(x)],
    ['tanh x·(−sin x)', (b, x) => b.mul(b.tanh(x), minus(b, x)), (x) => -Math.sin(x) * Math.tanh(x)],
    ['(−sin x)·3', (b, x) => b.affine(minus(b, x), 3), (x) => -3 * Math.sin(x)],
    ['(−sin x)/x', (b, x) => b.div(minus(b, x), x), (x) => -Math.sin(x) / x],
    ['−(sin x − x)', (b, x) => b.neg(b.sub(sin(b, x), x)), (x) => x - Math.sin(x)],
    ['−(−sin x)', (b, x) => b.neg(minus(b, x)), Math.sin],
    ['5·(sin x·(3·x))', (b, x) => b.affine(b.mul(sin(b, x), b.affine(x, 3)), 5), (x) => 15 * x * Math.sin(x)],
    ['−(sin x·(3·x))', (b, x) => b.neg(b.mul(sin(b, x), b.affine(x, 3))), (x) => -3 * x * Math.sin(x)],
    ['sin x/8', (b, x) => b.div(sin(b, x), b.number(8, x)), (x) => Math.sin(x) / 8],
    ['sin x + sin x', (b, x) => b.add(sin(b, x), sin(b, x)), (x) => 2 * Math.sin(x)],
    ['3·exp(2 − x)', (b, x) => b.affine(b.exp(b.sub(b.number(2, x), x)), 3), (x) => 3 * Math.exp(2 - x)],
    ['−3·exp(2 − x)', (b, x) => b.affine(b.exp(b.sub(b.number(2, x), x)), -3), (x) => -3 * Math.exp(2 - x)],
    ['x·max·2', (b, x) => b.mul(b.reduceMax(x, [0], true), b.affine(x, 2)), (x) => 2 * 1.5 * x],
    ['−(max + 0·x)·x', (b, x) => b.mul(b.neg(b.expand(b.reduceMax(x), x.shape)), x), (x) => -1.5 * x],
    ['x + expanded', (b, x) => b.add(x, b.neg(b.expand(b.reduceMax(x), x.shape))), (x) => x - 1.5],
    ['Σ(−sin x)', (b, x) => b.expand(b.reduceSum(minus(b, x)), x.shape), () => -(Math.sin(0.5) + Math.sin(1.5))],
    ['mean(max·x)', (b, x) => b.expand(b.reduceMean(b.mul(x, b.reduceMax(x))), x.shape), () => 1.5],
    ['x^0.5', (b, x) => b.pow(x, b.number(0.5, x)), Math.sqrt],
    ['x^−1', (b, x) => b.pow(x, b.number(-1, x)), (x) => 1 / x],
    ['x^0', (b, x) => b.pow(x, b.number(0, x)), () => 1],
  ];
  for (const [text, build, at] of cases) {
    it(text, async () => {
      const b = new GraphBuilder();
      const y = build(b, b.input('x', 'float64', [2]));
      const feeds = new Map([['x', tensorOf('float64', [2], [0.5, 1.5])]]);
      const { data } = (await evaluate(b, { y }, feeds)).get('y')!;
      [0.5, 1.5].forEach((x, i) => {
        assert.ok(Math.abs(Number(data[i]) - at(x)) < 1e-14 * (1 + Math.abs(at(x))), `${data[i]}, expected ${at(x)}`);
      });
    });
  }
});

describe('weights that stand in several products', () => {
  it('get the sum of all products, and of what else they are used for', async () => {
    const b = new GraphBuilder();
    const w = b.input('w', 'float64', [2, 3]);
    const parts = Array.from({ length: 5 }, (_, i) => b.input(`a${i}`, 'float64', [1, 2]));
    const products = parts.map((part) => b.reduceSum(b.gemm(part, w)));
    const [g] = gradient(b, [...products, b.reduceSum(b.mul(w, w))].reduce(b.add), [w]);
    const gemms = nodesOf({ scope: b, inputs: b.inputs, outputs: [{ name: 'g', value: g }] }).filter(
      ({ opType }) => opType === 'Gemm',
    );
    assert.equal(gemms.length, 1);
    const feeds = new Map<string, Tensor>([['w', tensorOf('float64', [2, 3], [1, 2, 3, 4, 5, 6])]]);
    parts.forEach((part, i) => {
      feeds.set(part.name!, tensorOf('float64', [1, 2], [i, 10 * i]));
    });
    // Σ aᵢ = (10, 100) for every column, and 2w
    const { data } = (await evaluate(b, { g }, feeds)).get('g')!;
    assert.deepEqual(Array.from(data, Number), [12, 14, 16, 108, 110, 112]);
  });
});

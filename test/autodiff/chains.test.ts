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

/** Random element-wise functions of x: smooth, bounded where they grow, in shapes that meet every identity of the builder. */
const expression: fc.Arbitrary<Build> = fc.letrec<{ f: Build }>((tie) => ({
  f: fc.oneof(
    { maxDepth: 5 },
    fc.constant<Build>((_b, x) => x),
    fc.double({ min: -2, max: 2, noNaN: true }).map(
      (c): Build =>
        (b, x) =>
          b.affine(x, Math.round(c * 8) / 8, 0.25),
    ),
    tie('f').map(
      (f): Build =>
        (b, x) =>
          b.neg(f(b, x)),
    ),
    fc.constantFrom('Tanh', 'Sigmoid', 'Erf', 'Softplus', 'Sin').chain((op) =>
      tie('f').map(
        (f): Build =>
          (b, x) =>
            b.unary(op as 'Tanh', f(b, x)),
      ),
    ),
    fc.constantFrom<('add' | 'sub' | 'mul')[]>('add', 'sub', 'mul').chain((op) =>
      fc.tuple(tie('f'), tie('f')).map(
        ([f, g]): Build =>
          (b, x) =>
            b[op](b.tanh(f(b, x)), g(b, x)),
      ),
    ),
    fc.tuple(tie('f'), tie('f')).map(
      ([f, g]): Build =>
        (b, x) =>
          b.div(f(b, x), b.affine(b.exp(b.tanh(g(b, x))), 1, 1)),
    ),
    fc.tuple(tie('f'), tie('f')).map(
      ([f, g]): Build =>
        (b, x) =>
          b.where(b.greater(x, b.number(0, x)), f(b, x), b.exp(b.tanh(g(b, x)))),
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
        const y = b.mul(g(b, b.mul(f(b, x), w)), b.sub(w, b.reduceMean(f(b, x), [1], true)));
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

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodesOf } from '../../extension/onnx/graph.ts';
import { numbersOf, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { evaluateOperator } from './evaluate.ts';
import { checkOperator, ints, type OperatorSpec } from './harness.ts';

const floats = (...values: number[]) => tensorOf('float64', [values.length], values);

describe('indices of Gather that count from the end', () => {
  it('are looked up in constants', () => {
    const b = new GraphBuilder();
    const y = b.gather(b.constant(floats(10, 20, 30)), b.ints([-1, -3, 1]), 0);
    assert.deepEqual(Array.from(numbersOf(y.constant!)), [30, 10, 20]);
  });

  it('send cotangents to the elements that they mean, also where the indices are data', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float64', [3]);
    const indices = b.input('indices', 'int64', [3]);
    const y = b.gather(x, indices, 0);
    // E = Σ w·y³ with y = (x₂, x₀, x₂)
    const cubes = b.mul(y, b.mul(y, y));
    const [g] = gradient(b, b.reduceSum(b.mul(cubes, b.constant(floats(1, 2, 3)))), [x]);
    const [q] = vectorJacobianProduct(b, [g!], [b.constant(floats(1, 1, 1))], [x]);
    const outputs = [g!, q!].map((value, i) => ({ name: `out${i}`, value }));
    const session = await Session.create(encodeModel(lower({ scope: b, inputs: b.inputs, outputs })), 'cpu', 1);
    try {
      const results = await session.run(
        new Map<string, Tensor>([
          ['x', floats(2, 5, 3)],
          ['indices', tensorOf('int64', [3], [-1, 0, -1])],
        ]),
      );
      // dE/dx = 3·w·x², the second derivative 6·w·x, with w = 2 at x₀ and 1 + 3 at x₂
      assert.deepEqual(Array.from(numbersOf(results.get('out0')!)), [24, 0, 108]);
      assert.deepEqual(Array.from(numbersOf(results.get('out1')!)), [24, 0, 72]);
    } finally {
      await session.release();
    }
  });

  it('are counted from the front where they scatter, since not every device counts from the end', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [3, 2]);
    const y = b.gather(x, b.ints([-1, -3]), 0);
    const [g] = gradient(b, b.reduceSum(b.mul(y, y)), [x]);
    const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'g', value: g! }] };
    const scattered = nodesOf(graph).filter(({ opType }) => opType === 'ScatterND');
    assert.deepEqual(
      scattered.map(({ inputs }) => Array.from(numbersOf(inputs[1]!.constant!))),
      [[2, 0]],
    );
  });
});

describe('TensorScatter writes into a cache', () => {
  const cache = { shape: [2, 3, 4, 2] };
  const update = { shape: [2, 3, 2, 2] };
  const base = { op: 'TensorScatter', opset: 24, oracle: 'none' as const };
  const specs: OperatorSpec[] = [
    { ...base, label: 'from the front', inputs: [cache, update] },
    { ...base, label: 'from an index for each sample', inputs: [cache, update, ints(2, 0)] },
    { ...base, label: 'around the end', inputs: [cache, update, ints(3, 1)], attributes: { mode: 'circular' } },
    {
      ...base,
      label: 'along another axis',
      inputs: [cache, { shape: [2, 1, 4, 2] }, ints(2, 1)],
      attributes: { axis: 1 },
    },
  ];
  for (const spec of specs) it(`${spec.label}: gradient and Hessian product`, () => checkOperator(spec));

  // What the definition in ONNX says, element by element.
  const [samples, length, width] = [2, 4, 2];
  const past = Array.from({ length: samples * length * width }, (_, i) => i);
  const fresh = [100, 101, 102, 103, 104, 105, 106, 107];
  const cases: readonly [string, number[], string][] = [
    ['from an index for each sample', [2, 0], 'linear'],
    ['around the end', [3, 6], 'circular'],
  ];
  for (const [label, starts, mode] of cases)
    it(`${label}: values, and what is overwritten has no gradient`, async () => {
      const expected = [...past];
      const kept = past.map(() => 1);
      starts.forEach((start, sample) => {
        for (let step = 0; step < 2; step++)
          for (let i = 0; i < width; i++) {
            const place = mode === 'circular' ? (start + step) % length : start + step;
            const at = (sample * length + place) * width + i;
            expected[at] = fresh[(sample * 2 + step) * width + i];
            kept[at] = 0;
          }
      });
      const { value, gradients } = await evaluateOperator({
        op: 'TensorScatter',
        opset: 24,
        attributes: { mode },
        at: [
          tensorOf('float64', [samples, length, width], past),
          tensorOf('float64', [samples, 2, width], fresh),
          tensorOf('int64', [samples], starts),
        ],
      });
      assert.deepEqual(value, expected);
      assert.deepEqual(gradients, [kept, fresh.map(() => 1)]);
    });
});

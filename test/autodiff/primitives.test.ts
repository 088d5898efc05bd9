import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import { isDifferentiable } from '../../extension/onnx/ops.ts';
import { elementCount, type FloatType, isFloat, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { generator } from './harness.ts';
import { type Build, uses } from './uses.ts';

async function evaluate(
  op: string,
  build: Build,
  type: FloatType,
  device: 'cpu' | 'cuda' | 'webgpu' = 'cpu',
): Promise<Tensor> {
  const b = new GraphBuilder();
  const inputs = new Map<string, Value>();
  const y = build(b, (shape) => {
    const name = `x${shape.join('_')}`;
    const value = inputs.get(name) ?? b.input(name, type, shape);
    inputs.set(name, value);
    return value;
  });
  const random = generator(op.length);
  const feeds = new Map(
    [...inputs].map(([name, { shape }]): [string, Tensor] => [
      name,
      tensorOf(type, shape, Array.from({ length: elementCount(shape) }, random)),
    ]),
  );
  const session = await Session.create(
    encodeModel(lower({ scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: y }] }, device)),
    'cpu',
    1,
  );
  try {
    return (await session.run(feeds)).get('y')!;
  } finally {
    await session.release();
  }
}

describe('every primitive runs in float64 and float32, with the same result', () => {
  for (const [op, build] of Object.entries(uses)) {
    it(op, async () => {
      const [wide, narrow] = [await evaluate(op, build, 'float64'), await evaluate(op, build, 'float32')];
      assert.equal(wide.type, 'float64');
      assert.ok(isFloat(narrow.type) || !isDifferentiable(op));
      assert.deepEqual([...wide.shape], [...narrow.shape]);
      Array.from(wide.data as Float64Array).forEach((x, i) => {
        const y = narrow.data[i] as number;
        assert.ok(Object.is(x, y) || Math.abs(x - y) <= 2e-5 * (1 + Math.abs(x)), `[${i}] is ${x} and ${y}`);
      });
    });
  }
});

/** Forms of operators that devices take otherwise than the one in `uses`. */
const furtherForms: Readonly<Record<string, Build>> = {
  'Concat of truth values': (b, input) => {
    const [x, y] = [input([2, 3]), input([2, 2])];
    const joined = b.concat([b.greater(x, b.number(0, x)), b.less(y, b.number(0, y))], 1);
    return b.indicator(joined, x);
  },
};

describe('the forms that other devices need have the same results', () => {
  for (const device of ['cuda', 'webgpu'] as const)
    for (const [op, build] of Object.entries({ ...uses, ...furtherForms }))
      it(`${op} for ${device}`, async () => {
        const [own, other] = [await evaluate(op, build, 'float32'), await evaluate(op, build, 'float32', device)];
        assert.deepEqual([...own.shape], [...other.shape]);
        own.data.forEach((x, i) => {
          const y = other.data[i] as number;
          assert.ok(
            Object.is(x, y) || Math.abs(Number(x) - y) <= 2e-6 * (1 + Math.abs(Number(x))),
            `[${i}] is ${x} and ${y}`,
          );
        });
      });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { elementCount, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import table from './kinks.json';

/** Functions of PyTorch where their slopes jump, as its exporters write them; `kinks.py` wrote the table. */

type Numbers = Readonly<Record<string, readonly number[]>>;

/** Value, gradient and Hessian-vector product of E = Σ c·f(w, v); the vector is 1, 2, 3, … in each parameter. */
async function derivativesOf(bytes: Uint8Array): Promise<{ value: number; gradient: Numbers; product: Numbers }> {
  const data: Dataset = { arrays: new Map([['shift', tensorOf('float32', [], [0])]]), files: [], format: 'made' };
  const model = decodeModel(bytes, 'kink.onnx');
  const problem = createProblem(model, data, {
    dtype: 'float64',
    loss: 'output',
    filter: { trainable: ['w', 'v', 'c'].filter((name) => model.graph.initializers.has(name)) },
  });
  const b = new GraphBuilder();
  const inputs = new Map(problem.feeds.map(({ name, tensor }) => [name, b.input(name, tensor.type, tensor.shape)]));
  const parameters = new Map(problem.layout.segments.map(({ name, shape }) => [name, b.input(name, 'float64', shape)]));
  const wrt = [...parameters.values()];
  const loss = problem.emit(b, parameters, inputs);
  const gradients = gradient(b, loss, wrt);
  const vectors = wrt.map(({ shape }) =>
    b.constant(
      tensorOf(
        'float64',
        shape,
        Array.from({ length: elementCount(shape) }, (_, i) => i + 1),
      ),
    ),
  );
  const products = vectorJacobianProduct(b, gradients, vectors, wrt);
  const names = [...parameters.keys()];
  const graph = lower({
    scope: b,
    inputs: b.inputs,
    outputs: [
      { name: 'loss', value: loss },
      ...gradients.map((value, i) => ({ name: `g/${names[i]}`, value })),
      ...products.map((value, i) => ({ name: `q/${names[i]}`, value })),
    ],
  });
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    const feeds = new Map(problem.feeds.map(({ name, tensor }) => [name, tensor]));
    const results = await session.run(new Map([...feeds, ...problem.layout.unpack(problem.theta)]));
    const numbers = (kind: string): Numbers =>
      Object.fromEntries(names.map((name) => [name, Array.from(results.get(`${kind}/${name}`)!.data, Number)]));
    return { value: Number(results.get('loss')!.data[0]), gradient: numbers('g'), product: numbers('q') };
  } finally {
    await session.release();
  }
}

/** Constants of the files, such as those of SELU, are rounded to float32. */
function near(actual: Numbers, expected: Numbers, what: string): void {
  for (const [name, values] of Object.entries(expected))
    values.forEach((value, i) => {
      const found = actual[name]?.[i] ?? 0;
      assert.ok(
        Math.abs(found - value) <= 1e-6 * Math.max(1, Math.abs(value)),
        `${what} of ${name}[${i}] is ${found}; PyTorch has ${value}`,
      );
    });
}

describe(`kinks are those of PyTorch ${table.torch}`, () => {
  for (const { name, value, gradient: expected, product, exports } of table.cases)
    for (const [exporter, text] of Object.entries(exports as Record<string, string | undefined>))
      if (text !== undefined)
        it(`${name}, ${exporter}`, async () => {
          const found = await derivativesOf(Buffer.from(text, 'base64'));
          assert.ok(Math.abs(found.value - value) < 1e-6 * Math.max(1, Math.abs(value)), `value ${found.value}`);
          near(found.gradient, expected as unknown as Numbers, 'gradient');
          if (product) near(found.product, product as unknown as Numbers, 'product');
        });
});

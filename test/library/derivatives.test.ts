import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Session } from '../../extension/engine/session.ts';
import {
  type Derivative,
  type Differentiated,
  type DifferentiateOptions,
  differentiate,
  isRefusal,
  type Port,
} from '../../extension/library/autodiff.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { elementCount, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { exports, sample } from '../support/paths.ts';

type Arrays = ReadonlyMap<string, Tensor>;

/** Numbers in (−1, 1) that are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  };
}
const random = randomNumbers(7);

const filled = ({ type, shape }: Pick<Port, 'type' | 'shape'>): Tensor =>
  type === 'int64'
    ? tensorOf(
        'int64',
        shape,
        Array.from({ length: elementCount(shape) }, () => Math.floor((random() + 1) * 1.49)),
      )
    : tensorOf('float64', shape, Array.from({ length: elementCount(shape) }, random));

async function run({ model, inputs }: Differentiated, feeds: Arrays): Promise<Map<string, Tensor>> {
  const session = await Session.create(model, 'cpu', 1);
  const results = await session.run(
    new Map([...feeds].filter(([name]) => inputs.some((input) => input.name === name))),
  );
  await session.release();
  return results;
}

const moved = (feeds: Arrays, tangents: Arrays, step: number): Arrays =>
  new Map(
    [...feeds].map(([name, value]) => {
      const tangent = tangents.get(`tangent/${name}`);
      if (!tangent) return [name, value];
      const data = Float64Array.from(value.data as Float64Array, (x, i) => x + step * Number(tangent.data[i]));
      return [name, { ...value, data }];
    }),
  );

const dot = (a: Tensor, b: Tensor): number =>
  Array.from(a.data, Number).reduce((sum, x, i) => sum + x * Number(b.data[i]), 0);
const size = (x: Tensor): number => Math.sqrt(dot(x, x));

/** ‖a − b‖ / ‖b‖ */
function distance(a: Tensor, b: Tensor): number {
  const difference = { ...a, data: Float64Array.from(a.data as Float64Array, (x, i) => x - Number(b.data[i])) };
  return size(difference as Tensor) / Math.max(size(b), 1e-12);
}

const models: readonly { file: string; shapes: Record<string, number[]> }[] = [
  { file: join(sample, 'digits.onnx'), shapes: { pixels: [3, 64] } },
  { file: join(exports, 'keras-lstm', 'model.onnx'), shapes: { keras_tensor: [2, 7, 4] } },
  { file: join(exports, 'keras-attention', 'model.onnx'), shapes: { keras_tensor: [2, 5, 8] } },
  { file: join(exports, 'torch-rotary', 'model.onnx'), shapes: { x: [2, 6] } },
  { file: join(exports, 'torch-windows', 'model.onnx'), shapes: { x: [2, 8, 8, 6] } },
];

for (const { file, shapes } of models)
  describe(`derivatives of ${file.split('/').slice(-2).join('/')}`, () => {
    const bytes = readFileSync(file);
    const parameters = differentiate(bytes, { compute: 'vjp', shapes }).wrt;
    const wrt = [...parameters, ...(file.includes('rotary') ? [] : Object.keys(shapes))];
    const all = (compute: Derivative, more: Partial<DifferentiateOptions> = {}) =>
      differentiate(bytes, { compute, shapes, wrt, parameters: 'given', floatType: 'float64', ...more });
    const value = all('value');
    const feeds = new Map<string, Tensor>(
      value.inputs.map((input) => {
        const data = value.parameters.get(input.name);
        return [input.name, data ? tensorOf('float64', input.shape, data) : filled(input)];
      }),
    );
    const withNew = ({ inputs }: Differentiated): Map<string, Tensor> =>
      new Map(inputs.map((input) => [input.name, feeds.get(input.name) ?? filled(input)]));
    const step = 1e-5;
    const slope = (results: readonly Map<string, Tensor>[], name: string): Tensor => {
      const [plus, minus] = results.map((each) => each.get(name)!);
      const data = Float64Array.from(plus.data as Float64Array, (x, i) => (x - Number(minus.data[i])) / (2 * step));
      return { ...plus, data } as Tensor;
    };

    it('J·t is the slope along the tangent, and Jᵀ·c its adjoint', async () => {
      const forward = all('jvp');
      const given = withNew(forward);
      const output = forward.outputs[0].name;
      assert.deepEqual(
        forward.inputs.filter(({ name }) => name.startsWith('cotangent/')),
        [],
        'the cotangent is no input of J·t',
      );
      const product = (await run(forward, given)).get(`jvp/${output}`)!;
      const expected = slope(await Promise.all([step, -step].map((by) => run(value, moved(feeds, given, by)))), output);
      assert.ok(distance(product, expected) < 1e-6, `J·t is ${distance(product, expected)} off`);
      const backward = all('vjp');
      const adjoint = withNew(backward);
      const products = await run(backward, adjoint);
      const left = dot(adjoint.get(`cotangent/${output}`)!, product);
      const right = backward.wrt.reduce(
        (sum, name) => sum + dot(products.get(`vjp/${name}`)!, given.get(`tangent/${name}`)!),
        0,
      );
      assert.ok(Math.abs(left - right) < 1e-9 * (1 + Math.abs(left)), `⟨c, J·t⟩ = ${left}, ⟨Jᵀ·c, t⟩ = ${right}`);
    });

    it('gradient and H·t of a loss are slopes along the tangent', async () => {
      const second = all('hvp', { loss: 'mse' });
      const given = withNew(second);
      for (const [name, tensor] of given) if (!feeds.has(name) && !name.startsWith('tangent/')) feeds.set(name, tensor);
      const here = await run(second, given);
      const first = all('gradient', { loss: 'mse' });
      const [plus, minus] = await Promise.all([step, -step].map((by) => run(first, moved(feeds, given, by))));
      const along = second.wrt.reduce(
        (sum, name) => sum + dot(here.get(`gradient/${name}`)!, given.get(`tangent/${name}`)!),
        0,
      );
      const rise = slope([plus, minus], 'loss').data[0] as number;
      assert.ok(Math.abs(along - rise) < 1e-6 * (1 + Math.abs(rise)), `⟨g, t⟩ = ${along}, slope ${rise}`);
      const largest = Math.max(...second.wrt.map((name) => size(here.get(`hvp/${name}`)!)));
      assert.ok(largest > 1e-3, 'the Hessian is not zero');
      for (const name of second.wrt) {
        const expected = slope([plus, minus], `gradient/${name}`);
        const product = here.get(`hvp/${name}`)!;
        const off = distance(product, expected) * (size(expected) / largest);
        assert.ok(off < 1e-5, `H·t of ${name} is ${off} off`);
      }
    });

    it('is written with operators of the default domain', () => {
      for (const compute of ['value', 'jvp', 'vjp'] as const)
        assert.deepEqual([...decodeModel(all(compute).model, 'm').opsets.keys()], ['']);
      for (const compute of ['gradient', 'hvp'] as const)
        assert.deepEqual([...decodeModel(all(compute, { loss: 'mse' }).model, 'm').opsets.keys()], ['']);
    });
  });

describe('what is asked for', () => {
  const digits = readFileSync(join(sample, 'digits.onnx'));
  const batch = { dimensions: { N: 4 } };
  const refused = (options: DifferentiateOptions): string => {
    try {
      differentiate(digits, options);
    } catch (error) {
      assert.ok(isRefusal(error), `${error}`);
      return `${error.message}\n${error.remedy ?? ''}`;
    }
    return assert.fail('was accepted');
  };

  it('takes the parameters where nothing is named, and stores them', () => {
    const { inputs, outputs, wrt, parameters } = differentiate(digits, { ...batch, loss: 'cross-entropy' });
    assert.deepEqual(inputs, [
      { name: 'pixels', type: 'float32', shape: [4, 64] },
      { name: 'labels', type: 'int64', shape: [4] },
    ]);
    assert.deepEqual(
      outputs.map(({ name }) => name),
      ['loss', ...wrt.map((name) => `gradient/${name}`)],
    );
    assert.equal(parameters.size, 0);
  });

  it('computes cross-entropy as PyTorch does: the mean over labelled positions', async () => {
    const made = differentiate(digits, { ...batch, loss: 'cross-entropy', wrt: ['pixels'], floatType: 'float64' });
    const pixels = filled({ type: 'float64', shape: [4, 64] });
    const logits = differentiate(digits, { ...batch, compute: 'value', floatType: 'float64' });
    const z = (await run(logits, new Map([['pixels', pixels]]))).get('logits')!.data as Float64Array;
    const labels = [3, -100, 9, 0];
    const losses = labels.flatMap((label, i) => {
      const row = z.slice(10 * i, 10 * i + 10);
      return label < 0 ? [] : [Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]];
    });
    const expected = losses.reduce((a, b) => a + b) / losses.length;
    const results = await run(
      made,
      new Map([
        ['pixels', pixels],
        ['labels', tensorOf('int64', [4], labels)],
      ]),
    );
    assert.ok(Math.abs(Number(results.get('loss')!.data[0]) - expected) < 1e-12);
    const rows = results.get('gradient/pixels')!.data as Float64Array;
    assert.ok(
      rows.slice(64, 128).every((x) => x === 0),
      'an ignored row has no gradient',
    );
  });

  it('refuses with what to do', () => {
    const opens = refused({});
    assert.match(opens, /"pixels" \[N, 64\] is not known/);
    assert.match(opens, /dimensions/);
    assert.match(refused({ dimensions: { M: 3 } }), /no dimension "M"/);
    assert.match(refused({ shapes: { image: [3] } }), /no input "image"/);
    assert.match(refused({ shapes: { pixels: [3, 65] } }), /does not fit \[N, 64\]/);
    assert.match(refused({ ...batch, wrt: ['fc9.*'] }), /No floating-point input or initializer matches "fc9\.\*"/);
    assert.match(refused({ ...batch, output: 'y' }), /no output "y"[\s\S]*"logits"/);
    assert.match(refused({ ...batch }), /"logits" \[4, 10\] is not one number[\s\S]*vjp/);
    assert.match(refused({ ...batch, loss: 'cross-entropy', labels: [5] }), /do not fit the output \[4, 10\]/);
    assert.throws(() => differentiate(new Uint8Array()), isRefusal);
  });
});

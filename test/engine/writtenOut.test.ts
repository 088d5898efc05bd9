import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { Session } from '../../extension/engine/session.ts';
import { withLoops } from '../../extension/exports/writtenOut.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodesReaching } from '../../extension/onnx/graph.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { encodeSource } from '../../extension/onnx/writeModel.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { ModelBuilder, samples } from '../support/models.ts';

const [turns, features, width] = [70, 3, 4];

interface Shape {
  /** How a turn finds its input: by a number of its own, or among the parts of one Split. */
  readonly finds: 'Gather' | 'Split';
  /** What is used after the loop. */
  readonly ends: 'last' | 'all';
  readonly backwards?: boolean;
  readonly layers?: number;
  /** This turn has a node more, so that no repetition is long enough. */
  readonly odd?: number;
  /** Each turn has weights of its own, as layers have. */
  readonly deep?: boolean;
}

/** h ← tanh(x_t W + h U) ⊙ σ(h), written out as exporters do; weights are the same for the same number of turns. */
function network({ finds, ends, backwards = false, layers = 1, odd, deep = false }: Shape): Model {
  const m = new ModelBuilder('float64');
  const values = (count: number, from: number) => Array.from({ length: count }, (_, i) => Math.sin(from + 1.7 * i) / 2);
  const weight = (name: string, rows: number) =>
    m.values(name, [rows, width], values(rows * width, rows + name.length));
  m.integers('parts', new Array(turns).fill(1));
  const parts = finds === 'Split' ? m.split('x', 'parts', turns, 1) : [];
  let sequence = Array.from({ length: turns }, (_, t) =>
    finds === 'Split' ? parts[t] : m.node('Gather', ['x', m.integers(`at ${t}`, [t])], { axis: 1 }),
  );
  for (let layer = 0; layer < layers; layer++) {
    const inputs = layer === 0 ? features : width;
    const shared = [weight(`w${layer}`, inputs), weight(`u${layer}`, width)];
    let h = m.node('MatMul', [sequence[0], weight(`start ${layer}`, inputs)]);
    const order = Array.from({ length: turns }, (_, t) => (backwards ? turns - 1 - t : t));
    const states: string[] = [];
    for (const t of order) {
      const [w, u] = deep ? [weight(`w${layer}.${t}`, inputs), weight(`u${layer}.${t}`, width)] : shared;
      const x = finds === 'Gather' && layer === 0 ? m.node('Gather', ['x', m.integers(`at ${t}`, [t])], { axis: 1 }) : sequence[t]; // biome-ignore format: one line
      const sum = m.node('Add', [m.node('MatMul', [x, w]), m.node('MatMul', [h, u])]);
      const gated = m.node('Mul', [m.node('Tanh', [sum]), m.node('Sigmoid', [h])]);
      h = t === odd ? m.node('Neg', [m.node('Neg', [gated])]) : gated;
      states[t] = h;
    }
    sequence = states;
  }
  const last = sequence[backwards ? 0 : turns - 1];
  const out = ends === 'last' ? last : m.node('Concat', sequence, { axis: 1 });
  return m.model([turns, features], m.node('ReduceMean', [out, m.integers('over time', [1])], { keepdims: 0 }));
}

const dataset = { ...samples(3, [turns, features]) };
const data = {
  ...dataset,
  arrays: new Map([...dataset.arrays, ['y', { type: 'int64', shape: [3], data: BigInt64Array.of(0n, 3n, 1n) } as const]]), // biome-ignore format: one line
};

async function outputOf(model: Model): Promise<Float64Array> {
  const session = await Session.create(encodeSource(model), 'cpu', 1);
  const { shape, data: values } = data.arrays.get('x')!;
  const x = { type: 'float64', shape, data: Float64Array.from(values as Float32Array) } as const;
  const [[, output]] = await session.run(new Map([['x', x]]));
  await session.release();
  return output.data as Float64Array;
}

function assertClose(actual: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  const scale = Math.max(...expected.map(Math.abs));
  assert.ok(scale > 0 && actual.length === expected.length, what);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - expected[i]) <= tolerance * scale, `${what}, ${i}: ${value} for ${expected[i]}`);
}

/** The runtime wants to know what a body takes. */
function typed(model: Model): Model {
  const nodes = model.graph.nodes.map((node) => {
    const body = node.attributes.get('body');
    if (body?.kind !== 'graph') return node;
    const inputs = body.value.inputs.map((input) => ({ ...input, type: input.type ?? ('float64' as const) }));
    return { ...node, attributes: new Map([['body', { ...body, value: { ...body.value, inputs } }]]) };
  });
  return { ...model, graph: { ...model.graph, nodes } };
}

const loopsIn = (model: Model): number => model.graph.nodes.filter(({ opType }) => opType === 'Loop').length;

describe('recurrences that an exporter wrote out', () => {
  const rows: readonly (readonly [string, Shape, number])[] = [
    ['the last state', { finds: 'Gather', ends: 'last' }, 1],
    ['all states', { finds: 'Gather', ends: 'all' }, 1],
    ['from the end to the beginning', { finds: 'Gather', ends: 'last', backwards: true }, 1],
    ['parts of the input', { finds: 'Split', ends: 'all' }, 1],
    ['two layers, one after the other', { finds: 'Gather', ends: 'all', layers: 2 }, 2],
  ];
  for (const [title, shape, loops] of rows)
    test(`${title}: a Loop that computes the same`, async () => {
      const model = network(shape);
      const rolled = withLoops(model);
      assert.equal(loopsIn(rolled), loops);
      assertClose(await outputOf(typed(rolled)), await outputOf(model), 1e-14, title);
    });

  test('layers with weights of their own are none, and no short loops', () => {
    for (const shape of [
      { finds: 'Gather', ends: 'last', deep: true },
      { finds: 'Gather', ends: 'last', odd: 35 },
    ] as const) {
      const model = network(shape);
      assert.equal(withLoops(model), model);
    }
  });

  test('the program has few nodes, and its gradient and correction are those of what is written out', async () => {
    const measured = async (odd?: number) => {
      const problem = createProblem(network({ finds: 'Gather', ends: 'all', odd }), data, { loss: 'cross-entropy' });
      const chunk = chunksOf(problem.samples, problem.samples);
      const chunks = { plain: chunk, corrected: chunk };
      const hyper = completeHyperparameters(adam, 'pytorch', {});
      const runner = new Runner(problem, {
        optimizer: adam,
        hyper,
        stage: 'step',
        device: 'cpu',
        chunks,
        threads: 1,
      });
      const { arrays } = await runner.correctedSteps(runner.start(), 1, true);
      await runner.release();
      return { problem, arrays: arrays! };
    };
    const [rolled, writtenOut] = [await measured(), await measured(35)];
    for (const name of ['gradient', 'normGradient', 'correction'] as const)
      assertClose(rolled.arrays[name].data as Float64Array, writtenOut.arrays[name].data as Float64Array, 1e-9, name);
    const size = ({ problem }: typeof rolled): number => {
      const b = new GraphBuilder();
      const parameters = new Map(problem.choices.map(({ name, shape }) => [name, b.input(name, 'float64', shape)]));
      const feeds = new Map(problem.feeds.map(({ name, tensor }) => [name, b.input(name, tensor.type, tensor.shape)]));
      return nodesReaching([problem.predict(b, parameters, feeds)], () => true).length;
    };
    assert.ok(5 * size(rolled) < 6 * turns, String(size(rolled)));
    assert.ok(size(writtenOut) > 5 * turns, String(size(writtenOut)));
  });
});

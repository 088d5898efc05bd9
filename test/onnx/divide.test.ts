import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { divideGraph } from '../../extension/onnx/divide.ts';
import { type Graph, nodesOf, type Value } from '../../extension/onnx/graph.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

async function run(graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    return await session.run(new Map(graph.inputs.map(({ name }) => [name!, feeds.get(name!)!])));
  } finally {
    await session.release();
  }
}

const feeds = new Map<string, Tensor>([
  ['x', tensorOf('float64', [2, 3], [0.3, -1.2, 0.5, 2, 0.1, -0.7])],
  ['w', tensorOf('float64', [3, 3], [1, 2, -1, 0.5, 0.2, 0.4, -0.3, 1.5, 0.8])],
  ['u', tensorOf('float64', [2, 3], [0.9, 0.4, -0.2, 0.3, -0.6, 1.1])],
]);

/** tanh(x·w) and its row sums; with u the product (x·w)·u summed, and a loop over tanh(x·w)·u. */
function sample(): Graph {
  const b = new GraphBuilder();
  const [x, w, u] = [...feeds].map(([name, { type, shape }]) => b.input(name, type, shape));
  const product = b.matMul(x, w);
  const activation = b.tanh(product);
  const sums = b.reduceSum(activation, [1]);
  const { carried } = b.loop(
    b.scalar('int64', 2),
    [b.zerosLike(u)],
    (body, turn, [total]) => {
      const row = body.gather(body.mul(activation, u), turn, 0);
      return { carried: [body.add(total, body.mul(row, activation))] };
    },
    2,
  );
  const outputs: [string, Value][] = [
    ['sums', sums],
    ['mixed', b.reduceSum(b.mul(product, u))],
    ['looped', carried[0]],
    ['scaled', b.mul(sums, b.reduceSum(u, [1]))],
  ];
  return { scope: b, inputs: b.inputs, outputs: outputs.map(([name, value]) => ({ name, value })) };
}

describe('a graph divided by its late inputs', () => {
  it('gives the same results in two parts', async () => {
    const graph = sample();
    const expected = await run(graph, feeds);
    const { early, late } = divideGraph(graph, new Set(['u']));
    const first = await run(early, feeds);
    const second = await run(late, new Map([...feeds, ...first]));
    const got = new Map([...first, ...second]);
    for (const [name, { data }] of expected) assert.deepEqual(got.get(name)!.data, data, name);
  });

  it('computes the early part without the late inputs, and products of matrices once', () => {
    const { early, late } = divideGraph(sample(), new Set(['u']));
    assert.deepEqual(
      early.inputs.map(({ name }) => name),
      ['x', 'w'],
    );
    assert.ok(!late.inputs.some(({ name }) => name === 'x' || name === 'w'));
    assert.deepEqual(
      nodesOf(late).filter(({ opType }) => opType === 'MatMul'),
      [],
    );
  });

  it('passes each value once, and element-wise functions of it not at all', () => {
    const { early } = divideGraph(sample(), new Set(['u']));
    const kept = early.outputs.filter(({ name }) => name.startsWith('kept/'));
    assert.deepEqual(kept.map(({ value }) => value.node?.opType).sort(), ['MatMul', 'ReduceSum']);
  });
});

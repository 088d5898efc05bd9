import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { type Graph, type Node, nodesOf } from '../../extension/onnx/graph.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

const rows = tensorOf('float64', [3, 2], [1, 2, 3, 4, 5, 6]);
const factors = tensorOf('float64', [3], [2, -1, 0.5]);
const feeds = new Map<string, Tensor>([
  ['rows', rows],
  ['factors', factors],
  ['start', tensorOf('float64', [2], [10, 20])],
]);

/** sum ← sum + factor·row from row to row; every sum before the row, and every product, one of them through a row's own input. */
function sample(): Graph {
  const b = new GraphBuilder();
  const [sequence, weights, start] = [...feeds].map(([name, { type, shape }]) => b.input(name, type, shape));
  const { carried, stacked } = b.scan([start], [sequence, weights], (body, [sum], [row, factor]) => {
    const product = body.mul(factor, row);
    return { carried: [body.add(sum, product)], stacked: [sum, product, row] };
  });
  const outputs = [...carried, ...stacked].map((value, i) => ({ name: `y${i}`, value }));
  return { scope: b, inputs: b.inputs, outputs };
}

async function run(graph: Graph): Promise<number[][]> {
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    return [...(await session.run(feeds)).values()].map(({ data }) => Array.from(data as Float64Array));
  } finally {
    await session.release();
  }
}

const expected = [
  [10 + 2 - 3 + 2.5, 20 + 4 - 4 + 3],
  [10, 20, 12, 24, 9, 20],
  [2, 4, -3, -4, 2.5, 3],
  [1, 2, 3, 4, 5, 6],
];
const operators = (graph: Graph): string[] => nodesOf(graph).map(({ opType }: Node) => opType);

describe('a scan', () => {
  it('hands out slices, carries values and stacks others', async () => {
    const graph = lower(sample(), 'cpu');
    assert.deepEqual(operators(graph), ['Scan']);
    assert.deepEqual(await run(graph), expected);
  });

  it('is a loop that gathers on other devices', async () => {
    const graph = lower(sample(), 'webgpu');
    assert.ok(operators(graph).includes('Loop') && !operators(graph).includes('Scan'));
    assert.deepEqual(await run(graph), expected);
  });

  it('refuses a carried value that changes its shape', () => {
    const b = new GraphBuilder();
    const sequence = b.input('rows', 'float64', [3, 2]);
    assert.throws(
      () => b.scan([b.scalar('float64', 0)], [sequence], (_, __, [row]) => ({ carried: [row], stacked: [] })),
      /carried value 0 changes from float64\[\] to float64\[2\]/,
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { axisFirst, knownBatchAxes, parseBatchAxes } from '../../extension/engine/batchAxes.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { elementCount, type Shape, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { float, type GraphInit, info, Kind, linear, type Node, node } from '../onnx/files.ts';
import { messageOf } from '../support/errors.ts';
import { gradientFunction } from './oracle.ts';

const model = (graph: GraphInit) => decodeModel(linear(graph), 'm.onnx');
const ramp = (shape: Shape, factor = 1): Tensor =>
  tensorOf(
    'float32',
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(factor * i)),
  );
const data = (arrays: Readonly<Record<string, Tensor>>): Dataset => ({
  arrays: new Map(Object.entries(arrays)),
  files: [],
  format: 'made',
});

const hidden = { attribute: [{ name: 'hidden_size', type: Kind.INT, i: 2n }] };
const transpose = (text: string, ...perm: number[]): Node =>
  node(text, { attribute: [{ name: 'perm', type: Kind.INTS, ints: perm.map(BigInt) }] });
const weights = [float('W', [1, 2, 3], [...ramp([6]).data].map(Number)), float('R', [1, 2, 2], [0.1, 0.2, -0.3, 0.4])];

describe('the axis of the samples, as the model shows it', () => {
  const table: readonly [what: string, graph: GraphInit, axes: Readonly<Record<string, number>>][] = [
    ['a name', { input: [info('x', ['time', 'batch', 2])] }, { x: 1 }],
    ['names of exporters', { input: [info('x', [8, 'batch_size', 2])] }, { x: 1 }],
    ['the first axis', { input: [info('x', ['batch', 'seq', 2])] }, { x: 0 }],
    ['two names', { input: [info('x', ['batch', 'batch2', 2])] }, {}],
    ['no name', { input: [info('x', ['s0', 's1', 2])] }, {}],
    [
      'a recurrent operator',
      { input: [info('x', ['s0', 's1', 3])], node: [node('RNN(x, W, R) -> y', hidden)] },
      { x: 1 },
    ],
    [
      'behind what keeps or moves axes',
      {
        input: [info('x', ['s0', 's1'])],
        node: [
          node('Gather(table, x) -> a'),
          transpose('Transpose(a) -> b', 1, 0, 2),
          node('Relu(b) -> c'),
          node('RNN(c, W, R) -> y', hidden),
        ],
      },
      { x: 0 },
    ],
  ];
  for (const [what, graph, axes] of table)
    it(what, () => {
      const initializer = [...weights, float('table', [4, 3], [...ramp([12]).data].map(Number))];
      const nodes = { node: [node('Identity(x) -> y')], output: [info('y', ['a', 'b', 'c'])] };
      assert.deepEqual(Object.fromEntries(knownBatchAxes(model({ ...nodes, initializer, ...graph }))), axes);
    });
});

it('one axis goes first, the others keep their order', () => {
  assert.deepEqual(
    axisFirst(tensorOf('int8', [2, 3, 1], [0, 1, 2, 3, 4, 5]), 1),
    tensorOf('int8', [3, 2, 1], [0, 3, 1, 4, 2, 5]),
  );
  assert.deepEqual(axisFirst(tensorOf('int8', [2, 1, 2], [0, 1, 2, 3]), 2), tensorOf('int8', [2, 2, 1], [0, 2, 1, 3]));
});

it('an axis that is named must be one', () => {
  const m = model({});
  assert.equal(
    messageOf(() => parseBatchAxes(m, ['x'])),
    'The batch axis is given as "x".\nWrite the name of an input and the axis, counted from 0, as in x=1.',
  );
  assert.equal(
    messageOf(() => parseBatchAxes(m, ['z=1'])),
    'The model has no input "z", whose batch axis was given.\nIt has "x".',
  );
  assert.equal(
    messageOf(() => parseBatchAxes(m, ['x=2'])),
    'The batch axis of "x" is 2, but it has 2 axes.\nAxes are counted from 0.',
  );
});

describe('a model whose time comes first', () => {
  const [steps, samples] = [4, 6];
  // States of all steps, [T, N, 2].
  const states = [node('RNN(x, W, R) -> a', hidden), node('Squeeze(a, one) -> y')];
  const sequence = (dims: readonly (string | number)[], nodes: readonly Node[] = states): GraphInit => ({
    node: [...nodes],
    initializer: [...weights, { name: 'one', dims: [1n], dataType: 7, int64Data: [1n] }],
    input: [info('x', dims)],
    output: [info('y', ['a', 'b', 2])],
  });
  const x = ramp([steps, samples, 3], 1.7);
  const y = ramp([steps, samples, 2], 0.9);
  const gradientOf = async (graph: GraphInit, arrays: Readonly<Record<string, Tensor>>, batchAxes: string[] = []) => {
    const problem = createProblem(model(graph), data(arrays), { loss: 'mse', dtype: 'float64', batchAxes });
    assert.equal(problem.samples, samples);
    assert.deepEqual(
      problem.feeds.map(({ tensor }) => tensor.shape[0]),
      [samples, samples],
    );
    assert.equal(problem.fixedBatch, undefined);
    const g = await gradientFunction(problem);
    const result = await g.at(problem.theta.data as Float64Array);
    await g.release();
    return result;
  };
  const close = (a: Float64Array, b: Float64Array) => {
    assert.ok(a.some((value) => Math.abs(value) > 1e-3));
    a.forEach((value, i) => {
      assert.ok(Math.abs(value - b[i]) < 1e-12, `${value}, expected ${b[i]}`);
    });
  };

  it('gives the same however its samples are laid out and found', async () => {
    const batchFirst = sequence(
      ['N', 't', 3],
      [
        transpose('Transpose(x) -> xt', 1, 0, 2),
        node('RNN(xt, W, R) -> a', hidden),
        node('Squeeze(a, one) -> yt'),
        transpose('Transpose(yt) -> y', 1, 0, 2),
      ],
    );
    const expected = await gradientOf(batchFirst, { x: axisFirst(x, 1), y: axisFirst(y, 1) });
    close(await gradientOf(sequence(['t', 'batch', 3]), { x, y }), expected);
    close(await gradientOf(sequence(['s0', 's1', 3]), { x, y }), expected);
    close(await gradientOf(sequence([steps, samples, 3]), { x, y }), expected);
    close(await gradientOf(sequence(['s0', 's1', 3]), { x, y }, ['x=1']), expected);
    // Data sets often have their samples first.
    close(await gradientOf(sequence([steps, 'batch', 3]), { x: axisFirst(x, 1), y: axisFirst(y, 1) }), expected);
  });

  it('data that fits neither way is refused', () => {
    const graph = sequence([steps, 'batch', 3]);
    assert.match(
      messageOf(() => createProblem(model(graph), data({ x: ramp([5, 7, 3]), y }), { loss: 'mse' })),
      /^The model's input "x" has shape \[4, batch, 3\], but the data has \[5, 7, 3\]\./,
    );
    assert.match(
      messageOf(() => createProblem(model(graph), data({ x, y: ramp([steps, 5, 2]) }), { loss: 'mse' })),
      /^The input "x" has 6 samples, the labels "y" have 4 .*--batch-axis NAME=1\.$/s,
    );
  });
});

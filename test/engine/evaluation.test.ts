import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeGraph } from '../../extension/cli/graph.ts';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { type ProblemOptions, prepareProblem } from '../../extension/engine/problem.ts';
import { Session } from '../../extension/engine/session.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { DataType, float, floats, type GraphInit, info, Kind, linear, type ModelInit, node } from '../onnx/files.ts';

/** What no gradient has to pass is computed by the runtime, with operators that have no derivative here. */

const samples = 5;
const data: Dataset = {
  arrays: new Map<string, Tensor>([
    [
      'x',
      tensorOf(
        'float32',
        [samples, 2],
        Array.from({ length: 2 * samples }, (_, i) => Math.sin(i + 1)),
      ),
    ],
    ['y', tensorOf('int64', [samples], [0, 1, 2, 1, 0])],
  ]),
  files: [],
  format: 'made',
};
const w = float('w', [2, 4], [1, -2, 3, -4, 5, -6, 7, -8]);
const v = float('v', [4, 3], [1, 0, 2, 0, 1, 0, 1, 1, 0, 0, 2, 1]);
const microsoft: ModelInit = {
  opsetImport: [
    { domain: '', version: 17n },
    { domain: 'com.microsoft', version: 1n },
  ],
};
const prepared = (graph: GraphInit, options: ProblemOptions = {}, more: ModelInit = {}) =>
  prepareProblem(
    decodeModel(
      linear({ initializer: [w, v], input: [info('x', ['N', 2])], output: [info('y', ['N', 3])], ...graph }, more),
      'm.onnx',
    ),
    data,
    options,
  );

/** The loss at the parameters of the file. */
async function lossOf(graph: GraphInit, options: ProblemOptions = {}, more: ModelInit = {}): Promise<number> {
  const problem = await prepared(graph, options, more);
  const session = await Session.create(encodeGraph(problem, 'gradient'), 'cpu', 1);
  const results = await session.run(new Map(problem.feeds.map(({ name, tensor }) => [name, tensor])));
  await session.release();
  return Number(results.get('loss')!.data[0]);
}

const refusal = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run;
  } catch (error) {
    if (error instanceof InspectorError) return `${error.message}\n${error.remedy}`;
    throw error;
  }
  throw new Error('nothing was thrown');
};

/** With one scale for both, the two would be a fake quantiser, which has a derivative. */
const quantised: GraphInit = {
  node: [
    node('QuantizeLinear(x, s, z) -> q', { name: 'quantise' }),
    node('DequantizeLinear(q, s2, z) -> d', { name: 'dequantise' }),
    node('MatMul(d, w) -> h'),
    node('Tanh(h) -> t'),
    node('MatMul(t, v) -> y'),
  ],
  initializer: [
    w,
    v,
    float('s', [], [0.25]),
    float('s2', [], [0.25]),
    { name: 'z', dims: [], dataType: DataType.UINT8, rawData: Uint8Array.of(128) },
  ],
};
const quickGelu: GraphInit = {
  node: [
    node('MatMul(x, w) -> h'),
    node('QuickGelu(h) -> g', { name: 'gelu', domain: 'com.microsoft' }),
    node('MatMul(g, v) -> y'),
  ],
};

describe('nodes without a derivative', () => {
  it('between the data and the first parameter are computed once', async () => {
    const problem = await prepared(quantised);
    assert.deepEqual(
      problem.layout.segments.map(({ name }) => name),
      ['w', 'v'],
    );
    assert.ok(
      problem.notes.some((note) => /^The runtime computed "quantise", "dequantise" once/.test(onCommandLine(note))),
    );
    const rounded = { ...data.arrays.get('x')! };
    const steps = Array.from(rounded.data as Float32Array, (x) => Math.round(x / 0.25) * 0.25);
    const own = problem.feeds.find(({ name }) => name === 'd')!;
    assert.deepEqual(Array.from(own.tensor.data as Float32Array), steps);
    assert.equal(own.perSample, true);
  });

  it('in a frozen part run as they are, in other domains too', async () => {
    const spelledOut: GraphInit = {
      node: [
        node('MatMul(x, w) -> h'),
        node('Mul(h, a) -> scaled'),
        node('Sigmoid(scaled) -> gate'),
        node('Mul(h, gate) -> g'),
        node('MatMul(g, v) -> y'),
      ],
      initializer: [w, v, float('a', [], [1.702])],
    };
    const expected = await lossOf(spelledOut, { filter: { trainable: ['v'] } });
    const found = await lossOf(quickGelu, { filter: { freeze: ['w'] } }, microsoft);
    assert.ok(Math.abs(found - expected) < 1e-5, `${found}, ${expected}`);
  });

  it('are refused where a parameter lies before them, which is named', async () => {
    assert.equal(
      await refusal(prepared(quickGelu, {}, microsoft)),
      [
        'Cannot differentiate 1 node, which blocks "w":',
        '  "gelu" (com.microsoft.QuickGelu-1): unknown domain',
        'Export the model with standard operators (torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False)), or replace these. If "w" does not train in your program, freeze it with --freeze: what needs no derivative runs as it is.',
      ].join('\n'),
    );
  });

  it('are refused where the runtime has them not, with its reason', async () => {
    const graph: GraphInit = {
      node: [
        node('Quant(x) -> q', { name: 'quant', domain: 'com.acme' }),
        node('MatMul(q, w) -> h'),
        node('MatMul(h, v) -> y'),
      ],
    };
    const acme: ModelInit = {
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'com.acme', version: 1n },
      ],
    };
    assert.match(
      await refusal(prepared(graph, {}, acme)),
      /"quant" \(com\.acme\.Quant-1\): unknown domain; the runtime does not compute it either: /,
    );
  });

  it('that draw random numbers are refused anywhere', async () => {
    const graph: GraphInit = {
      node: [
        node('RandomNormalLike(x) -> r', { name: 'noise' }),
        node('Add(x, r) -> n'),
        node('MatMul(n, w) -> h'),
        node('MatMul(h, v) -> y'),
      ],
    };
    assert.match(await refusal(prepared(graph)), /"noise" \(RandomNormalLike-17\): draws random numbers/);
  });

  it('take branches by the data, and capture constants', async () => {
    const branch = (name: string, text: string) => ({
      name,
      type: Kind.GRAPH,
      g: { name, node: [node(text)], output: [info('a', ['N', 2])] },
    });
    const graph: GraphInit = {
      node: [
        node('ReduceMax(x) -> m', { attribute: [{ name: 'keepdims', type: Kind.INT, i: 0n }] }),
        node('Greater(m, one) -> c'),
        node('If(c) -> chosen', {
          name: 'if',
          attribute: [branch('then_branch', 'Add(x, one) -> a'), branch('else_branch', 'Sub(x, one) -> a')],
        }),
        node('MatMul(chosen, w) -> h'),
        node('MatMul(h, v) -> y'),
      ],
      initializer: [w, v, { name: 'one', dims: [], dataType: DataType.FLOAT, rawData: floats(1) }],
    };
    const problem = await prepared(graph, { filter: { trainable: ['w', 'v'] } });
    const own = problem.feeds.find(({ name }) => name === 'chosen')!;
    const x = data.arrays.get('x')!.data as Float32Array;
    assert.deepEqual(
      Array.from(own.tensor.data as Float32Array),
      Array.from(x, (value) => Math.fround(value - 1)),
    );
  });

  it('of a model with a fixed batch are computed batch by batch', async () => {
    const problem = await prepared({ ...quantised, input: [info('x', [2, 2])], output: [info('y', [2, 3])] });
    const own = problem.feeds.find(({ name }) => name === 'd')!;
    assert.deepEqual(own.tensor.shape, [samples, 2]);
  });
});

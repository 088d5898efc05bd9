import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { createProblem, type Problem, type ProblemOptions } from '../../extension/engine/problem.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { DataType, float, type GraphInit, info, Kind, linear, node } from '../onnx/files.ts';
import { messageOf } from '../support/errors.ts';

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
/** Samples of 2 numbers each, and class labels. */
const data = (samples: number, labels: readonly number[] = [samples]): Dataset => ({
  arrays: new Map<string, Tensor>([
    ['x', tensorOf('float32', [samples, 2], new Array(samples * 2).fill(0.5))],
    ['y', tensorOf('int64', labels, new Array(count(labels)).fill(0))],
  ]),
  files: [],
  format: 'made',
});
const w = float('w', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
const problem = (graph: GraphInit, samples: number, options: ProblemOptions = {}): Problem =>
  createProblem(
    decodeModel(linear({ initializer: [w], output: [info('y', ['N', 4])], ...graph }), 'm.onnx'),
    data(samples),
    options,
  );
const notesOf = ({ notes }: Problem): string[] => notes.map(onCommandLine);
const integers = (name: string, values: readonly number[]) => ({
  name,
  dims: [BigInt(values.length)],
  dataType: DataType.INT64,
  rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

it('says how many positions are labelled where some are not', () => {
  const model = decodeModel(linear({ initializer: [w], output: [info('y', ['N', 4])] }), 'm.onnx');
  const labelled = (labels: readonly number[]) => {
    const given = data(labels.length);
    const arrays = new Map([...given.arrays, ['y', tensorOf('int64', [labels.length], labels)] as const]);
    return notesOf(createProblem(model, { ...given, arrays }, {}));
  };
  assert.deepEqual(labelled([0, -100, 3, 1]), [
    '3 of 4 positions are labelled; those with the label −100 do not count.',
  ]);
  assert.deepEqual(labelled([0, 2, 3, 1]), []);
});

describe('a model exported with a fixed batch', () => {
  const bound: GraphInit = {
    node: [node('MatMul(x, w) -> z'), node('Reshape(z, shape) -> y')],
    initializer: [w, integers('shape', [6, 4])],
    input: [info('x', [6, 2])],
  };

  it('whose operators are bound to it takes that many samples, or multiples', () => {
    assert.equal(problem(bound, 6).fixedBatch, 6);
    assert.equal(problem(bound, 12).fixedBatch, 6);
  });

  it('although its input claims to be free', () => {
    const claimed = { ...bound, input: [info('x', ['N', 2])] };
    assert.equal(problem(claimed, 6).fixedBatch, 6);
    // No operator fails for another size, but the output always has this one.
    const expanded = [
      node('MatMul(x, w) -> z'),
      node('Slice(z, zero, one, zero) -> first'),
      node('Expand(first, shape) -> y'),
    ];
    const initializer = [w, integers('shape', [6, 4]), integers('zero', [0]), integers('one', [1])];
    assert.equal(problem({ ...claimed, node: expanded, initializer }, 6).fixedBatch, 6);
    assert.match(
      messageOf(() => problem(claimed, 5)),
      /cannot reshape \[2, 4\] to \[6, 4\]/,
    );
  });

  it('is rebuilt where its operators are not, with a remark only where that matters', () => {
    const free: GraphInit = { input: [info('x', [6, 2])] };
    assert.equal(problem(free, 6).fixedBatch, undefined);
    assert.deepEqual(notesOf(problem(free, 6)), []);
    assert.equal(problem(free, 4).fixedBatch, undefined);
    assert.deepEqual(notesOf(problem(free, 4)), [
      'The model was exported with a fixed batch of 6; it was rebuilt for other batch sizes.',
    ]);
  });
});

describe('what is trained', () => {
  it('not what reaches the loss only through operators without a derivative', () => {
    assert.equal(
      messageOf(() => problem({ node: [node('MatMul(x, w) -> z'), node('Floor(z) -> y')] }, 3)),
      [
        'The model has no trainable initializer. It has:',
        '  "w" [2, 4]: does not reach the loss, or only through operators without a derivative',
        'Export the model with its weights as initializers, or name some with --trainable.',
      ].join('\n'),
    );
  });

  it('no weight that is not finite', () => {
    const initializer = [float('w', [2, 4], [1, 2, 3, 4, 5, Number.NaN, 7, 8])];
    assert.equal(
      messageOf(() => problem({ initializer }, 3)),
      'initializer "w": holds NaN at row 1, column 1 (counted from 0).\nTraining has probably diverged; export the model from an earlier checkpoint.',
    );
  });
});

it('says which of several outputs the loss looks at', () => {
  const graph: GraphInit = {
    node: [node('MatMul(x, w) -> y'), node('Relu(y) -> hidden')],
    output: [info('y', ['N', 4]), info('hidden', ['N', 4])],
  };
  assert.deepEqual(notesOf(problem(graph, 3)), [
    'The model has 2 outputs ("y", "hidden"); the loss looks at "y". --output takes another one.',
  ]);
});

describe('the output that the loss looks at', () => {
  const headAndFeature: GraphInit = {
    node: [
      node('MatMul(x, w) -> z'),
      node('Relu(z) -> hidden'),
      node('MatMul(hidden, v) -> y'),
      node('ReduceSum(v) -> penalty', { attribute: [{ name: 'keepdims', type: Kind.INT, i: 0n }] }),
    ],
    initializer: [w, float('v', [4, 3], new Array(12).fill(0.5))],
  };
  const shown = { hidden: info('hidden', ['N', 4]), y: info('y', ['N', 3]), penalty: info('penalty', []) };
  const chosen = (names: readonly (keyof typeof shown)[], options: ProblemOptions = {}) => {
    const { layout, notes } = problem({ ...headAndFeature, output: names.map((name) => shown[name]) }, 3, options);
    return [
      layout.segments.map(({ name }) => name).join(),
      /looks at "(\w+)"/.exec(notes.map(onCommandLine).join())?.[1],
    ];
  };

  it('is the one that most parameters reach, of those that fit', () => {
    assert.deepEqual(chosen(['hidden', 'y']), ['w,v', 'y']);
    assert.deepEqual(chosen(['penalty', 'hidden', 'y']), ['w,v', 'y']);
    assert.deepEqual(chosen(['hidden', 'penalty']), ['w', 'hidden']);
  });

  it('is the one asked for', () => {
    assert.deepEqual(chosen(['hidden', 'y'], { output: 'hidden' }), ['w', 'hidden']);
    assert.deepEqual(chosen(['y', 'penalty'], { output: 'penalty' }), ['v', 'penalty']);
    assert.equal(
      messageOf(() => chosen(['hidden', 'y'], { output: 'logits' })),
      'The model has no output "logits".\nIts outputs are "hidden", "y".',
    );
  });

  it('is named beside the others where no loss fits', () => {
    assert.match(
      messageOf(() => chosen(['hidden', 'y'], { loss: 'mse' })),
      /This is the output "y"; --output takes another one: "hidden" \[N, 4\]\.$/,
    );
  });
});

describe('nodes that cannot be differentiated', () => {
  const twoOutputs: GraphInit = {
    node: [
      node('MatMul(x, w) -> y'),
      node('Unique(y) -> kinds'),
      node('If(c) -> side', {
        attribute: ['then_branch', 'else_branch'].map((name) => ({
          name,
          type: Kind.GRAPH,
          g: { name, node: [node('Relu(y) -> a')], output: [{ name: 'a' }] },
        })),
      }),
    ],
    initializer: [w, { name: 'c', dims: [], dataType: DataType.BOOL, rawData: Uint8Array.of(1) }],
  };

  it('are left out, with a remark, where they lead to other outputs', () => {
    const graph = { ...twoOutputs, output: [info('y', ['N', 4]), { name: 'kinds' }] };
    assert.deepEqual(notesOf(problem(graph, 3)), [
      'Nodes that cannot be differentiated but do not lead to "y" were left out: "kinds".',
      'The model has 2 outputs ("y", "kinds"); the loss looks at "y". --output takes another one.',
    ]);
  });

  it('are left out beside what a branch takes from around it', () => {
    const graph = { ...twoOutputs, output: [info('side', ['N', 4])] };
    assert.deepEqual(notesOf(problem(graph, 3)), [
      'Nodes that cannot be differentiated but do not lead to "side" were left out: "kinds".',
    ]);
  });

  it('stop nothing where they lead to the first output and another one fits', () => {
    const graph = { ...twoOutputs, output: [{ name: 'kinds' }, info('y', ['N', 4])] };
    assert.equal(problem(graph, 3).loss, 'cross-entropy');
  });

  it('stop everything where they lead to the output that was asked for', () => {
    const graph = { ...twoOutputs, output: [{ name: 'kinds' }, info('y', ['N', 4])] };
    assert.match(
      messageOf(() => problem(graph, 3, { output: 'kinds' })),
      /^Cannot differentiate 1 node[^\n]*:\n {2}"kinds" \(Unique-17\): the shape of its output depends on data\n/,
    );
  });

  it('name the parameters behind them, those that subgraphs take from around them included', () => {
    const branch = (name: string, text: string) => ({
      name,
      type: Kind.GRAPH,
      g: { name, node: [node(text)], output: [{ name: 'a' }] },
    });
    const graph: GraphInit = {
      node: [
        node('MatMul(x, w) -> z'),
        node('ReduceMax(x) -> m', { attribute: [{ name: 'keepdims', type: Kind.INT, i: 0n }] }),
        node('Greater(m, zero) -> c'),
        node('If(c) -> h', {
          attribute: [branch('then_branch', 'Relu(z) -> a'), branch('else_branch', 'Tanh(z) -> a')],
        }),
        node('MatMul(h, v) -> y'),
      ],
      initializer: [w, float('zero', [], [0]), float('v', [4, 4], new Array(16).fill(0.5))],
    };
    assert.match(
      messageOf(() => problem(graph, 3)),
      /^Cannot differentiate 1 node, which blocks "w":\n[\s\S]*\n.* If "w" does not train in your program, freeze it with --freeze/,
    );
  });
});

it('"to the end" in an attribute of 64 bits is beyond the precision of numbers, and stays positive', () => {
  const end = node('Constant() -> end', {
    attribute: [{ name: 'value_ints', type: Kind.INTS, ints: [2n ** 63n - 1n] }],
  });
  const graph: GraphInit = {
    node: [end, node('MatMul(x, w) -> z'), node('Slice(z, start, end, axis) -> y')],
    initializer: [w, integers('start', [1]), integers('axis', [1])],
    output: [info('y', ['N', 3])],
  };
  assert.deepEqual(
    problem(graph, 3).choices.map(({ name, trained }) => [name, trained]),
    [['w', true]],
  );
});

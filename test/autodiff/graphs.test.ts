import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import type { Attribute, Initializer, Model, ModelGraph, ModelNode } from '../../extension/onnx/model.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): ModelNode => ({ name: '', opType, domain: '', inputs, outputs, attributes: new Map(Object.entries(attributes)) });

const initializer = (name: string, tensor: Tensor): [string, Initializer] => [
  name,
  { name, type: tensor.type, typeName: tensor.type, shape: tensor.shape, read: () => tensor },
];

const graphOf = (
  nodes: readonly ModelNode[],
  outputs: readonly string[],
  initializers: Readonly<Record<string, Tensor>> = {},
): ModelGraph => ({
  name: 'graph',
  nodes,
  initializers: new Map(Object.entries(initializers).map(([name, tensor]) => initializer(name, tensor))),
  inputs: [],
  outputs: outputs.map((name) => ({ name, type: undefined, typeName: '', dims: undefined })),
});

const int = (value: number): Attribute => ({ kind: 'int', value });
const vector = (...values: number[]): Tensor => tensorOf('int64', [values.length], values);
const scalar = (value: number): Tensor => tensorOf('int64', [], [value]);

/** Builds a graph of constants and returns its outputs' numbers. */
function run(graph: ModelGraph) {
  const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
  const { outputs, blockers } = instantiate(new GraphBuilder(), model, operators, {
    inputs: new Map(),
    parameters: new Map(),
    floatType: 'float64',
  });
  return {
    blockers: blockers.map(({ label, reason }) => `${label}: ${reason}`),
    values: new Map([...outputs].map(([name, value]) => [name, Array.from(value.constant?.data ?? [], Number)])),
    shapes: new Map([...outputs].map(([name, value]) => [name, [...value.shape]])),
  };
}

describe('sequences are kept beside the graph', () => {
  it('split, pick, insert, erase, join', () => {
    const { blockers, values, shapes } = run(
      graphOf(
        [
          node('SplitToSequence', ['x'], ['s'], { keepdims: int(0) }),
          node('SequenceAt', ['s', 'last'], ['picked']),
          node('SequenceLength', ['s'], ['length']),
          node('SequenceInsert', ['s', 'picked', 'zero'], ['longer']),
          node('SequenceErase', ['longer', 'one'], ['shorter']),
          node('ConcatFromSequence', ['shorter'], ['joined'], { axis: int(0), new_axis: int(1) }),
          node('SplitToSequence', ['x', 'two'], ['pairs']),
          node('ConcatFromSequence', ['pairs'], ['whole'], { axis: int(0) }),
          node('SequenceAt', ['pairs', 'one'], ['rest']),
          node('SequenceConstruct', ['picked', 'zero'], ['made']),
          node('SequenceAt', ['made', 'zero'], ['again']),
        ],
        ['picked', 'length', 'joined', 'whole', 'rest', 'again'],
        { x: vector(4, 5, 6), last: scalar(-1), zero: scalar(0), one: scalar(1), two: scalar(2) },
      ),
    );
    assert.deepEqual(blockers, []);
    assert.deepEqual(Object.fromEntries(values), {
      picked: [6],
      length: [3],
      joined: [6, 5, 6],
      whole: [4, 5, 6],
      rest: [6],
      again: [6],
    });
    assert.deepEqual(shapes.get('picked'), []);
    assert.deepEqual(shapes.get('rest'), [1]);
  });

  it('a sequence where a tensor belongs is reported', () => {
    const { blockers } = run(
      graphOf([node('SequenceConstruct', ['x'], ['s']), node('Neg', ['s'], ['y'])], ['y'], { x: vector(1) }),
    );
    assert.deepEqual(blockers, ['y: input 0 is a sequence']);
  });

  it('a position outside is reported', () => {
    const { blockers } = run(
      graphOf([node('SequenceEmpty', [], ['s']), node('SequenceAt', ['s', 'zero'], ['y'])], ['y'], { zero: scalar(0) }),
    );
    assert.deepEqual(blockers, ['y: position 0 is outside a sequence of 0']);
  });
});

describe('everything that is refused is found at once', () => {
  it('operators that are never supported also behind others; dropout lets what follows be checked', () => {
    const training = {
      x: tensorOf('float64', [1], [1]),
      ratio: tensorOf('float64', [], [0.5]),
      on: tensorOf('bool', [], [1]),
    };
    const graph = graphOf(
      [
        node('Dropout', ['x', 'ratio', 'on'], ['a']),
        node('Dropout', ['a', 'ratio', 'on'], ['b']),
        node('Det', ['b'], ['c']),
        node('Neg', ['c'], ['d']),
        node('Loop', ['d'], ['e']),
        node('Frobnicate', ['e'], ['f']),
        node('Add', ['f', 'x'], ['y']),
      ],
      ['y'],
      training,
    );
    const random = 'dropout in training mode is random; export the model in eval mode, or with p = 0';
    assert.deepEqual(run(graph).blockers, [
      `a: ${random}`,
      `b: ${random}`,
      'c: determinants have no gradient here; write them with products and sums',
      'f: operator not supported',
    ]);
  });
});

describe('loops of known length are written out', () => {
  const info = (name: string) => ({ name, type: undefined, typeName: '', dims: undefined });
  const withInputs = (graph: ModelGraph, ...names: string[]): Attribute => ({
    kind: 'graph',
    value: { ...graph, inputs: names.map(info) },
  });
  // Fibonacci numbers, each put out, until one is above a limit.
  const body = withInputs(
    graphOf(
      [
        node('Add', ['a', 'b'], ['sum']),
        node('Less', ['sum', 'limit'], ['on']),
        node('Identity', ['on'], ['again']),
        node('Add', ['sum', 't'], ['shown']),
      ],
      ['again', 'b', 'sum', 'shown'],
      { limit: scalar(20) },
    ),
    ...['t', 'cond', 'a', 'b'],
  );
  const loop = (count: string, initializers: Readonly<Record<string, Tensor>> = {}) =>
    run(
      graphOf([node('Loop', [count, '', 'one', 'one'], ['p', 'q', 'all'], { body })], ['p', 'q', 'all'], {
        one: scalar(1),
        ...initializers,
      }),
    );

  it('Loop, by its trip count or its condition', () => {
    assert.deepEqual(Object.fromEntries(loop('n', { n: scalar(3) }).values), { p: [3], q: [5], all: [2, 4, 7] });
    assert.deepEqual(Object.fromEntries(loop('').values), { p: [13], q: [21], all: [2, 4, 7, 11, 17, 26] });
    assert.deepEqual(loop('n', { n: scalar(0) }).blockers, [
      'p: it takes no step, so that what it puts out has no shape',
    ]);
  });

  it('Loop without end is refused', () => {
    const forever = withInputs(graphOf([node('Add', ['a', 't'], ['b'])], ['cond', 'b']), 't', 'cond', 'a');
    const { blockers } = run(
      graphOf([node('Loop', ['', '', 'one'], ['y'], { body: forever })], ['y'], { one: scalar(1) }),
    );
    assert.deepEqual(blockers, ['y: written out, its steps have more than 50000 nodes, which is not supported']);
  });

  it('what a body cannot do is said once', () => {
    const random = withInputs(graphOf([node('RandomNormalLike', ['a'], ['b'])], ['cond', 'b']), 't', 'cond', 'a');
    const { blockers } = run(
      graphOf([node('Loop', ['n', '', 'one'], ['y'], { body: random })], ['y'], { n: scalar(9), one: scalar(1) }),
    );
    assert.deepEqual(blockers, [
      'y/b: draws random numbers; export the model in evaluation mode, or give the numbers as an input',
    ]);
  });

  it('Scan over other axes and backwards', () => {
    const sums = withInputs(graphOf([node('Add', ['s', 'x'], ['sum'])], ['sum', 'sum']), ...['s', 'x']);
    const scan = (attributes: Readonly<Record<string, Attribute>>) =>
      run(
        graphOf(
          [node('Scan', ['zero', 'm'], ['last', 'all'], { body: sums, num_scan_inputs: int(1), ...attributes })],
          ['last', 'all'],
          {
            zero: vector(0, 0),
            m: tensorOf('int64', [2, 3], [1, 2, 3, 10, 20, 30]),
          },
        ),
      );
    const ones = (value: number): Attribute => ({ kind: 'ints', value: [value] });
    const along = { scan_input_axes: ones(1), scan_output_axes: ones(1) };
    assert.deepEqual(Object.fromEntries(scan(along).values), { last: [6, 60], all: [1, 3, 6, 10, 30, 60] });
    assert.deepEqual(Object.fromEntries(scan({ ...along, scan_input_directions: ones(1) }).values), {
      last: [6, 60],
      all: [3, 5, 6, 30, 50, 60],
    });
    assert.deepEqual(scan({ ...along, num_scan_inputs: int(3) }).blockers, ['last: num_scan_inputs is 3 for 2 inputs']);
  });
});

describe('If with a constant condition becomes the branch that it takes', () => {
  const branches = (condition: Tensor) =>
    graphOf(
      [
        node('Add', ['x', 'x'], ['double']),
        node('If', ['condition'], ['y', 'z'], {
          then_branch: {
            kind: 'graph',
            value: graphOf([node('Mul', ['double', 'k'], ['a'])], ['a', 'double'], { k: vector(10) }),
          },
          else_branch: { kind: 'graph', value: graphOf([node('Neg', ['x'], ['a'])], ['a', 'k'], { k: vector(7) }) },
        }),
        node('Add', ['y', 'z'], ['sum']),
      ],
      ['y', 'z', 'sum'],
      { x: vector(3), condition },
    );
  it('then', () => {
    const { blockers, values } = run(branches(tensorOf('bool', [], [1])));
    assert.deepEqual(blockers, []);
    assert.deepEqual(Object.fromEntries(values), { y: [60], z: [6], sum: [66] });
  });
  it('else', () => {
    const { values } = run(branches(tensorOf('bool', [1], [0])));
    assert.deepEqual(Object.fromEntries(values), { y: [-3], z: [7], sum: [4] });
  });
  it('a blocked value outside is reported once', () => {
    const graph = graphOf(
      [
        node('RandomNormal', [], ['r']),
        node('If', ['condition'], ['y'], {
          then_branch: { kind: 'graph', value: graphOf([node('Neg', ['r'], ['a'])], ['a']) },
          else_branch: { kind: 'graph', value: graphOf([node('Neg', ['r'], ['a'])], ['a']) },
        }),
      ],
      ['y'],
      { condition: tensorOf('bool', [], [1]) },
    );
    assert.deepEqual(run(graph).blockers, [
      'r: draws random numbers; export the model in evaluation mode, or give the numbers as an input',
    ]);
  });
  it('a condition that depends on data is refused', () => {
    const branch = { kind: 'graph' as const, value: graphOf([node('Neg', ['x'], ['a'])], ['a']) };
    const graph = graphOf([node('If', ['x'], ['y'], { then_branch: branch, else_branch: branch })], ['y']);
    const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
    const b = new GraphBuilder();
    const { blockers } = instantiate(b, model, operators, {
      inputs: new Map([['x', b.input('x', 'bool', [])]]),
      parameters: new Map(),
      floatType: 'float64',
    });
    assert.equal(blockers[0].reason, 'which branch runs depends on data; export the model with a fixed condition');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodesOf, type Value } from '../../extension/onnx/graph.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import type { Attribute, Model, ModelGraph, ModelNode } from '../../extension/onnx/model.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { generator } from './harness.ts';

const [turns, samples, features, hidden] = [70, 2, 2, 3];
const shapes = {
  x: [turns, samples, features],
  w: [features, hidden],
  u: [hidden, hidden],
  h: [samples, hidden],
};
type Names = keyof typeof shapes;

const node = (text: string, attributes: Readonly<Record<string, Attribute>> = {}): ModelNode => {
  const [, opType = '', inputs = '', outputs = ''] = /^(\w*)\((.*)\) -> (.*)$/.exec(text) ?? [];
  const names = (list: string) => (list === '' ? [] : list.split(', '));
  return {
    name: '',
    opType,
    domain: '',
    inputs: names(inputs),
    outputs: names(outputs),
    attributes: new Map(Object.entries(attributes)),
  };
};

const graphOf = (
  nodes: readonly ModelNode[],
  inputs: readonly string[],
  outputs: readonly string[],
  constants: Readonly<Record<string, Tensor>> = {},
): ModelGraph => {
  const info = (name: string) => ({ name, type: undefined, typeName: '', dims: undefined });
  return {
    name: 'graph',
    nodes,
    initializers: new Map(
      Object.entries(constants).map(([name, tensor]) => [
        name,
        { name, type: tensor.type, typeName: tensor.type, shape: tensor.shape, read: () => tensor },
      ]),
    ),
    inputs: inputs.map(info),
    outputs: outputs.map(info),
  };
};

const int = (value: number): Attribute => ({ kind: 'int', value });
const integer = (value: number, type: 'int64' | 'int32' = 'int64') => tensorOf(type, [], [value]);

type Build = (b: GraphBuilder, given: Readonly<Record<Names, Value>>) => { last: Value; all: Value };

/** The loop of a model that computes `last` and `all` from x, w, u and h. */
const ofModel =
  (nodes: readonly ModelNode[], constants: Readonly<Record<string, Tensor>> = {}): Build =>
  (b, given) => {
    const graph = graphOf(nodes, Object.keys(given), ['last', 'all'], constants);
    const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
    const { outputs, blockers } = instantiate(b, model, operators, {
      inputs: new Map(Object.entries(given)),
      parameters: new Map(),
      floatType: 'float64',
    });
    assert.deepEqual(blockers, []);
    return { last: outputs.get('last')!, all: outputs.get('all')! };
  };

/** h ← tanh(x·w + h·u), written out; `all` is [T, N, H] in the order of the turns. */
const writtenOut =
  (order: readonly number[], initial = (_: GraphBuilder, h: Value) => h): Build =>
  (b, { x, w, u, h }) => {
    let state = initial(b, h);
    const all = order.map((t) => {
      const slice = b.reshape(b.slice(x, { starts: [t], ends: [t + 1], axes: [0] }), [samples, features]);
      state = b.tanh(b.add(b.matMul(slice, w), b.matMul(state, u)));
      return b.reshape(state, [1, samples, hidden]);
    });
    return { last: state, all: b.concat(all, 0) };
  };

const cell = [
  node('MatMul(xt, w) -> a'),
  node('MatMul(before, u) -> c'),
  node('Add(a, c) -> d'),
  node('Tanh(d) -> next'),
];
const body = (nodes: readonly ModelNode[], inputs: readonly string[], outputs: readonly string[], constants = {}) => ({
  body: { kind: 'graph' as const, value: graphOf(nodes, inputs, outputs, constants) },
});

/** Value, gradient and Hessian product of Σ last² + Σ all·k, and whether a recurrence computes them. */
async function evaluate(build: Build): Promise<{ numbers: number[]; recurrent: boolean }> {
  const random = generator(3);
  const numbers = (shape: readonly number[]) =>
    tensorOf(
      'float64',
      shape,
      Array.from({ length: shape.reduce((a, c) => a * c, 1) }, () => random() - 0.5),
    );
  const b = new GraphBuilder();
  const names = Object.keys(shapes) as Names[];
  const given = Object.fromEntries(names.map((name) => [name, b.input(name, 'float64', shapes[name])])) as Record<
    Names,
    Value
  >;
  const { last, all } = build(b, given);
  const weights = b.constant(numbers([turns, samples, hidden]));
  const scalar = b.add(b.reduceSum(b.mul(last, last)), b.reduceSum(b.mul(all, weights)));
  const wrt = names.map((name) => given[name]);
  const gradients = gradient(b, scalar, wrt);
  const products = vectorJacobianProduct(
    b,
    gradients,
    wrt.map((x) => b.constant(numbers(x.shape))),
    wrt,
  );
  const outputs = [scalar, last, all, ...gradients, ...products].map((value, i) => ({ name: `out${i}`, value }));
  const graph = { scope: b, inputs: b.inputs, outputs };
  const session = await Session.create(encodeModel(lower(graph)), 'cpu', 1);
  try {
    const results = await session.run(new Map(names.map((name) => [name, numbers(shapes[name])])));
    return {
      numbers: outputs.flatMap(({ name }) => Array.from(results.get(name)!.data as Float64Array)),
      recurrent: nodesOf(graph).some(({ opType }) => opType === 'Recurrence'),
    };
  } finally {
    await session.release();
  }
}

const forward = Array.from({ length: turns }, (_, t) => t);

async function same(build: Build, order: readonly number[], initial?: Parameters<typeof writtenOut>[1]): Promise<void> {
  const [rolled, expected] = [await evaluate(build), await evaluate(writtenOut(order, initial))];
  assert.ok(rolled.recurrent);
  assert.equal(rolled.numbers.length, expected.numbers.length);
  rolled.numbers.forEach((x, i) => {
    const y = expected.numbers[i]!;
    assert.ok(Math.abs(x - y) < 1e-10 * (1 + Math.abs(y)), `number ${i} is ${x}, written out it is ${y}`);
  });
}

describe('long loops of a model become recurrences with the same values, gradients and Hessian products', () => {
  it('Scan', async () => {
    const scan = node('Scan(h, x) -> last, all', {
      ...body([...cell, node('Identity(next) -> shown')], ['before', 'xt'], ['next', 'shown']),
      num_scan_inputs: int(1),
    });
    await same(ofModel([scan]), forward);
  });

  it('Scan from the end, which puts out from the end, along another axis', async () => {
    const ints = (...value: number[]): Attribute => ({ kind: 'ints', value });
    const scan = node('Scan(h, moved) -> last, reversed', {
      ...body([...cell, node('Identity(next) -> shown')], ['before', 'xt'], ['next', 'shown']),
      num_scan_inputs: int(1),
      scan_input_axes: ints(1),
      scan_input_directions: ints(1),
      scan_output_axes: ints(1),
      scan_output_directions: ints(1),
    });
    const move = (text: string) => node(text, { perm: ints(1, 0, 2) });
    // What was shown last comes first, so that the order is that of x again.
    const build = ofModel([move('Transpose(x) -> moved'), scan, move('Transpose(reversed) -> all')]);
    const backward = forward.toReversed();
    const expected: Build = (b, given) => {
      const { last, all } = writtenOut(backward)(b, given);
      return { last, all: b.slice(all, { starts: [-1], ends: [Number.NEGATIVE_INFINITY], axes: [0], steps: [-1] }) };
    };
    const [rolled, wanted] = [await evaluate(build), await evaluate(expected)];
    assert.ok(rolled.recurrent);
    rolled.numbers.forEach((x, i) => {
      assert.ok(Math.abs(x - wanted.numbers[i]!) < 1e-9, `number ${i}`);
    });
  });

  it('Loop with the number of the turn as index', async () => {
    const loop = node('Loop(count, on, h) -> last, all', {
      ...body(
        [node('Gather(x, i) -> xt'), ...cell, node('Identity(next) -> shown')],
        ['i', 'goes', 'before'],
        ['goes', 'next', 'shown'],
      ),
    });
    await same(ofModel([loop], { count: integer(turns), on: tensorOf('bool', [], [1]) }), forward);
  });

  it('Scan and Loop whose first turn broadcasts what it begins with', async () => {
    const mean = node('ReduceMean(h, first) -> one');
    const shown = [...cell, node('Identity(next) -> shown')];
    const scan = node('Scan(one, x) -> last, all', {
      ...body(shown, ['before', 'xt'], ['next', 'shown']),
      num_scan_inputs: int(1),
    });
    const loop = node('Loop(count, on, one) -> last, all', {
      ...body([node('Gather(x, i) -> xt'), ...shown], ['i', 'goes', 'before'], ['goes', 'next', 'shown']),
    });
    const constants = { first: tensorOf('int64', [1], [0]), count: integer(turns), on: tensorOf('bool', [], [1]) };
    const initial = (b: GraphBuilder, h: Value) => b.reduceMean(h, [0], true);
    for (const each of [scan, loop]) await same(ofModel([mean, each], constants), forward, initial);
  });

  it('Loop with a counter of its own that ends it, as tf2onnx writes it', async () => {
    const loop = node('Loop(count, on, zero, h) -> counted, last, all', {
      ...body(
        [
          node('Add(time, one) -> later'),
          node('Less(later, limit) -> goesOn'),
          node('Unsqueeze(time, axes) -> place'),
          node('Gather(x, place) -> row'),
          node('Squeeze(row, axes) -> xt'),
          ...cell,
          node('Identity(next) -> shown'),
        ],
        ['i', 'goes', 'time', 'before'],
        ['goesOn', 'later', 'next', 'shown'],
        { one: integer(1, 'int32'), axes: tensorOf('int64', [1], [0]), limit: integer(turns, 'int32') },
      ),
    });
    const constants = { count: integer(1000), on: tensorOf('bool', [], [1]), zero: integer(0, 'int32') };
    await same(ofModel([loop], constants), forward);
  });

  it('a loop whose state grows is written out', async () => {
    const loop = node('Loop(count, on, none) -> all', {
      ...body(
        [node('Gather(x, i) -> xt'), node('Concat(before, xt) -> next', { axis: int(0) })],
        ['i', 'goes', 'before'],
        ['goes', 'next'],
      ),
    });
    const constants = {
      count: integer(turns),
      on: tensorOf('bool', [], [1]),
      none: tensorOf('float64', [0, features], []),
    };
    const b = new GraphBuilder();
    const x = b.input('x', 'float64', shapes.x);
    const graph = graphOf([loop], ['x'], ['all'], constants);
    const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
    const bindings = { inputs: new Map([['x', x]]), parameters: new Map(), floatType: 'float64' as const };
    const { outputs, blockers } = instantiate(b, model, operators, bindings);
    assert.deepEqual(blockers, []);
    assert.deepEqual(outputs.get('all')?.shape, [turns * samples, features]);
  });

  it('what a long loop cannot do is told once', () => {
    const loop = node('Loop(count, on, h) -> last', {
      ...body([node('Det(before) -> next')], ['i', 'goes', 'before'], ['goes', 'next']),
    });
    const graph = graphOf([loop], ['h'], ['last'], { count: integer(turns), on: tensorOf('bool', [], [1]) });
    const b = new GraphBuilder();
    const inputs = new Map([['h', b.input('h', 'float64', shapes.h)]]);
    const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
    const { blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float64' });
    assert.deepEqual(
      blockers.map(({ label }) => label),
      ['last/next'],
    );
  });

  it('a loop of many turns is refused in words: by its turns, or by what counting them takes', () => {
    const reasonOf = (count: number, counters: number) => {
      const steps = Array.from({ length: counters }, (_, i) => node(`Add(${i ? `k${i}` : 'k'}, one) -> k${i + 1}`));
      const loop = node('Loop(count, on, one, h) -> counted, last', {
        ...body(
          [...steps, node(`Less(k${counters}, most) -> again`), node('Tanh(before) -> next')],
          ['i', 'goes', 'k', 'before'],
          ['again', `k${counters}`, 'next'],
          { one: integer(1), most: integer(1e12) },
        ),
      });
      const constants = { count: integer(count), on: tensorOf('bool', [], [1]), one: integer(1) };
      const b = new GraphBuilder();
      const inputs = new Map([['h', b.input('h', 'float64', shapes.h)]]);
      const graph = graphOf([loop], ['h'], ['last'], constants);
      const model: Model = { irVersion: 8, opsets: new Map([['', 18]]), producer: '', graph, functions: new Map() };
      const { blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float64' });
      return blockers.map(({ reason }) => reason);
    };
    assert.deepEqual(reasonOf(20_000, 2), []);
    assert.deepEqual(reasonOf(1e9, 1), ['it takes more than 50000 turns, which is not supported']);
    assert.deepEqual(reasonOf(40_000, 20), [
      'counting its turns takes more than 1000000 operations, which is not supported',
    ]);
  });
});

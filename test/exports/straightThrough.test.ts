import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createProblem } from '../../extension/engine/problem.ts';
import { ownDerivatives } from '../../extension/exports/ownDerivatives.ts';
import { straightThrough } from '../../extension/exports/straightThrough.ts';
import type { Model, ModelNode } from '../../extension/onnx/model.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { onCommandLine } from '../../extension/shared/words.ts';

const node = (text: string, more: Partial<ModelNode> = {}): ModelNode => {
  const [, opType = '', inputs = '', output = ''] = /^(\w+)\((.*)\) -> (\w+)$/.exec(text) ?? [];
  return {
    name: `/${output}`,
    opType,
    domain: '',
    inputs: inputs.split(', '),
    outputs: [output],
    attributes: new Map(),
    ...more,
  };
};

/** x·w, and what is made of it. */
const model = (nodes: readonly ModelNode[], producer = 'pytorch 2.15.0'): Model => {
  const weights = tensorOf('float32', [2, 2], [1, 2, 3, 4]);
  const info = (name: string, dims: readonly (number | string)[]) => ({
    name,
    type: 'float32' as const,
    typeName: 'float32',
    dims,
  });
  return {
    irVersion: 8,
    opsets: new Map([['', 18]]),
    producer,
    graph: {
      name: 'graph',
      nodes: [node('MatMul(x, w) -> h'), node('Round(h) -> q'), ...nodes],
      initializers: new Map([
        ['w', { name: 'w', type: 'float32', typeName: 'float32', shape: [2, 2], read: () => weights }],
      ]),
      inputs: [info('x', ['n', 2])],
      outputs: [info('y', ['n', 2])],
    },
    functions: new Map(),
  };
};

const texts = (...lines: string[]) => model(lines.map((line) => node(line)));

describe('ways to pass a gradient straight through, without their detach', () => {
  for (const [written, ...lines] of [
    ['h + (q − h)', 'Sub(q, h) -> d', 'Add(h, d) -> y'],
    ['(q − h) + h', 'Sub(q, h) -> d', 'Add(d, h) -> y'],
    ['q − h + h by a detour', 'Sub(q, h) -> d', 'Identity(d) -> e', 'Add(e, h) -> y'],
    ['h − (h − q)', 'Sub(h, q) -> d', 'Sub(h, d) -> y'],
    ['(q + h) − h', 'Add(q, h) -> d', 'Sub(d, h) -> y'],
    ['h · (q / h)', 'Div(q, h) -> d', 'Mul(h, d) -> y'],
    ['q · h / h', 'Mul(q, h) -> d', 'Div(d, h) -> y'],
    ['h / h', 'Div(h, h) -> y'],
    ['h − h', 'Sub(h, h) -> y'],
  ])
    it(written, () => assert.equal(straightThrough(texts(...lines))?.code, 'straight-through'));

  for (const [written, ...lines] of [
    ['h + (q + h)', 'Add(q, h) -> d', 'Add(h, d) -> y'],
    ['h · (h − q)', 'Sub(h, q) -> d', 'Mul(h, d) -> y'],
    ['(h · q) · q', 'Mul(h, q) -> d', 'Mul(d, q) -> y'],
    ['q − (h · q)', 'Mul(h, q) -> d', 'Sub(q, d) -> y'],
    ['sizes: n + (m − n)', 'Shape(h) -> n', 'Shape(q) -> m', 'Sub(m, n) -> d', 'Add(n, d) -> s', 'Expand(q, s) -> y'],
  ])
    it(`not ${written}`, () => assert.equal(straightThrough(texts(...lines)), undefined));
});

describe('detach and no_grad are not in a file of the older exporter of PyTorch, which is told', () => {
  const notes = (given: Model) => {
    const arrays = new Map([
      ['x', tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6])],
      ['y', tensorOf('float32', [3, 2], [0, 1, 0, 1, 0, 1])],
    ]);
    const problem = createProblem(given, { arrays, files: [], format: 'made' }, { loss: 'mse' });
    return problem.notes.map(onCommandLine).join('\n');
  };
  const told =
    'The file does not say where your program calls detach() or runs under no_grad(), and gradients flow there; exported with dynamo=True it does.';
  const call = '%tanh : [num_users=1] = call_function[target=torch.ops.aten.tanh.default](args = (%h,), kwargs = {})';

  it('of the older exporter', () => assert.ok(notes(model([node('Tanh(h) -> y')])).includes(told)));
  it('not of the newer one', () =>
    assert.ok(!notes(model([node('Tanh(h) -> y', { program: { call } })])).includes(told)));
  it('nor where its notes were taken away', () =>
    assert.ok(!notes(model([node('Tanh(h) -> y', { name: 'node_tanh' })])).includes(told)));
  it('nor of others', () => assert.ok(!notes(model([node('Tanh(h) -> y')], 'tf2onnx 1.17.0')).includes(told)));
});

describe('functions with a derivative of their own', () => {
  const trace = (call: string) => ({
    program: {
      trace: `File "train.py", line 9, in forward\n    return ${call}\n  File "train.py", line 4, in forward\n`,
    },
  });
  it('are warned of by name', () => {
    const found = ownDerivatives(
      model([
        node('Neg(h) -> a', trace('Reversal.apply(h, 0.5)')),
        node('Round(a) -> y', trace('quant.Rounding.apply(a)')),
      ]),
    );
    assert.equal(found?.code, 'own-derivative');
    assert.match(String(found?.detail), /calls "?Reversal"?,? (and )?"?Rounding"?/);
  });
  it('are not taken from other calls', () =>
    assert.equal(
      ownDerivatives(model([node('Neg(h) -> y', trace('self.apply(h) + F.relu(Tensor.apply_(h))'))])),
      undefined,
    ));
});

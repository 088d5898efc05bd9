import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { nodesOf } from '../../extension/onnx/graph.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator } from './evaluate.ts';
import { applyOperator, checkOperator, generator, type Input, type OperatorSpec } from './harness.ts';

const [steps, samples, features, hidden] = [3, 2, 3, 2];
const gates = { LSTM: 4, GRU: 3, RNN: 1 };
const outputs = { LSTM: 3, GRU: 2, RNN: 2 };
type Kind = keyof typeof gates;

const lengths: Input = { constant: tensorOf('int32', [2], [3, 1]) };
const long = 70;
const longLengths: Input = { constant: tensorOf('int32', [2], [70, 33]) };
const full: Input = { constant: tensorOf('int32', [2], [3, 3]) };

/** All inputs of a recurrent operator; `parts` names the optional ones that are given. */
function network(
  op: Kind,
  directions: number,
  parts: string,
  layout = 0,
  given: Input = undefined,
  length = steps,
): Input[] {
  const rows = gates[op] * hidden;
  const state = { shape: layout ? [samples, directions, hidden] : [directions, samples, hidden] };
  const inputs: Input[] = [
    { shape: layout ? [samples, length, features] : [length, samples, features] },
    { shape: [directions, rows, features] },
    { shape: [directions, rows, hidden] },
    parts.includes('b') ? { shape: [directions, 2 * rows] } : undefined,
    given,
    parts.includes('h') ? state : undefined,
  ];
  if (op === 'LSTM') inputs.push(parts.includes('h') ? state : undefined);
  if (parts.includes('p')) inputs.push({ shape: [directions, 3 * hidden] });
  while (inputs.at(-1) === undefined) inputs.pop();
  return inputs;
}

const kinds: Kind[] = ['LSTM', 'GRU', 'RNN'];
const specs: OperatorSpec[] = kinds.flatMap((op): OperatorSpec[] => {
  const common = { op, outputs: outputs[op], opset: 14, oracle: 'float32' as const, tolerance: 2e-6 };
  const attributes = { hidden_size: hidden };
  return [
    { ...common, label: `${op}: weights only`, inputs: network(op, 1, ''), attributes },
    { ...common, label: `${op}: biases and initial states`, inputs: network(op, 1, 'bh'), attributes },
    { ...common, label: `${op}: opset 7`, inputs: network(op, 1, 'b'), attributes, opset: 7 },
    {
      ...common,
      label: `${op}: reverse`,
      inputs: network(op, 1, 'bh'),
      attributes: { ...attributes, direction: 'reverse' },
    },
    {
      ...common,
      label: `${op}: bidirectional`,
      inputs: network(op, 2, 'bh'),
      attributes: { ...attributes, direction: 'bidirectional' },
    },
    {
      ...common,
      label: `${op}: sequence lengths`,
      inputs: network(op, 2, 'bh', 0, lengths),
      attributes: { ...attributes, direction: 'bidirectional' },
    },
    { ...common, label: `${op}: full sequence lengths`, inputs: network(op, 1, 'b', 0, full), attributes },
    // Too long to be unrolled.
    { ...common, label: `${op}: long`, inputs: network(op, 1, '', 0, undefined, long), attributes },
    {
      ...common,
      label: `${op}: long, with everything`,
      inputs: network(op, 2, op === 'LSTM' ? 'bhp' : 'bh', 0, longLengths, long),
      attributes: { ...attributes, direction: 'bidirectional' },
    },
    // The runtime does not implement this layout.
    {
      ...common,
      label: `${op}: batch first`,
      inputs: network(op, 2, 'bh', 1),
      attributes: { ...attributes, layout: 1, direction: 'bidirectional' },
      oracle: 'none',
    },
    {
      ...common,
      label: `${op}: clip`,
      inputs: network(op, 1, 'bh'),
      attributes: { ...attributes, clip: { float: 0.8 } },
    },
  ];
});

const lstm = { op: 'LSTM', outputs: 3, opset: 14, oracle: 'float32' as const, tolerance: 2e-6 };
const gru = { op: 'GRU', outputs: 2, opset: 14, oracle: 'float32' as const, tolerance: 2e-6 };
specs.push(
  {
    ...lstm,
    label: 'LSTM: peepholes',
    inputs: network('LSTM', 2, 'bhp'),
    attributes: { hidden_size: hidden, direction: 'bidirectional' },
  },
  {
    ...lstm,
    label: 'LSTM: input_forget',
    inputs: network('LSTM', 1, 'bh'),
    attributes: { hidden_size: hidden, input_forget: 1 },
  },
  {
    ...lstm,
    label: 'LSTM: activations',
    inputs: network('LSTM', 1, 'bh'),
    attributes: { hidden_size: hidden, activations: { strings: ['Sigmoid', 'Softsign', 'Tanh'] } },
  },
  ...['', 'b', 'bh'].map((parts) => ({
    ...gru,
    label: `GRU: linear_before_reset ${parts}`,
    inputs: network('GRU', 1, parts),
    attributes: { hidden_size: hidden, linear_before_reset: 1 },
  })),
  {
    ...gru,
    label: 'GRU: linear_before_reset, bidirectional',
    inputs: network('GRU', 2, 'bh'),
    attributes: { hidden_size: hidden, linear_before_reset: 1, direction: 'bidirectional' },
  },
  {
    ...gru,
    label: 'GRU: linear_before_reset, long, bidirectional',
    inputs: network('GRU', 2, 'bh', 0, undefined, long),
    attributes: { hidden_size: hidden, linear_before_reset: 1, direction: 'bidirectional' },
  },
  {
    ...gru,
    label: 'GRU: activations',
    inputs: network('GRU', 1, 'bh'),
    attributes: { hidden_size: hidden, activations: { strings: ['Softsign', 'Softplus'] } },
  },
  ...['Relu', 'Sigmoid', 'Softsign', 'Softplus'].map((name) => ({
    op: 'RNN',
    outputs: 2,
    opset: 14,
    oracle: 'float32' as const,
    label: `RNN: ${name}`,
    inputs: network('RNN', 1, 'bh'),
    attributes: { hidden_size: hidden, activations: { strings: [name] } },
  })),
  {
    op: 'RNN',
    outputs: 2,
    opset: 14,
    oracle: 'float32',
    label: 'RNN: parameters of activations',
    inputs: network('RNN', 2, 'bh'),
    attributes: {
      hidden_size: hidden,
      direction: 'bidirectional',
      activations: { strings: ['LeakyRelu', 'ScaledTanh'] },
      activation_alpha: { floats: [0.3, 0.8] },
      activation_beta: { floats: [1.3] },
    },
  },
);

describe('recurrent networks: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label!, () => checkOperator(spec));

  it('batch first is the same with axes moved', async () => {
    const random = generator(1);
    const numbers = (...shape: number[]) =>
      tensorOf(
        'float64',
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b) }, () => random() - 0.5),
      );
    const [x, w, r] = [numbers(3, 1, 2), numbers(1, 8, 2), numbers(1, 8, 2)];
    const [h, c] = [numbers(1, 1, 2), numbers(1, 1, 2)];
    const attributes = { hidden_size: 2 };
    const at = [x, w, r, null, null, h, c];
    const first = await evaluateOperator({
      op: 'LSTM',
      attributes: { ...attributes, layout: 1 },
      at: at.with(0, { ...x, shape: [1, 3, 2] }),
    });
    const plain = await evaluateOperator({ op: 'LSTM', attributes, at });
    assert.deepEqual(first, plain);
  });

  it('an unknown activation is refused', () => {
    const b = new GraphBuilder();
    const inputs = network('RNN', 1, '').map((input, i) =>
      b.input(`x${i}`, 'float64', (input as { shape: number[] }).shape),
    );
    assert.throws(
      () =>
        applyOperator(b, { op: 'RNN', inputs: [], attributes: { activations: { strings: ['constructor'] } } }, inputs),
      /an activation is "constructor", not Relu, Tanh, Sigmoid, Affine, .* Softplus$/,
    );
  });

  it('the nodes of a step are few', () => {
    const count = (length: number) => {
      const b = new GraphBuilder();
      const inputs = [
        b.input('x', 'float32', [length, 4, 5]),
        b.input('w', 'float32', [1, 24, 5]),
        b.input('r', 'float32', [1, 24, 6]),
        b.input('b', 'float32', [1, 48]),
      ];
      const [y] = applyOperator(b, { op: 'LSTM', inputs: [], attributes: { hidden_size: 6 } }, inputs, 'float32');
      return nodesOf({ scope: b, inputs, outputs: [{ name: 'y', value: y! }] }).length;
    };
    assert.equal(count(20) - count(10), 10 * 10);
    assert.ok(count(1000) < count(5));
  });
});

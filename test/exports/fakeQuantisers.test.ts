import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withTrainingSemantics } from '../../extension/exports/trainingSemantics.ts';
import type { Attribute, Initializer, Model, ModelNode } from '../../extension/onnx/model.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';

const node = (text: string, attributes: Readonly<Record<string, Attribute>> = {}): ModelNode => {
  const [, opType = '', inputs = '', output = ''] = /^(\w+)\((.*)\) -> (\w+)$/.exec(text) ?? [];
  return {
    name: output,
    opType,
    domain: '',
    inputs: inputs === '' ? [] : inputs.split(', '),
    outputs: [output],
    attributes: new Map(Object.entries(attributes)),
  };
};

const held = (name: string, tensor: Tensor): [string, Initializer] => [
  name,
  { name, type: tensor.type, typeName: tensor.type, shape: tensor.shape, read: () => tensor },
];

const model = (...nodes: readonly ModelNode[]): Model => ({
  irVersion: 8,
  opsets: new Map([['', 18]]),
  producer: 'pytorch 2.15.0',
  graph: {
    name: 'graph',
    nodes,
    initializers: new Map([
      held('s', tensorOf('float32', [], [0.1])),
      held('t', tensorOf('float32', [], [0.2])),
      held('z', tensorOf('int8', [], [0])),
      held('low', tensorOf('uint8', [], [0])),
      held('high', tensorOf('uint8', [], [127])),
    ]),
    inputs: [],
    outputs: [],
  },
  functions: new Map(),
});

describe('QuantizeLinear and DequantizeLinear of one scale are a fake quantiser', () => {
  const read = (given: Model) => {
    const { model: found, notes } = withTrainingSemantics(given);
    const last = found.graph.nodes.at(-1)!;
    return { opType: last.opType, inputs: last.inputs, attributes: last.attributes, notes };
  };

  it('one after the other', () => {
    const found = read(
      model(
        node('QuantizeLinear(x, s, z) -> q', { axis: { kind: 'int', value: 0 } }),
        node('DequantizeLinear(q, s, z) -> y'),
      ),
    );
    assert.deepEqual([found.opType, found.inputs], ['FakeQuantize', ['x', 's', 'z']]);
    assert.deepEqual(found.attributes.get('axis'), { kind: 'int', value: 0 });
    assert.deepEqual(found.notes, [
      'Gradients pass straight through fake quantisers ("y") where nothing is cut off, as in PyTorch.',
    ]);
  });

  it('with other names for the scale, and a Clip between them', () => {
    const found = read(
      model(
        node('Identity(s) -> same'),
        node('QuantizeLinear(x, s) -> q'),
        node('Clip(q, low, high) -> c'),
        node('DequantizeLinear(c, same) -> y'),
      ),
    );
    assert.equal(found.opType, 'FakeQuantize');
    assert.deepEqual(
      ['quant_min', 'quant_max'].map((name) => found.attributes.get(name)?.value),
      [0, 127],
    );
  });

  for (const [why, ...nodes] of [
    ['another scale', node('QuantizeLinear(x, s, z) -> q'), node('DequantizeLinear(q, t, z) -> y')],
    ['weights stored as integers', node('DequantizeLinear(z, s, z) -> y')],
    [
      'something else between them',
      node('QuantizeLinear(x, s, z) -> q'),
      node('Abs(q) -> a'),
      node('DequantizeLinear(a, s, z) -> y'),
    ],
  ] as const)
    it(`not with ${why}`, () => assert.equal(read(model(...nodes)).opType, 'DequantizeLinear'));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import type { Attribute } from '../../extension/onnx/model.ts';
import { OperatorCall } from '../../extension/onnx/operator.ts';
import { evaluateOperator, row } from './evaluate.ts';
import { checkOperator, type OperatorSpec } from './harness.ts';

const image = { shape: [3, 4, 2, 3] };
const channel = { shape: [4] };
const positive = { shape: [4], range: [0.4, 2] } as const;
const batchInputs = [image, channel, channel, channel, positive];

const specs: OperatorSpec[] = [
  { op: 'BatchNormalization', label: 'BatchNormalization-15', inputs: batchInputs, opset: 15 },
  {
    op: 'BatchNormalization',
    label: 'BatchNormalization-9 epsilon',
    inputs: batchInputs,
    attributes: { epsilon: { float: 0.01 } },
    opset: 9,
  },
  { op: 'BatchNormalization', label: 'BatchNormalization-7', inputs: batchInputs, opset: 7 },
  {
    op: 'BatchNormalization',
    label: 'BatchNormalization [N, C]',
    inputs: [{ shape: [5, 4] }, channel, channel, channel, positive],
    opset: 14,
  },
  {
    op: 'BatchNormalization',
    label: 'BatchNormalization-15 training',
    inputs: batchInputs,
    attributes: { training_mode: 1, momentum: { float: 0.75 } },
    outputs: 3,
    opset: 15,
    oracle: 'float32',
  },
  {
    op: 'BatchNormalization',
    label: 'BatchNormalization-14 training, 3 axes',
    inputs: [{ shape: [3, 4, 5] }, channel, channel, channel, positive],
    attributes: { training_mode: 1 },
    outputs: 3,
    opset: 14,
    oracle: 'float32',
  },
  { op: 'LayerNormalization', inputs: [image, { shape: [3] }, { shape: [3] }], opset: 17 },
  { op: 'LayerNormalization', label: 'LayerNormalization without bias', inputs: [image, { shape: [3] }], opset: 17 },
  {
    op: 'LayerNormalization',
    label: 'LayerNormalization axis −2',
    inputs: [image, { shape: [2, 3] }, { shape: [2, 3] }],
    attributes: { axis: -2, epsilon: { float: 0.01 } },
    opset: 17,
  },
  {
    op: 'LayerNormalization',
    label: 'LayerNormalization axis 1, all outputs',
    inputs: [image, { shape: [4, 2, 3] }, { shape: [4, 2, 3] }],
    attributes: { axis: 1 },
    outputs: 3,
    opset: 17,
    oracle: 'float32',
  },
  { op: 'RMSNormalization', inputs: [image, { shape: [3] }], opset: 23, oracle: 'float32' },
  {
    op: 'RMSNormalization',
    label: 'RMSNormalization axis 2',
    inputs: [image, { shape: [2, 3] }],
    attributes: { axis: 2, epsilon: { float: 0.1 } },
    opset: 23,
    oracle: 'float32',
  },
  { op: 'InstanceNormalization', inputs: [image, channel, channel], oracle: 'float32' },
  {
    op: 'InstanceNormalization',
    label: 'InstanceNormalization-6, 3 axes',
    inputs: [{ shape: [2, 4, 5] }, channel, channel],
    attributes: { epsilon: { float: 0.01 } },
    opset: 7,
    oracle: 'float32',
  },
  {
    op: 'GroupNormalization',
    label: 'GroupNormalization-18',
    inputs: [image, { shape: [2] }, { shape: [2] }],
    attributes: { num_groups: 2 },
    opset: 18,
    oracle: 'float32',
  },
  {
    op: 'GroupNormalization',
    label: 'GroupNormalization-21',
    inputs: [image, channel, channel],
    attributes: { num_groups: 2, epsilon: { float: 0.01 } },
    opset: 21,
    oracle: 'float32',
  },
  { op: 'LpNormalization', inputs: [{ shape: [3, 4] }] },
  {
    op: 'LpNormalization',
    label: 'LpNormalization p 1 axis 0',
    inputs: [{ shape: [3, 4], avoid: [0] }],
    attributes: { p: 1, axis: 0 },
  },
  { op: 'MeanVarianceNormalization', inputs: [image], oracle: 'float32' },
  {
    op: 'MeanVarianceNormalization',
    label: 'MeanVarianceNormalization axes',
    inputs: [image],
    attributes: { axes: [1, -1] },
    oracle: 'float32',
  },
  { op: 'LRN', inputs: [image], attributes: { size: 3, alpha: { float: 0.5 } }, oracle: 'float32' },
  // The runtime takes odd sizes only.
  {
    op: 'LRN',
    label: 'LRN even size',
    inputs: [image],
    attributes: { size: 2, alpha: { float: 0.5 }, beta: { float: 0.6 }, bias: { float: 1.5 } },
    oracle: 'none',
  },
];

describe('normalisations: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('normalisation of what has no spread', () => {
  it('LayerNormalization of constant rows', async () => {
    const { value, gradients, products } = await evaluateOperator({
      op: 'LayerNormalization',
      at: [row(2, 2, 2), row(1, 1, 1), row(5, 6, 7)],
    });
    assert.deepEqual(value, [5, 6, 7]);
    assert.deepEqual(gradients, [
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ]);
    for (const product of products.flat()) assert.ok(Number.isFinite(product));
  });

  it('LpNormalization of zeros', async () => {
    const { value, gradients, products } = await evaluateOperator({ op: 'LpNormalization', at: [row(0, 0)] });
    assert.deepEqual(value, [0, 0]);
    for (const number of [...gradients.flat(), ...products.flat()]) assert.ok(Number.isFinite(number));
  });

  it('MeanVarianceNormalization of a constant', async () => {
    const { value, gradients, products } = await evaluateOperator({
      op: 'MeanVarianceNormalization',
      attributes: { axes: [0] },
      at: [row(3, 3)],
    });
    assert.deepEqual(value, [0, 0]);
    for (const number of [...gradients.flat(), ...products.flat()]) assert.ok(Number.isFinite(number));
  });
});

describe('the option batchStatistics', () => {
  const apply = (
    b: GraphBuilder,
    inputs: readonly Value[],
    attributes: [string, Attribute][],
    batchStatistics: boolean,
  ) => {
    const node = {
      name: '',
      opType: 'BatchNormalization',
      domain: '',
      inputs: [],
      outputs: ['y'],
      attributes: new Map(attributes),
    };
    const result = operators.get('BatchNormalization')!(
      b,
      new OperatorCall(node, 15, inputs, 'float64', { batchStatistics }),
    );
    return Array.isArray(result) ? result[0] : result;
  };

  it('lets a node in inference form compute what it does in training', () => {
    const b = new GraphBuilder();
    const inputs = [[3, 4, 2], [4], [4], [4], [4]].map((shape, i) => b.input(`x${i}`, 'float64', shape));
    const trained = apply(b, inputs, [['training_mode', { kind: 'int', value: 1 }]], false);
    // Equal graphs are one value.
    assert.equal(apply(b, inputs, [], true), trained);
    assert.notEqual(apply(b, inputs, [], false), trained);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator, checkOperator, type OperatorSpec } from './harness.ts';
import { checkPrecision } from './precision.ts';

type Given = OperatorSpec['attributes'];

const max = (label: string, shape: number[], attributes: Given, outputs = 1): OperatorSpec => ({
  op: 'MaxPool',
  label: `MaxPool ${label}`,
  inputs: [{ shape, distinct: true }],
  attributes,
  outputs,
});

const average = (label: string, shape: number[], attributes: Given, opset = 18): OperatorSpec => ({
  op: 'AveragePool',
  label: `AveragePool ${label}`,
  inputs: [{ shape }],
  attributes,
  opset,
  oracle: 'float32',
});

const specs: OperatorSpec[] = [
  max('2×2', [2, 3, 4, 6], { kernel_shape: [2, 2], strides: [2, 2] }),
  max('2×2 that leaves a rest', [2, 3, 5, 7], { kernel_shape: [2, 2], strides: [2, 2] }),
  max('2×2, ceil', [2, 3, 5, 7], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
  max('with gaps', [1, 2, 7, 7], { kernel_shape: [2, 2], strides: [3, 3] }),
  max('2×2 with pads', [2, 3, 4, 5], { kernel_shape: [2, 2], strides: [2, 2], pads: [1, 1, 1, 0] }),
  max('3×3 that overlap', [2, 2, 6, 7], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  max('3×3, ceil, longer than the data', [2, 3, 2, 2], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  max('3×3 that overlap, ceil', [2, 2, 6, 8], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  max('with stride 1', [2, 2, 4, 5], { kernel_shape: [2, 3] }),
  max('with dilations', [2, 2, 7, 7], { kernel_shape: [2, 2], dilations: [2, 3] }),
  max('with indices', [2, 2, 4, 6], { kernel_shape: [2, 3], strides: [2, 3] }, 2),
  max('same upper', [2, 2, 5, 6], { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  max('same lower', [2, 2, 5, 6], { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_LOWER' }),
  max('valid', [2, 2, 5, 6], { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'VALID' }),
  max('1-D', [2, 3, 9], { kernel_shape: [3], strides: [2] }),
  max('1-D without overlap', [2, 3, 8], { kernel_shape: [2], strides: [2] }),
  max('3-D', [1, 2, 4, 4, 4], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }),
  max('3-D that overlap', [1, 2, 4, 4, 5], { kernel_shape: [2, 2, 3], strides: [1, 2, 2] }),

  average('2×2', [2, 3, 4, 6], { kernel_shape: [2, 2], strides: [2, 2] }),
  average('2×3 that leaves a rest', [2, 3, 5, 7], { kernel_shape: [2, 3], strides: [2, 3] }),
  average('of large windows', [1, 2, 40], { kernel_shape: [13], strides: [3], pads: [4, 5] }),
  average('of large windows with dilations', [1, 1, 60, 2], { kernel_shape: [11, 1], dilations: [3, 1] }, 19),
  average('with pads', [2, 3, 5, 6], { kernel_shape: [3, 3], strides: [2, 1], pads: [1, 1, 1, 1] }),
  average('with pads counted', [2, 3, 5, 6], {
    kernel_shape: [3, 3],
    strides: [2, 1],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  }),
  average('with unequal pads', [2, 3, 5, 6], { kernel_shape: [3, 2], pads: [2, 0, 1, 1] }),
  average('ceil, longer than the data', [2, 2, 2, 5], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, 19),
  average('ceil', [2, 2, 6, 8], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, 19),
  average(
    'ceil with pads counted',
    [2, 2, 6, 8],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, count_include_pad: 1 },
    19,
  ),
  average(
    'ceil with pads',
    [2, 2, 7, 8],
    { kernel_shape: [3, 3], strides: [3, 2], pads: [1, 0, 1, 1], ceil_mode: 1 },
    19,
  ),
  average('with dilations', [2, 2, 7, 7], { kernel_shape: [2, 3], dilations: [2, 2], pads: [1, 0, 1, 0] }, 19),
  average('same upper', [2, 2, 5, 6], { kernel_shape: [3, 2], strides: [2, 1], auto_pad: 'SAME_UPPER' }),
  average('same lower', [2, 2, 5, 6], { kernel_shape: [3, 2], strides: [2, 1], auto_pad: 'SAME_LOWER' }),
  average('1-D', [2, 3, 9], { kernel_shape: [3], strides: [2], pads: [1, 1] }),
  average('3-D', [1, 2, 4, 4, 5], { kernel_shape: [2, 2, 3], strides: [2, 1, 2] }),

  { op: 'GlobalAveragePool', inputs: [{ shape: [2, 3, 4, 5] }], oracle: 'float32' },
  { op: 'GlobalMaxPool', inputs: [{ shape: [2, 3, 4, 5], distinct: true }], oracle: 'float32' },
  {
    op: 'LpPool',
    inputs: [{ shape: [2, 3, 4, 5] }],
    attributes: { kernel_shape: [2, 2], strides: [2, 1], p: 2 },
    oracle: 'float32',
  },
  {
    op: 'LpPool',
    label: 'LpPool p = 3',
    inputs: [{ shape: [2, 3, 5, 5], avoid: [0] }],
    attributes: { kernel_shape: [3, 2], pads: [1, 0, 1, 1], p: 3 },
    oracle: 'float32',
  },
  { op: 'GlobalLpPool', inputs: [{ shape: [2, 3, 4, 5] }], attributes: { p: 2 }, oracle: 'float32' },
  {
    op: 'GlobalLpPool',
    label: 'GlobalLpPool p = 1',
    inputs: [{ shape: [2, 3, 4, 5], avoid: [0] }],
    attributes: { p: 1 },
    oracle: 'float32',
  },
  {
    op: 'MaxUnpool',
    inputs: [{ shape: [1, 2, 2, 2] }, { constant: tensorOf('int64', [1, 2, 2, 2], [0, 6, 9, 15, 16, 23, 24, 30]) }],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    oracle: 'float32',
  },
  {
    op: 'MaxUnpool',
    label: 'MaxUnpool with an output shape',
    inputs: [
      { shape: [1, 1, 2, 2] },
      { constant: tensorOf('int64', [1, 1, 2, 2], [6, 8, 16, 18]) },
      { constant: tensorOf('int64', [4], [1, 1, 5, 5]) },
    ],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    oracle: 'float32',
  },
  {
    op: 'LRN',
    inputs: [{ shape: [2, 5, 3, 2] }],
    attributes: { size: 3, alpha: { float: 0.3 }, beta: { float: 0.6 }, bias: { float: 1.5 } },
    oracle: 'float32',
  },
  {
    op: 'LRN',
    label: 'LRN over an even number of channels',
    inputs: [{ shape: [2, 5, 3] }],
    attributes: { size: 4, alpha: { float: 0.5 } },
    oracle: 'none',
  },
];

describe('poolings: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('ties in a max pool', () => {
  const image = [0, 1, 2, 2, 1, 0, 2, 2, 3, 3, 0, 0, 3, 4, -1, 0];
  const tiled = { kernel_shape: [2, 2], strides: [2, 2] };
  const padded = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1] };
  for (const type of ['float32', 'float64'] as const) {
    for (const [name, attributes] of Object.entries({ tiled, padded })) {
      it(`the first maximum takes the whole gradient: ${name} windows, ${type}`, async () => {
        const b = new GraphBuilder();
        const x = b.input('x', type, [1, 1, 4, 4]);
        const [y] = applyOperator(b, { op: 'MaxPool', inputs: [{ shape: x.shape }], attributes }, [x], type);
        const [dx] = gradient(b, b.reduceSum(y!), [x]);
        const graph = lower({ scope: b, inputs: b.inputs, outputs: [{ name: 'dx', value: dx }] });
        const session = await Session.create(encodeModel(graph), 'cpu', 1);
        const result = await session.run(new Map([['x', tensorOf(type, [1, 1, 4, 4], image)]]));
        await session.release();
        assert.deepEqual(
          Array.from(result.get('dx')!.data as Float32Array),
          [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0],
        );
      });
    }
  }
});

describe('poolings: derivatives in float32 and float64', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkPrecision(spec));
});

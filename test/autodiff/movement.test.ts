import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { applyOperator, checkOperator, type Input, intScalar, ints, type OperatorSpec } from './harness.ts';

const x = { shape: [2, 3, 4] };
const flat = (type: 'int64' | 'bool' | 'float64', shape: number[], ...values: number[]): Input => ({
  constant: tensorOf(type, shape, values),
});
const distinct = { shape: [3, 5], distinct: true };

const specs: OperatorSpec[] = [
  { op: 'Reshape', label: 'Reshape 0 −1', inputs: [x, ints(0, -1)] },
  { op: 'Reshape', label: 'Reshape plain', inputs: [x, ints(4, 6)] },
  { op: 'Reshape', label: 'Reshape to scalar', inputs: [{ shape: [1, 1] }, flat('int64', [0])] },
  { op: 'Transpose', label: 'Transpose default', inputs: [x] },
  { op: 'Transpose', label: 'Transpose perm', inputs: [x], attributes: { perm: [1, 2, 0] } },
  { op: 'Concat', inputs: [x, { shape: [2, 1, 4] }, { shape: [2, 2, 4] }], attributes: { axis: -2 } },
  { op: 'Concat', label: 'Concat of one', inputs: [x], attributes: { axis: 0 } },
  { op: 'Split', label: 'Split-13 sizes', inputs: [x, ints(1, 3)], attributes: { axis: 2 }, outputs: 2, opset: 13 },
  { op: 'Split', label: 'Split-13 equal', inputs: [x], attributes: { axis: -1 }, outputs: 2, opset: 13 },
  {
    op: 'Split',
    label: 'Split-2 attribute',
    inputs: [x],
    attributes: { axis: 1, split: [2, 1] },
    outputs: 2,
    opset: 7,
  },
  { op: 'Split', label: 'Split-2 equal', inputs: [x], outputs: 2, opset: 7 },
  {
    op: 'Split',
    label: 'Split-18 uneven',
    inputs: [{ shape: [7, 2] }],
    attributes: { num_outputs: 3 },
    outputs: 3,
    opset: 18,
  },
  { op: 'Slice', label: 'Slice negative step', inputs: [x, ints(-1), ints(-100), ints(2), ints(-2)] },
  { op: 'Slice', label: 'Slice steps', inputs: [{ shape: [7, 6] }, ints(1, 5), ints(100, 0), ints(0, 1), ints(3, -2)] },
  { op: 'Slice', label: 'Slice clamped', inputs: [x, ints(-100, 1), ints(2, 1e15), ints(-2, 0)] },
  { op: 'Slice', label: 'Slice without axes', inputs: [x, ints(1, 0), ints(2, 2)] },
  { op: 'Slice', label: 'Slice-1', inputs: [x], attributes: { starts: [0, 1], ends: [1, -1], axes: [0, 2] }, opset: 9 },
  { op: 'Slice', label: 'Slice-1 without axes', inputs: [x], attributes: { starts: [1], ends: [1000] }, opset: 7 },
  { op: 'Squeeze', label: 'Squeeze-13', inputs: [{ shape: [1, 3, 1] }, ints(-1)], opset: 13 },
  { op: 'Squeeze', label: 'Squeeze-13 all', inputs: [{ shape: [1, 3, 1] }], opset: 13 },
  { op: 'Squeeze', label: 'Squeeze-1', inputs: [{ shape: [1, 3, 1] }], attributes: { axes: [0] }, opset: 7 },
  { op: 'Unsqueeze', label: 'Unsqueeze-13', inputs: [{ shape: [2, 3] }, ints(0, -1)], opset: 13 },
  { op: 'Unsqueeze', label: 'Unsqueeze-13 unordered', inputs: [{ shape: [2, 3] }, ints(3, 0)], opset: 13 },
  { op: 'Unsqueeze', label: 'Unsqueeze-1', inputs: [{ shape: [2, 3] }], attributes: { axes: [1] }, opset: 7 },
  ...[0, 1, 2, 3, -1].map(
    (axis): OperatorSpec => ({ op: 'Flatten', label: `Flatten ${axis}`, inputs: [x], attributes: { axis }, opset: 13 }),
  ),
  { op: 'Flatten', label: 'Flatten-1', inputs: [x], opset: 7 },
  { op: 'Expand', label: 'Expand up', inputs: [{ shape: [3, 1] }, ints(2, 1, 4)] },
  { op: 'Expand', label: 'Expand smaller target', inputs: [{ shape: [2, 3, 4] }, ints(3, 1)] },
  { op: 'Tile', inputs: [{ shape: [2, 3] }, ints(3, 2)] },
  { op: 'Tile', label: 'Tile 1', inputs: [{ shape: [2, 3] }, ints(1, 2)] },
  ...[-1, 0, 1].flatMap((k) =>
    [0, 1].map(
      (upper): OperatorSpec => ({
        op: 'Trilu',
        label: `Trilu upper ${upper} k ${k}`,
        inputs: [x, intScalar(k)],
        attributes: { upper },
      }),
    ),
  ),
  { op: 'Trilu', label: 'Trilu default', inputs: [x] },
  ...[0, 1, 2, -1].map(
    (axis): OperatorSpec => ({
      op: 'Gather',
      label: `Gather axis ${axis}`,
      inputs: [x, flat('int64', [2, 2], 0, -1, 1, 1)],
      attributes: { axis },
    }),
  ),
  { op: 'Gather', label: 'Gather scalar', inputs: [x, intScalar(-2)], attributes: { axis: 1 } },
  { op: 'Gather', label: 'Gather-1', inputs: [x, ints(1, 0, 1)], opset: 7 },
  {
    op: 'Gather',
    label: 'Gather int32',
    inputs: [x, { constant: tensorOf('int32', [3], [0, 2, 2]) }],
    attributes: { axis: 1 },
  },
  {
    op: 'GatherElements',
    inputs: [{ shape: [3, 4] }, flat('int64', [2, 4], 0, 1, -1, 2, 0, 0, 1, 1)],
    attributes: { axis: 0 },
  },
  {
    op: 'GatherElements',
    label: 'GatherElements axis −1',
    inputs: [{ shape: [3, 4] }, flat('int64', [2, 3], 0, 1, -1, 3, 3, 1)],
    attributes: { axis: -1 },
  },
  { op: 'GatherND', inputs: [x, flat('int64', [3, 2], 0, 1, 1, -1, 0, 1)] },
  { op: 'GatherND', label: 'GatherND full index', inputs: [x, flat('int64', [2, 3], 0, 1, 2, 1, -1, 0)] },
  {
    op: 'GatherND',
    label: 'GatherND batch_dims 1',
    inputs: [x, flat('int64', [2, 2, 1], 0, 2, 1, -1)],
    attributes: { batch_dims: 1 },
  },
  {
    op: 'GatherND',
    label: 'GatherND batch_dims 2',
    inputs: [x, flat('int64', [2, 3, 1], 0, 2, 1, -1, 0, 3)],
    attributes: { batch_dims: 2 },
  },
  { op: 'GatherND', label: 'GatherND-11', inputs: [x, flat('int64', [1, 1], 1)], opset: 11 },
  ...['none', 'add'].flatMap((reduction): OperatorSpec[] => [
    {
      op: 'ScatterElements',
      label: `ScatterElements ${reduction}`,
      inputs: [{ shape: [3, 4] }, flat('int64', [1, 3], 1, -1, 0), { shape: [1, 3] }],
      attributes: { axis: 0, reduction },
    },
    {
      op: 'ScatterND',
      label: `ScatterND ${reduction}`,
      inputs: [x, flat('int64', [2, 1], 1, 0), { shape: [2, 3, 4] }],
      attributes: { reduction },
    },
  ]),
  {
    op: 'ScatterElements',
    label: 'ScatterElements add, repeated',
    inputs: [{ shape: [3, 4] }, flat('int64', [3, 2], 1, 1, 0, 0, 3, 3), { shape: [3, 2] }],
    attributes: { axis: 1, reduction: 'add' },
  },
  {
    op: 'ScatterND',
    label: 'ScatterND add, repeated',
    inputs: [{ shape: [5] }, flat('int64', [3, 1], 1, 1, -1), { shape: [3] }],
    attributes: { reduction: 'add' },
  },
  { op: 'ScatterND', label: 'ScatterND-11', inputs: [x, flat('int64', [1, 2], 1, 2), { shape: [1, 4] }], opset: 11 },
  {
    op: 'Scatter',
    inputs: [{ shape: [3, 4] }, flat('int64', [1, 3], 1, 2, 0), { shape: [1, 3] }],
    opset: 9,
    oracle: 'float64',
  },
  { op: 'TopK', label: 'TopK-11', inputs: [distinct, ints(2)], outputs: 2 },
  {
    op: 'TopK',
    label: 'TopK-11 smallest on axis 0',
    inputs: [distinct, ints(2)],
    attributes: { largest: 0, axis: 0 },
    outputs: 2,
  },
  { op: 'TopK', label: 'TopK-11 all', inputs: [distinct, ints(5)], attributes: { axis: -1, sorted: 1 }, outputs: 2 },
  { op: 'TopK', label: 'TopK-10', inputs: [distinct, ints(3)], outputs: 2, opset: 10 },
  { op: 'TopK', label: 'TopK-1', inputs: [distinct], attributes: { k: 2, axis: 1 }, outputs: 2, opset: 9 },
  {
    op: 'OneHot',
    inputs: [ints(1, -1, 2, 7), intScalar(3), { shape: [2] }],
    oracle: 'float32',
  },
  {
    op: 'OneHot',
    label: 'OneHot axis 0',
    inputs: [flat('int64', [2, 2], 1, 0, 2, -3), ints(3), { shape: [2] }],
    attributes: { axis: 0 },
    oracle: 'float32',
  },
  { op: 'Where', inputs: [flat('bool', [2, 1], 1, 0), { shape: [2, 3] }, { shape: [3] }] },
  { op: 'ReverseSequence', inputs: [{ shape: [4, 3, 2] }, ints(4, 2, 1)], oracle: 'float32' },
  {
    op: 'ReverseSequence',
    label: 'ReverseSequence batch first',
    inputs: [{ shape: [3, 4] }, ints(4, 2, 1)],
    attributes: { batch_axis: 0, time_axis: 1 },
    oracle: 'float32',
  },
  { op: 'Compress', inputs: [x, flat('bool', [3], 1, 0, 1)], attributes: { axis: 1 } },
  { op: 'Compress', label: 'Compress flat', inputs: [{ shape: [2, 3] }, flat('bool', [5], 0, 1, 1, 0, 1)] },
  {
    op: 'Mod',
    label: 'Mod fmod',
    inputs: [{ shape: [3, 4], range: [0.2, 0.9] }, { constant: tensorOf('float64', [1], [1]) }],
    attributes: { fmod: 1 },
  },
  { op: 'CenterCropPad', inputs: [{ shape: [5, 4, 3] }, ints(2, 7, 3)], oracle: 'float32' },
  {
    op: 'CenterCropPad',
    label: 'CenterCropPad of some axes',
    inputs: [{ shape: [5, 4, 3] }, ints(6, 1)],
    attributes: { axes: [-1, 0] },
    oracle: 'float32',
  },
  { op: 'Hardmax', inputs: [distinct], oracle: 'float32' },
  { op: 'Hardmax', label: 'Hardmax axis 0', inputs: [distinct], attributes: { axis: 0 }, oracle: 'float32' },
  { op: 'Hardmax', label: 'Hardmax-11', inputs: [{ shape: [2, 3, 2], distinct: true }], opset: 11, oracle: 'float32' },
  { op: 'EyeLike', inputs: [{ shape: [3, 4] }], attributes: { k: 1 } },
];

describe('movement: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('what is known without data is folded', () => {
  const folded: [string, OperatorSpec, number[]][] = [
    ['Shape', { op: 'Shape', inputs: [x] }, [2, 3, 4]],
    ['Shape start end', { op: 'Shape', inputs: [x], attributes: { start: -2, end: 10 } }, [3, 4]],
    ['Size', { op: 'Size', inputs: [x] }, [24]],
    ['Range', { op: 'Range', inputs: [intScalar(2), intScalar(9), intScalar(3)] }, [2, 5, 8]],
    ['Range downwards', { op: 'Range', inputs: [intScalar(3), intScalar(0), intScalar(-2)] }, [3, 1]],
    [
      'ConstantOfShape',
      { op: 'ConstantOfShape', inputs: [ints(3)], attributes: { value: tensorOf('int64', [1], [7]) } },
      [7, 7, 7],
    ],
    ['NonZero', { op: 'NonZero', inputs: [{ constant: tensorOf('int64', [2, 2], [1, 0, 1, 1]) }] }, [0, 1, 1, 0, 0, 1]],
    ['Mod', { op: 'Mod', inputs: [ints(-7, 7), ints(3, -3)] }, [2, -2]],
    ['Div', { op: 'Div', inputs: [ints(-7, 7), ints(2)] }, [-3, 3]],
    [
      'Cast of what is no number',
      {
        op: 'Cast',
        inputs: [flat('float64', [4], 2.9, -2.9, Number.NEGATIVE_INFINITY, Number.NaN)],
        attributes: { to: 7 },
      },
      [2, -2, -(2 ** 63), -(2 ** 63)],
    ],
    [
      'CumSum in reverse along the first axis, exclusive',
      {
        op: 'CumSum',
        inputs: [{ constant: tensorOf('int64', [3, 2], [1, 2, 3, 4, 5, 6]) }, intScalar(0)],
        attributes: { exclusive: 1, reverse: 1 },
      },
      [8, 10, 5, 6, 0, 0],
    ],
    ['CumSum', { op: 'CumSum', inputs: [ints(1, 2, 3), intScalar(0)] }, [1, 3, 6]],
    ['Gather', { op: 'Gather', inputs: [ints(4, 5, 6), intScalar(-1)] }, [6]],
    ['ScatterND', { op: 'ScatterND', inputs: [ints(4, 5, 6), flat('int64', [1, 1], 1), ints(9)] }, [4, 9, 6]],
    ['Tile', { op: 'Tile', inputs: [ints(4, 5), ints(2)] }, [4, 5, 4, 5]],
    ['Split', { op: 'Split', inputs: [ints(4, 5, 6), ints(2, 1)], opset: 13, outputs: 2 }, [4, 5]],
    ['GatherND', { op: 'GatherND', inputs: [ints(4, 5, 6), flat('int64', [1, 1], 2)] }, [6]],
    ['Trilu', { op: 'Trilu', inputs: [flat('int64', [2, 2], 1, 2, 3, 4)] }, [1, 2, 0, 4]],
  ];
  for (const [label, spec, expected] of folded) {
    it(label, () => {
      const b = new GraphBuilder();
      const inputs = spec.inputs.map(
        (input, i) =>
          input && ('constant' in input ? b.constant(input.constant) : b.input(`x${i}`, 'float64', input.shape)),
      );
      const [value] = applyOperator(b, spec, inputs);
      assert.deepEqual(Array.from(value!.constant!.data, Number), expected);
    });
  }
});

it('what cannot be meant is refused', () => {
  const refusal = (spec: OperatorSpec): string => {
    const b = new GraphBuilder();
    const inputs = spec.inputs.map(
      (input, i) =>
        input && ('constant' in input ? b.constant(input.constant) : b.input(`x${i}`, 'float64', input.shape)),
    );
    try {
      applyOperator(b, spec, inputs);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const twice = 'it writes to one place twice, and ONNX leaves open which value stays; export with opset 18 or later';
  const elements = (indices: Input, axis: number, reduction = 'none'): OperatorSpec => ({
    op: 'ScatterElements',
    inputs: [{ shape: [2, 3] }, indices, { shape: [2, 2] }],
    attributes: { axis, reduction },
  });
  assert.equal(refusal(elements(flat('int64', [2, 2], 0, -3, 1, 2), 1)), twice);
  assert.equal(refusal(elements(flat('int64', [2, 2], 0, -3, 1, 2), 1, 'add')), 'accepted');
  assert.equal(refusal(elements(flat('int64', [2, 2], 0, 1, 1, 0), 0)), 'accepted');
  assert.equal(refusal(elements(flat('int64', [2, 2], 0, 1, 0, 0), 0)), twice);
  const rows = (...indices: number[]): OperatorSpec => ({
    op: 'ScatterND',
    inputs: [{ shape: [2, 3] }, flat('int64', [2, 2], ...indices), { shape: [2] }],
  });
  assert.equal(refusal(rows(1, 2, 1, -1)), twice);
  assert.equal(refusal(rows(1, 2, 0, 2)), 'accepted');
  // Equal whichever stays: a constant that overwrites.
  assert.equal(
    refusal({
      ...rows(1, 2, 1, 2),
      inputs: [{ shape: [2, 3] }, flat('int64', [2, 2], 1, 2, 1, 2), flat('float64', [2], 0, 0)],
    }),
    'accepted',
  );
  assert.equal(refusal({ op: 'Div', inputs: [ints(4), ints(0)] }), 'an integer is divided by zero');
});

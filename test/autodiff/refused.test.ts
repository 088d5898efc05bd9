import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { applyOperator, type Input, intScalar, ints, type OperatorSpec } from './harness.ts';

const x: Input = { shape: [2, 3] };
const bool = (value: number): Input => ({ constant: tensorOf('bool', [], [value]) });
const half: Input = { constant: tensorOf('float64', [], [0.5]) };

// Each reads well after: node "x" (Op-opset):
const cases: [spec: OperatorSpec, reason: string][] = [
  [
    { op: 'RandomNormalLike', inputs: [x] },
    'draws random numbers; export the model in evaluation mode, or give the numbers as an input',
  ],
  [
    { op: 'DequantizeLinear', inputs: [x] },
    'quantised arithmetic has no useful derivative; use the model before quantisation',
  ],
  [{ op: 'Det', inputs: [x] }, 'determinants have no gradient here; write them with products and sums'],
  [{ op: 'NonMaxSuppression', inputs: [x] }, 'the shape of its output depends on data'],
  [
    { op: 'Dropout', inputs: [x, half, bool(1)], opset: 13 },
    'dropout in training mode is random; export the model in eval mode, or with p = 0',
  ],
  [{ op: 'NonZero', inputs: [x] }, 'the number of elements that are not zero depends on data'],
  [{ op: 'Compress', inputs: [x, { shape: [3] }] }, 'which elements are kept depends on data'],
  [
    { op: 'ScatterND', inputs: [x, ints(0), { shape: [3] }], attributes: { reduction: 'mul' } },
    'scattering with reduction "mul" is not supported; "none" and "add" are',
  ],
  [{ op: 'Reshape', inputs: [x, ints(4, -1)] }, 'cannot reshape [2, 3] to [4, -1]'],
  [{ op: 'Transpose', inputs: [x], attributes: { perm: [0, 0] } }, '[0, 0] is no order of the 2 axes'],
  [{ op: 'Transpose', inputs: [x], attributes: { perm: [0, 1, 2] } }, '[0, 1, 2] is no order of the 2 axes'],
  [{ op: 'Gather', inputs: [x, ints(0, 3)], attributes: { axis: 1 } }, 'index 3 is out of range for axis 1 of size 3'],
  [{ op: 'Gather', inputs: [x, ints(-4)], attributes: { axis: 1 } }, 'index -4 is out of range for axis 1 of size 3'],
  [{ op: 'Split', inputs: [x, ints(-1, 4)], attributes: { axis: 1 } }, 'sizes [-1, 4] do not divide axis 1 of [2, 3]'],
  [
    { op: 'Conv', inputs: [{ shape: [1, 1, 4, 4] }, { shape: [1, 1, 2, 2] }], attributes: { strides: [1, 0] } },
    'strides [1, 0] must be above 0',
  ],
  [
    { op: 'MaxPool', inputs: [{ shape: [1, 1, 4, 4] }], attributes: { kernel_shape: [0, 2] } },
    'kernel_shape [0, 2] must be above 0',
  ],
  [
    { op: 'Einsum', inputs: [x], attributes: { equation: `ij->i${'j'.repeat(5000)}` } },
    '"j" stands twice in the result',
  ],
  [{ op: 'Squeeze', inputs: [x, ints(0)] }, 'axis 0 of [2, 3] is not of size 1'],
  [{ op: 'Softmax', inputs: [x], attributes: { axis: 2 } }, 'axis 2 is out of range for rank 2'],
  [{ op: 'MatMul', inputs: [x, x] }, 'inner dimensions of [2, 3] and [2, 3] differ'],
  [{ op: 'TopK', inputs: [x, ints(4)] }, 'k = 4 exceeds the 3 elements of axis 1'],
  [{ op: 'Gather', inputs: [x, intScalar(0)], attributes: { axis: 5 } }, 'axis 5 is out of range for rank 2'],
  [{ op: 'Add', inputs: [x] }, 'input 1 is missing'],
  [
    {
      op: 'GroupNormalization',
      inputs: [{ shape: [1, 3, 2] }, { shape: [2] }, { shape: [2] }],
      attributes: { num_groups: 2 },
    },
    '3 channels cannot form 2 equal groups',
  ],
  [{ op: 'LpNormalization', inputs: [x], attributes: { p: 3 } }, 'a norm of order 3 is not supported; 1 and 2 are'],
  [
    {
      op: 'LSTM',
      inputs: [{ shape: [2, 1, 3] }, { shape: [1, 20, 3] }, { shape: [1, 20, 4] }],
      attributes: { hidden_size: 5 },
    },
    'recurrent weights [1, 20, 4] do not fit a hidden size of 5; ONNX has no projections (proj_size)',
  ],
  [
    { op: 'GridSample', inputs: [{ shape: [2, 1, 3, 3] }, { shape: [2, 4, 4, 3] }] },
    'a grid [2, 4, 4, 3] does not fit data [2, 1, 3, 3]',
  ],
  [
    { op: 'GridSample', inputs: [{ shape: [2, 1, 3, 3] }, { shape: [3, 4, 4, 2] }] },
    'a grid of 3 samples does not fit 2',
  ],
  [
    { op: 'GridSample', inputs: [{ shape: [2, 1, 0, 3] }, { shape: [2, 4, 4, 2] }] },
    'data [2, 1, 0, 3] has nothing to sample',
  ],
  [
    { op: 'GridSample', inputs: [{ shape: [1, 1, 3, 3] }, { shape: [1, 9000, 9000, 2] }] },
    'sampling 81000000 positions from 4 elements each is not supported',
  ],
  [
    { op: 'AffineGrid', inputs: [{ shape: [2, 2, 3] }, ints(3, 1, 4, 4)], opset: 20 },
    'matrices [2, 2, 3] do not fit the size [3, 1, 4, 4]',
  ],
  [
    { op: 'Col2Im', inputs: [{ shape: [1, 4, 5] }, ints(3, 3), ints(2, 2)] },
    'patches [1, 4, 5] of [2, 2] do not fit an image [3, 3]',
  ],
  [{ op: 'Attention', inputs: [x, x, x], opset: 23 }, '[2, 3] has 2 axes where 3 belong'],
];

describe('what cannot be built says why', () => {
  for (const [spec, reason] of cases) {
    it(`${spec.op}: ${reason}`, () => {
      const b = new GraphBuilder();
      const inputs = spec.inputs.map(
        (input, i) =>
          input && ('constant' in input ? b.constant(input.constant) : b.input(`x${i}`, 'float64', input.shape)),
      );
      assert.throws(() => applyOperator(b, spec, inputs), { message: reason });
    });
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator } from './evaluate.ts';
import { checkOperator, type Input, ints, type OperatorSpec } from './harness.ts';
import { checkPrecision } from './precision.ts';

const image: Input = { shape: [2, 3, 4, 5] };
/** Beyond the image on every side, so that what is outside, clipped and folded back is there. */
const grid: Input = { shape: [2, 3, 3, 2], range: [-2.7, 2.7] };
const paddings = ['zeros', 'border', 'reflection'];

const specs: OperatorSpec[] = [
  ...['linear', 'nearest', 'cubic'].flatMap((mode) =>
    paddings.flatMap((padding_mode) =>
      [0, 1].map(
        (align_corners): OperatorSpec => ({
          op: 'GridSample',
          label: `GridSample ${mode}, ${padding_mode}, align_corners ${align_corners}`,
          inputs: [image, grid],
          attributes: { mode, padding_mode, align_corners },
          opset: 20,
          oracle: 'float32',
        }),
      ),
    ),
  ),
  {
    op: 'GridSample',
    label: 'GridSample of opset 16',
    inputs: [image, grid],
    attributes: { mode: 'bilinear' },
    opset: 16,
    oracle: 'float32',
  },
  ...['linear', 'nearest'].map(
    (mode): OperatorSpec => ({
      op: 'GridSample',
      label: `GridSample of a volume, ${mode}`,
      inputs: [{ shape: [2, 2, 3, 2, 4] }, { shape: [2, 2, 1, 3, 3] }],
      attributes: { mode, padding_mode: 'border' },
      opset: 20,
      oracle: 'float32',
    }),
  ),
  {
    op: 'GridSample',
    label: 'GridSample of one element by reflection',
    inputs: [{ shape: [1, 2, 1, 1] }, { shape: [1, 2, 2, 2] }],
    attributes: { padding_mode: 'reflection', align_corners: 1 },
    opset: 20,
    oracle: 'none',
  },
  ...[0, 1].flatMap((align_corners): OperatorSpec[] => [
    {
      op: 'AffineGrid',
      label: `AffineGrid, align_corners ${align_corners}`,
      inputs: [{ shape: [2, 2, 3] }, ints(2, 1, 3, 4)],
      attributes: { align_corners },
      opset: 20,
      oracle: 'float32',
    },
    {
      op: 'AffineGrid',
      label: `AffineGrid of a volume, align_corners ${align_corners}`,
      inputs: [{ shape: [2, 3, 4] }, ints(2, 1, 3, 2, 4)],
      attributes: { align_corners },
      opset: 20,
      oracle: 'float32',
    },
  ]),
];

describe('sampling at computed positions: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('sampling at computed positions: derivatives in float32 and float64', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkPrecision(spec));
});

it('nothing is read at positions that are no numbers', async () => {
  const found = await evaluateOperator({
    op: 'GridSample',
    opset: 20,
    at: [
      tensorOf('float64', [1, 1, 2, 2], [1, 2, 3, 4]),
      tensorOf('float64', [1, 3, 1, 2], [NaN, 0, Infinity, 0, 0, -Infinity]),
    ],
  });
  assert.deepEqual(found.value, [0, 0, 0]);
  assert.deepEqual(found.gradients, [
    [0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
  ]);
});

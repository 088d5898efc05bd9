import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator, type PointSpec, row, scalarOf } from './evaluate.ts';
import { checkOperator, ints, type OperatorSpec } from './harness.ts';

/** Functions of PyTorch for which ONNX has no operator of their own; `kinks.json` has them as the exporter writes them. */

const distinct = { shape: [2, 3, 4], distinct: true } as const;
const specs: OperatorSpec[] = [
  { op: 'FirstMaximum', label: 'FirstMaximum of all', inputs: [distinct], oracle: 'none' },
  { op: 'FirstMaximum', inputs: [distinct, ints(0, 2)], oracle: 'none' },
  { op: 'FirstMinimum', inputs: [distinct, ints(1)], attributes: { keepdims: 0 }, oracle: 'none' },
  { op: 'RootOrZero', inputs: [{ shape: [4], range: [0.5, 2] }], oracle: 'none' },
  {
    op: 'PaddedGather',
    inputs: [{ shape: [4, 3] }, { constant: tensorOf('int64', [2, 2], [0, 2, 2, 3]) }],
    attributes: { padding_idx: 1 },
    oracle: 'none',
  },
];

describe('functions of the program: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

const special: (PointSpec & { readonly gradient: readonly number[]; readonly value?: readonly number[] })[] = [
  { op: 'FirstMaximum', at: [tensorOf('float64', [2, 3], [1, 2, 2, 2, 0, 0])], gradient: [0, 1, 0, 0, 0, 0] },
  { op: 'FirstMinimum', at: [row(1, 0, 0)], gradient: [0, 1, 0] },
  { op: 'RootOrZero', at: [row(0, 4)], gradient: [0, 0.25] },
  { op: 'StopGradient', at: [row(1, 2)], gradient: [0, 0] },
  // Rounded to −1 … 0.99 in steps of 1/128; beyond, nothing flows.
  {
    op: 'FakeQuantize',
    at: [row(-1.5, -1, 0.3, 0.996, 2), scalarOf(1 / 128), tensorOf('int8', [], [0])],
    value: [-1, -1, 38 / 128, 127 / 128, 127 / 128],
    gradient: [0, 1, 1, 1, 0],
  },
  {
    op: 'FakeQuantize',
    attributes: { axis: 0, quant_min: 0, quant_max: 3 },
    at: [tensorOf('float64', [2, 3], [-0.6, 0.2, 0.9, -2, 3, 0.9]), row(0.5, 1), tensorOf('uint8', [2], [1, 0])],
    value: [-0.5, 0, 1, 0, 3, 1],
    gradient: [1, 1, 1, 0, 1, 1],
  },
  {
    op: 'PaddedGather',
    attributes: { padding_idx: 1 },
    at: [tensorOf('float64', [3, 1], [1, 2, 3]), tensorOf('int64', [4], [0, 1, 2, 2])],
    gradient: [1, 0, 2],
  },
];

describe('where they differ from the operators of ONNX', () => {
  for (const { gradient, value, ...spec } of special)
    it(spec.op, async () => {
      const found = await evaluateOperator(spec);
      assert.deepEqual(found.gradients[0], gradient);
      value?.forEach((expected, i) => {
        assert.ok(Math.abs(found.value[i]! - expected) < 1e-12, `value ${i} is ${found.value[i]}, not ${expected}`);
      });
    });
});

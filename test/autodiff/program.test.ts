import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator, type PointSpec, row } from './evaluate.ts';
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

const special: (PointSpec & { readonly gradient: readonly number[] })[] = [
  { op: 'FirstMaximum', at: [tensorOf('float64', [2, 3], [1, 2, 2, 2, 0, 0])], gradient: [0, 1, 0, 0, 0, 0] },
  { op: 'FirstMinimum', at: [row(1, 0, 0)], gradient: [0, 1, 0] },
  { op: 'RootOrZero', at: [row(0, 4)], gradient: [0, 0.25] },
  { op: 'StopGradient', at: [row(1, 2)], gradient: [0, 0] },
  {
    op: 'PaddedGather',
    attributes: { padding_idx: 1 },
    at: [tensorOf('float64', [3, 1], [1, 2, 3]), tensorOf('int64', [4], [0, 1, 2, 2])],
    gradient: [1, 0, 2],
  },
];

describe('where they differ from the operators of ONNX', () => {
  for (const { gradient, ...spec } of special)
    it(spec.op, async () => assert.deepEqual((await evaluateOperator(spec)).gradients[0], gradient));
});

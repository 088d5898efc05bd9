import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator, row } from './evaluate.ts';
import { checkOperator, intScalar, ints, type OperatorSpec } from './harness.ts';

const shape = [2, 3, 4];
const x = { shape };
const distinct = { shape, distinct: true };
const positive = { shape, range: [0.3, 2] } as const;
const noAxes = { constant: tensorOf('int64', [0], []) };

const reductions: [string, OperatorSpec['inputs'][number], number][] = [
  ['ReduceSum', x, 13],
  ['ReduceMean', x, 18],
  ['ReduceMax', distinct, 18],
  ['ReduceMin', distinct, 18],
  ['ReduceProd', positive, 18],
  ['ReduceSumSquare', x, 18],
  ['ReduceL1', { shape, avoid: [0] }, 18],
  ['ReduceL2', x, 18],
  ['ReduceLogSum', positive, 18],
  ['ReduceLogSumExp', x, 18],
];

// The runtime's float64 kernels are compared where there are some.
const single = new Set(['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceProd']);

const specs: OperatorSpec[] = reductions.flatMap(([op, input, inputForm]): OperatorSpec[] => {
  const oracle = single.has(op) ? ('float32' as const) : ('float64' as const);
  return [
    { op, label: `${op}: all axes`, inputs: [input], opset: 18, oracle },
    {
      op,
      label: `${op}: axes as attribute`,
      inputs: [input],
      attributes: { axes: [1], keepdims: 0 },
      opset: 11,
      oracle,
    },
    {
      op,
      label: `${op}: negative axes as attribute`,
      inputs: [input],
      attributes: { axes: [-1, 0] },
      opset: 11,
      oracle,
    },
    {
      op,
      label: `${op}: axes as input`,
      inputs: [input, ints(0, 2)],
      attributes: { keepdims: 0 },
      opset: inputForm,
      oracle,
    },
    { op, label: `${op}: negative axis as input`, inputs: [input, ints(-2)], opset: inputForm, oracle },
    {
      op,
      label: `${op}: no axes, no operation`,
      inputs: [input, noAxes],
      attributes: { noop_with_empty_axes: 1 },
      opset: inputForm,
      oracle: op === 'ReduceSum' ? 'float64' : 'none',
    },
    { op, label: `${op}: empty axes`, inputs: [input, noAxes], attributes: { keepdims: 0 }, opset: inputForm, oracle },
    { op, label: `${op}: opset 7`, inputs: [input], attributes: { axes: [0], keepdims: 1 }, opset: 7, oracle },
  ];
});

specs.push(
  ...['Softmax', 'LogSoftmax'].flatMap((op): OperatorSpec[] => [
    { op, label: `${op}-13`, inputs: [x] },
    { op, label: `${op}-13 axis 1`, inputs: [x], attributes: { axis: 1 } },
    { op, label: `${op}-13 axis 0`, inputs: [x], attributes: { axis: -3 } },
    { op, label: `${op}-11`, inputs: [x], opset: 11 },
    { op, label: `${op}-11 axis 2`, inputs: [x], attributes: { axis: 2 }, opset: 11 },
    { op, label: `${op}-7 axis 0`, inputs: [x], attributes: { axis: 0 }, opset: 7 },
  ]),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map(
      (reverse): OperatorSpec => ({
        op: 'CumSum',
        label: `CumSum exclusive ${exclusive} reverse ${reverse}`,
        inputs: [x, intScalar(exclusive ? -2 : 2)],
        attributes: { exclusive, reverse },
      }),
    ),
  ),
  { op: 'CumSum', label: 'CumSum axis [1]', inputs: [x, ints(1)] },
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map(
      (reverse): OperatorSpec => ({
        op: 'CumProd',
        label: `CumProd exclusive ${exclusive} reverse ${reverse}`,
        inputs: [x, intScalar(exclusive ? -2 : 2)],
        attributes: { exclusive, reverse },
        opset: 26,
        oracle: 'none',
      }),
    ),
  ),
);
describe('reductions: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label ?? spec.op, () => checkOperator(spec));
});

describe('CumProd is the product of the elements up to each one', () => {
  const at = [row(2, -3, 0, 5), tensorOf('int64', [], [0])];
  const cases: readonly [exclusive: number, reverse: number, value: number[], gradient: number[]][] = [
    [0, 0, [2, -6, 0, 0], [1 - 3, 2, -6 - 30, 0]],
    [1, 0, [1, 2, -6, 0], [1 - 3, 2, -6, 0]],
    [0, 1, [0, 0, 0, 5], [0, 0, 5 - 15 - 30, 1]],
    [1, 1, [0, 0, 5, 1], [0, 0, 5 - 15, 1]],
  ];
  for (const [exclusive, reverse, value, gradient] of cases)
    it(`exclusive ${exclusive}, reverse ${reverse}, beside a zero`, async () => {
      const found = await evaluateOperator({ op: 'CumProd', opset: 26, attributes: { exclusive, reverse }, at });
      assert.deepEqual(
        found.value.map((y) => y + 0),
        value,
      );
      assert.deepEqual(
        found.gradients[0]?.map((g) => g + 0),
        gradient,
      );
    });
});

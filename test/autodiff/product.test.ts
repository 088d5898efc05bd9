import { describe, it } from 'node:test';
import { checkOperator, type OperatorSpec } from './harness.ts';

const matMuls: [number[], number[]][] = [
  [
    [3, 4],
    [4, 2],
  ],
  [[4], [4]],
  [[4], [4, 2]],
  [[3, 4], [4]],
  [
    [2, 3, 4],
    [4, 2],
  ],
  [
    [2, 3, 4],
    [2, 4, 2],
  ],
  [
    [3, 4],
    [2, 4, 2],
  ],
  [
    [1, 3, 4],
    [2, 4, 2],
  ],
  [
    [2, 3, 4],
    [1, 4, 2],
  ],
  [
    [2, 1, 3, 4],
    [5, 4, 2],
  ],
  [
    [2, 1, 3, 4],
    [1, 5, 4, 2],
  ],
  [[4], [2, 5, 4, 3]],
  [[2, 5, 3, 4], [4]],
  [
    [2, 1, 1, 4],
    [4, 2],
  ],
  [
    [1, 4],
    [4, 1],
  ],
];

const gemms: OperatorSpec[] = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) =>
    [undefined, [], [1], [5], [3, 1], [1, 5], [3, 5]].map(
      (c): OperatorSpec => ({
        op: 'Gemm',
        label: `Gemm transA ${transA} transB ${transB} C ${c ? `[${c}]` : 'absent'}`,
        inputs: [
          { shape: transA ? [4, 3] : [3, 4] },
          { shape: transB ? [5, 4] : [4, 5] },
          ...(c ? [{ shape: c }] : []),
        ],
        attributes: { transA, transB, ...(transA === transB ? { alpha: { float: 0.5 }, beta: { float: -2 } } : {}) },
        opset: 13,
      }),
    ),
  ),
);

describe('products: value, gradient and Hessian product', () => {
  for (const [a, w] of matMuls) {
    const label = `MatMul [${a}] × [${w}]`;
    it(label, () => checkOperator({ op: 'MatMul', label, inputs: [{ shape: a }, { shape: w }] }));
  }
  for (const spec of gemms) it(spec.label!, () => checkOperator(spec));
  it('Gemm-7', () =>
    checkOperator({ op: 'Gemm', inputs: [{ shape: [3, 4] }, { shape: [4, 5] }, { shape: [5] }], opset: 7 }));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { evaluateOperator, row } from './evaluate.ts';
import { checkOperator, type Input, intScalar, type OperatorSpec } from './harness.ts';

const real = (...shape: number[]): Input => ({ shape });

const cases: [label: string, spec: Omit<OperatorSpec, 'label'>][] = [
  ['real numbers', { op: 'DFT', inputs: [real(2, 5, 1)], opset: 20 }],
  ['complex numbers', { op: 'DFT', inputs: [real(2, 6, 2)], opset: 20 }],
  ['half the spectrum', { op: 'DFT', inputs: [real(2, 6, 1)], attributes: { onesided: 1 }, opset: 20 }],
  ['half an odd spectrum', { op: 'DFT', inputs: [real(2, 5, 1)], attributes: { onesided: 1 }, opset: 20 }],
  // The runtime divides by the length in single precision.
  ['back', { op: 'DFT', inputs: [real(2, 5, 2)], attributes: { inverse: 1 }, opset: 20, oracle: 'float32' }],
  ['along another axis', { op: 'DFT', inputs: [real(3, 2, 4, 2), undefined, intScalar(0)], opset: 20 }],
  ['padded', { op: 'DFT', inputs: [real(2, 3, 2), intScalar(5)], opset: 20 }],
  ['cut', { op: 'DFT', inputs: [real(2, 6, 2), intScalar(4)], opset: 20 }],
  ['an attribute for the axis', { op: 'DFT', inputs: [real(2, 3, 4, 2)], attributes: { axis: 2 }, opset: 17 }],
  // The runtime has no kernel for numbers from half a spectrum.
  [
    'back to reals',
    { op: 'DFT', inputs: [real(2, 4, 2)], attributes: { inverse: 1, onesided: 1 }, opset: 20, oracle: 'none' },
  ],
  ['frames', { op: 'STFT', inputs: [real(2, 10, 1), intScalar(3), undefined, intScalar(4)], opset: 17 }],
  ['frames under a window', { op: 'STFT', inputs: [real(2, 11, 1), intScalar(2), real(5)], opset: 17 }],
  [
    'frames, both halves',
    { op: 'STFT', inputs: [real(1, 8, 1), intScalar(4), real(4)], attributes: { onesided: 0 }, opset: 17 },
  ],
];

describe('Fourier transforms: value, gradient and Hessian product', () => {
  for (const [label, spec] of cases) it(`${spec.op}: ${label}`, () => checkOperator({ ...spec, label }));

  it('half a spectrum gives back the numbers that it is of', async () => {
    for (const numbers of [
      [3, -1, 4, 1],
      [2, 7, 1, -8, 2],
    ]) {
      const x = tensorOf('float64', [1, numbers.length, 1], numbers);
      const attributes = { onesided: 1 };
      const { value: spectrum } = await evaluateOperator({ op: 'DFT', attributes, at: [x], opset: 20 });
      const length = tensorOf('int64', [], [numbers.length]);
      const { value: back } = await evaluateOperator({
        op: 'DFT',
        attributes: { onesided: 1, inverse: 1 },
        at: [tensorOf('float64', [1, spectrum.length / 2, 2], spectrum), length],
        opset: 20,
      });
      assert.equal(back.length, numbers.length);
      assert.ok(numbers.every((number, i) => Math.abs(back[i] - number) < 1e-12));
    }
  });

  it('what is no spectrum, and what is too long, is refused', async () => {
    const of = (...shape: number[]) => tensorOf('float64', shape, new Array(shape.reduce((a, c) => a * c, 1)).fill(1));
    const attributes = { onesided: 1 };
    await assert.rejects(
      evaluateOperator({ op: 'DFT', attributes, at: [of(1, 4, 2)], opset: 20 }),
      /of real numbers only/,
    );
    await assert.rejects(evaluateOperator({ op: 'DFT', at: [of(1, 4, 3)], opset: 20 }), /neither real nor complex/);
    await assert.rejects(
      evaluateOperator({ op: 'DFT', at: [of(1, 9000, 1)], opset: 20 }),
      /too long; compute it in the data/,
    );
    await assert.rejects(evaluateOperator({ op: 'DFT', at: [row(1, 2)], opset: 20 }), /axis/);
  });
});

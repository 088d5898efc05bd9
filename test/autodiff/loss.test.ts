import { describe, it } from 'node:test';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { checkOperator, type Input, ints, type OperatorSpec } from './harness.ts';

const scores = { shape: [4, 3] };
const labels = ints(2, 0, 1, 2);
const weights = { shape: [3], range: [0.3, 2] } as const;
const maps = { shape: [2, 3, 2, 2] };
const labelMaps: Input = { constant: tensorOf('int64', [2, 2, 2], [0, 1, 2, 0, 1, 1, 2, 0]) };
const int32Labels: Input = { constant: tensorOf('int32', [4], [2, 0, 1, 2]) };

const forms = ['none', 'mean', 'sum'].flatMap((reduction): Omit<OperatorSpec, 'op'>[] => [
  { label: `${reduction}`, inputs: [scores, labels], attributes: { reduction } },
  { label: `${reduction}, weights`, inputs: [scores, labels, weights], attributes: { reduction } },
  { label: `${reduction}, ignore 2`, inputs: [scores, labels], attributes: { reduction, ignore_index: 2 } },
  {
    label: `${reduction}, weights, ignore −100`,
    inputs: [scores, ints(-100, 0, 1, -100), weights],
    attributes: { reduction, ignore_index: -100 },
  },
  { label: `${reduction}, maps`, inputs: [maps, labelMaps], attributes: { reduction } },
  {
    label: `${reduction}, maps, weights, ignore 0`,
    inputs: [maps, labelMaps, weights],
    attributes: { reduction, ignore_index: 0 },
  },
]);

describe('losses: value, gradient and Hessian product', () => {
  for (const op of ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss']) {
    for (const form of forms) {
      const label = `${op}: ${form.label}`;
      it(label, () => checkOperator({ op, opset: 13, oracle: 'float32', ...form, label }));
    }
    it(`${op}: int32 labels`, () =>
      checkOperator({ op, opset: 12, oracle: 'float32', inputs: [scores, int32Labels], label: `${op} int32` }));
  }
  it('SoftmaxCrossEntropyLoss: log probabilities', () =>
    checkOperator({
      op: 'SoftmaxCrossEntropyLoss',
      opset: 13,
      oracle: 'float32',
      inputs: [maps, labelMaps],
      outputs: 2,
    }));
});

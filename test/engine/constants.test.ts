import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { float, info, Kind, linear, node } from '../onnx/files.ts';
import { messageOf } from '../support/errors.ts';

/** Weights that an exporter writes into Constant nodes. */

const constant = (name: string, dims: readonly number[], values: readonly number[]) =>
  node(`Constant() -> ${name}`, { attribute: [{ name: 'value', type: Kind.TENSOR, t: float('', dims, values) }] });
const model = () =>
  decodeModel(
    linear({
      node: [
        constant('linear_0.w_0', [2, 2], [1, 2, 3, 4]),
        node('Identity(linear_0.w_0) -> w'),
        node('MatMul(x, w) -> h'),
        constant('scale', [], [0.5]),
        node('Mul(h, scale) -> s'),
        constant('linear_1.w_0', [2, 3], [1, 2, 3, 4, 5, 6]),
        node('MatMul(s, linear_1.w_0) -> y'),
      ],
      initializer: [],
      output: [info('y', ['N', 3])],
    }),
    'm.onnx',
  );
const data: Dataset = {
  arrays: new Map<string, Tensor>([
    ['x', tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6])],
    ['y', tensorOf('int64', [3], [0, 1, 2])],
  ]),
  files: [],
  format: 'made',
};
const trained = (...trainable: string[]) =>
  createProblem(model(), data, { filter: { trainable } }).layout.segments.map(({ name }) => name);

describe('weights in Constant nodes', () => {
  it('are told of where nothing else could train', () =>
    assert.equal(
      messageOf(() => createProblem(model(), data)),
      'The model has no initializers, so nothing in it can be trained. Constant nodes hold "linear_0.w_0" [2, 2], "linear_1.w_0" [2, 3].\nName those of the Constant nodes that train, such as --trainable linear_0.w_0, or export the model with its weights as initializers.',
    ));

  it('train where they are named', () => {
    assert.deepEqual(trained('linear_1.w_0'), ['linear_1.w_0']);
    assert.deepEqual(trained('linear_0.w_0', 'scale'), ['linear_0.w_0', 'scale']);
  });

  it('train by a pattern, which leaves scalars alone', () =>
    assert.deepEqual(trained('*'), ['linear_0.w_0', 'linear_1.w_0']));

  it('are listed where a name is wrong', () =>
    assert.equal(
      messageOf(() => trained('linear_2.w_0')),
      'No initializer matches "linear_2.w_0".\nThe model has none, and in Constant nodes "linear_0.w_0", "linear_1.w_0".',
    ));
});

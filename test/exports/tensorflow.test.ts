import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { exportWarnings } from '../../extension/exports/exportWarnings.ts';
import { withoutSecondBias } from '../../extension/exports/kerasBias.ts';
import { parameterCandidates } from '../../extension/exports/parameters.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { float, type GraphInit, info, Kind, linear, node } from '../onnx/files.ts';

const model = (graph: GraphInit) => decodeModel(linear(graph, { producerName: 'tf2onnx' }), 'm.onnx');

describe('names that tf2onnx gives', () => {
  const table: readonly [name: string, dims: number[], trained: boolean][] = [
    ['sequential_1/dense_1/Cast/ReadVariableOp:0', [1, 2], true],
    ['sequential_1/gru_1/gru_cell_1/split/ReadVariableOp/resource:0', [1, 2], true],
    ['model/scale/ReadVariableOp:0', [], true],
    ['dense/kernel/read:0', [1, 2], true],
    ['sequential_1/conv2d_1/Squeeze:0', [2], true],
    ['const_fold_opt__896', [1, 2, 1], true],
    ['W0__1272', [1, 2], true],
    ['temperature', [], true],
    ['sequential_1/layer_normalization_1/add/y:0', [], false],
    ['sequential_1/dense_1/Gelu/mul/x:0', [1, 2], false],
    ['functional_1/multi_head_attention_1/Const_2:0', [1, 2], false],
    ['ConstantFolding/functional_1/dense_1_2/truediv_recip:0', [], false],
    ['const_fold_opt__1762', [], false],
    ['const_fold_opt__117', [1, 1, 1, 1], false],
  ];
  for (const [name, dims, trained] of table)
    it(`${name} [${dims}] ${trained ? 'is a parameter' : 'is none'}`, () => {
      const values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i + 1);
      const { candidates, choices } = parameterCandidates(
        model({ node: [node(`Mul(x, ${name}) -> y`)], initializer: [float(name, dims, values)] }),
        {},
      );
      assert.equal(candidates.length, trained ? 1 : 0);
      if (!trained) assert.equal(choices[0].reason, 'constant in the TensorFlow program');
    });

  it('show a folded BatchNormalization', () => {
    const [weight, bias] = ['a/conv2d_1/convolution/merged_input:0', 'a/batch_normalization_1/batchnorm/sub:0'];
    const found = exportWarnings(
      model({
        node: [node(`Conv(x, ${weight}, ${bias}) -> y`)],
        initializer: [float(weight, [1, 2, 1, 1], [0.3, 0.7]), float(bias, [1], [0.2])],
      }),
    );
    assert.deepEqual(
      found.map(({ code, parameters }) => [code, parameters]),
      [['folded-normalisation', [weight, bias]]],
    );
    assert.match(
      onCommandLine(found[0].remedy),
      /^tf2onnx always folds it\. With Keras, export from the PyTorch backend/,
    );
  });
});

describe('the second bias of an LSTM of Keras', () => {
  const lstm = (bias: number[], producerName = 'tf2onnx') =>
    decodeModel(
      linear(
        {
          node: [
            node('LSTM(x, W, R, B) -> s, h', { attribute: [{ name: 'hidden_size', type: Kind.INT, i: 1n }] }),
            node('Squeeze(h, axes) -> y'),
          ],
          initializer: [
            float('W', [1, 4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
            float('R', [1, 4, 1], [1, 2, 3, 4]),
            float('B', [1, 8], bias),
            { name: 'axes', dims: [1n], dataType: 7, int64Data: [0n] },
          ],
          input: [info('x', [3, 'N', 2])],
          output: [info('y', ['N', 1])],
        },
        { producerName },
      ),
      'm.onnx',
    );

  it('is not trained where it is zeros', () => {
    const zeros = [1, 2, 3, 4, 0, 0, 0, 0];
    const { model: rewritten, cut } = withoutSecondBias(lstm(zeros));
    assert.deepEqual(cut, ['B']);
    assert.deepEqual(rewritten.graph.initializers.get('B')!.shape, [1, 4]);
    const arrays = new Map<string, Tensor>([
      ['x', tensorOf('float32', [3, 5, 2], new Array(30).fill(0.5))],
      ['y', tensorOf('float32', [5, 1], new Array(5).fill(0.1))],
    ]);
    const data: Dataset = { arrays, files: [], format: 'made' };
    const problem = createProblem(lstm(zeros), data, { loss: 'mse' });
    assert.deepEqual(
      problem.layout.segments.map(({ name, shape }) => [name, shape]),
      [
        ['W', [1, 4, 2]],
        ['R', [1, 4, 1]],
        ['B', [1, 4]],
      ],
    );
    assert.match(problem.notes.join(), /The second half of "B" does not train/);
  });

  it('is trained where it is not, and from other exporters', () => {
    assert.deepEqual(withoutSecondBias(lstm([1, 2, 3, 4, 0, 0, 0, 1])).cut, []);
    assert.deepEqual(withoutSecondBias(lstm([1, 2, 3, 4, 0, 0, 0, 0], 'pytorch')).cut, []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeModel } from '../../extension/onnx/read.ts';
import { float, type GraphInit, info, Kind, linear, type Node, node } from '../onnx/files.ts';
import { exportWarnings, fresh, random, warn, whole } from './warnings.ts';

describe('weights under other names', () => {
  it('golden text', () => {
    const nodes = [node('MatMul(x, onnx::MatMul_9) -> a'), node('MatMul(a, val_2) -> y')];
    const initializer = [fresh('onnx::MatMul_9', [8, 8]), fresh('val_2', [8, 3])];
    assert.deepEqual(warn(nodes, initializer), [
      {
        code: 'renamed-weights',
        title: 'Linear weights are transposed and renamed',
        detail:
          '"onnx::MatMul_9", "val_2" are transposed copies of weights of linear layers. Adam treats every element alike, so the numbers are those of your model; but in what is written they have these names and this order, and the original names are found by --weights, --freeze and --trainable only where they are given here. Where the original is used elsewhere too (tied weights), the two train apart.',
        parameters: ['onnx::MatMul_9', 'val_2'],
        remedy: whole,
      },
    ]);
    assert.deepEqual(warn(nodes, initializer, { producer: 'keras' }), []);
  });
});

describe('gates of recurrent layers', () => {
  const nodes = [node('LSTM(x, onnx::LSTM_1, onnx::LSTM_2, onnx::LSTM_3) -> y')];
  const [w, r] = [fresh('onnx::LSTM_1', [1, 8, 3]), fresh('onnx::LSTM_2', [1, 8, 2])];

  it('golden text', () => {
    assert.deepEqual(warn(nodes, [w, r, fresh('onnx::LSTM_3', [1, 16])]), [
      {
        code: 'packed-gates',
        title: 'Weights of a recurrent layer are packed and renamed',
        detail:
          '"onnx::LSTM_1", "onnx::LSTM_2", "onnx::LSTM_3" hold the gates of recurrent layers in the order of ONNX, with directions and both biases packed into one tensor. Adam treats every element alike, so each element has the numbers of your model; norms per tensor are those of the packed ones, under these names.',
        parameters: ['onnx::LSTM_1', 'onnx::LSTM_2', 'onnx::LSTM_3'],
        remedy: whole,
      },
    ]);
  });

  it('biases that were added up', () => {
    const [warning] = warn(nodes, [w, r, float('onnx::LSTM_3', [1, 16], [...random(8), ...new Array(8).fill(0)])]);
    assert.match(warning.detail, /b_ih and b_hh were added up\. In your model both train/);
  });
});

describe('parameters replaced by what was computed from them', () => {
  const notedModel = (from: string, use: Node) => {
    const metadataProps = [{ key: 'pkg.onnxscript.optimizer.folded_from', value: from }];
    const graph: GraphInit = {
      node: [use],
      initializer: [fresh('div', [4, 4])],
      input: [info('x', ['N', 4])],
      valueInfo: [{ name: 'div', metadataProps }],
    };
    return decodeModel(linear(graph, { producerName: 'pytorch' }), 'm.onnx');
  };

  it('golden text', () => {
    assert.deepEqual(exportWarnings(notedModel("['fc.weight', 'norm', 'val_3']", node('MatMul(x, div) -> y'))), [
      {
        code: 'computed-parameters',
        title: 'Parameters are replaced by what the exporter computed from them',
        detail:
          '"div" from "fc.weight". What is trained here are the results, not the parameters behind them. Unless elements were only moved, Adam is not invariant under this: its steps, and so the correction, are those of another model.',
        parameters: ['div'],
        remedy: whole,
      },
    ]);
  });

  it('parameters of the outermost module; not where nothing but constants went in', () => {
    const [warning] = exportWarnings(notedModel("['val_2', 'w']", node('Add(x, div) -> y')));
    assert.match(warning.detail, /^"div" from "w"\./);
    assert.deepEqual(exportWarnings(notedModel("['val_2', 'val_3']", node('Add(x, div) -> y'))), []);
  });
});

describe('weights in Constant nodes', () => {
  const constant = (name: string, dims: number[]) =>
    node(`Constant() -> ${name}`, { attribute: [{ name: 'value', type: Kind.TENSOR, t: fresh('', dims) }] });

  it('golden text', () => {
    const nodes = [constant('k', [4, 4]), node('MatMul(x, k) -> y')];
    assert.deepEqual(warn(nodes, []), [
      {
        code: 'constant-weights',
        title: 'Weights are constants',
        detail: 'Constant nodes, not initializers, hold "k", so they do not train here.',
        parameters: [],
        remedy: 'If they are parameters, name them: --trainable k.',
      },
    ]);
  });

  it('not for vectors, nor for constants that are added', () => {
    assert.deepEqual(warn([constant('k', [4]), node('MatMul(x, k) -> y')], []), []);
    assert.deepEqual(warn([constant('k', [4, 4]), node('Add(x, k) -> y')], []), []);
  });
});

describe('what the older exporter of PyTorch folded', () => {
  it('is named by it, and warned of unless it is explained', () => {
    const nodes = [node('Mul(x, onnx::Mul_7) -> a'), node('MatMul(a, onnx::MatMul_9) -> b'), node('Add(b, bias) -> y')];
    const names = ['onnx::Mul_7', 'onnx::MatMul_9', 'bias'].map((name) => fresh(name, [8, 8]));
    const warnings = warn(nodes, names);
    assert.deepEqual(
      warnings.map(({ code, parameters }) => [code, parameters]),
      [
        ['renamed-weights', ['onnx::MatMul_9']],
        ['computed-parameters', ['onnx::Mul_7']],
      ],
    );
    assert.ok(warnings[1].detail.startsWith('"onnx::Mul_7". What is trained here are the results'));
    assert.ok(warnings[1].remedy.endsWith(' Constants are not trained with --freeze onnx::Mul_7.'));
    assert.deepEqual(warn(nodes, names, { producer: 'other' }), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exportWarnings } from '../../extension/exports/exportWarnings.ts';
import { parameterCandidates } from '../../extension/exports/parameters.ts';
import { inOrderOfUse, sourceNames } from '../../extension/exports/sourceNames.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { float, linear, type Node, node } from '../onnx/files.ts';

const named = (name: string, text: string): Node => node(text, { name });
const noted = (name: string, sources: readonly string[]) => ({
  name,
  metadataProps: [
    { key: 'pkg.onnxscript.optimizer.folded_from', value: `[${sources.map((each) => `'${each}'`).join(', ')}]` },
  ],
});

/** A model of PyTorch with these nodes; initializers are numbered, so that no two are equal. */
function model(nodes: Node[], initializers: readonly string[], valueInfo: ReturnType<typeof noted>[] = []) {
  const initializer = initializers.map((name, i) => float(name, [2, 2], [i, i + 0.1, i + 0.2, i + 0.3]));
  return decodeModel(linear({ node: nodes, initializer, valueInfo }, { producerName: 'pytorch' }), 'm.onnx');
}

describe('names in the original module', () => {
  it('from what the newer exporter notes', () => {
    const initializers = ['val_1', 'val_2', 'val_3', 'val_4', 'val_5', 'fc.weight'];
    const { graph, ...rest } = model([node('MatMul(x, val_1) -> y')], initializers, [
      noted('val_1', ['blocks.0.fc1.weight']),
      noted('val_2', ['lstm.bias_hh_l0', 'lstm.bias_ih_l0', 'val_29', 'val_30']),
      noted('val_3', ['a.weight', 'b.weight']),
      noted('val_4', ['val_7', 'scale']),
      noted('fc.weight', ['other.weight']),
    ]);
    assert.deepEqual(
      [...sourceNames({ graph, ...rest })],
      [
        ['val_1', 'blocks.0.fc1.weight'],
        ['val_2', 'lstm.bias_hh_l0+bias_ih_l0'],
      ],
    );
  });

  it('from what the older exporter calls its operators', () => {
    const nodes = [
      named('/blocks.0/fc1/MatMul', 'MatMul(x, onnx::MatMul_1) -> a'),
      named('/blocks.0/fc1/Add', 'Add(a, blocks.0.fc1.bias) -> b'),
      named('/net/net.0/MatMul', 'MatMul(b, onnx::MatMul_2) -> c'),
      named('/net/net.1/net.1.1/MatMul', 'MatMul(c, onnx::MatMul_3) -> d'),
      named('/attn/MatMul', 'MatMul(d, onnx::MatMul_4) -> e'),
      named('/attn/Add', 'Add(e, attn.in_proj_bias) -> f'),
      named('/twice/MatMul_1', 'MatMul(f, onnx::MatMul_5) -> g'),
      named('/rnn/LSTM_1', 'LSTM(g, onnx::LSTM_6, onnx::LSTM_7, onnx::LSTM_8) -> h'),
      named('/MatMul', 'MatMul(h, onnx::MatMul_9) -> i'),
      named('MatMul_3', 'MatMul(i, onnx::MatMul_10) -> j'),
      named('/scale/Mul', 'Mul(j, onnx::Mul_11) -> y'),
    ];
    const numbered = nodes.flatMap(({ input = [] }) => input.filter((name) => name.startsWith('onnx::')));
    assert.deepEqual(
      Object.fromEntries(sourceNames(model(nodes, [...numbered, 'blocks.0.fc1.bias', 'attn.in_proj_bias']))),
      {
        'onnx::MatMul_1': 'blocks.0.fc1.weight',
        'onnx::MatMul_2': 'net.0.weight',
        'onnx::MatMul_3': 'net.1.1.weight',
        'onnx::LSTM_6': 'rnn.weight_ih_l1',
        'onnx::LSTM_7': 'rnn.weight_hh_l1',
        'onnx::LSTM_8': 'rnn.bias_l1',
      },
    );
  });

  it('only where they are of one tensor', () => {
    const tied = model([node('MatMul(x, val_1) -> y')], ['val_1', 'embed.weight'], [noted('val_1', ['embed.weight'])]);
    assert.equal(sourceNames(tied).size, 0);
    const twice = [noted('val_1', ['fc.weight']), noted('val_2', ['fc.weight'])];
    assert.equal(sourceNames(model([node('MatMul(x, val_1) -> y')], ['val_1', 'val_2'], twice)).size, 0);
  });

  it('bring the tensors back into the order in which they are used', () => {
    const nodes = [
      node('Identity(shared) -> copy'),
      node('MatMul(x, val_1) -> a'),
      node('Add(a, fc.bias) -> b'),
      node('Mul(b, copy) -> y'),
    ];
    const renamed = model(nodes, ['fc.bias', 'shared', 'unused', 'val_1']);
    const order = (tensors: { name: string; source?: string }[]) =>
      inOrderOfUse(renamed, tensors).map(({ name }) => name);
    const tensors = ['fc.bias', 'shared', 'unused', 'val_1'].map((name) => ({ name }));
    assert.deepEqual(order(tensors), ['fc.bias', 'shared', 'unused', 'val_1']);
    const sourced = tensors.map((tensor) => (tensor.name === 'val_1' ? { ...tensor, source: 'fc.weight' } : tensor));
    assert.deepEqual(order(sourced), ['val_1', 'fc.bias', 'shared', 'unused']);
  });

  it('are found by globs, and told of in warnings', () => {
    const renamed = model(
      [node('MatMul(x, val_1) -> a'), node('MatMul(a, val_2) -> y')],
      ['val_1', 'val_2'],
      [noted('val_1', ['body.fc.weight']), noted('val_2', ['head.fc.weight'])],
    );
    const trained = (filter: { freeze?: string[]; trainable?: string[] }) =>
      parameterCandidates(renamed, filter).candidates.map(({ name }) => name);
    assert.deepEqual(trained({ freeze: ['body.*'] }), ['val_2']);
    assert.deepEqual(trained({ trainable: ['body.*', 'val_2'] }), ['val_1', 'val_2']);
    assert.deepEqual(trained({ freeze: ['val_1'] }), ['val_2']);
    assert.throws(() => trained({ freeze: ['tail.*'] }), /No initializer matches "tail\.\*"/);
    const [{ detail }] = exportWarnings(renamed);
    assert.match(
      onCommandLine(detail),
      /^"val_1" from "body\.fc\.weight", "val_2" from "head\.fc\.weight" are transposed/,
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { globToRegExp, type ParameterFilter } from '../../extension/exports/parameterFilter.ts';
import { nameList, parameterCandidates, refuseUntrainable } from '../../extension/exports/parameters.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { DataType, float, type GraphInit, linear, node } from '../onnx/files.ts';
import { messageOf } from '../support/errors.ts';

const model = (graph: GraphInit) => decodeModel(linear(graph), 'm.onnx');

describe('globs', () => {
  const table: readonly [glob: string, name: string, matches: boolean][] = [
    ['fc.weight', 'fc.weight', true],
    ['fc.weight', 'fc_weight', false],
    ['fc.*', 'fc.weight', true],
    ['fc.*', 'encoder.fc.weight', false],
    ['*.weight', 'encoder.0.fc.weight', true],
    ['*', '/block/0/MatMul', true],
    ['/block/*', '/block/0/MatMul', true],
    ['onnx::*', 'onnx::MatMul_17', true],
    ['onnx*17', 'onnx::MatMul_17', true],
    ['*weight*', 'a\nweight\nb', true],
    ['layer?', 'layer1', false],
    ['layer[01]', 'layer1', false],
    ['layer[01]', 'layer[01]', true],
    ['a+(b|c)$^{2}\\d', 'a+(b|c)$^{2}\\d', true],
    ['', '', true],
    ['Fc', 'fc', false],
  ];
  for (const [glob, name, matches] of table)
    it(`${JSON.stringify(glob)} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () =>
      assert.equal(globToRegExp(glob).test(name), matches));
});

describe('which initializers are trained', () => {
  const graph: GraphInit = {
    node: [
      node('Conv(x, conv.weight, conv.bias) -> a'),
      node('BatchNormalization(a, bn.weight, bn.bias, bn.running_mean, bn.running_var) -> b'),
      node('Clip(b, low, high) -> c'),
      node('Mul(c, onnx::Mul_7) -> d'),
      node('Mul(d, temperature) -> e'),
      node('Pad(e, pads, value) -> f'),
      node('Dropout(f, ratio) -> g'),
      node('Mul(g, shared) -> h'),
      node('Clip(h, shared) -> k'),
      node('Concat(k, nothing) -> y'),
    ],
    initializer: [
      ...['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'].map((name) =>
        float(name, [1], [1]),
      ),
      ...['low', 'high', 'onnx::Mul_7', 'temperature', 'value', 'ratio', 'shared'].map((name) => float(name, [], [1])),
      { name: 'pads', dims: [2n], dataType: DataType.INT64, int64Data: [0n, 0n] },
      { name: 'nothing', dims: [0n, 3n], dataType: DataType.FLOAT },
      { name: 'four', dims: [2n], dataType: DataType.INT4 },
    ],
  };
  const chosen = (filter: ParameterFilter) =>
    parameterCandidates(model(graph), filter).candidates.map(({ name }) => name);

  it('without a filter: everything but statistics, bounds, settings and folded scalars', () => {
    const { candidates, choices } = parameterCandidates(model(graph), {});
    assert.deepEqual(
      candidates.map(({ name }) => name),
      ['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias', 'temperature', 'shared'],
    );
    assert.deepEqual(
      choices.map(({ name, trained, reason }) => [name, trained, reason]),
      [
        ['bn.running_mean', false, 'running statistics of BatchNormalization'],
        ['bn.running_var', false, 'running statistics of BatchNormalization'],
        ['low', false, 'bound of Clip'],
        ['high', false, 'bound of Clip'],
        ['onnx::Mul_7', false, 'scalar that the exporter folded from a constant'],
        ['value', false, 'padding value'],
        ['ratio', false, 'ratio of Dropout'],
        ['nothing', false, 'has no elements'],
      ],
    );
  });

  it('generated names of scalars are excluded, the same names of matrices are not', () => {
    for (const name of [
      '/a/Constant_output_0',
      'Constant_3',
      'onnx::Add_5',
      'val_12',
      'val_0_2',
      '147',
      'const_fold',
    ]) {
      const use = (dims: number[]) =>
        parameterCandidates(model({ node: [node(`Mul(x, ${name}) -> y`)], initializer: [float(name, dims, [1])] }), {})
          .candidates.length;
      assert.deepEqual([use([]), use([1, 1])], [0, 1], name);
    }
  });

  it('what the exporter notes: kinds of tensors, and from what it computed the others', () => {
    const notes: readonly [name: string, dims: number[], note: string | undefined, trained: boolean][] = [
      ['fc.weight', [1, 2], 'PARAMETER', true],
      ['temperature', [], 'PARAMETER', true],
      ['graph.adjacency', [1, 2], 'BUFFER', false],
      ['lifted_tensor_0', [1, 2], 'CONSTANT_TENSOR', false],
      ['conv.weight_bias', [2], undefined, true],
      ['val_0', [1, 2], "['fc2.weight']", true],
      ['embedding_1', [1, 2], "['arange', 'val_2', 'wpe.weight']", true],
      ['val_1', [], "['logit_scale.scale']", true],
      ['unsqueeze_3', [1, 2], "['arange', 'cos', 'rotary.inv_freq', 'val_3']", false],
      ['beta_cast', [], "['beta']", false],
      ['val_5', [1, 2], "['val_3', 'val_4']", false],
      ['val_6', [1, 2], "['linear', 'val_4']", true],
      ['val_7', [1, 2], undefined, false],
      ['t', [1, 2], "['cls']", true],
    ];
    const noteOf = (value: string) => ({
      key: value.startsWith('[')
        ? 'pkg.onnxscript.optimizer.folded_from'
        : 'pkg.torch.export.graph_signature.InputSpec.kind',
      value,
    });
    const ones = ['val_8', [1, 2], "['linear', 'val_4']", false] as const;
    const graph: GraphInit = {
      node: [node('MatMul(x, fc.weight) -> y')],
      initializer: [
        ...notes.map(([name, dims]) => float(name, dims, dims.length === 0 ? [1] : [1, 2])),
        float(ones[0], ones[1], [1, 1]),
      ],
      valueInfo: [...notes, ones].map(([name, , note]) => ({ name, metadataProps: note ? [noteOf(note)] : [] })),
    };
    const { candidates } = parameterCandidates(model(graph), {});
    const taken = new Set(candidates.map(({ name }) => name));
    for (const [name, , , trained] of [...notes, ones]) assert.equal(taken.has(name), trained, name);
  });

  it('--freeze takes away, --trainable names all, and freezing wins', () => {
    assert.deepEqual(chosen({ freeze: ['conv.*', 'shared'] }), ['bn.weight', 'bn.bias', 'temperature']);
    assert.deepEqual(chosen({ trainable: ['bn.*', 'onnx::*'] }), [
      'bn.weight',
      'bn.bias',
      'bn.running_mean',
      'bn.running_var',
      'onnx::Mul_7',
    ]);
    assert.deepEqual(chosen({ trainable: ['bn.*'], freeze: ['*running*'] }), ['bn.weight', 'bn.bias']);
    const { choices } = parameterCandidates(model(graph), { trainable: ['bn.*'], freeze: ['*running*'] });
    const reasons = new Map(choices.map(({ name, reason }) => [name, onCommandLine(reason)]));
    assert.equal(reasons.get('bn.running_var'), 'frozen by --freeze');
    assert.equal(reasons.get('conv.weight'), 'not named by --trainable');
  });

  it('globs that match nothing are refused with the names', () => {
    assert.equal(
      messageOf(() => chosen({ freeze: ['fc.*', 'conv.*'], trainable: ['Bn.weight'] })),
      'No initializer matches "fc.*", "Bn.weight".\nThe model has "conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "low", "high", "onnx::Mul_7", "temperature", "value", "ratio" and 4 more.',
    );
  });
});

describe('models without trainable parameters', () => {
  it('list what there is and why it is not trained', () => {
    const quantised = model({
      node: [node('Clip(x, low) -> a'), node('MatMulInteger(a, q) -> y')],
      initializer: [
        float('low', [], [0]),
        { name: 'q', dims: [2n, 1n], dataType: DataType.INT8, rawData: new Uint8Array(2) },
        { name: 'p', dims: [2n], dataType: DataType.UINT4 },
      ],
    });
    assert.equal(
      messageOf(() => refuseUntrainable(parameterCandidates(quantised, {}).choices, quantised)),
      [
        'The model has no trainable initializer. It has:',
        '  "low" []: bound of Clip',
        '  "q" [2, 1]: int8, not a floating-point type',
        '  "p" [2]: uint4, not a floating-point type',
        'Export the model with its weights as initializers, or name some with --trainable.',
      ].join('\n'),
    );
  });

  it('weights that the exporter took for constants', () => {
    const constants = [
      { name: 'lifted_tensor_0', shape: [2, 2], trained: false, reason: 'constant in the PyTorch program' },
    ];
    assert.match(
      messageOf(() => refuseUntrainable(constants, model({}))),
      /The exporter took the weights for constants, .*TrainingMode\.TRAINING/,
    );
  });

  it('no initializers at all', () => {
    const empty = model({ node: [node('Relu(x) -> y')], initializer: [] });
    assert.equal(
      messageOf(() => refuseUntrainable([], empty)),
      'The model has no initializers, so nothing in it can be trained.\nExport the model with its weights as initializers, or name some with --trainable.',
    );
  });
});

it('lists of names are bounded and escaped', () => {
  assert.equal(nameList([]), 'none');
  assert.equal(nameList(['a', 'b\u202e'], 3), '"a", "b\\u202e"');
  assert.equal(nameList(['a', 'b', 'c', 'd'], 2), '"a", "b" and 2 more');
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LossName } from '../../extension/shared/losses.ts';
import { DataType, float, type Node, node, type TensorInit } from '../onnx/files.ts';
import { codes, exportWarnings, fresh, full, model, random, warn, whole } from './warnings.ts';

describe('BatchNormalization folded into convolutions', () => {
  const conv = (weight: string, bias: string) => ({
    nodes: [node(`Conv(x, ${weight}, ${bias}) -> y`)],
    initializer: [fresh(weight, [4, 4, 3, 3]), fresh(bias, [4])],
  });

  it('golden text', () => {
    const { nodes, initializer } = conv('onnx::Conv_15', 'onnx::Conv_16');
    assert.deepEqual(warn(nodes, initializer), [
      {
        code: 'folded-normalisation',
        title: 'BatchNormalization is folded into other layers',
        detail:
          'The exporter multiplied it into the weights and biases of 1 convolution. What is trained here are the products, not the weights, scales and shifts that you train. Adam is not invariant under this: its steps, and so the correction, are those of another model.',
        parameters: ['onnx::Conv_15', 'onnx::Conv_16'],
        remedy: whole,
      },
    ]);
  });

  it('names that the exporters give', () => {
    for (const [weight, bias, expected] of [
      ['conv1.weight', 'x_bias', true],
      ['conv1.weight', 'val_3', true],
      ['val_2', 'val_3', true],
      ['val_2', 'conv1.bias', false],
      ['conv1.weight', 'conv1.bias', false],
      ['weight', 'bias', false],
    ] as const) {
      const { nodes, initializer } = conv(weight, bias);
      assert.deepEqual(codes(warn(nodes, initializer)), expected ? ['folded-normalisation'] : [], `${weight}, ${bias}`);
    }
  });

  it('metadata of the exporter, also where the names are those of the model and another normalisation is left', () => {
    const fused = (rule: string) => ({ metadataProps: [{ key: 'pkg.onnxscript.rewriter.rule_name', value: rule }] });
    const nodes = [
      node('Conv(x, c.weight, c.bias) -> h', fused('FuseBatchNormIntoConv, RemoveOptionalBiasFromConv')),
      node('Conv(h, d.weight, d.bias) -> i', fused('RemoveOptionalBiasFromConv')),
      node('Gemm(i, l.weight, l.bias) -> j', fused('FuseBatchNormIntoGemm')),
      node('BatchNormalization(j, s, b, m, v) -> y'),
    ];
    const names = ['c', 'd', 'l'].flatMap((name) => [fresh(`${name}.weight`, [4, 4]), fresh(`${name}.bias`, [4])]);
    const warnings = warn(nodes, [...names, ...['s', 'b', 'm', 'v'].map((name) => fresh(name, [4]))]);
    assert.deepEqual(codes(warnings), ['folded-normalisation', 'running-statistics']);
    assert.deepEqual(warnings[0].parameters, ['c.weight', 'c.bias', 'l.weight', 'l.bias']);
    assert.match(warnings[0].detail, /^The exporter multiplied it into .* of 1 convolution and 1 linear layer\./);
  });

  it('not from another producer, and beside a BatchNormalization only where the weight is renamed, too', () => {
    const { nodes, initializer } = conv('val_2', 'val_3');
    assert.deepEqual(warn(nodes, initializer, { producer: 'tf2onnx' }), []);
    const norm = node('BatchNormalization(y, s, b, m, v) -> z');
    const stats = ['s', 'b', 'm', 'v'].map((name) => fresh(name, [4]));
    assert.deepEqual(codes(warn([...nodes, norm], [...initializer, ...stats])), [
      'folded-normalisation',
      'running-statistics',
    ]);
    const other = conv('conv.weight', 'val_3');
    assert.deepEqual(codes(warn([...other.nodes, norm], [...other.initializer, ...stats])), ['running-statistics']);
  });
});

describe('BatchNormalization with running statistics', () => {
  const norm = (attribute: Node['attribute'] = []) =>
    node('BatchNormalization(x, bn.weight, bn.bias, bn.mean, bn.var) -> y', { attribute });
  const stats = ['bn.weight', 'bn.bias', 'bn.mean', 'bn.var'].map((name) => fresh(name, [4]));

  it('golden text', () => {
    assert.deepEqual(warn([norm()], stats), [
      {
        code: 'running-statistics',
        title: 'BatchNormalization uses its running statistics',
        detail:
          '1 BatchNormalization node normalises with stored mean and variance, as in evaluation; training normalises with those of the batch, through which gradients flow too. Loss, gradients and correction differ from those of training.',
        parameters: ['bn.weight', 'bn.bias'],
        remedy:
          'Use --batch-statistics to normalise with the statistics of the batch, or leave it where the model is trained with frozen statistics.',
      },
    ]);
  });

  it('also where it is written out, as the names of its statistics show', () => {
    const nodes = [node('Sub(x, bn/moving_mean) -> a'), node('Mul(a, bn/gamma) -> y')];
    const [found, ...others] = warn(nodes, [fresh('bn/moving_mean', [4]), fresh('bn/gamma', [4])], {
      producer: 'other',
    });
    assert.deepEqual(others, []);
    assert.equal(found.code, 'running-statistics');
    assert.match(found.detail, /^It is written out with the stored mean and variance \("bn\/moving_mean"\)/);
  });

  it('not in training mode', () => {
    assert.deepEqual(warn([norm([{ name: 'training_mode', type: 2, i: 1n }])], stats), []);
    const older = node('BatchNormalization(x, bn.weight, bn.bias, bn.mean, bn.var) -> y, mean, var, saved1, saved2');
    assert.deepEqual(warn([older], stats), []);
  });

  it('not where the run uses the statistics of the batch', () => {
    assert.deepEqual(codes(exportWarnings(model([norm()], stats), undefined, false)), ['running-statistics']);
    assert.deepEqual(exportWarnings(model([norm()], stats), undefined, true), []);
  });
});

describe('tied weights stored twice', () => {
  const values = random(12);
  const turned = [0, 1, 2, 3].flatMap((column) => [0, 1, 2].map((row) => values[row * 4 + column]));
  const nodes = [node('Gather(emb.weight, x) -> a'), node('MatMul(a, head) -> y')];

  it('golden text, transposed', () => {
    assert.deepEqual(warn(nodes, [float('emb.weight', [3, 4], values), float('head', [4, 3], turned)]), [
      {
        code: 'untied-weights',
        title: 'Equal weights are stored more than once',
        detail:
          '"emb.weight" and "head" (transposed) hold the same numbers. If the model ties them, it trains one parameter with the sum of both gradients; here each copy trains on its own, with another second moment, other steps and another correction.',
        parameters: ['emb.weight', 'head'],
        remedy: whole,
      },
    ]);
  });

  it('equal as they are; in other types; square; of higher rank', () => {
    const pair = (first: TensorInit, second: TensorInit) => codes(warn(nodes, [first, second]));
    const of = (name: string, dims: number[], list: number[], dataType: number, array: Float64ArrayConstructor) => ({
      ...float(name, dims, []),
      dataType,
      rawData: new Uint8Array(array.from(list).buffer),
    });
    assert.deepEqual(pair(float('emb.weight', [3, 4], values), float('head', [3, 4], values)), ['untied-weights']);
    assert.deepEqual(
      pair(
        of('emb.weight', [3, 4], values, DataType.DOUBLE, Float64Array),
        of('head', [4, 3], turned, DataType.DOUBLE, Float64Array),
      ),
      ['untied-weights'],
    );
    assert.deepEqual(pair(float('emb.weight', [2, 2], [1, 2, 3, 4]), float('head', [2, 2], [1, 3, 2, 4])), [
      'untied-weights',
    ]);
    assert.deepEqual(pair(float('emb.weight', [1, 3, 4], values), float('head', [1, 3, 4], values)), [
      'untied-weights',
    ]);
  });

  it('not the same numbers in another order, another shape, nor equal by initialisation, nor unused', () => {
    const pair = (first: TensorInit, second: TensorInit) => codes(warn(nodes, [first, second]));
    assert.deepEqual(pair(float('emb.weight', [3, 4], values), float('head', [4, 3], values)), []);
    assert.deepEqual(pair(float('emb.weight', [3, 4], values), float('head', [2, 6], values)), []);
    assert.deepEqual(pair(full('emb.weight', [3, 4], 0), full('head', [3, 4], 0)), []);
    assert.deepEqual(pair(float('emb.weight', [3, 4], values), float('head', [3, 4], values.with(5, 9))), []);
    const unused = [float('emb.weight', [3, 4], values), fresh('head', [4, 3]), float('spare', [3, 4], values)];
    assert.deepEqual(codes(warn(nodes, unused)), []);
  });
});

describe('separate parameters stored once', () => {
  const norms = [
    node('LayerNormalization(x, ln1.weight, ln1.bias) -> a'),
    node('LayerNormalization(a, ln2.weight, ln1.bias) -> y'),
  ];

  it('golden text: Identity of an initializer', () => {
    assert.deepEqual(
      warn(
        [node('Identity(ln1.weight) -> ln2.weight'), ...norms],
        [full('ln1.weight', [8], 1), fresh('ln1.bias', [8])],
      ),
      [
        {
          code: 'merged-parameters',
          title: 'Separate parameters seem to be stored as one',
          detail:
            '"ln1.weight" (2 places): one initializer of equal elements stands where several scales or biases are usual; exporters merge parameters that happen to be equal when the model is fresh. As one parameter it gets the sum of their gradients, one second moment and one step, so the correction is that of another model.',
          parameters: ['ln1.weight', 'ln2.weight'],
          remedy: `${whole} A model whose layers do share the parameter is right as it is.`,
        },
      ],
    );
  });

  it('one initializer in several places; a scale that is also a running variance', () => {
    const shared = [node('LayerNormalization(x, s, b) -> a'), node('LayerNormalization(a, s, b) -> y')];
    const found = warn(shared, [full('s', [8], 1), full('b', [8], 0)]);
    assert.deepEqual(codes(found), ['merged-parameters']);
    assert.deepEqual(found[0].parameters, ['s', 'b']);
    const norm = node('BatchNormalization(x, s, b, m, s) -> y', {
      attribute: [{ name: 'training_mode', type: 2, i: 1n }],
    });
    const [warning] = warn([norm], [full('s', [4], 1), fresh('b', [4]), fresh('m', [4])]);
    assert.match(warning.detail, /One of them also serves as running statistics, which would move with it\.$/);
  });

  it('scales of GroupNorm that the older exporter gives more axes first', () => {
    const nodes = [
      node('Unsqueeze(s) -> s1'),
      node('Mul(x, s1) -> a'),
      node('Unsqueeze(s) -> s2'),
      node('Mul(a, s2) -> y'),
    ];
    assert.deepEqual(codes(warn(nodes, [full('s', [8], 1)])), ['merged-parameters']);
  });

  it('not where the elements differ (shared on purpose), nor for scalars', () => {
    const shared = [node('LayerNormalization(x, s) -> a'), node('LayerNormalization(a, s) -> y')];
    assert.deepEqual(warn(shared, [fresh('s', [8])]), []);
    assert.deepEqual(warn([node('Mul(x, half) -> a'), node('Mul(a, half) -> y')], [full('half', [], 0.5)]), []);
    assert.deepEqual(warn([node('Mul(x, half) -> a'), node('Mul(a, half) -> y')], [full('half', [1], 0.5)]), []);
  });
});

describe('a softmax or sigmoid before a loss that has its own', () => {
  const ending = (op: string) => [node('MatMul(x, w) -> a'), node(`${op}(a) -> b`), node('Identity(b) -> y')];
  const initializer = [fresh('w', [8, 8])];

  it('golden text', () => {
    assert.deepEqual(warn(ending('Softmax'), initializer, { loss: 'cross-entropy' }), [
      {
        code: 'double-activation',
        title: 'The model ends in a softmax',
        detail:
          'The output "y" comes from Softmax, and the loss cross-entropy applies a softmax itself, so that it acts twice: loss, gradients and correction are not those of the usual training.',
        parameters: [],
        remedy:
          'If your training takes the loss of probabilities, use --loss cross-entropy-on-probabilities; otherwise export the model so that it returns logits, without its last Softmax.',
      },
    ]);
  });

  it('depends on the loss; LogSoftmax does no harm', () => {
    const found = (op: string, loss?: LossName) => codes(warn(ending(op), initializer, { loss }));
    assert.deepEqual(found('Softmax'), []);
    assert.deepEqual(found('Softmax', 'cross-entropy'), ['double-activation']);
    assert.deepEqual(found('Softmax', 'mse'), []);
    assert.deepEqual(found('Sigmoid', 'bce-with-logits'), ['double-activation']);
    assert.deepEqual(found('Sigmoid', 'cross-entropy'), []);
    assert.deepEqual(found('LogSoftmax', 'cross-entropy'), []);
    assert.deepEqual(found('Relu'), []);
  });
});

describe('speed', () => {
  it('25 million parameters in equal shapes', (t) => {
    const count = 24;
    const side = 1024;
    const data = Float32Array.from({ length: side * side }, (_, i) => Math.fround(((i + 1) * 2654435761) % 4294967296));
    const initializer = Array.from({ length: count }, (_, k) => {
      const own = data.slice();
      own[k] = k;
      return { ...float(`w${k}`, [side, side], []), rawData: new Uint8Array(own.buffer) };
    });
    const nodes = initializer.map((_, k) =>
      node(`MatMul(${k === 0 ? 'x' : `v${k}`}, w${k}) -> ${k === count - 1 ? 'y' : `v${k + 1}`}`),
    );
    const large = model(nodes, initializer);
    const start = performance.now();
    assert.deepEqual(exportWarnings(large), []);
    t.diagnostic(`25 million parameters: ${(performance.now() - start).toFixed(0)} ms`);
  });
});

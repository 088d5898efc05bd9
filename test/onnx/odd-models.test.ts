import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { describeBlockers } from '../../extension/engine/blockers.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import type { Shape } from '../../extension/onnx/tensor.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { DataType, float, info, Kind, linear, node, record, type TensorInit } from './files.ts';

/** Builds a model with x [2, 2] as its input (or others). */
function build(bytes: Uint8Array, inputs: Record<string, Shape> = { x: [2, 2] }) {
  const model = decodeModel(bytes, 'm.onnx');
  const b = new GraphBuilder();
  const values = new Map(Object.entries(inputs).map(([name, shape]) => [name, b.input(name, 'float32', shape)]));
  return {
    model,
    ...instantiate(b, model, operators, { inputs: values, parameters: new Map(), floatType: 'float32' }),
  };
}

const outputShape = (bytes: Uint8Array, inputs?: Record<string, Shape>) => {
  const { outputs, blockers } = build(bytes, inputs);
  assert.deepEqual(blockers, []);
  return outputs.get('y')?.shape;
};
const refusal = (bytes: Uint8Array) => {
  const { model, blockers } = build(bytes);
  return InspectorError.of(describeBlockers(model, blockers, [...model.graph.initializers.keys()])).message;
};
const tensor = (dataType: number, more: TensorInit): TensorInit => ({ name: 'w', dims: [2n], dataType, ...more });
const valuesOf = (stored: TensorInit) => {
  const bytes = linear({ node: [node('Identity(x) -> y')], initializer: [stored] });
  return Array.from(decodeModel(bytes, 'm.onnx').graph.initializers.get('w')!.read().data, Number);
};

describe('odd but valid models', () => {
  it('nodes in any order', () => {
    const nodes = [node('Relu(b) -> y'), node('Tanh(a) -> b'), node('MatMul(x, w) -> a')];
    assert.deepEqual(outputShape(linear({ node: nodes })), [2, 1]);
  });

  it('names that are properties of objects', () => {
    const bytes = linear({
      node: [node('MatMul(__proto__, constructor) -> toString'), node('Relu(toString) -> y')],
      initializer: [float('constructor', [2, 1], [1, 2])],
      input: [info('__proto__', ['N', 2])],
    });
    const model = decodeModel(bytes, 'm.onnx');
    const b = new GraphBuilder();
    const inputs = new Map([['__proto__', b.input('__proto__', 'float32', [3, 2])]]);
    const { outputs } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float32' });
    assert.deepEqual(outputs.get('y')?.shape, [3, 1]);
  });

  it('initializers that are inputs too (IR version 3)', () => {
    const bytes = linear({ input: [info('x', ['N', 2]), info('w', [2, 1])] }, { irVersion: 3n });
    assert.deepEqual(
      decodeModel(bytes, 'm.onnx').graph.inputs.map(({ name }) => name),
      ['x'],
    );
    assert.deepEqual(outputShape(bytes), [2, 1]);
  });

  it('optional inputs that are left out', () => {
    const clip = [node('Clip(x, _, w) -> y')];
    assert.deepEqual(outputShape(linear({ node: clip, initializer: [float('w', [], [6])] })), [2, 2]);
  });

  it('one operator set under both of its names', () => {
    const opsetImport = [
      { domain: '', version: 17n },
      { domain: 'ai.onnx', version: 17n },
    ];
    assert.deepEqual(
      outputShape(linear({ node: [node('MatMul(x, w) -> y', { domain: 'ai.onnx' })] }, { opsetImport })),
      [2, 1],
    );
  });

  it('oldest and newest operator sets, unknown fields, later IR versions', () => {
    for (const version of [7n, 26n]) {
      const bytes = linear({}, { irVersion: 99n, opsetImport: [{ domain: '', version }] });
      assert.deepEqual(outputShape(Buffer.concat([bytes, record(9999, Buffer.from('new'))])), [2, 1]);
    }
  });

  it('inputs of other types, without shape or without type are described', () => {
    const sequence = { elemType: info('', []).type };
    const bytes = linear({
      input: [
        info('x', ['N', 2]),
        { name: 's', type: { value: { case: 'sequenceType', value: sequence } } },
        { name: 'o', type: { value: { case: 'optionalType', value: sequence } } },
        { name: 'm', type: { value: { case: 'mapType', value: {} } } },
        { name: 'n' },
        info('d', [-1, 0], DataType.INT4),
      ],
    });
    assert.deepEqual(
      decodeModel(bytes, 'm.onnx').graph.inputs.map(({ type, typeName, dims }) => [type, typeName, dims]),
      [
        ['float32', 'float32', ['N', 2]],
        [undefined, 'sequence', undefined],
        [undefined, 'optional', undefined],
        [undefined, 'map', undefined],
        [undefined, 'unknown type', undefined],
        [undefined, 'int4', [undefined, undefined]],
      ],
    );
  });

  it('values in every field that a type may use', () => {
    assert.deepEqual(valuesOf(tensor(DataType.FLOAT, { floatData: [1.5, Number.NaN] })), [1.5, Number.NaN]);
    assert.deepEqual(valuesOf(tensor(DataType.DOUBLE, { doubleData: [1e300, -0] })), [1e300, -0]);
    assert.deepEqual(valuesOf(tensor(DataType.INT64, { int64Data: [-1n, 2n] })), [-1, 2]);
    assert.deepEqual(valuesOf(tensor(DataType.UINT64, { uint64Data: [1n, 2n] })), [1, 2]);
    assert.deepEqual(valuesOf(tensor(DataType.UINT32, { uint64Data: [1n, 4294967295n] })), [1, 4294967295]);
    assert.deepEqual(valuesOf(tensor(DataType.FLOAT16, { int32Data: [0x3c00, 0xc000] })), [0x3c00, 0xc000]);
    assert.deepEqual(valuesOf(tensor(DataType.INT8, { int32Data: [-3, 3] })), [-3, 3]);
    assert.deepEqual(valuesOf(tensor(DataType.BOOL, { int32Data: [0, 1] })), [0, 1]);
    assert.deepEqual(valuesOf(tensor(DataType.BOOL, { rawData: new Uint8Array([0, 255]) })), [0, 1]);
    assert.deepEqual(valuesOf(tensor(DataType.FLOAT, { dims: [0n, 3n], rawData: new Uint8Array() })), []);
    assert.deepEqual(valuesOf(tensor(DataType.FLOAT, { dims: [], floatData: [4] })), [4]);
  });

  it('a local function, called with an optional input left out and an attribute of the caller', () => {
    const slope = { name: 'alpha', refAttrName: 'slope', type: Kind.FLOAT };
    const bytes = linear(
      {
        node: [
          node('F(x, _) -> y', { domain: 'ai.onnx.my', attribute: [{ name: 'slope', type: Kind.FLOAT, f: 0.5 }] }),
        ],
      },
      {
        functions: [
          {
            name: 'F',
            domain: 'ai.onnx.my',
            input: ['a', 'low'],
            output: ['c'],
            attribute: ['slope'],
            node: [node('LeakyRelu(a) -> b', { attribute: [slope] }), node('Clip(b, low) -> c')],
          },
        ] as never,
      },
    );
    assert.deepEqual(outputShape(bytes), [2, 2]);
  });
});

describe('models that are read and refused when they are built, all faults at once', () => {
  it('element types without arithmetic, sparse tensors, unknown domains and operators', () => {
    const stored = (name: string, dataType: number): TensorInit => ({ name, dims: [2n], dataType });
    const bytes = linear({
      node: [
        node('Add(x, a) -> p'),
        node('Add(x, b) -> q'),
        node('Add(x, c) -> r'),
        node('Add(x, d) -> s'),
        node('Add(x, e) -> t'),
        node('Quant(x) -> u', { domain: 'com.acme' }),
        node('Nonsense(x) -> v'),
        node('RandomUniformLike(x) -> z'),
        node('QuantizeLinear(x, w) -> k'),
        node('Constant() -> l', {
          attribute: [{ name: 'value', type: Kind.TENSOR, t: stored('', DataType.STRING) as never }],
        }),
        node('Sum(p, q, r, s, t, u, v, z, k, l) -> y'),
      ],
      initializer: [
        stored('a', DataType.INT4),
        stored('b', DataType.FLOAT8E4M3FN),
        stored('c', DataType.STRING),
        stored('d', DataType.COMPLEX64),
        float('w', [], [1]),
      ],
      sparseInitializer: [{ values: float('e', [1], [1]) }],
    } as never);
    assert.equal(
      refusal(bytes),
      [
        'Cannot differentiate 10 nodes, which block "a", "b", "c" and 3 more:',
        '  "p" (Add-17): its input "a": element type int4 is not supported',
        '  "q" (Add-17): its input "b": element type float8e4m3fn is not supported',
        '  "r" (Add-17): its input "c": element type string is not supported',
        '  "s" (Add-17): its input "d": element type complex64 is not supported',
        '  "t" (Add-17): its input "e": sparse tensors are not supported',
        '  "u" (com.acme.Quant-0): unknown domain',
        '  "v" (Nonsense-17): operator not supported',
        '  "z" (RandomUniformLike-17): draws random numbers; export the model in evaluation mode, or give the numbers as an input',
        '  "k" (QuantizeLinear-17): quantised arithmetic has no useful derivative; use the model before quantisation',
        '  "l" (Constant-17): attribute "value": element type string is not supported',
      ].join('\n'),
    );
  });

  it('shapes that no machine holds', () => {
    const bytes = linear({
      node: [node('Expand(x, n) -> y')],
      initializer: [{ name: 'n', dims: [4n], dataType: DataType.INT64, int64Data: [2n ** 39n, 2n, 2n, 2n] }],
    });
    assert.equal(
      refusal(bytes),
      [
        'Cannot differentiate 1 node, which blocks "n":',
        '  "y" (Expand-17): a value of shape [549755813888, 2, 2, 2] is too large',
      ].join('\n'),
    );
  });

  it('numbers from which definitions would make lists that no memory holds', () => {
    const ints = (name: string, ...values: bigint[]) => ({ name, type: Kind.INTS, ints: values });
    const pads = { name: 'w', dims: [4n], dataType: DataType.INT64, int64Data: [0n, 0n, 1929379840n, 0n] };
    const reflect = { name: 'mode', type: Kind.STRING, s: Buffer.from('reflect') };
    const table: readonly [bytes: Uint8Array, line: string][] = [
      [
        linear({ node: [node('Pad(x, w) -> y', { attribute: [reflect] })], initializer: [pads] }),
        '"y" (Pad-17): its input 1 holds 1929379840; at most 4194304 is supported',
      ],
      [
        linear({ node: [node('AveragePool(x) -> y', { attribute: [ints('kernel_shape', 2n ** 40n)] })] }),
        '"y" (AveragePool-17): its attribute "kernel_shape" holds 1099511627776; at most 16384 is supported',
      ],
      [
        linear({ node: [node('LRN(x) -> y', { attribute: [{ name: 'size', type: Kind.INT, i: 2n ** 31n }] })] }),
        '"y" (LRN-17): its attribute "size" holds 2147483648; at most 4096 is supported',
      ],
    ];
    for (const [bytes, line] of table) assert.equal(refusal(bytes).split('\n')[1].trim(), line);
  });
});

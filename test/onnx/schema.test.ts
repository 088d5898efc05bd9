import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import type { Attribute } from '../../extension/onnx/model.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { checkNode, versionsOf } from '../../extension/onnx/schema.ts';
import schemas from '../../extension/onnx/schemas.json';
import { newestOpset, oldestOpset } from '../../extension/onnx/validate.ts';
import { onnxOperators } from '../autodiff/onnxOperators.ts';
import { DataType, type GraphInit, info, Kind, linear, node, type TensorInit } from './files.ts';

/** The reasons for which the nodes of a graph with input x [2, 2] are blocked. */
function reasons(graph: GraphInit, more: Parameters<typeof linear>[1] = {}): string[] {
  const model = decodeModel(linear(graph, more), 'm.onnx');
  const b = new GraphBuilder();
  const inputs = new Map(model.graph.inputs.map(({ name }) => [name, b.input(name, 'float32', [2, 2])]));
  const { blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float32' });
  for (const { unforeseen } of blockers) assert.equal(unforeseen, undefined);
  return blockers.map(({ reason }) => reason);
}

const double = (name: string): TensorInit => ({ name, dims: [2n, 1n], dataType: DataType.DOUBLE, doubleData: [1, 2] });
const ints = (name: string, ...values: bigint[]) => ({ name, type: Kind.INTS, ints: values });
const text = (name: string, value: string) => ({ name, type: Kind.STRING, s: new TextEncoder().encode(value) });
const int = (name: string, i: bigint) => ({ name, type: Kind.INT, i });

describe('nodes are held against the schemas of ONNX', () => {
  it('too many inputs, and too few', () => {
    assert.deepEqual(reasons({ node: [node('Tanh(x, w) -> y')] }), ['it has 2 inputs; Tanh has 1']);
    assert.deepEqual(reasons({ node: [node('Gemm(x) -> y')] }), ['input B is missing']);
    assert.deepEqual(reasons({ node: [node('MatMul(_, _) -> y')] }), ['input A is missing; input B is missing']);
    assert.deepEqual(reasons({ node: [node('Concat() -> y', { attribute: [int('axis', 0n)] })] }), [
      'input inputs is missing',
    ]);
    assert.deepEqual(reasons({ node: [node('Relu(x) -> y, z')] }), ['it has 2 outputs; Relu has 1']);
  });

  it('attributes that are not the operator’s, of another kind, or missing: all at once', () => {
    const attribute = [int('perms', 1n), int('perm', 1n)];
    assert.deepEqual(reasons({ node: [node('Transpose(x) -> y', { attribute })] }), [
      'Transpose has no attribute "perms"; attribute "perm" is an int, not a list of ints',
    ]);
    assert.deepEqual(reasons({ node: [node('Concat(x, w) -> y')] }), ['attribute "axis" is missing']);
    assert.deepEqual(reasons({ node: [node('ReduceSum(x) -> y', { attribute: [ints('axes', 1n)] })] }), [
      'ReduceSum has no attribute "axes"',
    ]);
  });

  it('a text that is none of those that ONNX names, in every operator', () => {
    const attribute = [text('auto_pad', 'same_upper')];
    assert.deepEqual(reasons({ node: [node('Conv(x, w) -> y', { attribute })] }), [
      'attribute "auto_pad" is "same_upper", not NOTSET, SAME_UPPER, SAME_LOWER or VALID',
    ]);
    const enumerated = Object.keys(schemas.operators).flatMap((operator) =>
      [...versionsOf(operator).at(-1)!.attributes].flatMap(([name, { values }]) =>
        values ? [{ operator, name }] : [],
      ),
    );
    assert.ok(enumerated.length > 25);
    for (const { operator, name } of enumerated) {
      const attributes = new Map<string, Attribute>([[name, { kind: 'string', value: 'other' }]]);
      const wrong = { name: 'n', opType: operator, domain: '', inputs: ['x'], outputs: ['y'], attributes };
      const message = new RegExp(`attribute "${name}" is "other", not \\w+(, \\w+)* or \\w+`);
      assert.throws(() => checkNode(wrong, newestOpset, []), message, operator);
    }
  });

  it('types that do not belong to each other, or not there', () => {
    assert.deepEqual(reasons({ node: [node('MatMul(x, w) -> y')], initializer: [double('w')] }), [
      'input B ("w") is of type float64, but input A ("x") of type float32',
    ]);
    const data = { input: [info('x', ['N', 2], DataType.DOUBLE)] };
    assert.deepEqual(reasons({ ...data, node: [node('MatMul(x, w) -> y')] }), [
      'input B ("w") is of type float32, but input A ("x") of type float64',
    ]);
    assert.deepEqual(reasons({ node: [node('Gather(w, x) -> y')] }), [
      'input indices ("x") is of type float32, where int32 or int64 belongs',
    ]);
  });

  it('types that nodes, functions and branches compute are known', () => {
    const cast = (to: number) => node('Cast(x) -> c', { attribute: [int('to', BigInt(to))] });
    const problem = ['input B ("w") is of type float32, but input A ("d") of type float64'];
    const after = [node('Tanh(c) -> d'), node('MatMul(d, w) -> y')];
    assert.deepEqual(reasons({ node: [cast(DataType.DOUBLE), ...after] }), problem);
    assert.deepEqual(reasons({ node: [cast(DataType.FLOAT), ...after] }), []);
    const functions = [{ name: 'F', domain: 'my', input: ['a'], output: ['b'], node: [node('Tanh(a) -> b')] }] as never;
    const called = [cast(DataType.DOUBLE), node('F(c) -> d', { domain: 'my' }), node('MatMul(d, w) -> y')];
    assert.deepEqual(reasons({ node: called }, { functions }), problem);
  });

  it('an attribute of one version is none of another', () => {
    const squeeze = node('Squeeze(x) -> y', { attribute: [ints('axes')] });
    const opset = (version: bigint) => ({ opsetImport: [{ domain: '', version }] });
    assert.deepEqual(reasons({ node: [squeeze] }, opset(12n)), []);
    assert.deepEqual(reasons({ node: [squeeze] }, opset(13n)), ['Squeeze has no attribute "axes"']);
  });

  it('shapes of inputs that no machine holds', () => {
    assert.throws(() => decodeModel(linear({ input: [info('x', [2n ** 62n, 64n])] }), 'm.onnx'), {
      message: '"m.onnx", input "x": its shape [4611686018427388000, 64] is too large.',
    });
  });
});

it('every operator of ONNX has its schemas, for every version since the oldest that is read', () => {
  const table: Record<string, Record<string, string>> = schemas.operators;
  for (const { name, versions } of onnxOperators) {
    const first = Math.max(...versions.filter((version) => version <= oldestOpset), versions[0]!);
    assert.equal(Object.keys(table[name] ?? {})[0], String(first), name);
  }
  const listed = new Set(onnxOperators.map(({ name }) => name));
  assert.deepEqual(
    Object.keys(table).filter((name) => !listed.has(name)),
    [],
  );
  for (const versions of Object.values(table))
    for (const since of Object.keys(versions)) assert.ok(Number(since) <= newestOpset);
});

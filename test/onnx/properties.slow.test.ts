import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Graph, Value } from '../../extension/onnx/graph.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { external, float, info, Kind, linear, node } from './files.ts';

/** A model with every kind of part: attributes of each kind, a subgraph, a function, typed and external data. */
const rich = linear(
  {
    node: [
      node('F(x) -> a', { domain: 'my', attribute: [{ name: 'slope', type: Kind.FLOAT, f: 0.5 }] }),
      node('MatMul(a, w) -> b'),
      node('Constant() -> c', {
        attribute: [{ name: 'value', type: Kind.TENSOR, t: float('', [2], [1, 2]) as never }],
      }),
      node('Transpose(b) -> d', { attribute: [{ name: 'perm', type: Kind.INTS, ints: [0n, 1n] }] }),
      node('If(flag) -> e', {
        attribute: ['then_branch', 'else_branch'].map((name) => ({
          name,
          type: Kind.GRAPH,
          g: { name, node: [node('Add(d, c) -> r')], output: [info('r', [2, 2])] } as never,
        })),
      }),
      node('Pad(e, p) -> y', { attribute: [{ name: 'mode', type: Kind.STRING, s: Buffer.from('edge') }] }),
    ],
    initializer: [
      float('w', [2, 1], [1, 2]),
      { name: 'p', dims: [4n], dataType: 7, int64Data: [0n, 0n, 1n, 1n] },
      { name: 'flag', dims: [], dataType: 9, int32Data: [1] },
    ],
  },
  {
    functions: [
      {
        name: 'F',
        domain: 'my',
        input: ['a'],
        output: ['b'],
        node: [node('LeakyRelu(a) -> b', { attribute: [{ name: 'alpha', refAttrName: 'slope', type: Kind.FLOAT }] })],
      },
    ] as never,
  },
);

/** Reads everything that a model holds and builds it. */
function useModel(bytes: Uint8Array): 'built' | 'blocked' | 'refused' {
  try {
    const model = decodeModel(bytes, 'm.onnx');
    for (const initializer of model.graph.initializers.values()) if (!initializer.unsupported) initializer.read();
    const b = new GraphBuilder();
    const inputs = new Map(model.graph.inputs.map(({ name }) => [name, b.input(name, 'float32', [2, 2])]));
    const { blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float32' });
    return blockers.length > 0 ? 'blocked' : 'built';
  } catch (error) {
    if (error instanceof InspectorError) return 'refused';
    throw error;
  }
}

describe('damaged files', () => {
  it('the model itself is built', () => assert.equal(useModel(rich), 'built'));

  it('cut off at every byte', () => {
    const read: number[] = [];
    for (let length = 0; length < rich.length; length++)
      if (useModel(rich.subarray(0, length)) !== 'refused') read.push(length);
    // Its last record, the function, may be missing as a whole; the call of it is then of an unknown domain.
    assert.equal(read.length, 1);
    assert.equal(rich[read[0]], ((25 * 8 + 2) % 128) + 128);
    assert.equal(useModel(rich.subarray(0, read[0])), 'blocked');
  });

  it('every byte replaced by every value', () => {
    const seen = new Set<string>();
    for (let at = 0; at < rich.length; at++) {
      for (const value of [0, 1, 7, 8, 0x0a, 0x12, 0x2a, 0x7f, 0x80, 0xff, rich[at] ^ 1, rich[at] ^ 0x40]) {
        const bytes = Uint8Array.from(rich);
        bytes[at] = value;
        seen.add(useModel(bytes));
      }
    }
    assert.deepEqual([...seen].sort(), ['blocked', 'built', 'refused']);
  });

  it('bytes changed, removed, repeated and inserted', () => {
    const place = fc.nat(rich.length - 1);
    const edit = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), at: place, bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }) }),
      fc.record({
        kind: fc.constant('insert' as const),
        at: place,
        bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
      }),
      fc.record({ kind: fc.constant('remove' as const), at: place, count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('copy' as const), at: place, from: place, count: fc.integer({ min: 1, max: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let bytes: number[] = [...rich];
        for (const step of edits) {
          if (step.kind === 'set') bytes.splice(step.at, step.bytes.length, ...step.bytes);
          else if (step.kind === 'insert') bytes.splice(step.at, 0, ...step.bytes);
          else if (step.kind === 'remove') bytes.splice(step.at, step.count);
          else bytes.splice(step.at, 0, ...bytes.slice(step.from, step.from + step.count));
        }
        bytes = bytes.slice(0, 5000);
        useModel(Uint8Array.from(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(useModel(bytes), 'refused');
      }),
      { numRuns: 2000 },
    );
  });

  it('any location, offset and length of external data', () => {
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('..', '/', '.', '\\', 'C:', '/dev/zero', '-1', '1e99', '', '\0'),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 4 }), words, words, (parts, offset, length) => {
        const entries = { location: parts.join('/'), offset, length };
        assert.equal(useModel(linear({ initializer: [external('w', [2, 1], entries)] })), 'refused');
      }),
    );
  });
});

/** Steps of a random program; operands are chosen among the values so far. */
const steps = fc.array(
  fc.record({
    op: fc.constantFrom(
      'add',
      'mul',
      'matMul',
      'transpose',
      'tanh',
      'relu',
      'sum',
      'softmax',
      'concat',
      'slice',
      'where',
    ),
    left: fc.nat(),
    right: fc.nat(),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Values are 3 × 3 throughout, so that every step fits. */
function randomGraph(program: readonly { op: string; left: number; right: number }[], weights: Tensor): Graph {
  const b = new GraphBuilder();
  const values: Value[] = [b.input('x', 'float32', [3, 3]), b.constant(weights)];
  for (const { op, left, right } of program) {
    const p = values[left % values.length];
    const q = values[right % values.length];
    const column = () => b.slice(p, { starts: [1], ends: [2], axes: [1] });
    const results: Record<string, () => Value> = {
      add: () => b.add(p, q),
      mul: () => b.mul(p, q),
      matMul: () => b.matMul(p, q),
      transpose: () => b.transpose(p, [1, 0]),
      tanh: () => b.tanh(p),
      relu: () => b.relu(p),
      sum: () => b.add(q, b.reduceSum(p, [0], true)),
      softmax: () => b.softmax(p, 1),
      concat: () => b.concat([column(), b.slice(q, { starts: [0], ends: [2], axes: [1] })], 1),
      slice: () => b.mul(q, column()),
      where: () => b.where(b.greater(p, q), p, b.number(0, p)),
    };
    values.push(results[op]());
  }
  return { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: values.at(-1)! }] };
}

/** A model without its names: each operand is the place where it was defined, or the bits of a constant. */
function shapeOf(model: Model): unknown {
  const place = new Map<string, unknown>(model.graph.inputs.map(({ name }, i) => [name, `input ${i}`]));
  for (const [name, initializer] of model.graph.initializers) {
    const { type, shape, data } = initializer.read();
    place.set(name, `${type} ${shape} ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`);
  }
  return model.graph.nodes.map(({ opType, inputs, outputs, attributes }, i) => {
    outputs.forEach((name, k) => {
      place.set(name, `${i}.${k}`);
    });
    return [opType, inputs.map((name) => place.get(name)), [...attributes]];
  });
}

describe('graphs that are written', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.float({ noNaN: true }), { minLength: 9, maxLength: 9 }), (program, numbers) => {
        const first = decodeModel(encodeModel(randomGraph(program, tensorOf('float32', [3, 3], numbers))), 'm.onnx');
        const b = new GraphBuilder();
        const inputs = new Map(first.graph.inputs.map(({ name }) => [name, b.input(name, 'float32', [3, 3])]));
        const { outputs, blockers } = instantiate(b, first, operators, {
          inputs,
          parameters: new Map(),
          floatType: 'float32',
        });
        assert.deepEqual(blockers, []);
        const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: outputs.get('y')! }] };
        const second = decodeModel(encodeModel(graph), 'm.onnx');
        assert.deepEqual(shapeOf(second), shapeOf(first));
        assert.deepEqual(second.graph.outputs, first.graph.outputs);
        assert.deepEqual(second.graph.inputs, first.graph.inputs);
      }),
      { numRuns: 300 },
    );
  });
});

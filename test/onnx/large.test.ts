import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { listed, numbered, writable } from '../../extension/onnx/checked.ts';
import { evaluateTensors } from '../../extension/onnx/fold.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { tellingNode } from '../../extension/onnx/refusal.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { info, linear } from './files.ts';

/** Why no node of this operator, on data of a shape, can be built. */
function reasonOf(opType: string, shape: readonly number[], attribute: readonly object[] = []): string | undefined {
  const node = [{ name: 'large', opType, input: ['x'], output: ['y'], attribute }];
  const model = decodeModel(
    linear({ node, initializer: [], input: [info('x', [...shape])], output: [{ name: 'y' }] } as never),
    'm.onnx',
  );
  const b = new GraphBuilder();
  const inputs = new Map([['x', b.input('x', 'float32', shape)]]);
  const { blockers } = instantiate(b, model, operators, { inputs, parameters: new Map(), floatType: 'float32' });
  assert.deepEqual(
    blockers.map(({ unforeseen }) => unforeseen),
    blockers.map(() => undefined),
  );
  return blockers[0]?.reason;
}

describe('axes that nothing can hold', () => {
  it('no list is longer than memory is for, wherever its length comes from', () => {
    assert.deepEqual(
      listed(3, (i) => 2 * i),
      [0, 2, 4],
    );
    assert.deepEqual(
      numbered(3, (i) => i / 2),
      Float64Array.of(0, 0.5, 1),
    );
    for (const make of [() => listed(2 ** 40, () => 0), () => numbered(2 ** 40, () => 0), () => writable(2 ** 40)])
      assert.throws(make, { message: /^it needs a list of 1,099,511,627,776 numbers; at most [\d,]+ are supported$/ });
  });

  it('graphs make their lists through what bounds them', () => {
    const folder = 'extension/autodiff';
    const unbounded = readdirSync(folder, { recursive: true })
      .map(String)
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) =>
        readFileSync(join(folder, file), 'utf8')
          .split('\n')
          .filter((line) => /from\(\{ *length|new (\w*Array)\b(?!.*writable\()|\.repeat\(\w/.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    assert.deepEqual(unbounded, []);
  });

  it('an operator that would make one is refused, not unforeseen; one that counts has the runtime count', () => {
    const last = [{ name: 'axis', type: 2, i: 1n }];
    assert.equal(reasonOf('Hardmax', [1, 2 ** 33], last), undefined);
    assert.match(reasonOf('EyeLike', [2 ** 20, 2 ** 19])!, /^it needs a list of 549,755,813,888 numbers/);
  });

  it('a value that is empty is not larger than one that is not', () => {
    const b = new GraphBuilder();
    assert.throws(() => b.input('x', 'float32', [0, 2 ** 31, 2 ** 31]), {
      message: /^input "x": A value of shape .* is too large\./,
    });
    assert.deepEqual(b.input('x', 'float32', [0, 2 ** 31]).shape, [0, 2 ** 31]);
  });

  it('what an empty constant becomes is not looked for along its other axes', () => {
    const x = tensorOf('float32', [2 ** 40, 3, 0], []);
    const indices = tensorOf('int64', [2], [0, 1]);
    const output = { type: 'float32', shape: [2 ** 40, 2, 0] } as const;
    assert.equal(evaluateTensors('Gather', [x, indices], { axis: 1 }, output)?.data.length, 0);
  });

  it('axes are put into an order of all of them', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 4]);
    for (const perm of [
      [0, 1],
      [0, 1, 1],
      [0, 1, 3],
    ])
      assert.throws(() => b.transpose(x, perm));
  });

  it('an axis is sliced once', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3, 4]);
    const slice = (axes: readonly number[]) => b.slice(x, { starts: [1, 1], ends: [3, 3], axes });
    assert.deepEqual(slice([1, -1]).shape, [2, 2, 2]);
    assert.throws(() => slice([2, -1]), { message: '[2, -1] names an axis twice' });
  });

  it('windows see something, and move on', () => {
    const pool = (kernel: bigint, stride: bigint) => [
      { name: 'kernel_shape', type: 7, ints: [kernel] },
      { name: 'strides', type: 7, ints: [stride] },
      { name: 'pads', type: 7, ints: [2n, 2n] },
    ];
    assert.match(reasonOf('AveragePool', [1, 1, 0], pool(2n, 1n))!, /data \[0\], one of which is empty/);
    assert.match(reasonOf('AveragePool', [1, 1, 4], pool(2n, 0n))!, /must be above 0/);
    assert.equal(reasonOf('AveragePool', [1, 1, 4], pool(2n, 1n)), undefined);
  });

  it('a derivative or a kernel that is too large names its node, a defect in one stays a defect', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [1, 1, 2 ** 30]);
    b.origin = 'pool';
    const [y] = b.emit('MaxPool', [x], {
      ...{ kernel_shape: [2], strides: [2], dilations: [1], pads: [0, 0], ceil_mode: 0 },
    });
    b.origin = undefined;
    const gradients = gradient(b, b.reduceSum(y), [x]);
    const outputs = gradients.map((value) => ({ name: 'dx', value }));
    const refusal = {
      name: 'InspectorError',
      message: /^node "grad\(pool\)": it needs a list of 1,073,741,824 numbers/,
    };
    assert.throws(() => lower({ scope: b, inputs: b.inputs, outputs }), refusal);
    const defect = () => {
      throw new RangeError('lists do not belong together');
    };
    assert.throws(() => tellingNode(b, defect), RangeError);
  });

  it('one node does not become a graph without end; many nodes may', () => {
    const build = (labelled: (i: number) => string) => {
      const b = new GraphBuilder();
      let x = b.input('x', 'float32', [2]);
      b.origin = 'one';
      for (let i = 0; i < 140_000; i++) {
        if (i % 70_000 === 0) b.origin = labelled(i);
        x = b.unary('Sin', x);
      }
    };
    build((i) => `node ${i}`);
    const endless = () => {
      const b = new GraphBuilder();
      let x = b.input('x', 'float32', [2]);
      b.origin = 'one';
      for (let i = 0; i < 140_000; i++) x = b.unary('Sin', x);
    };
    assert.throws(endless, { message: 'it takes more than 131,072 operations, which is not supported' });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unscaledBytes } from '../../extension/engine/dataWarnings.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { float, info, linear, type Node, node } from '../onnx/files.ts';

const image = (type: 'uint8' | 'float32' | 'int64', largest: number): Tensor =>
  tensorOf(
    type,
    [2, 4, 4],
    Array.from({ length: 32 }, (_, i) => Math.round((i * largest) / 31)),
  );
const model = (...nodes: Node[]) =>
  decodeModel(
    linear({
      node: nodes,
      initializer: [float('w', [16, 2], new Array(32).fill(0.1)), float('k', [], [0.1])],
      input: [info('x', ['N', 4, 4])],
      output: [info('y', ['N', 2])],
    }),
    'm.onnx',
  );
const plain = model(node('Flatten(x) -> a'), node('Gemm(a, w) -> y'));

describe('bytes that are fed as they are', () => {
  const table: readonly [what: string, data: Tensor, warns: boolean][] = [
    ['bytes', image('uint8', 200), true],
    ['whole numbers to 255', image('float32', 255), true],
    ['64-bit whole numbers to 255', image('int64', 255), true],
    ['whole numbers to 254', image('float32', 254), false],
    ['a mask of bytes', image('uint8', 1), false],
    ['scaled', { ...image('float32', 255), data: Float32Array.from({ length: 32 }, (_, i) => i / 31) }, false],
    ['few features', tensorOf('float32', [2, 3], [0, 1, 2, 3, 4, 255]), false],
  ];
  for (const [what, data, warns] of table)
    it(`${what}: ${warns ? 'a warning' : 'none'}`, () =>
      assert.equal(unscaledBytes(plain, 'x', data) !== undefined, warns));

  it('not where the model scales them itself', () => {
    const scaling = model(
      node('Identity(x) -> a'),
      node('Mul(a, k) -> b'),
      node('Flatten(b) -> c'),
      node('Gemm(c, w) -> y'),
    );
    assert.equal(unscaledBytes(scaling, 'x', image('uint8', 255)), undefined);
  });

  it('is among the warnings of the problem, unless a scale is given', () => {
    const arrays = new Map<string, Tensor>([
      ['x', image('uint8', 255)],
      ['y', tensorOf('int64', [2], [0, 1])],
    ]);
    const data = { arrays, files: [], format: 'made' };
    const [warning] = createProblem(plain, data).warnings;
    assert.equal(warning.code, 'unscaled-bytes');
    assert.match(onCommandLine(warning.remedy), /--scale 1\/255/);
    assert.deepEqual(createProblem(plain, data, { normalisation: { scale: 1 / 255 } }).warnings, []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bufferRole, suspectedBuffer } from '../../extension/exports/buffers.ts';
import { exportWarnings } from '../../extension/exports/exportWarnings.ts';
import type { Initializer } from '../../extension/onnx/model.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { elementCount, tensorOf } from '../../extension/onnx/tensor.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { float, linear, node } from '../onnx/files.ts';

const make = (name: string, shape: readonly number[], at: (...index: number[]) => number): Initializer => {
  const columns = shape.at(-1)!;
  const values = Array.from({ length: elementCount(shape) }, (_, i) => at(Math.floor(i / columns), i % columns));
  const tensor = tensorOf('float32', shape, values);
  return { name, type: 'float32', typeName: 'float32', shape, read: () => tensor };
};
const positions = (t: number, j: number) => {
  const angle = t / 10000 ** ((j - (j % 2)) / 8);
  return j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
};
const halves = (t: number, j: number) => Math[j < 4 ? 'sin' : 'cos'](t * 100 ** -((j % 4) / 4));
const ramp = (i: number, j: number) => ((i * 7919 + j * 104729) % 1000) / 500 - 1;

describe('what is certainly a buffer', () => {
  const table: readonly [what: string, Initializer, role: string | undefined][] = [
    ['statistics', make('bn1.running_mean', [4], ramp), 'running statistics, by its name'],
    ['of Keras', make('sequential/bn/moving_variance', [4], ramp), 'running statistics, by its name'],
    ['frequencies', make('rotary.inv_freq', [4], ramp), 'buffer, by its name'],
    ['interleaved sines and cosines', make('pe', [1, 12, 8], positions), 'table of sines and cosines, by its numbers'],
    ['sines, then cosines', make('table', [20, 8], halves), 'table of sines and cosines, by its numbers'],
    ['a causal mask', make('m', [1, 1, 6, 6], (i, j) => (j > i ? -Infinity : 0)), 'mask, by its numbers'],
    ['its complement', make('m', [6, 6], (i, j) => (j > i ? 1 : 0)), 'mask, by its numbers'],
    ['a mask of windows', make('m', [2, 3, 4], (i, j) => (i === 5 && j > 1 ? -100 : 0)), 'mask, by its numbers'],
    [
      'sines with unit axes between',
      make('pe', [1, 12, 1, 8], positions),
      'table of sines and cosines, by its numbers',
    ],
    ['zeros and −1', make('w', [6, 6], (i) => -(i % 2)), undefined],
    ['random numbers', make('fc.weight', [6, 6], ramp), undefined],
    ['an identity', make('fc.weight', [6, 6], (i, j) => (i === j ? 1 : 0)), undefined],
    ['ones', make('norm.weight', [6, 6], () => 1), undefined],
    ['zeros', make('fc.weight', [6, 6], () => 0), undefined],
    ['zeros and ones in a column', make('w', [6, 2], (i) => i % 2), undefined],
    ['too small to tell', make('w', [2, 2], (i, j) => (j > i ? 0 : 1)), undefined],
    ['nearly sines', make('pe', [12, 8], (t, j) => positions(t, j) + 0.01 * ramp(t, j)), undefined],
  ];
  for (const [what, initializer, role] of table) it(what, () => assert.equal(bufferRole(initializer), role));
});

describe('what looks like one', () => {
  const table: readonly [what: string, Initializer, sign: string | undefined][] = [
    ['a count', make('t', [8], (_, j) => j), 'its evenly spaced numbers'],
    ['coordinates', make('g', [4, 5], (i, j) => i + 0.5 + 0 * j), 'its evenly spaced numbers'],
    ['slopes of ALiBi', make('slopes', [8, 1], (i) => 2 ** -(i + 1)), 'its geometric progression'],
    ['a name', make('head.anchors', [3, 2], ramp), 'its name'],
    ['pixels', make('preprocess.mean', [1, 3], ramp), 'its name'],
    ['a deviation that is learnt', make('policy.log_std', [3], ramp), undefined],
    ['random numbers', make('fc.weight', [6, 6], ramp), undefined],
    ['ones', make('norm.weight', [6], () => 1), undefined],
    ['two numbers', make('b', [2], (_, j) => j), undefined],
  ];
  for (const [what, initializer, sign] of table) it(what, () => assert.equal(suspectedBuffer(initializer), sign));

  it('is warned of with the option that freezes it', () => {
    const model = decodeModel(
      linear({
        node: [node("Mul(x, it's a grid) -> a"), node('MatMul(a, w) -> y')],
        initializer: [float("it's a grid", [1, 4], [0, 1, 2, 3]), float('w', [4, 2], [1, -2, 3, 5, -1, 0, 2, 7])],
      }),
      'm.onnx',
    );
    const [warning, ...others] = exportWarnings(model);
    assert.deepEqual(others, []);
    assert.equal(warning.code, 'possible-buffers');
    assert.equal(
      onCommandLine(warning.remedy),
      "If they do not train in your program, add --freeze 'it'\\''s a grid'.",
    );
    assert.match(onCommandLine(warning.detail), /^"it's a grid" \(by its evenly spaced numbers\) look like buffers/);
  });
});

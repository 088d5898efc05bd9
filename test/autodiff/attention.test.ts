import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { evaluateOperator } from './evaluate.ts';
import { applyOperator, checkOperator, type Input, type OperatorSpec } from './harness.ts';

const q = { shape: [2, 2, 3, 4] };
const k = { shape: [2, 2, 5, 4] };
const v = { shape: [2, 2, 5, 3] };
const square = [q, { shape: [2, 2, 3, 4] }, { shape: [2, 2, 3, 4] }];
const flat = [{ shape: [2, 3, 8] }, { shape: [2, 5, 8] }, { shape: [2, 5, 6] }];
const heads = { q_num_heads: 2, kv_num_heads: 2 };
const allowed: Input = {
  constant: tensorOf('bool', [3, 5], [1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1]),
};
const bias: Input = {
  constant: tensorOf(
    'float64',
    [2, 1, 3, 5],
    Array.from({ length: 30 }, (_, i) => Math.sin(i)),
  ),
};

const specs: OperatorSpec[] = [
  { op: 'Attention', label: 'four axes', inputs: [q, k, v] },
  { op: 'Attention', label: 'three axes', inputs: flat, attributes: heads },
  { op: 'Attention', label: 'scale', inputs: [q, k, v], attributes: { scale: { float: 0.3 } } },
  { op: 'Attention', label: 'causal', inputs: square, attributes: { is_causal: 1 } },
  { op: 'Attention', label: 'boolean mask', inputs: [q, k, v, allowed] },
  { op: 'Attention', label: 'bias', inputs: [q, k, v, bias] },
  { op: 'Attention', label: 'variable bias', inputs: [q, k, v, { shape: [3, 5] }] },
  { op: 'Attention', label: 'softcap', inputs: [q, k, v], attributes: { softcap: { float: 0.7 } } },
  {
    op: 'Attention',
    label: 'grouped heads',
    inputs: [{ shape: [2, 4, 3, 4] }, k, v, bias],
  },
  {
    op: 'Attention',
    label: 'grouped heads, three axes',
    inputs: [{ shape: [2, 3, 16] }, { shape: [2, 3, 8] }, { shape: [2, 3, 6] }],
    attributes: { q_num_heads: 4, kv_num_heads: 2, is_causal: 1 },
  },
  {
    op: 'Attention',
    label: 'past',
    inputs: [
      q,
      { shape: [2, 2, 3, 4] },
      { shape: [2, 2, 3, 4] },
      undefined,
      { shape: [2, 2, 2, 4] },
      { shape: [2, 2, 2, 4] },
    ],
    outputs: 3,
  },
  {
    op: 'Attention',
    label: 'past, causal',
    inputs: [
      q,
      { shape: [2, 2, 3, 4] },
      { shape: [2, 2, 3, 4] },
      undefined,
      { shape: [2, 2, 2, 4] },
      { shape: [2, 2, 2, 4] },
    ],
    attributes: { is_causal: 1 },
    outputs: 3,
  },
  ...[0, 1, 2, 3].map(
    (mode): OperatorSpec => ({
      op: 'Attention',
      label: `shows its scores, mode ${mode}`,
      inputs: [q, k, v, bias],
      attributes: { qk_matmul_output_mode: mode, softcap: { float: 1.3 } },
      outputs: 4,
    }),
  ),
  {
    op: 'RotaryEmbedding',
    label: 'rotary',
    inputs: [q, { shape: [2, 3, 2] }, { shape: [2, 3, 2] }],
  },
  {
    op: 'RotaryEmbedding',
    label: 'rotary, interleaved',
    inputs: [q, { shape: [2, 3, 2] }, { shape: [2, 3, 2] }],
    attributes: { interleaved: 1 },
  },
  {
    op: 'RotaryEmbedding',
    label: 'rotary, positions, three axes',
    inputs: [
      { shape: [2, 3, 8] },
      { shape: [6, 2] },
      { shape: [6, 2] },
      { constant: tensorOf('int64', [2, 3], [0, 1, 2, 3, 4, 5]) },
    ],
    attributes: { num_heads: 2 },
  },
  {
    op: 'RotaryEmbedding',
    label: 'rotary, part of the features',
    inputs: [q, { shape: [2, 3, 1] }, { shape: [2, 3, 1] }],
    attributes: { rotary_embedding_dim: 2 },
  },
];

describe('attention: value, gradient and Hessian product', () => {
  for (const spec of specs) it(spec.label!, () => checkOperator({ opset: 23, oracle: 'float32', ...spec }));

  for (const [label, mask, few] of [
    ['that leaves something', [0, -Infinity, -Infinity, 0], true],
    ['that blocks a row', [-Infinity, -Infinity, 0, 0], false],
  ] as const) {
    it(`softmax with NaN replaced, after a mask ${label}`, async () => {
      const b = new GraphBuilder();
      const x = b.input('x', 'float64', [2, 2]);
      const y = b.input('y', 'float64', [2, 2]);
      const apply = (op: string, ...inputs: Value[]) => applyOperator(b, { op, inputs: [] }, inputs)[0]!;
      const scores = apply('Add', apply('MatMul', x, y), b.constant(tensorOf('float64', [2, 2], mask)));
      const p = apply('Softmax', scores);
      const guarded = apply('Where', apply('IsNaN', p), b.scalar('float64', 0), p);
      assert.equal(guarded === p, few);
      const sum = b.reduceSum(b.mul(guarded, x));
      const [g] = gradient(b, sum, [x]);
      const [q] = vectorJacobianProduct(b, [g], [b.full('float64', [2, 2], 1)], [x]);
      const outputs = [guarded, g, q].map((value, i) => ({ name: `${i}`, value }));
      const session = await Session.create(encodeModel({ scope: b, inputs: b.inputs, outputs }), 'cpu', 1);
      const results = await session.run(
        new Map([x, y].map((value) => [value.name!, tensorOf('float64', [2, 2], [1, -2, 0.5, 3])])),
      );
      await session.release();
      const numbers = [...results.values()].flatMap(({ data }) => Array.from(data as Float64Array));
      assert.ok(numbers.every(Number.isFinite), String(numbers));
      if (!few) assert.deepEqual(numbers.slice(0, 2), [0, 0]);
    });
  }

  it('scores that are sums of sums are looked through once', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float64', [2, 2]);
    const apply = (op: string, ...inputs: Value[]) => applyOperator(b, { op, inputs: [] }, inputs)[0]!;
    let scores = apply('MatMul', x, x);
    for (let i = 0; i < 60; i++) scores = apply('Add', scores, apply('Tanh', scores));
    const p = apply('Softmax', scores);
    assert.equal(apply('Where', apply('IsNaN', p), b.scalar('float64', 0), p), p);
  });

  it('a window over more pairs than are folded is that of its mask', async () => {
    const length = 260;
    const rows = (factor: number) =>
      tensorOf(
        'float64',
        [1, 1, length, 1],
        Array.from({ length }, (_, i) => Math.sin(factor * i)),
      );
    const at = [rows(1), rows(2), rows(3)];
    const within = Array.from({ length: length ** 2 }, (_, i) => {
      const ahead = (i % length) - Math.floor(i / length);
      return Number(ahead >= -3 && ahead <= 0);
    });
    const attributes = { left_window_size: 3, is_causal: 1 };
    const windowed = await evaluateOperator({ op: 'Attention', opset: 27, at, attributes });
    const masked = await evaluateOperator({
      ...{ op: 'Attention', opset: 23, at: [...at, tensorOf('bool', [length, length], within)] },
    });
    assert.deepEqual(windowed.value, masked.value);
    assert.deepEqual(windowed.gradients, masked.gradients.slice(0, 3));
  });

  it('a query that sees nothing gives zeros and no gradient', async () => {
    const numbers = (shape: number[]) =>
      tensorOf(
        'float64',
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.cos(i)),
      );
    const { value, gradients, products } = await evaluateOperator({
      op: 'Attention',
      opset: 23,
      at: [
        numbers([1, 1, 2, 2]),
        numbers([1, 1, 3, 2]),
        numbers([1, 1, 3, 2]),
        tensorOf('bool', [2, 3], [0, 0, 0, 1, 1, 0]),
      ],
    });
    assert.deepEqual(value.slice(0, 2), [0, 0]);
    assert.deepEqual(gradients[0].slice(0, 2), [0, 0]);
    for (const number of [...value, ...gradients.flat(), ...products.flat()]) assert.ok(Number.isFinite(number));
  });
});

describe('a query sees the keys within its window', () => {
  // Equal scores: each query shows the mean of the values that it sees.
  const cases: readonly [string, Record<string, number>, number[]][] = [
    ['on both sides', { left_window_size: 2, right_window_size: 1 }, [3, 7, 15, 30]],
    ['on the left alone', { left_window_size: 1 }, [31, 31, 30, 28]],
    ['on the right alone', { right_window_size: 0 }, [1, 3, 7, 15]],
    ['that is causal besides', { left_window_size: 1, right_window_size: 3, is_causal: 1 }, [1, 3, 6, 12]],
    ['that is not bounded', { left_window_size: -1, right_window_size: -1 }, [31, 31, 31, 31]],
  ];
  // Values are powers of two, so that the sum tells which are seen.
  const keys = 5;
  const values = tensorOf(
    'float64',
    [1, 1, keys, 1],
    Array.from({ length: keys }, (_, i) => 2 ** i),
  );
  const zeros = (length: number) => tensorOf('float64', [1, 1, length, 1], new Float64Array(length));
  const count = (sum: number) => sum.toString(2).replaceAll('0', '').length;
  for (const [label, attributes, seen] of cases)
    it(label, async () => {
      const { value } = await evaluateOperator({
        op: 'Attention',
        opset: 25,
        attributes,
        at: [zeros(4), zeros(keys), values],
      });
      value.forEach((mean, i) => {
        assert.ok(Math.abs(mean - seen[i] / count(seen[i])) < 1e-12, `${label}, query ${i}: ${mean}`);
      });
    });
});

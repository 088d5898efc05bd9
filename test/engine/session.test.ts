import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { it } from 'node:test';
import { plainReason, Session, waitsBusily } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';

it('factors of products of matrices keep double precision', async () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float64', [1, 2]);
  const factor = Math.SQRT1_2;
  const y = b.matMul(b.affine(x, factor), b.transpose(b.affine(x, factor), [1, 0]));
  const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: y }] };
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    const result = await session.run(new Map([['x', tensorOf('float64', [1, 2], [1, 3])]]));
    assert.ok(Math.abs(Number(result.get('y')!.data[0]) - 5) < 1e-14, `${result.get('y')!.data[0]}`);
  } finally {
    await session.release();
  }
});

it('reasons of the runtime without names of its nodes and places in its source', () => {
  const nested =
    "Non-zero status code returned while running Loop node. Name:'a' Status Message: Non-zero status code returned while running Gather node. Name:'b' Status Message: indices element out of data bounds, idx=7 must be within the inclusive range [-3,2]";
  assert.equal(
    plainReason(nested),
    'indices element out of data bounds, idx=7 must be within the inclusive range [-3,2].',
  );
  const memory =
    'Status Message: /src/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 4000';
  assert.equal(plainReason(memory), 'Failed to allocate memory for requested buffer of size 4000.');
});

it('threads wait busily where each has a core and OpenMP is not told that cores are shared', () => {
  const cores = availableParallelism();
  assert.ok(waitsBusily(cores, 'active') && waitsBusily(1, ''));
  assert.ok(!waitsBusily(cores + 1, 'active'));
  for (const policy of ['passive', 'PASSIVE', ' Passive ']) assert.ok(!waitsBusily(cores, policy), policy);
});

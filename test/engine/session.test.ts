import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Session } from '../../extension/engine/session.ts';
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

import assert from 'node:assert/strict';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import { elementCount, type FloatType, isFloat, type Tensor, tensorOf, toFloat } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator, generator, type OperatorSpec } from './harness.ts';

/** Gradient and Hessian product of Σ y² of an operator, at inputs in (0.2, 1.2) that depend on their number only. */
async function evaluate(spec: OperatorSpec, type: FloatType): Promise<Map<string, Tensor>> {
  const b = new GraphBuilder();
  const variables: Value[] = [];
  const inputs = spec.inputs.map((input) => {
    if (!input) return undefined;
    if ('constant' in input)
      return b.constant(isFloat(input.constant.type) ? toFloat(input.constant, type) : input.constant);
    variables.push(b.input(`x${variables.length}`, type, input.shape));
    return variables[variables.length - 1];
  });
  const [y] = applyOperator(b, spec, inputs, type);
  const gradients = gradient(b, b.reduceSum(b.mul(y!, y!)), variables);
  const directions = variables.map(({ shape }, i) => b.input(`u${i}`, type, shape));
  const products = vectorJacobianProduct(b, gradients, directions, variables);
  const outputs = [...gradients, ...products].map((value, i) => ({ name: `o${i}`, value }));
  const session = await Session.create(encodeModel(lower({ scope: b, inputs: b.inputs, outputs })), 'cpu', 1);
  try {
    const random = generator(11);
    const feeds = b.inputs.map(({ name, shape }): [string, Tensor] => {
      const numbers = Array.from({ length: elementCount(shape) }, () => Math.fround(0.2 + random()));
      return [name!, tensorOf(type, shape, numbers)];
    });
    return await session.run(new Map(feeds));
  } finally {
    await session.release();
  }
}

/** Checks that the operator's derivatives in float32, which take other ways through the runtime, equal those in float64. */
export async function checkPrecision(spec: OperatorSpec): Promise<void> {
  const [wide, narrow] = [await evaluate(spec, 'float64'), await evaluate(spec, 'float32')];
  for (const [name, { data }] of wide) {
    const scale = Math.max(1, ...Array.from(data as Float64Array, Math.abs));
    Array.from(data as Float64Array).forEach((x, i) => {
      const y = narrow.get(name)!.data[i] as number;
      assert.ok(
        Math.abs(x - y) <= 1e-5 * scale,
        `${spec.label ?? spec.op}: ${name}[${i}] is ${y} in float32, not ${x}`,
      );
    });
  }
}

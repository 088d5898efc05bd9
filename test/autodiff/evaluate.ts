import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { applyOperator, type OperatorSpec } from './harness.ts';

/** A node applied to float64 numbers. `null` stands for an omitted optional input. */
export interface PointSpec extends Pick<OperatorSpec, 'op' | 'attributes' | 'opset'> {
  readonly at: readonly (Tensor | null)[];
}

export const row = (...values: number[]): Tensor<'float64'> => tensorOf('float64', [values.length], values);
export const scalarOf = (value: number): Tensor<'float64'> => tensorOf('float64', [], [value]);

/**
 * First output y of an operator at given points, the gradient of Σ y with respect to each floating-point input, and the
 * product of the Hessian of Σ y with a vector of ones (for an element-wise function: f'').
 */
export async function evaluateOperator(spec: PointSpec): Promise<{
  value: number[];
  gradients: number[][];
  products: number[][];
}> {
  const b = new GraphBuilder();
  const feeds = new Map<string, Tensor>();
  const inputs = spec.at.map((tensor, i) => {
    if (!tensor) return undefined;
    if (tensor.type !== 'float64') return b.constant(tensor);
    feeds.set(`x${i}`, tensor);
    return b.input(`x${i}`, 'float64', tensor.shape);
  });
  const variables = b.inputs.slice();
  const y = applyOperator(b, { ...spec, inputs: spec.at.map((tensor) => tensor ?? undefined) as never }, inputs)[0]!;
  const gradients = gradient(b, b.reduceSum(y), variables);
  const products = vectorJacobianProduct(
    b,
    gradients,
    gradients.map((g) => b.full(g.type, g.shape, 1)),
    variables,
  );
  const graph = lower({
    scope: b,
    inputs: b.inputs,
    outputs: [
      { name: 'y', value: y },
      ...gradients.map((value, i) => ({ name: `g${i}`, value })),
      ...products.map((value, i) => ({ name: `q${i}`, value })),
    ],
  });
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    const results = await session.run(feeds);
    const numbers = (name: string) => Array.from(results.get(name)!.data as Float64Array, Number);
    return {
      value: numbers('y'),
      gradients: gradients.map((_, i) => numbers(`g${i}`)),
      products: products.map((_, i) => numbers(`q${i}`)),
    };
  } finally {
    await session.release();
  }
}

import { GraphBuilder } from '../onnx/builder.ts';
import { first, zip } from '../onnx/checked.ts';
import { type Graph, nameOf, type Value } from '../onnx/graph.ts';
import { inlined } from '../onnx/rewrite.ts';
import { showShape } from '../onnx/shapes.ts';
import { elementCount } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { gradient, vectorJacobianProduct } from './gradient.ts';

/** What can be computed beside the value itself, and what for: names and words for help texts. */
export const derivatives = {
  value: 'the value itself',
  gradient: 'the gradient of a scalar',
  jvp: 'Jacobian-vector product J·t: how the value changes along a tangent (forward)',
  vjp: 'vector-Jacobian product Jᵀ·c: the gradient of ⟨c, value⟩ for a cotangent c (backward)',
  hvp: 'Hessian-vector product H·t of a scalar, with its gradient',
} as const;

export type Derivative = keyof typeof derivatives;

/** A value with the name under which it is written. */
export interface Named {
  readonly name: string;
  readonly value: Value;
}

/**
 * The graph of a derivative of `y` with respect to the inputs `wrt` of the graph of `b`. Tangents and cotangents become new inputs of the
 * graph: `tangent/NAME` for each of `wrt`, `cotangent/Y` for `y`. Its outputs, `y` first:
 *
 * | kind | outputs |
 * |---|---|
 * | `value` | `Y` |
 * | `gradient` | `Y`, `gradient/NAME` = ∂y/∂w |
 * | `vjp` | `Y`, `vjp/NAME` = (∂y/∂w)ᵀ·c |
 * | `jvp` | `Y`, `jvp/Y` = Σ_w (∂y/∂w)·t_w |
 * | `hvp` | `Y`, `gradient/NAME`, `hvp/NAME` = ∂⟨∇y, t⟩/∂w |
 *
 * Throws an InspectorError where a gradient or Hessian is asked for of more than one number.
 */
export function derivativeGraph(b: GraphBuilder, kind: Derivative, y: Named, wrt: readonly Named[]): Graph {
  const values = wrt.map(({ value }) => value);
  const label = (prefix: string, results: readonly Value[]) =>
    zip(results, wrt).map(([value, { name }]) => ({ name: `${prefix}/${name}`, value }));
  const inputLike = (name: string, { type, shape }: Value) => b.input(name, type, shape);
  const tangents = () => wrt.map(({ name, value }) => inputLike(`tangent/${name}`, value));
  if (kind === 'value') return graphOf(b, [y]);
  if (kind === 'vjp') {
    const cotangent = inputLike(`cotangent/${y.name}`, y.value);
    return graphOf(b, [y, ...label('vjp', vectorJacobianProduct(b, [y.value], [cotangent], values))]);
  }
  if (kind === 'jvp') {
    // Jᵀ·c is linear in c, so that its derivative along c, transposed, is J·t whatever c is.
    const cotangent = inputLike(`cotangent/${y.name}`, y.value);
    const products = vectorJacobianProduct(b, [y.value], [cotangent], values);
    const tangent = first(vectorJacobianProduct(b, products, tangents(), [cotangent]));
    return graphOf(b, [y, { name: `jvp/${y.name}`, value: tangent }], cotangent);
  }
  if (elementCount(y.value.shape) !== 1)
    throw new InspectorError(
      `${quoteName(y.name)} ${showShape(y.value.shape)} is not one number, and has no gradient.`,
      'Take a loss of it, or a vector-Jacobian product (vjp), which is the gradient of a weighted sum.',
    );
  const gradients = gradient(b, y.value, values);
  if (kind === 'gradient') return graphOf(b, [y, ...label('gradient', gradients)]);
  const products = vectorJacobianProduct(b, gradients, tangents(), values);
  return graphOf(b, [y, ...label('gradient', gradients), ...label('hvp', products)]);
}

/**
 * The graph of some outputs. An input that only held a place (the cotangent of a Jacobian-vector product) gets zeros where an
 * output still names it, and is left out.
 */
function graphOf(b: GraphBuilder, outputs: readonly Named[], placeholder?: Value): Graph {
  const graph: Graph = { scope: b, inputs: b.inputs, outputs };
  if (!placeholder) return graph;
  const inner = new GraphBuilder();
  const given = b.inputs.map((input) =>
    input === placeholder
      ? inner.full(input.type, input.shape, 0)
      : inner.input(nameOf(input), input.type, input.shape),
  );
  const values = inlined(inner, graph, given);
  return {
    scope: inner,
    inputs: inner.inputs,
    outputs: zip(outputs, values).map(([{ name }, value]) => ({ name, value })),
  };
}

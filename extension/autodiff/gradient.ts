import type { GraphBuilder } from '../onnx/builder.ts';
import { type Graph, type Node, nodesReaching, type Value } from '../onnx/graph.ts';
import { isDifferentiable, passesGradient } from '../onnx/ops.ts';
import { inlined } from '../onnx/rewrite.ts';
import { broadcastShapes, sameShape } from '../onnx/shapes.ts';
import { isFloat } from '../onnx/tensor.ts';
import { Chains } from './chain.ts';
import { applyGradientRule } from './rules/index.ts';

/**
 * Vector–Jacobian product: for outputs y and cotangents dy (same shapes) the sums Σ dyᵀ ∂y/∂w for each w of `wrt`, emitted
 * into the graph of the outputs. A `w` that no output depends on gets zeros. Everything else, `dy` included, is held
 * constant, so applying this to the result of an earlier call gives exact second-order products: with g = ∇E,
 * `vectorJacobianProduct(b, [g], [u], [w])` is the Hessian-vector product H·u.
 *
 * The walk goes backwards once over the nodes that lie between `wrt` and the outputs. Cotangents that a rule returns
 * with the shape of the broadcast result are summed back to the shape of the input here, so that no rule has to.
 * Element-wise functions of one argument are differentiated as a whole, however many nodes they take.
 *
 * `wrt` should be inputs of the graph: the builder may have simplified what is computed from other values past them.
 */
export function vectorJacobianProduct(
  b: GraphBuilder,
  outputs: readonly Value[],
  cotangents: readonly Value[],
  wrt: readonly Value[],
): Value[] {
  const targets = new Set(wrt);
  const nodes = nodesReaching(outputs, (value) => !targets.has(value) && isFloat(value.type));
  const active = new Set<Value>(wrt);
  for (const node of nodes) {
    if (passesGradient(node.opType) && node.inputs.some((input) => input && active.has(input))) {
      for (const output of node.outputs) if (isFloat(output.type) && !targets.has(output)) active.add(output);
    }
  }
  const received = new Map<Value, Value[]>();
  const accumulate = (value: Value, cotangent: Value) => {
    const terms = received.get(value);
    if (terms) terms.push(cotangent);
    else received.set(value, [cotangent]);
  };
  const total = (value: Value): Value | undefined => {
    const terms = received.get(value);
    return terms && sum(b, terms);
  };
  outputs.forEach((output, i) => {
    if (active.has(output)) accumulate(output, cotangents[i]!);
  });
  const origin = b.origin;
  const chains = new Chains(b, active, targets);
  for (const node of nodes.reverse()) {
    if (!node.outputs.some((output) => received.has(output) && !targets.has(output))) continue;
    b.origin = node.origin ? `grad(${node.origin.replace(/^grad\(|\)$/g, '')})` : undefined;
    const [y] = node.outputs;
    const root = chains.rootOf(y);
    if (root !== y) {
      accumulate(root, b.mul(total(y)!, chains.slopeOf(y)));
      continue;
    }
    const result = applyRule(b, node, node.outputs.map(total));
    node.inputs.forEach((input, i) => {
      const cotangent = result[i];
      if (input && cotangent && active.has(input)) accumulate(input, sumToShape(b, cotangent, input));
    });
  }
  b.origin = origin;
  return wrt.map((value) => total(value) ?? b.zerosLike(value));
}

/** Gradient of a scalar (float, shape []) with respect to each of `wrt`. */
export function gradient(b: GraphBuilder, scalar: Value, wrt: readonly Value[]): Value[] {
  return vectorJacobianProduct(b, [scalar], [b.full(scalar.type, scalar.shape, 1)], wrt);
}

/** Aᵀ·B */
const isProduct = ({ node }: Value): boolean =>
  node?.opType === 'Gemm' && node.attributes.transA === 1 && node.attributes.transB === 0 && !node.inputs[2];

/**
 * The sum of the cotangents that a value received. Where it was a factor of several matrix products, as the weights of a
 * recurrent network are at every step, Σ Aᵢᵀ·Bᵢ is the one product of the Aᵢ and Bᵢ joined along their rows.
 */
function sum(b: GraphBuilder, terms: readonly Value[]): Value {
  const products = terms.filter(isProduct);
  if (products.length < 4) return terms.reduce(b.add);
  const joined = (side: 0 | 1): Value =>
    b.concat(
      products.map(({ node }) => node!.inputs[side]!),
      0,
    );
  const rest = terms.filter((term) => !isProduct(term));
  return [b.gemm(joined(0), joined(1), { transA: true }), ...rest].reduce(b.add);
}

function applyRule(
  b: GraphBuilder,
  node: Node,
  cotangents: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const op = node.opType;
  if (op === 'Recurrence') return recurrenceGradient(b, node, node.body!, cotangents);
  if (!isDifferentiable(op)) return [];
  return applyGradientRule(b, op, node, cotangents);
}

/** The slices of a sequence from the last to the first. */
const backwards = (b: GraphBuilder, sequence: Value): Value => {
  const last = sequence.shape[0]! - 1;
  return b.gather(sequence, b.ints(Array.from({ length: last + 1 }, (_, i) => last - i)), 0);
};

/**
 * The gradient of a recurrence is one that runs backwards: each turn computes the forward turn again from its state, and the
 * vector–Jacobian product of that. Cotangents of constants are sums over all turns; those of sums are constants.
 */
function recurrenceGradient(
  b: GraphBuilder,
  node: Node,
  body: Graph,
  cotangents: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const { carried: states, sequences: read, stacked: shown } = node.attributes as Record<string, number>;
  const inputs = node.inputs as readonly Value[];
  const floats = (values: readonly Value[]) => values.filter(({ type }) => isFloat(type));
  const received = (from: number, to: number) =>
    node.outputs.slice(from, to).flatMap((_, i) => {
      const cotangent = cotangents[from + i];
      return cotangent ? [{ output: from + i, cotangent }] : [];
    });
  const [stackedFrom, summedFrom] = [states, states! + shown!];
  const stacked = received(stackedFrom!, summedFrom);
  const summed = received(summedFrom, node.outputs.length);
  const stackedStates = node.outputs.slice(summedFrom - states!, summedFrom);
  const constants = inputs.slice(states! + read!);
  const result = b.recurrence(
    {
      carried: node.outputs.slice(0, states).map((value, i) => cotangents[i] ?? b.zerosLike(value)),
      sequences: [
        ...stackedStates,
        ...inputs.slice(states, states! + read!),
        ...stacked.map(({ cotangent }) => cotangent),
      ].map((sequence) => backwards(b, sequence)),
      constants: [...constants, ...summed.map(({ cotangent }) => cotangent)],
    },
    (inner, given) => {
      const forward = [...given.sequences.slice(0, states! + read!), ...given.constants.slice(0, constants.length)];
      const outputs = inlined(inner, body, forward);
      const reached = [...outputs.slice(0, states), ...[...stacked, ...summed].map(({ output }) => outputs[output]!)];
      const seeds = [
        ...given.carried,
        ...given.sequences.slice(states! + read!),
        ...given.constants.slice(constants.length),
      ];
      const wrt = floats(forward);
      const gradients = vectorJacobianProduct(inner, reached!, seeds, wrt);
      const of = (values: readonly Value[]) => floats(values).map((value) => gradients[wrt.indexOf(value)]!);
      return {
        carried: of(forward.slice(0, states)),
        stacked: of(forward.slice(states, states! + read!)),
        summed: of(forward.slice(states! + read!)),
      };
    },
  );
  const flowing = [...result.carried, ...result.stacked.map((sequence) => backwards(b, sequence)), ...result.summed];
  let next = 0;
  return inputs.map(({ type }) => (isFloat(type) ? flowing[next++] : undefined));
}

/** Sums a cotangent over the axes along which the input was broadcast. */
export function sumToShape(b: GraphBuilder, cotangent: Value, input: Value): Value {
  if (sameShape(cotangent.shape, input.shape)) return cotangent;
  const wide = broadcastShapes(cotangent.shape, input.shape);
  const full = b.expand(cotangent, wide);
  const lead = wide.length - input.shape.length;
  const axes = wide.flatMap((dim, axis) =>
    axis < lead || (input.shape[axis - lead] === 1 && dim !== 1) ? [axis] : [],
  );
  return b.reshape(b.reduceSum(full, axes), input.shape);
}

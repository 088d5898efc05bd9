import type { GraphBuilder } from '../onnx/builder.ts';
import { listed, nth, zip } from '../onnx/checked.ts';
import { recurrenceParts } from '../onnx/control.ts';
import { type Node, nodesReaching, type Value } from '../onnx/graph.ts';
import { isNode, type NodeOf } from '../onnx/nodeTypes.ts';
import { isDifferentiable, passesGradient } from '../onnx/ops.ts';
import { tellingNode } from '../onnx/refusal.ts';
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
 * `wrt` should be inputs of the graph, or parts that a Split makes of one: the builder may have simplified what is computed from
 * other values past them.
 *
 * Throws an InspectorError that names the node whose derivative is too large to be built.
 */
export function vectorJacobianProduct(
  b: GraphBuilder,
  outputs: readonly Value[],
  cotangents: readonly Value[],
  wrt: readonly Value[],
): Value[] {
  return tellingNode(b, () => walkedBack(b, outputs, cotangents, wrt));
}

function walkedBack(
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
  for (const [output, cotangent] of zip<readonly [Value, Value]>(outputs, cotangents))
    if (active.has(output)) accumulate(output, cotangent);
  const origin = b.origin;
  const chains = new Chains(b, active, targets);
  for (const node of nodes.reverse()) {
    if (!node.outputs.some((output) => received.has(output) && !targets.has(output))) continue;
    b.origin = node.origin ? `grad(${node.origin.replace(/^grad\(|\)$/g, '')})` : undefined;
    const [y] = node.outputs;
    const root = chains.rootOf(y);
    const cotangents = node.outputs.map(total);
    const [dy] = cotangents;
    if (root !== y && dy) {
      accumulate(root, b.mul(dy, chains.slopeOf(y)));
      continue;
    }
    const result = applyRule(b, node, cotangents);
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

/** The factors of a product Aᵀ·B. */
const factorsOf = ({ node }: Value): readonly [Value, Value] | undefined => {
  if (!isNode(node, 'Gemm') || node.attributes.transA !== 1 || node.attributes.transB !== 0) return undefined;
  const [a, b, c] = node.inputs;
  return c ? undefined : [a, b];
};

/**
 * The sum of the cotangents that a value received. Where it was a factor of several matrix products, as the weights of a
 * recurrent network are at every step, Σ Aᵢᵀ·Bᵢ is the one product of the Aᵢ and Bᵢ joined along their rows.
 */
function sum(b: GraphBuilder, terms: readonly Value[]): Value {
  const products = terms.map(factorsOf).filter((product) => product !== undefined);
  if (products.length < 4) return terms.reduce(b.add);
  const left = b.concat(
    products.map(([a]) => a),
    0,
  );
  const right = b.concat(
    products.map(([, factor]) => factor),
    0,
  );
  const rest = terms.filter((term) => !factorsOf(term));
  return [b.gemm(left, right, { transA: true }), ...rest].reduce(b.add);
}

function applyRule(
  b: GraphBuilder,
  node: Node,
  cotangents: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const op = node.opType;
  if (isNode(node, 'Recurrence')) return recurrenceGradient(b, node, cotangents);
  if (!isDifferentiable(op)) return [];
  return applyGradientRule(b, op, node, cotangents);
}

/** The slices of a sequence from the last to the first. */
const backwards = (b: GraphBuilder, sequence: Value): Value => {
  const last = nth(sequence.shape, 0) - 1;
  return b.gather(sequence, b.ints(listed(last + 1, (i) => last - i)), 0);
};

/**
 * The gradient of a recurrence is one that runs backwards: each turn computes the forward turn again from its state, and the
 * vector–Jacobian product of that. Cotangents of constants are sums over all turns; those of sums are constants.
 */
function recurrenceGradient(
  b: GraphBuilder,
  node: NodeOf<'Recurrence'>,
  cotangents: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const { carried, sequences, constants, final, stacked: shown, summed: sums } = recurrenceParts(node);
  const states = carried.length;
  const perTurn = states + sequences.length;
  const floats = (values: readonly Value[]) => values.filter(({ type }) => isFloat(type));
  /** The cotangents of those outputs from `from` on that have one. */
  const received = (from: number, count: number) =>
    cotangents
      .slice(from, from + count)
      .flatMap((cotangent, i) => (cotangent ? [{ output: from + i, cotangent }] : []));
  const stacked = received(states, shown.length);
  const summed = received(states + shown.length, sums.length);
  const result = b.recurrence(
    {
      carried: final.map((value, i) => cotangents[i] ?? b.zerosLike(value)),
      sequences: [
        // The carried values before each turn.
        ...shown.slice(shown.length - states),
        ...sequences,
        ...stacked.map(({ cotangent }) => cotangent),
      ].map((sequence) => backwards(b, sequence)),
      constants: [...constants, ...summed.map(({ cotangent }) => cotangent)],
    },
    (inner, given) => {
      const forward = [...given.sequences.slice(0, perTurn), ...given.constants.slice(0, constants.length)];
      const outputs = inlined(inner, node.body, forward);
      const reached = [
        ...outputs.slice(0, states),
        ...[...stacked, ...summed].map(({ output }) => nth(outputs, output)),
      ];
      const seeds = [...given.carried, ...given.sequences.slice(perTurn), ...given.constants.slice(constants.length)];
      const wrt = floats(forward);
      const gradients = vectorJacobianProduct(inner, reached, seeds, wrt);
      const of = (values: readonly Value[]) => floats(values).map((value) => nth(gradients, wrt.indexOf(value)));
      return {
        carried: of(forward.slice(0, states)),
        stacked: of(forward.slice(states, perTurn)),
        summed: of(forward.slice(perTurn)),
      };
    },
  );
  const flowing = [...result.carried, ...result.stacked.map((sequence) => backwards(b, sequence)), ...result.summed];
  let next = 0;
  return node.inputs.map(({ type }) => (isFloat(type) ? flowing[next++] : undefined));
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

import { GraphBuilder } from './builder.ts';
import { type Graph, type Node, nodesOf, nodesReaching, type Value } from './graph.ts';
import type { OpType, PrimitiveOp } from './ops.ts';

/** Replaces a node of the graph by other nodes; gets its inputs as values of the new graph. */
export type Replacement = (b: GraphBuilder, inputs: readonly (Value | undefined)[], node: Node) => readonly Value[];

/**
 * Copies a graph node by node into a new builder, loop bodies included, with some operators replaced. Inputs keep their
 * names and order.
 */
export function rewriteGraph(
  graph: Graph,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): Graph {
  const known = new Map<Value, Value>();
  const b = new GraphBuilder();
  for (const value of graph.inputs) known.set(value, b.input(value.name ?? '', value.type, value.shape));
  copyNodes(nodesOf(graph), b, known, replacementFor);
  return {
    scope: b,
    inputs: b.inputs,
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: translate(b, known, value) })),
  };
}

/** A value of a graph and the name that it has as input or output. */
export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** The part of a graph that computes `outputs` from `inputs`, which may be any values of its outermost scope. */
export function excerpt(inputs: readonly NamedValue[], outputs: readonly NamedValue[]): Graph {
  const b = new GraphBuilder();
  const known = new Map(inputs.map(({ name, value }) => [value, b.input(name, value.type, value.shape)]));
  const nodes = nodesReaching(
    outputs.map(({ value }) => value),
    (value) => value.scope.depth === 0 && !known.has(value),
  );
  copyNodes(nodes, b, known, () => undefined);
  return {
    scope: b,
    inputs: b.inputs,
    outputs: outputs.map(({ name, value }) => ({ name, value: translate(b, known, value) })),
  };
}

function translate(b: GraphBuilder, known: Map<Value, Value>, value: Value): Value {
  const found = known.get(value);
  if (found) return found;
  if (!value.constant) throw new Error(`value ${value.id} (${value.node?.opType ?? 'input'}) is used before it exists`);
  return b.constant(value.constant);
}

function copyNodes(
  nodes: readonly Node[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): void {
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => value && translate(b, known, value));
    b.origin = node.origin;
    const copyBody = node.opType === 'Recurrence' ? loopOf : copyLoop;
    const outputs = node.body
      ? copyBody(node, node.body, inputs as Value[], b, known, replacementFor)
      : copyNode(node, inputs, b, replacementFor);
    node.outputs.forEach((value, i) => {
      if (outputs[i]) known.set(value, outputs[i]);
    });
  }
}

function copyNode(
  node: Node,
  inputs: readonly (Value | undefined)[],
  b: GraphBuilder,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): readonly Value[] {
  const replace = replacementFor(node.opType, node);
  return replace ? replace(b, inputs, node) : b.emit(node.opType as PrimitiveOp, inputs, node.attributes);
}

/** The outputs of a graph that is written into another one, with values for its inputs, which may be any of its values. */
export function inlined(b: GraphBuilder, graph: Graph, inputs: readonly Value[]): Value[] {
  const known = new Map(graph.inputs.map((input, i) => [input, inputs[i] as Value]));
  const nodes = nodesReaching(
    graph.outputs.map(({ value }) => value),
    (value) => value.scope === graph.scope && !known.has(value),
  );
  copyNodes(nodes, b, known, () => undefined);
  return graph.outputs.map(({ value }) => translate(b, known, value));
}

/** A recurrence as a Loop, in which sums are carried along. */
function loopOf(
  node: Node,
  body: Graph,
  inputs: Value[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): readonly Value[] {
  const { carried: states, sequences: read, stacked: shown } = node.attributes as Record<string, number>;
  const carried = inputs.slice(0, states);
  const sequences = inputs.slice(states, states! + read!);
  const constants = inputs.slice(states! + read!);
  const sums = node.outputs.slice(states! + shown!);
  const turns = sequences[0]!.shape[0];
  const { carried: final, stacked } = b.loop(
    b.scalar('int64', turns!),
    [...carried, ...sums.map((sum) => b.zerosLike(sum))],
    (inner, turn, values) => {
      const slices = sequences.map((sequence) => inner.gather(sequence, turn, 0));
      const given = [...values.slice(0, states), ...slices, ...constants];
      body.inputs.forEach((input, i) => {
        known.set(input, given[i]!);
      });
      copyNodes(nodesOf(body), inner, known, replacementFor);
      const results = body.outputs.map(({ value }) => translate(inner, known, value));
      return {
        carried: [
          ...results.slice(0, states),
          ...sums.map((_, i) => inner.add(values[states! + i]!, results[states! + shown! + i]!)),
        ],
        stacked: results.slice(states, states! + shown!),
      };
    },
    turns!,
  );
  return [...final.slice(0, states), ...stacked, ...final.slice(states)];
}

function copyLoop(
  node: Node,
  body: Graph,
  inputs: Value[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): readonly Value[] {
  const [count, , ...carried] = inputs;
  const outer = body.inputs;
  const stackedFrom = 1 + carried.length;
  const maximum = node.outputs[carried.length]?.shape[0] ?? 0;
  const { carried: final, stacked } = b.loop(
    count!,
    carried,
    (inner, index, values) => {
      known.set(outer[0]!, index);
      values.forEach((value, i) => {
        known.set(outer[i + 2]!, value);
      });
      copyNodes(nodesOf(body), inner, known, replacementFor);
      const results = body.outputs.map(({ value }) => translate(inner, known, value));
      return { proceed: results[0], carried: results.slice(1, stackedFrom), stacked: results.slice(stackedFrom) };
    },
    maximum,
  );
  return [...final, ...stacked];
}

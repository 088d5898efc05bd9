import { GraphBuilder } from './builder.ts';
import { nth, zip } from './checked.ts';
import { recurrenceParts, turnsOf } from './control.ts';
import { type Graph, type Node, nodesOf, nodesReaching, type Value } from './graph.ts';
import { type InputsOf, isNode, type NodeOf } from './nodeTypes.ts';
import type { OpType, PrimitiveOp } from './ops.ts';
import { tellingNode } from './refusal.ts';

/** Replaces a node of the graph by other nodes; gets its inputs as values of the new graph. */
export type Replacement = (b: GraphBuilder, inputs: readonly (Value | undefined)[], node: Node) => readonly Value[];

/** Replaces nodes of one operator. */
export type ReplacementOf<Op extends PrimitiveOp> = (
  b: GraphBuilder,
  inputs: InputsOf<Op>,
  node: NodeOf<Op>,
) => readonly Value[];
/** Replacements by operator. */
export type Replacements = { readonly [Op in PrimitiveOp]?: ReplacementOf<Op> };

/** The replacement of an operator in a table, which is typed for nodes in normal form. */
export const replacementIn = (table: Replacements, op: OpType): Replacement | undefined =>
  (table as Readonly<Record<string, unknown>>)[op] as Replacement | undefined;

/**
 * Copies a graph node by node into a new builder, loop bodies included, with some operators replaced. Inputs keep their
 * names and order. Throws an InspectorError that names the node whose replacement is too large to be built.
 */
export function rewriteGraph(
  graph: Graph,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): Graph {
  const known = new Map<Value, Value>();
  const b = new GraphBuilder();
  for (const value of graph.inputs) known.set(value, b.input(value.name ?? '', value.type, value.shape));
  tellingNode(b, () => copyNodes(nodesOf(graph), b, known, replacementFor));
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
    const outputs = isNode(node, 'Recurrence')
      ? loopOf(node, inputs, b, known, replacementFor)
      : isNode(node, 'Loop')
        ? copyLoop(node, inputs, b, known, replacementFor)
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
  return replace ? replace(b, inputs, node) : b.emitNode(node.opType as PrimitiveOp, inputs, node.attributes);
}

/** The outputs of a graph that is written into another one, with values for its inputs, which may be any of its values. */
export function inlined(b: GraphBuilder, graph: Graph, inputs: readonly Value[]): Value[] {
  const known = new Map(zip<readonly [Value, Value]>(graph.inputs, inputs));
  const nodes = nodesReaching(
    graph.outputs.map(({ value }) => value),
    (value) => value.scope === graph.scope && !known.has(value),
  );
  copyNodes(nodes, b, known, () => undefined);
  return graph.outputs.map(({ value }) => translate(b, known, value));
}

/** The values that a loop gets, none of which may be left out. */
const present = (inputs: readonly (Value | undefined)[]): Value[] => inputs.map((_, i) => nth(inputs as Value[], i));

/** A recurrence as a Loop, in which sums are carried along. `given` are its inputs in the new graph. */
function loopOf(
  node: NodeOf<'Recurrence'>,
  given: readonly (Value | undefined)[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): readonly Value[] {
  const { body, attributes } = node;
  const { carried: states, stacked: shown } = attributes;
  const { carried, sequences, constants } = recurrenceParts({ ...node, inputs: present(given) });
  const { summed } = recurrenceParts(node);
  const turns = turnsOf(sequences);
  const { carried: final, stacked } = b.loop(
    b.scalar('int64', turns),
    [...carried, ...summed.map((sum) => b.zerosLike(sum))],
    (inner, turn, values) => {
      const slices = sequences.map((sequence) => inner.gather(sequence, turn, 0));
      const given = [...values.slice(0, states), ...slices, ...constants];
      for (const [input, value] of zip<readonly [Value, Value]>(body.inputs, given)) known.set(input, value);
      copyNodes(nodesOf(body), inner, known, replacementFor);
      const results = body.outputs.map(({ value }) => translate(inner, known, value));
      const sums = zip<readonly [Value, Value]>(values.slice(states), results.slice(states + shown));
      return {
        carried: [...results.slice(0, states), ...sums.map(([sum, more]) => inner.add(sum, more))],
        stacked: results.slice(states, states + shown),
      };
    },
    turns,
  );
  return [...final.slice(0, states), ...stacked, ...final.slice(states)];
}

function copyLoop(
  { body, outputs }: NodeOf<'Loop'>,
  given: readonly (Value | undefined)[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  replacementFor: (opType: OpType, node: Node) => Replacement | undefined,
): readonly Value[] {
  const [count, , ...carried] = present(given) as [Value, Value, ...Value[]];
  const [turn, , ...states] = body.inputs as [Value, Value, ...Value[]];
  const stackedFrom = 1 + carried.length;
  const maximum = outputs[carried.length]?.shape[0] ?? 0;
  const { carried: final, stacked } = b.loop(
    count,
    carried,
    (inner, index, values) => {
      known.set(turn, index);
      for (const [state, value] of zip<readonly [Value, Value]>(states, values)) known.set(state, value);
      copyNodes(nodesOf(body), inner, known, replacementFor);
      const results = body.outputs.map(({ value }) => translate(inner, known, value));
      return { proceed: results[0], carried: results.slice(1, stackedFrom), stacked: results.slice(stackedFrom) };
    },
    maximum,
  );
  return [...final, ...stacked];
}

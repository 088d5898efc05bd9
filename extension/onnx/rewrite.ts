import { GraphBuilder } from './builder.ts';
import { nth, zip } from './checked.ts';
import { type LoopBuilder, recurrenceParts, type ScanBuilder, turnsOf } from './control.ts';
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

/** How nodes are copied. */
interface Rewriting {
  readonly replacementFor: (opType: OpType, node: Node) => Replacement | undefined;
  /** Whether turns over sequences are scans; else they are loops that gather what a turn reads. */
  readonly scans: boolean;
}

const asTheyAre: Rewriting = { replacementFor: () => undefined, scans: true };

/**
 * Copies a graph node by node into a new builder, bodies included, with some operators replaced. Inputs keep their names and
 * order. Recurrences become scans, and without `scans` both become loops. Throws an InspectorError that names the node whose
 * replacement is too large to be built.
 */
export function rewriteGraph(
  graph: Graph,
  replacementFor: Rewriting['replacementFor'],
  { scans = true }: { readonly scans?: boolean } = {},
): Graph {
  const known = new Map<Value, Value>();
  const b = new GraphBuilder();
  for (const value of graph.inputs) known.set(value, b.input(value.name ?? '', value.type, value.shape));
  tellingNode(b, () => copyNodes(nodesOf(graph), b, known, { replacementFor, scans }));
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
  copyNodes(nodes, b, known, asTheyAre);
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

function copyNodes(nodes: readonly Node[], b: GraphBuilder, known: Map<Value, Value>, how: Rewriting): void {
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => value && translate(b, known, value));
    b.origin = node.origin;
    const outputs = isNode(node, 'Recurrence')
      ? copyRecurrence(node, present(inputs), b, known, how)
      : isNode(node, 'Scan')
        ? copyScan(node, present(inputs), b, known, how)
        : isNode(node, 'Loop')
          ? copyLoop(node, present(inputs), b, known, how)
          : copyNode(node, inputs, b, how);
    node.outputs.forEach((value, i) => {
      if (outputs[i]) known.set(value, outputs[i]);
    });
  }
}

function copyNode(
  node: Node,
  inputs: readonly (Value | undefined)[],
  b: GraphBuilder,
  { replacementFor }: Rewriting,
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
  copyNodes(nodes, b, known, asTheyAre);
  return graph.outputs.map(({ value }) => translate(b, known, value));
}

/** The values that a node with a body gets, none of which may be left out. */
const present = (inputs: readonly (Value | undefined)[]): Value[] => inputs.map((_, i) => nth(inputs as Value[], i));

/** Turns over the slices of sequences, in the form that is wanted. */
function turning(
  b: GraphBuilder,
  { scans }: Rewriting,
  carried: readonly Value[],
  sequences: readonly Value[],
  build: ScanBuilder,
): readonly Value[] {
  if (scans) {
    const found = b.scan(carried, sequences, build);
    return [...found.carried, ...found.stacked];
  }
  const turns = turnsOf(sequences);
  const gathering: LoopBuilder = (inner, turn, values) =>
    build(
      inner,
      values,
      sequences.map((sequence) => inner.gather(sequence, turn, 0)),
    );
  const found = b.loop(b.scalar('int64', turns), carried, gathering, turns);
  return [...found.carried, ...found.stacked];
}

/** Copies a body whose inputs are known; returns its outputs. */
function copyBody(
  { inputs, outputs }: Pick<Graph, 'inputs' | 'outputs'>,
  given: readonly Value[],
  nodes: readonly Node[],
  inner: GraphBuilder,
  known: Map<Value, Value>,
  how: Rewriting,
): Value[] {
  for (const [input, value] of zip<readonly [Value, Value]>(inputs, given)) known.set(input, value);
  copyNodes(nodes, inner, known, how);
  return outputs.map(({ value }) => translate(inner, known, value));
}

/** A recurrence in the form that is wanted, in which sums are carried along. `given` are its inputs in the new graph. */
function copyRecurrence(
  node: NodeOf<'Recurrence'>,
  given: readonly Value[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  how: Rewriting,
): readonly Value[] {
  const { body, attributes } = node;
  const { carried: states, stacked: shown } = attributes;
  const { carried, sequences, constants } = recurrenceParts({ ...node, inputs: given });
  const { summed } = recurrenceParts(node);
  const nodes = nodesOf(body);
  const start = [...carried, ...summed.map((sum) => b.zerosLike(sum))];
  const outputs = turning(b, how, start, sequences, (inner, values, slices) => {
    const results = copyBody(body, [...values.slice(0, states), ...slices, ...constants], nodes, inner, known, how);
    const sums = zip<readonly [Value, Value]>(values.slice(states), results.slice(states + shown));
    return {
      carried: [...results.slice(0, states), ...sums.map(([sum, more]) => inner.add(sum, more))],
      stacked: results.slice(states, states + shown),
    };
  });
  const stackedFrom = start.length;
  return [...outputs.slice(0, states), ...outputs.slice(stackedFrom), ...outputs.slice(states, stackedFrom)];
}

function copyScan(
  { body, attributes }: NodeOf<'Scan'>,
  given: readonly Value[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  how: Rewriting,
): readonly Value[] {
  const states = given.length - attributes.num_scan_inputs;
  const nodes = nodesOf(body);
  return turning(b, how, given.slice(0, states), given.slice(states), (inner, values, slices) => {
    const results = copyBody(body, [...values, ...slices], nodes, inner, known, how);
    return { carried: results.slice(0, states), stacked: results.slice(states) };
  });
}

function copyLoop(
  { body, outputs }: NodeOf<'Loop'>,
  given: readonly Value[],
  b: GraphBuilder,
  known: Map<Value, Value>,
  how: Rewriting,
): readonly Value[] {
  const [count, , ...carried] = given as readonly [Value, Value, ...Value[]];
  const [turn, , ...states] = body.inputs as [Value, Value, ...Value[]];
  const stackedFrom = 1 + carried.length;
  const maximum = outputs[carried.length]?.shape[0] ?? 0;
  const nodes = nodesOf(body);
  const { carried: final, stacked } = b.loop(
    count,
    carried,
    (inner, index, values) => {
      const entered = { inputs: [turn, ...states], outputs: body.outputs };
      const results = copyBody(entered, [index, ...values], nodes, inner, known, how);
      return { proceed: results[0], carried: results.slice(1, stackedFrom), stacked: results.slice(stackedFrom) };
    },
    maximum,
  );
  return [...final, ...stacked];
}

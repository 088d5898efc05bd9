import { dependencies, type Graph, type Node, nameOf, nodesOf, type Value } from './graph.ts';
import { binaryOps, type OpType, unaryOps } from './ops.ts';
import { excerpt, type NamedValue } from './rewrite.ts';

/** A graph in two parts that run one after the other. */
export interface DividedGraph {
  /** Everything that can be known before the late inputs; among its outputs are those that the late part takes. */
  readonly early: Graph;
  readonly late: Graph;
}

/** Operators whose results are computed once more rather than kept: they cost less than the memory. */
const repeated: ReadonlySet<OpType> = new Set<OpType>([
  ...(['Reshape', 'Split', 'Slice', 'Transpose', 'Expand', 'Cast', 'Where'] as const),
  ...unaryOps,
  ...binaryOps,
]);

/**
 * Divides a graph where some of its inputs, named in `lateInputs`, come after others. What the late part needs of the early
 * one passes from outputs to inputs named `kept/0`, `kept/1`, …, or is computed once more where that is cheap.
 */
export function divideGraph(graph: Graph, lateInputs: ReadonlySet<string>): DividedGraph {
  const isLate = new Set(graph.inputs.filter((input) => lateInputs.has(nameOf(input))));
  const lateNodes: Node[] = [];
  for (const node of nodesOf(graph)) {
    if (!dependencies(node).some((value) => isLate.has(value))) continue;
    lateNodes.push(node);
    for (const value of node.outputs) isLate.add(value);
  }
  const kept = new Set<Value>();
  const seen = new Set<Value>();
  const open = lateNodes.flatMap(dependencies);
  for (let value = open.pop(); value; value = open.pop()) {
    if (isLate.has(value) || seen.has(value) || !value.node) continue;
    seen.add(value);
    if (repeated.has(value.node.opType)) open.push(...dependencies(value.node));
    else kept.add(value);
  }
  const between = [...kept].map((value, i) => ({ name: `kept/${i}`, value }));
  return {
    early: partOf(graph, [], [...graph.outputs.filter(({ value }) => !isLate.has(value)), ...between]),
    late: partOf(
      graph,
      between,
      graph.outputs.filter(({ value }) => isLate.has(value)),
    ),
  };
}

/** The part that computes `outputs` from what is given and from those inputs of the graph that it needs. */
function partOf(graph: Graph, given: readonly NamedValue[], outputs: readonly NamedValue[]): Graph {
  const inputs = graph.inputs.map((value) => ({ name: nameOf(value), value }));
  const part = excerpt([...given, ...inputs], outputs);
  const used = new Set([...nodesOf(part).flatMap(dependencies), ...part.outputs.map(({ value }) => value)]);
  return { ...part, inputs: part.inputs.filter((value) => used.has(value)) };
}

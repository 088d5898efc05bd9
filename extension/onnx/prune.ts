import type { Model, ModelGraph, ModelNode } from './model.ts';

/** Names that a node takes from around it: its inputs, and whatever its subgraphs do not define themselves. */
export function namesUsed(node: ModelNode): string[] {
  return [...node.inputs.filter((name) => name !== ''), ...namesCaptured(node)];
}

/** Names that the subgraphs of a node take from around it. */
export function namesCaptured({ attributes }: ModelNode): string[] {
  return [...attributes.values()].flatMap((attribute) =>
    attribute.kind === 'graph' ? namesFromAround(attribute.value) : [],
  );
}

function namesFromAround({ nodes, initializers, inputs, outputs }: ModelGraph): string[] {
  const own = new Set([
    ...initializers.keys(),
    ...inputs.map(({ name }) => name),
    ...nodes.flatMap((node) => node.outputs),
  ]);
  const used = [...nodes.flatMap(namesUsed), ...outputs.map(({ name }) => name)];
  return used.filter((name) => !own.has(name));
}

/** The nodes on which values depend, in the order of the graph; `enter` says through which nodes to look. */
export function nodesBefore(
  { nodes }: ModelGraph,
  values: readonly string[],
  enter: (node: ModelNode) => boolean = () => true,
): ModelNode[] {
  const producer = new Map<string, ModelNode>();
  for (const node of nodes) for (const name of node.outputs) producer.set(name, node);
  const kept = new Set<ModelNode>();
  const open = [...values];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || kept.has(node) || !enter(node)) continue;
    kept.add(node);
    open.push(...namesUsed(node));
  }
  return nodes.filter((node) => kept.has(node));
}

/** A model with some of its outputs and the nodes that lead to them; inputs and initializers stay. */
export function pruned(model: Model, outputs: readonly string[]): Model {
  const { graph } = model;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: nodesBefore(graph, outputs),
      outputs: graph.outputs.filter(({ name }) => outputs.includes(name)),
    },
  };
}

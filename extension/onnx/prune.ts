import type { Model, ModelGraph, ModelNode } from './model.ts';

/** Names that a node takes from around it: its inputs, and whatever its subgraphs do not define themselves. */
function namesUsed(node: ModelNode): string[] {
  const names = node.inputs.filter((name) => name !== '');
  for (const attribute of node.attributes.values())
    if (attribute.kind === 'graph') names.push(...namesFromAround(attribute.value));
  return names;
}

function namesFromAround({ nodes, initializers, outputs }: ModelGraph): string[] {
  const own = new Set([...initializers.keys(), ...nodes.flatMap((node) => node.outputs)]);
  const used = [...nodes.flatMap(namesUsed), ...outputs.map(({ name }) => name)];
  return used.filter((name) => !own.has(name));
}

/** A model with one of its outputs and the nodes that lead to it; inputs and initializers stay. */
export function pruned(model: Model, output: string): Model {
  const { graph } = model;
  const producer = new Map<string, ModelNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producer.set(name, node);
  const kept = new Set<ModelNode>();
  const open = [output];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || kept.has(node)) continue;
    kept.add(node);
    open.push(...namesUsed(node));
  }
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.filter((node) => kept.has(node)),
      outputs: graph.outputs.filter(({ name }) => name === output),
    },
  };
}

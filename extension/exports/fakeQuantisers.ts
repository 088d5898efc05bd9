import { type Attribute, isDefaultDomain, labelOf, type ModelGraph, type ModelNode } from '../onnx/model.ts';

/** A graph, and the fake quantisers in it by name. */
export interface FakeQuantisers {
  readonly graph: ModelGraph;
  readonly found: readonly string[];
}

const is = (node: ModelNode | undefined, opType: string): node is ModelNode =>
  node?.opType === opType && isDefaultDomain(node.domain);

/**
 * Training that is aware of quantisation rounds weights and activations, and lets gradients pass where nothing is cut off. PyTorch's
 * exporter writes QuantizeLinear and DequantizeLinear with one scale for that, with a Clip between them where fewer numbers
 * are used. Each such pair becomes the operator FakeQuantize of this program.
 */
export function withFakeQuantisers(graph: ModelGraph): FakeQuantisers {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const origin = (name: string | undefined): string => {
    let at = name ?? '';
    for (let node = producers.get(at); is(node, 'Identity'); node = producers.get(at)) at = node.inputs[0];
    return at;
  };
  const number = (name: string | undefined): Attribute | undefined => {
    const node = producers.get(origin(name));
    const constant = node?.opType === 'Constant' ? node.attributes.get('value') : undefined;
    const tensor = constant?.kind === 'tensor' ? constant.value : graph.initializers.get(origin(name));
    return tensor && tensor.shape.length === 0 ? { kind: 'int', value: Number(tensor.read().data[0]) } : undefined;
  };
  const found: string[] = [];
  const nodes = graph.nodes.map((node) => {
    if (!is(node, 'DequantizeLinear')) return node;
    const before = producers.get(origin(node.inputs[0]));
    const [low, high] = is(before, 'Clip') ? before.inputs.slice(1).map(number) : [];
    const quantise = is(before, 'Clip') && low && high ? producers.get(origin(before.inputs[0])) : before;
    if (!is(quantise, 'QuantizeLinear')) return node;
    if ([1, 2].some((i) => origin(quantise.inputs[i]) !== origin(node.inputs[i]))) return node;
    found.push(labelOf(node));
    const range: [string, Attribute][] =
      low && high
        ? [
            ['quant_min', low],
            ['quant_max', high],
          ]
        : [];
    return {
      ...quantise,
      name: node.name,
      opType: 'FakeQuantize',
      outputs: node.outputs,
      attributes: new Map([...quantise.attributes, ...range]),
    };
  });
  return { graph: found.length > 0 ? { ...graph, nodes } : graph, found };
}

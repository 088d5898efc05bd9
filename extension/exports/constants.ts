import { type Initializer, isDefaultDomain, type Model, type ModelNode } from '../onnx/model.ts';
import { elementCount, isFloat } from '../onnx/tensor.ts';
import { globToRegExp, type ParameterFilter } from './parameterFilter.ts';

/** The floating-point tensor that a Constant node of the outermost graph holds, under the name of its output. */
function tensorOfConstant({ opType, domain, outputs, attributes }: ModelNode): Initializer | undefined {
  if (opType !== 'Constant' || !isDefaultDomain(domain)) return undefined;
  const value = attributes.get('value');
  if (value?.kind !== 'tensor' || value.value.unsupported || !value.value.type || !isFloat(value.value.type))
    return undefined;
  return { ...value.value, name: outputs[0] };
}

/** Floating-point tensors of more than one element in Constant nodes, which could be weights. */
export const constantTensors = ({ graph }: Model): Initializer[] =>
  graph.nodes.flatMap((node) => {
    const tensor = tensorOfConstant(node);
    return tensor && elementCount(tensor.shape) > 1 ? [tensor] : [];
  });

/**
 * A model in which the Constant nodes that are asked to train are initializers, as some exporters write weights into such nodes. A name
 * takes any of them, a pattern those of more than one element.
 */
export function withNamedConstants(model: Model, { trainable = [] }: ParameterFilter): Model {
  if (trainable.length === 0) return model;
  const { graph } = model;
  const found = new Map<ModelNode, Initializer>();
  for (const node of graph.nodes) {
    const tensor = tensorOfConstant(node);
    const isAsked = (glob: string) =>
      glob.includes('*')
        ? elementCount(tensor!.shape) > 1 && globToRegExp(glob).test(tensor!.name)
        : glob === tensor!.name;
    if (tensor && trainable.some(isAsked)) found.set(node, tensor);
  }
  if (found.size === 0) return model;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: graph.nodes.filter((node) => !found.has(node)),
      initializers: new Map([...graph.initializers, ...[...found.values()].map((each) => [each.name, each] as const)]),
    },
  };
}

import type { Attribute, Model, ModelNode } from '../onnx/model.ts';
import type { ExportWarning } from './exportWarnings.ts';
import { nameList } from './parameters.ts';

/** A call of an autograd function in the lines of the program that a node comes from. */
const application = /\b([A-Z]\w*)\.apply\(/g;

const subgraphs = (attribute: Attribute): readonly ModelNode[] =>
  attribute.kind === 'graph' ? attribute.value.nodes.flatMap((node) => [node, ...inner(node)]) : [];
const inner = (node: ModelNode): ModelNode[] => [...node.attributes.values()].flatMap(subgraphs);

/**
 * A `torch.autograd.Function` has a derivative of its own, of which no file tells: the exporter follows its `forward`. PyTorch's newer
 * exporter notes the lines of the program, among which is its call.
 */
export function ownDerivatives({ graph, functions }: Model): ExportWarning | undefined {
  const bodies = [...graph.nodes, ...[...functions.values()].flatMap(({ nodes }) => nodes)];
  const found = new Set(
    bodies
      .flatMap((node) => [node, ...inner(node)])
      .flatMap(({ program }) => Array.from((program?.trace ?? '').matchAll(application), ([, name = '']) => name)),
  );
  if (found.size === 0 || graph.initializers.size === 0) return undefined;
  const one = found.size === 1;
  return {
    code: 'own-derivative',
    title: `${one ? 'A function has' : 'Functions have'} a derivative of ${one ? 'its' : 'their'} own`,
    detail: `The program calls ${nameList([...found], 4)}, of torch.autograd.Function: ${one ? 'its' : 'their'} backward() is not in the file. Gradients here are those of what ${one ? 'its' : 'their'} forward() computes, and may be others than those of your training.`,
    parameters: [],
    remedy:
      'Where backward() is not the derivative of forward(), write it with detach(), which the newer exporter of PyTorch keeps: y + (x − x.detach()) has the value y and the gradient of x.',
  };
}

import { labelOf, type Model, type ModelNode } from '../onnx/model.ts';
import type { ExportWarning } from './exportWarnings.ts';
import { nameList } from './parameters.ts';
import { withTrainingSemantics } from './trainingSemantics.ts';
import { wholeExport } from './wholeExport.ts';

/** Operators that leave every number as it is. */
const passing: ReadonlySet<string> = new Set(['Identity', 'Cast']);

/**
 * Sums and quotients that leave a value as it was, such as y + (x − y) and x/x. Programs write them for their gradient alone, with a
 * `detach` in one of the places; the older exporter of PyTorch leaves that out of the file, and others do so too.
 */
export function straightThrough(model: Model): ExportWarning | undefined {
  const { graph } = withTrainingSemantics(model).model;
  const producer = new Map<string, ModelNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producer.set(name, node);
  const origin = (name: string): string => {
    let at = name;
    for (let node = producer.get(at); node && passing.has(node.opType); node = producer.get(at)) at = node.inputs[0];
    return at;
  };
  const difference = (name: string) => {
    const node = producer.get(origin(name));
    return node?.opType === 'Sub' ? node.inputs.map(origin) : undefined;
  };
  const isTrick = ({ opType, inputs }: ModelNode): boolean => {
    if (inputs.length !== 2) return false;
    const [left, right] = inputs.map(origin);
    if (opType === 'Sub' || opType === 'Div') return left === right;
    return opType === 'Add' && (difference(inputs[1])?.[1] === left || difference(inputs[0])?.[1] === right);
  };
  const found = graph.nodes.filter((node) => graph.initializers.size > 0 && isTrick(node));
  if (found.length === 0) return undefined;
  return {
    code: 'straight-through',
    title: 'A gradient seems to be passed straight through',
    detail: `${nameList(found.map(labelOf), 4)} ${found.length === 1 ? 'computes' : 'compute'} a value in a way that changes nothing but its gradient, such as y + (x − y): programs write so with detach() in one place, as in a straight-through estimator. The file does not say where, so gradients flow everywhere here, and may be others than those of your training.`,
    parameters: [],
    remedy: `Export the model with the newer exporter of PyTorch, which keeps detach: ${wholeExport.dynamo}.`,
  };
}

import { labelOf, type Model, type ModelNode } from '../onnx/model.ts';
import type { ExportWarning } from './exportWarnings.ts';
import { nameList } from './parameters.ts';
import { withTrainingSemantics } from './trainingSemantics.ts';
import { wholeExport } from './wholeExport.ts';

/** Operators that leave every number as it is. */
const passing: ReadonlySet<string> = new Set(['Identity', 'Cast']);

/** An operator and its inverse. */
type Pair = readonly [joining: string, parting: string];
const pairs: readonly Pair[] = [
  ['Add', 'Sub'],
  ['Mul', 'Div'],
];

/** Values that are computed from the shapes of others. */
function sizesIn(nodes: readonly ModelNode[]): ReadonlySet<string> {
  const found = new Set<string>();
  const computed = new Set<string>();
  for (const { opType, inputs, outputs } of nodes) {
    const given = inputs.filter((name) => computed.has(name));
    const ofSizes = given.length > 0 && given.every((name) => found.has(name));
    for (const name of outputs) {
      if (opType !== 'Constant') computed.add(name);
      if (opType === 'Shape' || opType === 'Size' || ofSizes) found.add(name);
    }
  }
  return found;
}

/**
 * Sums and quotients that leave a value as it was, such as y + (x − y), x − (x − y) and x/x. Programs write them for their gradient alone, with a
 * `detach` in one of the places; the older exporter of PyTorch leaves that out of the file, and others do so too.
 */
export function straightThrough(model: Model): ExportWarning | undefined {
  const { graph } = withTrainingSemantics(model).model;
  const producer = new Map<string, ModelNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producer.set(name, node);
  const sizes = sizesIn(graph.nodes);
  const origin = (name: string): string => {
    let at = name;
    for (let node = producer.get(at); node && passing.has(node.opType); node = producer.get(at)) at = node.inputs[0];
    return at;
  };
  /** What is added and taken away, or multiplied and divided by, in a node and in those whose results it takes. */
  const terms = (node: ModelNode, [joining, parting]: Pair, depth: number): { plus: string[]; minus: string[] } => {
    const [left, right] = node.inputs.map((name) => {
      const at = origin(name);
      const before = depth > 0 ? producer.get(at) : undefined;
      const inner = before && (before.opType === joining || before.opType === parting) && before.inputs.length === 2;
      return inner ? terms(before, [joining, parting], depth - 1) : { plus: [at], minus: [] };
    });
    const [more, less] = node.opType === joining ? [right.plus, right.minus] : [right.minus, right.plus];
    return { plus: [...left.plus, ...more], minus: [...left.minus, ...less] };
  };
  const isTrick = (node: ModelNode): boolean => {
    const pair = pairs.find((operators) => operators.includes(node.opType));
    if (!pair || node.inputs.length !== 2) return false;
    const { plus, minus } = terms(node, pair, 1);
    return plus.some((name) => minus.includes(name) && !sizes.has(name));
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

import { type Attribute, type Initializer, isDefaultDomain, type Model, type ModelNode } from '../onnx/model.ts';
import { numbersOf, type Tensor, tensorOf } from '../onnx/tensor.ts';
import { isFromTensorFlow } from './roles.ts';

const recurrent: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN']);

/**
 * ONNX gives a recurrent layer two biases, for its input and for its state; LSTM in Keras has one. tf2onnx writes zeros in
 * place of the other one, which would train here and double the steps of their sum. Such initializers are cut to the half
 * that trains, and padded with zeros again where they are used.
 */
export function withoutSecondBias(model: Model): { readonly model: Model; readonly cut: readonly string[] } {
  if (!isFromTensorFlow(model)) return { model, cut: [] };
  const initializers = new Map(model.graph.initializers);
  const taken = new Set([...initializers.keys(), ...model.graph.nodes.flatMap(({ outputs }) => outputs)]);
  const fresh = (name: string): string => {
    let found = name;
    for (let i = 2; taken.has(found); i++) found = `${name}_${i}`;
    taken.add(found);
    return found;
  };
  const cut: string[] = [];
  const nodes = model.graph.nodes.flatMap((node): ModelNode[] => {
    const bias = initializers.get(node.inputs[3] ?? '');
    if (!recurrent.has(node.opType) || !isDefaultDomain(node.domain) || !bias || usesOf(model, bias.name) > 1)
      return [node];
    const half = inputHalf(bias);
    if (!half) return [node];
    cut.push(bias.name);
    initializers.set(bias.name, { ...bias, shape: half.shape, read: () => half });
    const pads = [0, 0, 0, half.shape[1]];
    const padded = fresh(`${bias.name}_padded`);
    const pad: ModelNode = {
      name: padded,
      opType: 'Pad',
      domain: '',
      inputs: [bias.name],
      outputs: [padded],
      attributes: new Map<string, Attribute>(),
    };
    const user = { ...node, inputs: node.inputs.with(3, padded) };
    if ((model.opsets.get('') ?? 0) < 11)
      return [{ ...pad, attributes: new Map<string, Attribute>([['pads', { kind: 'ints', value: pads }]]) }, user];
    const amounts = fresh(`${bias.name}_pads`);
    const tensor = tensorOf('int64', [4], pads);
    initializers.set(amounts, { name: amounts, type: 'int64', typeName: 'int64', shape: [4], read: () => tensor });
    return [{ ...pad, inputs: [bias.name, amounts] }, user];
  });
  return cut.length === 0
    ? { model, cut }
    : { model: { ...model, graph: { ...model.graph, nodes, initializers } }, cut };
}

const usesOf = ({ graph }: Model, name: string): number =>
  graph.nodes.reduce((sum, { inputs }) => sum + inputs.filter((input) => input === name).length, 0);

/** The biases of the input, [directions, gates·H], of B [directions, 2·gates·H] whose others are all 0. */
function inputHalf({ shape, unsupported, type, read }: Initializer): Tensor | undefined {
  if (unsupported || !type || shape.length !== 2 || shape[1] % 2 !== 0 || shape[1] === 0) return undefined;
  const tensor = read();
  const values = numbersOf(tensor);
  const half = shape[1] / 2;
  if (!values.every((value, i) => i % shape[1] < half || value === 0)) return undefined;
  return tensorOf(
    'float32',
    [shape[0], half],
    values.filter((_, i) => i % shape[1] < half),
  );
}

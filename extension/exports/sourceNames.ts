import type { Initializer, Model, ModelNode } from '../onnx/model.ts';

/**
 * The names in the original module of initializers that PyTorch's exporters made from its parameters and gave names of their
 * own, such as transposed weights: of several parameters of one module `lstm.bias_hh_l0+bias_ih_l0`. The newer exporter notes
 * what it computed from what, the older one names operators after the modules that they come from. A name that would not be
 * unique is left out.
 */
export function sourceNames(model: Model): ReadonlyMap<string, string> {
  const { initializers, nodes } = model.graph;
  const found = new Map<string, string>();
  for (const initializer of initializers.values()) {
    const name = generated(initializer.name) ? notedSource(initializer) : undefined;
    if (name !== undefined) found.set(initializer.name, name);
  }
  for (const node of nodes)
    for (const [input, role] of roles.get(node.opType) ?? []) {
      const name = node.inputs[input] ?? '';
      if (!/^onnx::/.test(name) || !initializers.has(name) || found.has(name)) continue;
      const source = partOf(node, role, initializers);
      if (source !== undefined) found.set(name, source);
    }
  const counts = new Map<string, number>();
  for (const name of [...found.values(), ...initializers.keys()]) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...found].filter(([, name]) => counts.get(name) === 1));
}

/** Inputs of operators that hold the parameters of one module; those of recurrent ones by layer. */
type Roles = readonly (readonly [input: number, role: string])[];
const recurrent: Roles = [
  [1, 'weight_ih_l'],
  [2, 'weight_hh_l'],
  [3, 'bias_l'],
];
const roles: ReadonlyMap<string, Roles> = new Map<string, Roles>([
  ['MatMul', [[1, 'weight']]],
  ['LSTM', recurrent],
  ['GRU', recurrent],
  ['RNN', recurrent],
]);

/** Names that exporters give to tensors that they computed: `val_3`, `onnx::MatMul_17`. */
export const generated = (name: string): boolean => /^(val_\d+|onnx::\w+)$/.test(name);

function notedSource({ origin }: Initializer): string | undefined {
  if (origin?.kind !== 'computed') return undefined;
  const parameters = origin.from.filter((name) => name.includes('.'));
  const module = (name: string) => name.slice(0, name.lastIndexOf('.') + 1);
  const [first] = parameters;
  if (first === undefined || parameters.some((name) => module(name) !== module(first))) return undefined;
  return module(first) + parameters.map((name) => name.slice(module(name).length)).join('+');
}

/** `encoder.layers.0.linear1.weight`, of the operator `/encoder/layers.0/linear1/MatMul`. */
function partOf(
  { name, opType }: ModelNode,
  role: string,
  initializers: ReadonlyMap<string, Initializer>,
): string | undefined {
  const [root, ...path] = name.split('/');
  const [, operator, count] = /^(\w+?)(?:_(\d+))?$/.exec(path.pop() ?? '') ?? [];
  if (root !== '' || path.length === 0 || operator !== opType) return undefined;
  // What a Sequential holds is called after it: `/net/net.0`.
  const module = path.filter((part, i) => !path[i + 1]?.startsWith(`${part}.`)).join('.');
  if (role.endsWith('_l')) return `${module}.${role}${count ?? 0}`;
  // A product of a module with more than a bias, such as attention, is not with the module's one weight.
  const others = [...initializers.keys()].filter((other) => other.startsWith(`${module}.`));
  return count === undefined && others.every((other) => other === `${module}.bias`) ? `${module}.${role}` : undefined;
}

/**
 * Tensors in the order in which the model uses them, where exporters have moved some behind the others, as they do with those
 * that they rename; else as they are.
 */
export function inOrderOfUse<T extends { readonly name: string; readonly source?: string }>(
  { graph }: Model,
  tensors: readonly T[],
): readonly T[] {
  if (tensors.every(({ source }) => source === undefined)) return tensors;
  const origins = new Map<string, string>();
  const first = new Map<string, number>();
  for (const { opType, inputs, outputs } of graph.nodes) {
    const names = inputs.map((name) => origins.get(name) ?? name);
    if (opType === 'Identity') origins.set(outputs[0], names[0]);
    else for (const name of names) if (!first.has(name)) first.set(name, first.size);
  }
  const place = ({ name }: T) => first.get(name) ?? first.size;
  return [...tensors].sort((a, b) => place(a) - place(b));
}

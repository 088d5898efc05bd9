import { nameList } from '../exports/parameters.ts';
import type { Blocker } from '../onnx/instantiate.ts';
import { labelOf, type Model, type ModelNode, type ValueInfo } from '../onnx/model.ts';
import { namesUsed, nodesBefore, pruned } from '../onnx/prune.ts';
import { byteLength, isFloat, numbersOf, type Tensor, tensorOf, toFloat } from '../onnx/tensor.ts';
import { encodeSource } from '../onnx/writeModel.ts';
import { axisFirst } from './batchAxes.ts';
import type { BoundInput } from './inputs.ts';
import { plainReason, Session } from './session.ts';

/** Operators that give other numbers whenever they run. */
const random: ReadonlySet<string> = new Set([
  ...['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Dropout'],
]);

/** Most bytes of data that the runtime gets at once. */
const largestPart = 2 ** 26;

/** Results of nodes that were computed before training, and what could not be. */
export interface Evaluated {
  /** Values by name, laid out like inputs of the model. */
  readonly values: readonly BoundInput[];
  /** Why the runtime cannot compute a node either, by its label. */
  readonly failures: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

export const withMore = (one: Evaluated, other: Evaluated): Evaluated => ({
  values: [...one.values, ...other.values],
  failures: new Map([...one.failures, ...other.failures]),
  notes: [...one.notes, ...other.notes],
});

/** A model without the nodes whose results are known. */
export function withoutNodes(model: Model, { values }: Evaluated): Model {
  if (values.length === 0) return model;
  const known = new Set(values.map(({ info }) => info.name));
  const nodes = model.graph.nodes.filter(({ outputs }) => !outputs.some((name) => known.has(name)));
  return { ...model, graph: { ...model.graph, nodes } };
}

export const nothingEvaluated: Evaluated = { values: [], failures: new Map(), notes: [] };

/**
 * Of the nodes that stand in the way of a derivative, those that need none: no parameter lies before them. They compute the same in
 * every step.
 */
export function withoutDerivative(
  { graph }: Model,
  blockers: readonly Blocker[],
  parameters: ReadonlySet<string>,
): ModelNode[] {
  const labels = new Set(
    blockers.flatMap(({ kind, label }) => (kind === 'unknown operator' || kind === 'unsupported' ? [label] : [])),
  );
  const depends = (node: ModelNode): boolean =>
    [node, ...nodesBefore(graph, namesUsed(node))].some(
      (before) => random.has(before.opType) || namesUsed(before).some((name) => parameters.has(name)),
    );
  return graph.nodes.filter((node) => {
    const label = labelOf(node);
    const blocked = labels.has(label) || [...labels].some((inner) => inner.startsWith(`${label}/`));
    return blocked && !depends(node);
  });
}

/**
 * Lets the runtime compute the outputs of some nodes for all samples, with the model's own operators and types, of whatever domain.
 * A node that it cannot compute is told of, and the others are computed without it.
 *
 * @param model the model as its file has it
 * @param batch the batch size that the model's inputs declare, if they do
 */
export async function evaluateNodes(
  model: Model,
  nodes: readonly ModelNode[],
  inputs: readonly BoundInput[],
  { samples, batch }: { readonly samples: number; readonly batch: number | undefined },
): Promise<Evaluated> {
  const values: BoundInput[] = [];
  const failures = new Map<string, string>();
  const done: string[] = [];
  for (const node of nodes) {
    try {
      values.push(...(await evaluateNode(model, node, inputs, { samples, batch })));
      done.push(labelOf(node));
    } catch (error) {
      failures.set(labelOf(node), plainReason((error as Error).message).replace(/\.$/, ''));
    }
  }
  const notes =
    done.length === 0
      ? []
      : [
          `The runtime computed ${nameList(done, 4)} once for all samples, as nothing that trains lies before ${done.length === 1 ? 'it' : 'them'}.`,
        ];
  return { values, failures, notes };
}

async function evaluateNode(
  model: Model,
  node: ModelNode,
  inputs: readonly BoundInput[],
  { samples, batch }: { readonly samples: number; readonly batch: number | undefined },
): Promise<BoundInput[]> {
  // What stops gradients gave some values other names than they have in the file.
  const original = model.graph.nodes.find((other) => labelOf(other) === labelOf(node)) ?? node;
  const names = original.outputs.filter((name) => name !== '');
  const part = excerptOf(model, names);
  const used = new Set(part.graph.inputs.map(({ name }) => name));
  const feeding = inputs.filter(({ info }) => used.has(info.name));
  const perSample = feeding.some((input) => input.perSample);
  const bytes = feeding.reduce((sum, { tensor }) => sum + byteLength(tensor.type, tensor.shape), 0);
  const size = perSample ? (batch ?? Math.ceil(samples / Math.ceil(bytes / largestPart))) : samples;
  const session = await Session.create(encodeSource(part));
  try {
    const parts: Map<string, Tensor>[] = [];
    for (let start = 0; start < (perSample ? samples : 1); start += size)
      parts.push(await session.run(new Map(feeding.map((input) => feedOf(input, start, size, samples)))));
    return names.map((name) => {
      const here = node.outputs[original.outputs.indexOf(name)];
      const found = parts.map((results) => results.get(name)!);
      return boundOf(here, found, feeding, { samples, size, perSample });
    });
  } finally {
    await session.release();
  }
}

/** The part of a model that computes some values, which become its outputs; nothing else is in it. */
function excerptOf(model: Model, names: readonly string[]): Model {
  const outputs = names.map((name): ValueInfo => ({ name, type: undefined, typeName: '', dims: undefined }));
  const { graph } = pruned({ ...model, graph: { ...model.graph, outputs } }, names);
  const used = new Set(graph.nodes.flatMap(namesUsed));
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.filter(({ name }) => used.has(name)),
      initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))),
    },
  };
}

/** Some samples of an input in the layout and type of the model; beyond the last sample, it is repeated. */
function feedOf(
  { info, tensor, perSample, axis }: BoundInput,
  start: number,
  size: number,
  samples: number,
): [string, Tensor] {
  const typed = ofType(tensor, info);
  if (!perSample) return [info.name, typed];
  const row = typed.data.length / samples;
  const data = typed.data.slice(0, row * size);
  for (let i = 0; i < size; i++) {
    const from = Math.min(start + i, samples - 1) * row;
    data.set(typed.data.subarray(from, from + row) as never, i * row);
  }
  const shape = [size, ...typed.shape.slice(1)];
  return [info.name, firstTo({ ...typed, shape, data } as Tensor, axis)];
}

function ofType(tensor: Tensor, { type }: ValueInfo): Tensor {
  if (type === tensor.type || type === undefined) return tensor;
  if (type === 'float32' || type === 'float64') return toFloat(tensor, type);
  if (isFloat(type)) throw new Error(`inputs of type ${type} are not given to the runtime`);
  return tensorOf(type, tensor.shape, numbersOf(tensor));
}

/** The same numbers with the first axis at another place. */
function firstTo(tensor: Tensor, axis: number): Tensor {
  // Moving the first axis behind the k next ones is moving each of those before it.
  let moved = tensor;
  for (let i = 0; i < axis; i++) moved = axisFirst(moved, axis);
  return moved;
}

/** The results of all parts as one array, with the samples on the first axis where they have one. */
function boundOf(
  name: string,
  parts: readonly Tensor[],
  feeding: readonly BoundInput[],
  { samples, size, perSample }: { readonly samples: number; readonly size: number; readonly perSample: boolean },
): BoundInput {
  const [first] = parts;
  const axes = perSample ? [...new Set(feeding.map(({ axis }) => axis)), 0] : [];
  const axis = axes.find((candidate) => first.shape[candidate] === size);
  const typeOf = ({ type }: Tensor) => (isFloat(type) && type !== 'float64' ? 'float32' : type);
  const whole = isFloat(first.type) ? parts.map((part) => toFloat(part, typeOf(part) as 'float32')) : parts;
  const dims = first.shape.map((dim, i) => (i === axis ? 'N' : dim));
  const info: ValueInfo = { name, type: whole[0].type, typeName: whole[0].type, dims };
  if (axis === undefined) {
    if (parts.length > 1) throw new Error(`${name} has no axis of samples, and the data do not fit into one batch`);
    return { info, tensor: whole[0], perSample: false, axis: 0 };
  }
  const rows = whole.map((part) => axisFirst(part, axis));
  const row = rows[0].data.length / size;
  const data = rows[0].data.slice(0, 0).constructor as unknown as new (length: number) => Float32Array;
  const joined = new data(row * samples);
  rows.forEach((part, i) => {
    const kept = Math.min(size, samples - i * size) * row;
    joined.set(part.data.subarray(0, kept) as Float32Array, i * size * row);
  });
  const tensor = { type: rows[0].type, shape: [samples, ...rows[0].shape.slice(1)], data: joined } as Tensor;
  return { info, tensor, perSample: true, axis };
}

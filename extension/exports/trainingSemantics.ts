import {
  type Attribute,
  isDefaultDomain,
  labelOf,
  type Model,
  type ModelFunction,
  type ModelGraph,
  type ModelNode,
} from '../onnx/model.ts';
import { quoteName } from '../shared/errors.ts';
import { withFakeQuantisers } from './fakeQuantisers.ts';
import { nameList } from './parameters.ts';
import { callOf, type ProgramCall, tracedRegions } from './programNotes.ts';
import { isFromPyTorch } from './roles.ts';

/** What a program says about gradients, put back into a model. */
export interface TrainingSemantics {
  readonly model: Model;
  /** What was found, for people. */
  readonly notes: readonly string[];
}

/**
 * ONNX has no word for `detach`, `no_grad` and the padding row of an embedding, and one operator for functions of PyTorch that
 * differ in their slopes at kinks. Its newer exporter notes in the metadata of nodes which call each stands for. Such nodes get
 * operators of this program (`autodiff/decompositions/program.ts`) in their place, and so do fake quantisers of any file.
 */
export function withTrainingSemantics(source: Model): TrainingSemantics {
  const { graph, found } = withFakeQuantisers(source.graph);
  const model = graph === source.graph ? source : { ...source, graph };
  const quantised =
    found.length > 0
      ? [
          `Gradients pass straight through fake quantisers (${nameList(found, 4)}) where nothing is cut off, as in PyTorch.`,
        ]
      : [];
  const bodies = [model.graph.nodes, ...[...model.functions.values()].map(({ nodes }) => nodes)];
  if (!bodies.some((nodes) => nodes.some(isNoted))) return { model, notes: quantised };
  const log: Log = { detached: [], padded: [], withoutGradient: [], unclear: [] };
  const functions = new Map(
    [...model.functions].map(([key, body]) => [key, { ...body, nodes: inBlock(blockOf(body), log) }] as const),
  );
  return { model: { ...model, functions, graph: inGraph(model.graph, log) }, notes: [...quantised, ...notesOf(log)] };
}

const isNoted = ({ program, attributes }: ModelNode): boolean =>
  program !== undefined ||
  [...attributes.values()].some((attribute) => attribute.kind === 'graph' && attribute.value.nodes.some(isNoted));

/**
 * Was it written by PyTorch's older exporter, which keeps nothing of what a program says about gradients? The newer one notes calls, and
 * where tools have taken its notes away, its names of nodes are left.
 */
export const isFromOlderExporter = (model: Model): boolean =>
  isFromPyTorch(model) && !model.graph.nodes.some((node) => isNoted(node) || node.name.startsWith('node_'));

/** What was found, in a model and in its functions and subgraphs. */
interface Log {
  readonly detached: string[];
  readonly padded: string[];
  readonly withoutGradient: string[];
  readonly unclear: string[];
}

/** Nodes that run one after the other: of a graph, a subgraph, or a function. */
interface Block {
  readonly nodes: readonly ModelNode[];
  readonly outputs: readonly string[];
  /** Names that stand for values there and that no node of it makes: inputs, initializers, and what a subgraph captures. */
  readonly given: ReadonlySet<string>;
}

const inGraph = (graph: ModelGraph, log: Log, around: ReadonlySet<string> = new Set()): ModelGraph => ({
  ...graph,
  nodes: inBlock(graphBlock(graph, around), log),
});

const graphBlock = ({ nodes, inputs, outputs, initializers }: ModelGraph, around: ReadonlySet<string>): Block => ({
  nodes,
  outputs: outputs.map(({ name }) => name),
  given: new Set([...around, ...inputs.map(({ name }) => name), ...initializers.keys()]),
});

const blockOf = ({ nodes, inputs, outputs }: ModelFunction): Block => ({ nodes, outputs, given: new Set(inputs) });

/** The nodes of a block, and of the subgraphs in it, in whose place stand those that say what the program does. */
function inBlock(block: Block, log: Log): ModelNode[] {
  const found = new Findings(block, log);
  const around = new Set([...block.given, ...block.nodes.flatMap(({ outputs }) => outputs)]);
  const nodes = found.detachedInputs(block.nodes.flatMap((node) => found.inItsPlace(node)));
  return found.withoutGradient(nodes).map((node) => {
    if (![...node.attributes.values()].some(({ kind }) => kind === 'graph')) return node;
    const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] => [
      name,
      attribute.kind === 'graph' ? { ...attribute, value: inGraph(attribute.value, log, around) } : attribute,
    ]);
    return { ...node, attributes: new Map(attributes) };
  });
}

function notesOf({ detached, padded, withoutGradient, unclear }: Log): string[] {
  return [
    ...(detached.length > 0
      ? [`Gradients stop where the program calls detach (${nameList(detached, 4)}), as in PyTorch.`]
      : []),
    ...(withoutGradient.length > 0
      ? [`Gradients stop where the program runs under no_grad (${nameList(withoutGradient, 4)}), as in PyTorch.`]
      : []),
    ...(unclear.length > 0
      ? [
          `A part of the program runs under autocast or no_grad, and the file does not tell which (${nameList(unclear, 4)}): gradients flow there. Where it is no_grad, call detach() on its results, which the file keeps.`,
        ]
      : []),
    ...(padded.length > 0
      ? [`The padding of an embedding does not train: ${[...new Set(padded)].slice(0, 4).join(', ')}.`]
      : []),
  ];
}

/** The function of PyTorch that is differentiated in another way than the operator that stands for it. */
type Substitute = (
  node: ModelNode,
  call: ProgramCall,
  producer: (name: string) => ModelNode | undefined,
) => ModelNode[];

const renamed = (node: ModelNode, opType: string, inputs: readonly string[] = node.inputs): ModelNode => ({
  ...node,
  opType,
  inputs: [...inputs],
});

/** The first element that attains an extremum takes the whole gradient. */
const first: Substitute = (node) => [renamed(node, node.opType === 'ReduceMax' ? 'FirstMaximum' : 'FirstMinimum')];

/** An adaptive pooling to one element is written as a maximum over the last two axes, which would share ties. */
const firstOfPooling: Substitute = (node, call, ...rest) =>
  call.arguments[1] === '[-2, -1]' && call.arguments[2] === 'True' && !/\bamax\(/.test(node.program?.trace ?? '')
    ? first(node, call, ...rest)
    : [node];

/**
 * The slope of a clamp is 0 at bounds that are numbers; where a tensor is the bound, a tie is shared. Numbers of another type than the
 * argument are made into tensors, which the exporter calls so.
 */
const isNumber = ({ target, arguments: given }: ProgramCall, bound: number): boolean =>
  !target.endsWith('.Tensor') || given[bound]?.startsWith('%scalar_tensor') === true;

const atLeast: Substitute = (node, call) =>
  node.inputs.length === 2 && isNumber(call, 1) ? [renamed(node, 'Clip')] : [node];
const atMost: Substitute = (node, call) =>
  node.inputs.length === 2 && isNumber(call, 2)
    ? [renamed(node, 'Clip', [node.inputs[0], '', node.inputs[1]])]
    : [node];

/** A Clip by tensors, as what it was written from. */
const clipByTensors: Substitute = (node, call) => {
  const [x, low = '', high = ''] = node.inputs;
  if (isNumber(call, low === '' ? 2 : 1)) return [node];
  const middle = low !== '' && high !== '' ? `${node.outputs[0]}_at_least` : node.outputs[0];
  return [
    ...(low === '' ? [] : [{ ...renamed(node, 'Max', [x, low]), outputs: [middle] }]),
    ...(high === '' ? [] : [renamed(node, 'Min', [low === '' ? x : middle, high])]),
  ];
};

/** A deviation is the root of a variance, and has the slope 0 where all numbers are equal. */
const deviation: Substitute = (node, call, producer) => {
  const before = producer(node.inputs[0]);
  const isVariance = before !== undefined && /^var(_mean)?\./.test(callOf(before)?.target ?? '');
  return isVariance || /^std(_mean)?\./.test(call.target) ? [renamed(node, 'RootOrZero')] : [node];
};

const substitutes: readonly (readonly [opType: string, target: RegExp, Substitute])[] = [
  ['Max', /^clamp(_min)?\./, atLeast],
  ['Min', /^clamp\./, atMost],
  [
    'Min',
    /^clamp_max\./,
    (node, call, ...rest) => atMost(node, { ...call, arguments: ['', ...call.arguments] }, ...rest),
  ],
  ['Clip', /^clamp(_min|_max)?\.Tensor$/, clipByTensors],
  ['ReduceMax', /^max\.dim$/, first],
  ['ReduceMax', /^amax\./, firstOfPooling],
  ['ReduceMin', /^min\.dim$/, first],
  ['Sqrt', /./, deviation],
];

class Findings {
  private readonly producers = new Map<string, ModelNode>();
  private readonly region: ReadonlySet<string>;
  private readonly taken: Set<string>;

  constructor(
    private readonly block: Block,
    private readonly log: Log,
  ) {
    const { nodes, given } = block;
    for (const node of nodes) for (const name of node.outputs) this.producers.set(name, node);
    const { withoutGradient, unclear } = tracedRegions(nodes);
    this.log.unclear.push(...[...unclear].map(labelOf));
    const region = [...withoutGradient].flatMap(({ outputs }) => outputs);
    this.region = new Set(region.filter((name) => name !== ''));
    this.taken = new Set([...given, ...nodes.flatMap(({ outputs }) => outputs)]);
  }

  inItsPlace(node: ModelNode): ModelNode[] {
    const call = isDefaultDomain(node.domain) ? callOf(node) : undefined;
    if (!call) return [node];
    if (node.opType === 'Identity' && /^detach(_|\.|_copy|$)/.test(call.target)) {
      this.log.detached.push(labelOf(node));
      return [renamed(node, 'StopGradient')];
    }
    if (node.opType === 'Gather' && call.target.startsWith('embedding.')) return [this.embedding(node, call)];
    const substitute = substitutes.find(([opType, target]) => opType === node.opType && target.test(call.target));
    return substitute?.[2](node, call, (name) => this.producers.get(name)) ?? [node];
  }

  private embedding(node: ModelNode, { arguments: given }: ProgramCall): ModelNode {
    const row = Number(given[2] ?? -1);
    if (!Number.isInteger(row) || row < 0) return node;
    this.log.padded.push(`row ${row} of ${quoteName(node.inputs[0])}`);
    const attributes = new Map<string, Attribute>([...node.attributes, ['padding_idx', { kind: 'int', value: row }]]);
    return { ...node, opType: 'PaddedGather', attributes };
  }

  /**
   * The exporter's optimisation takes a `detach` out, which is an Identity to it, but leaves its name among the arguments of the
   * calls that use it. The names that no node has belong, in order, to the inputs that are none of the arguments.
   */
  detachedInputs(nodes: readonly ModelNode[]): ModelNode[] {
    const produced = new Set(nodes.flatMap(({ outputs }) => outputs));
    const calls = new Map<string, string | undefined>();
    for (const { outputs, program } of nodes) for (const name of outputs) calls.set(name, program?.call);
    return nodes.flatMap((node) => {
      const call = callOf(node);
      if (!call?.arguments.some((text) => text.includes('%detach'))) return [node];
      const values = call.arguments.filter((text) => text.startsWith('%'));
      // As many values as inputs stand for each other.
      const byPlace = values.length === node.inputs.length;
      const names = call.arguments.flatMap((text) => Array.from(text.matchAll(/%(\w+)/g), ([, name]) => name));
      const missing = names.filter(
        (name) => !produced.has(name) && !/^(p|b|c)_/.test(name) && !this.block.given.has(name),
      );
      // What the same call has computed before, constants and parameters are no arguments of it.
      const unnamed = [...new Set(node.inputs)].filter(
        (input) => produced.has(input) && !names.includes(input) && calls.get(input) !== node.program!.call,
      );
      const isDetached = (name: string | undefined) =>
        name !== undefined && missing.includes(name) && /^detach(_|$)/.test(name);
      const stopped = node.inputs.map((input, i) => {
        if (byPlace) return isDetached(values[i].slice(1));
        return missing.length === unnamed.length && isDetached(missing[unnamed.indexOf(input)]);
      });
      const stops = [...new Set(node.inputs.filter((_, i) => stopped[i]))];
      const fresh = new Map(stops.map((input) => [input, this.fresh(`${input}_detached`)]));
      this.log.detached.push(...stops);
      return [
        ...[...fresh].map(([input, output]) => stopping(input, output)),
        { ...node, inputs: node.inputs.map((input, i) => (stopped[i] ? fresh.get(input)! : input)) },
      ];
    });
  }

  /** Stops the gradient where values leave a region that runs under `no_grad`. */
  withoutGradient(nodes: readonly ModelNode[]): ModelNode[] {
    if (this.region.size === 0) return [...nodes];
    const inside = (node: ModelNode) => node.outputs.some((name) => this.region.has(name));
    const leaving = new Set([
      ...nodes.filter((node) => !inside(node)).flatMap(({ inputs }) => inputs),
      ...this.block.outputs,
      ...nodes.flatMap((node) => [...node.attributes.values()].flatMap(namesInside)),
    ]);
    const found = [...this.region].filter((name) => leaving.has(name));
    this.log.withoutGradient.push(...found);
    const inner = new Map(found.map((name) => [name, this.fresh(`${name}_under_no_grad`)]));
    return nodes.flatMap((node) => {
      if (!inside(node)) return [node];
      const outputs = node.outputs.map((name) => inner.get(name) ?? name);
      const stops = node.outputs.flatMap((name) => (inner.has(name) ? [stopping(inner.get(name)!, name)] : []));
      return [{ ...node, outputs, inputs: node.inputs.map((name) => inner.get(name) ?? name) }, ...stops];
    });
  }

  private fresh(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.taken.has(name); i++) name = `${wanted}_${i}`;
    this.taken.add(name);
    return name;
  }
}

const stopping = (input: string, output: string): ModelNode => ({
  name: output,
  opType: 'StopGradient',
  domain: '',
  inputs: [input],
  outputs: [output],
  attributes: new Map(),
});

/** Names that a subgraph may take from around it. */
const namesInside = (attribute: Attribute): string[] =>
  attribute.kind === 'graph'
    ? [
        ...attribute.value.nodes.flatMap((node) => [
          ...node.inputs,
          ...[...node.attributes.values()].flatMap(namesInside),
        ]),
        ...attribute.value.outputs.map(({ name }) => name),
      ]
    : [];

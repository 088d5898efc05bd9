import {
  type Attribute,
  type Initializer,
  isDefaultDomain,
  labelOf,
  type Model,
  type ModelNode,
} from '../onnx/model.ts';
import { mostUnrolled } from '../onnx/rolling.ts';
import { allocate, type ElementType, elementCount, isFloat, type Tensor } from '../onnx/tensor.ts';

/** Longer turns are no step of a recurrence, and take long to look for. */
const mostNodesOfTurn = 1000;
/** Constants of more elements are told apart by their names. */
const mostCompared = 64;

/**
 * A model whose recurrences that an exporter has written out turn by turn (loops over time in PyTorch's tracing, unrolled layers of
 * Keras) are Loops again: the same nodes, once. Each turn takes what the turn before it has computed, what is the same for all, and one
 * of a row of values from outside. Only those of more turns than a Loop is written out for are taken.
 */
export function withLoops(model: Model): Model {
  let found = model;
  for (;;) {
    const next = withLoop(found);
    if (!next) return found;
    found = next;
  }
}

/** Nodes that repeat: `turns` times the same `period` of them, from `start` on. */
interface Repetition {
  readonly start: number;
  readonly period: number;
  readonly turns: number;
}

/** Where an input of a node of a turn comes from. */
type Source =
  /** A node of the same turn, or of the turn before. */
  | { readonly kind: 'node'; readonly node: number; readonly output: number; readonly back: number }
  | { readonly kind: 'outside' };

function withLoop(model: Model): Model | undefined {
  const { graph } = model;
  const nodes = graph.nodes.filter((node) => !isConstant(node));
  const producers = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((name, k) => [name, { i, k }] as const)));
  for (const { start, period, turns } of repetitionsIn(nodes.map(kindOf)))
    for (const shift of shiftsOf(nodes, { start, period, turns }, producers)) {
      const whole = Math.floor((turns * period - shift) / period);
      if (whole <= mostUnrolled) continue;
      const rolled = new Roll(model, nodes, { start: start + shift, period, turns: whole }, producers).model();
      if (rolled) return rolled;
    }
  return undefined;
}

const isConstant = ({ opType, domain }: ModelNode): boolean => opType === 'Constant' && isDefaultDomain(domain);

/** Nodes of one kind compute the same of what they are given. */
function kindOf({ opType, domain, inputs, outputs, attributes }: ModelNode, place: number): string {
  const settings = [...attributes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, settingOf(value)]);
  if (settings.some(([, value]) => value === undefined)) return String(place);
  return JSON.stringify([
    domain,
    opType,
    inputs.map((name) => name !== ''),
    outputs.map((name) => name !== ''),
    settings,
  ]);
}

/** An attribute as a text of its own; undefined where it is too large to compare. */
function settingOf(attribute: Attribute): unknown {
  const { kind, value } = attribute;
  if (kind === 'graph' || kind === 'reference') return undefined;
  if (kind !== 'tensor') return value;
  if (value.unsupported || elementCount(value.shape) > mostCompared) return undefined;
  return [value.typeName, value.shape, [...value.read().data].map(String)];
}

/** The repetitions of enough turns in a text of kinds, the longest first; none is a part of another of a shorter period. */
function repetitionsIn(kinds: readonly string[]): Repetition[] {
  const numbers = new Map<string, number>();
  const text = kinds.map((kind) => {
    const number = numbers.get(kind) ?? numbers.size;
    numbers.set(kind, number);
    return number;
  });
  const found: Repetition[] = [];
  const longest = Math.min(mostNodesOfTurn, Math.floor(text.length / (mostUnrolled + 1)));
  for (let period = 1; period <= longest; period++) {
    let run = 0;
    for (let i = text.length - period - 1; i >= -1; i--) {
      if (i >= 0 && text[i] === text[i + period]) {
        run++;
        continue;
      }
      const turns = Math.floor(run / period) + 1;
      const isKnown = (known: Repetition): boolean =>
        known.start <= i + 1 && i + 1 + turns * period <= known.start + (known.turns + 1) * known.period;
      if (turns > mostUnrolled && !found.some(isKnown)) found.push({ start: i + 1, period, turns });
      run = 0;
    }
  }
  return found.sort((a, b) => b.turns * b.period - a.turns * a.period);
}

type Producers = ReadonlyMap<string, { readonly i: number; readonly k: number }>;

/** Where turns may begin: those first for which least is handed from turn to turn. */
function shiftsOf(nodes: readonly ModelNode[], { start, period }: Repetition, producers: Producers): number[] {
  const handed = Array.from({ length: period }, (_, shift) => {
    const from = start + shift + 2 * period;
    const passed = new Set<string>();
    for (const { inputs } of nodes.slice(from, from + period))
      for (const name of inputs) {
        const { i = -1 } = producers.get(name) ?? {};
        if (i >= start + shift && i < from - period) return Number.POSITIVE_INFINITY;
        if (i >= from - period && i < from) passed.add(name);
      }
    return passed.size;
  });
  // What hands nothing on is no recurrence.
  const shifts = handed.map((_, shift) => shift).filter((shift) => handed[shift] > 0 && Number.isFinite(handed[shift]));
  return shifts.sort((a, b) => handed[a] - handed[b] || a - b).slice(0, 4);
}

/** A value that is handed from turn to turn, by the node that computes it. */
interface Carried {
  readonly name: string;
  readonly node: number;
  readonly output: number;
  readonly initial: string;
}

/** Writes one repetition as a Loop. */
class Roll {
  private readonly constants: ReadonlyMap<string, Initializer>;
  private readonly carried: Carried[] = [];
  private readonly body: ModelNode[] = [];
  /** What stands before the loop. */
  private readonly before: ModelNode[] = [];
  private readonly initializers = new Map<string, Initializer>();
  private readonly prefix: string;

  constructor(
    private readonly source: Model,
    private readonly nodes: readonly ModelNode[],
    private readonly repetition: Repetition,
    private readonly producers: Producers,
  ) {
    const { graph } = source;
    const constants = graph.nodes.flatMap((node) => {
      const constant = isConstant(node) ? constantOf(node) : undefined;
      return constant ? [[node.outputs[0], constant] as const] : [];
    });
    this.constants = new Map([...graph.initializers, ...constants]);
    this.prefix = `${labelOf(nodes[repetition.start])}, all turns`;
  }

  /** Undefined where a turn takes something in another way than the others. */
  model(): Model | undefined {
    const { start, period, turns } = this.repetition;
    for (let j = 0; j < period; j++) {
      const node = this.at(1, j);
      const inputs = node.inputs.map((_, k) => this.inputOf(j, k));
      if (inputs.includes(undefined)) return undefined;
      this.body.push({ ...node, inputs: inputs as string[] });
    }
    const { graph } = this.source;
    const members = new Set(this.nodes.slice(start, start + turns * period));
    const outside = graph.nodes.filter((node) => !members.has(node));
    const used = new Set([...outside.flatMap(namesIn), ...graph.outputs.map(({ name }) => name)]);
    const stacked: { readonly name: string; readonly node: number; readonly output: number }[] = [];
    const after: ModelNode[] = [];
    const finals = this.carried.map((_, i) => `${this.prefix}, final ${i}`);
    for (let j = 0; j < period; j++)
      for (const [output, last] of this.at(turns - 1, j).outputs.entries()) {
        const each = Array.from({ length: turns }, (_, t) => this.at(t, j).outputs[output]);
        const wanted = each.map((name) => name !== '' && used.has(name));
        if (!wanted.includes(true)) continue;
        const place = this.carried.findIndex((value) => value.node === j && value.output === output);
        if (place >= 0 && wanted.indexOf(true) === turns - 1) {
          after.push(this.node('Identity', [finals[place]], [last]));
          continue;
        }
        const name = `${this.prefix}, stacked ${stacked.length}`;
        stacked.push({ name, node: j, output });
        after.push(...this.unstacked(name, each));
      }
    const [turn, goesOn] = [this.turn, `${this.prefix}, goes on`];
    const body = [...this.body, this.node('Identity', [goesOn], [`${goesOn} too`])];
    const produced = ({ node, output }: { readonly node: number; readonly output: number }): string =>
      this.at(1, node).outputs[output];
    const value = (name: string) => ({ name, type: undefined, typeName: '', dims: undefined });
    const scalar = (name: string, type: ElementType) => ({ name, type, typeName: type, dims: [] });
    const inner = {
      name: this.prefix,
      nodes: body,
      initializers: new Map<string, Initializer>(),
      inputs: [scalar(turn, 'int64'), scalar(goesOn, 'bool'), ...this.carried.map(({ name }) => value(name))],
      outputs: [`${goesOn} too`, ...this.carried.map(produced), ...stacked.map(produced)].map(value),
    };
    const count = this.initializer(`${this.prefix}, count`, { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(turns)) }); // biome-ignore format: one line
    const loop: ModelNode = {
      ...this.node(
        'Loop',
        [count, '', ...this.carried.map(({ initial }) => initial)],
        [...finals, ...stacked.map(({ name }) => name)],
      ),
      name: this.prefix,
      attributes: new Map([['body', { kind: 'graph', value: inner }]]),
    };
    const constants = outside.filter(isConstant);
    const first = this.nodes[start];
    const rest = graph.nodes.filter((node) => !isConstant(node) && (node === first || !members.has(node)));
    const nodes = rest.flatMap((node) => (node === first ? [...this.before, loop, ...after] : [node]));
    return {
      ...this.source,
      graph: {
        ...graph,
        nodes: [...constants, ...nodes],
        initializers: new Map([...graph.initializers, ...this.initializers]),
      },
    };
  }

  private get turn(): string {
    return `${this.prefix}, turn`;
  }

  private at(turn: number, j: number): ModelNode {
    const { start, period } = this.repetition;
    return this.nodes[start + turn * period + j];
  }

  private sourceOf(turn: number, name: string): Source {
    const { start, period, turns } = this.repetition;
    const { i = -1, k = 0 } = this.producers.get(name) ?? {};
    if (i < start || i >= start + turns * period) return { kind: 'outside' };
    return { kind: 'node', node: (i - start) % period, output: k, back: turn - Math.floor((i - start) / period) };
  }

  /** What stands in the body for an input of a node; undefined where the turns do not agree. */
  private inputOf(j: number, k: number): string | undefined {
    const { turns } = this.repetition;
    const names = Array.from({ length: turns }, (_, t) => this.at(t, j).inputs[k]);
    const sources = names.map((name, t) => this.sourceOf(t, name));
    const [first, second] = sources;
    const agree = (from: number): boolean =>
      sources.slice(from).every((source) => source.kind === second.kind && isSame(source, second));
    if (second.kind === 'outside') return agree(0) ? this.fromOutside(names, `${j}.${k}`) : undefined;
    if (second.back === 0) return agree(0) ? names[1] : undefined;
    if (second.back !== 1 || !agree(1) || first.kind !== 'outside') return undefined;
    const initial = names[0];
    const known = this.carried.find(
      (value) => value.node === second.node && value.output === second.output && value.initial === initial,
    );
    if (known) return known.name;
    const name = `${this.prefix}, carried ${this.carried.length}`;
    this.carried.push({ name, node: second.node, output: second.output, initial });
    return name;
  }

  /** One of a row of values from outside, one for each turn. */
  private fromOutside(names: readonly string[], place: string): string | undefined {
    const [name] = names;
    if (names.every((other) => other === name)) return name;
    const constants = names.map((each) => this.constants.get(each));
    const [constant] = constants;
    if (constant && constants.every((other) => other && isEqual(constant, other))) return name;
    // Tensors of their own for each turn are no recurrence but layers, and may be trained.
    if (names.some((each) => this.source.graph.initializers.has(each) && !isInteger(this.constants.get(each))))
      return undefined;
    const row = `${this.prefix}, row ${place}`;
    const table = constants.every((each) => isInteger(each) && isAlike(each!, constant!)) && tableOf(constants as Initializer[]); // biome-ignore format: one line
    if (table) this.initializer(row, table);
    else this.before.push(...this.stack(names, row));
    const found = `${row}, in turn`;
    this.body.push(this.node('Gather', [row, this.turn], [found]));
    return found;
  }

  /** The values along a new first axis. */
  private stack(names: readonly string[], row: string): ModelNode[] {
    const parts = names.map((_, t) => `${row}, ${t}`);
    const lifted = names.map((name, t) => this.overFirstAxis('Unsqueeze', name, parts[t]));
    return [...lifted, this.node('Concat', parts, [row], [['axis', { kind: 'int', value: 0 }]])];
  }

  /** The parts of a value along its first axis, by their names. */
  private unstacked(name: string, names: readonly string[]): ModelNode[] {
    const parts = names.map((_, t) => `${name}, ${t}`);
    const count: [string, Attribute][] =
      this.opset >= 18 ? [['num_outputs', { kind: 'int', value: names.length }]] : [];
    return [
      this.node('Split', [name], parts, [['axis', { kind: 'int', value: 0 }], ...count]),
      ...names.map((each, t) => this.overFirstAxis('Squeeze', parts[t], each)),
    ];
  }

  private get opset(): number {
    return this.source.opsets.get('') ?? this.source.opsets.get('ai.onnx') ?? 1;
  }

  private overFirstAxis(opType: 'Squeeze' | 'Unsqueeze', input: string, output: string): ModelNode {
    if (this.opset < 13) return this.node(opType, [input], [output], [['axes', { kind: 'ints', value: [0] }]]);
    const axes = this.initializer(`${this.prefix}, first axis`, {
      type: 'int64',
      shape: [1],
      data: BigInt64Array.of(0n),
    });
    return this.node(opType, [input, axes], [output]);
  }

  private node(
    opType: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: readonly (readonly [string, Attribute])[] = [],
  ): ModelNode {
    return { name: '', opType, domain: '', inputs, outputs, attributes: new Map(attributes) };
  }

  private initializer(name: string, tensor: Tensor): string {
    const { type, shape } = tensor;
    this.initializers.set(name, { name, type, typeName: type, shape, read: () => tensor });
    return name;
  }
}

const isSame = (a: Source, b: Source): boolean =>
  a.kind === 'outside' || (b.kind === 'node' && a.node === b.node && a.output === b.output && a.back === b.back);

/** What a Constant node holds, where it is numbers. */
function constantOf({ attributes, outputs: [name] }: ModelNode): Initializer | undefined {
  const value = attributes.get('value');
  if (value?.kind === 'tensor') return { ...value.value, name };
  const [number, list] = [attributes.get('value_int'), attributes.get('value_ints')];
  const numbers = number?.kind === 'int' ? [number.value] : list?.kind === 'ints' ? list.value : undefined;
  if (!numbers) return undefined;
  const shape = number ? [] : [numbers.length];
  const tensor: Tensor = { type: 'int64', shape, data: BigInt64Array.from(numbers, BigInt) };
  return { name, type: 'int64', typeName: 'int64', shape, read: () => tensor };
}

const isInteger = (constant: Initializer | undefined): boolean =>
  constant?.type !== undefined && !constant.unsupported && !isFloat(constant.type);

const isAlike = (a: Initializer, b: Initializer): boolean =>
  a.type === b.type && a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);

function isEqual(a: Initializer, b: Initializer): boolean {
  if (!isAlike(a, b) || a.unsupported || b.unsupported || elementCount(a.shape) > mostCompared) return false;
  const [x, y] = [a.read().data, b.read().data];
  return x.every((value, i) => Object.is(value, y[i]));
}

/** Tensors of one type and shape along a new first axis. */
function tableOf(constants: readonly Initializer[]): Tensor {
  const [{ shape }] = constants;
  const tensors = constants.map((constant) => constant.read());
  const size = elementCount(shape);
  const data = allocate(tensors[0].type, size * tensors.length);
  for (const [i, tensor] of tensors.entries()) (data as Uint8Array).set(tensor.data as Uint8Array, i * size);
  return { type: tensors[0].type, shape: [tensors.length, ...shape], data };
}

/** All names that a node takes, those in its bodies included. */
function namesIn({ inputs, attributes }: ModelNode): string[] {
  const bodies = [...attributes.values()].flatMap((attribute) => (attribute.kind === 'graph' ? [attribute.value] : []));
  return [
    ...inputs,
    ...bodies.flatMap(({ nodes, outputs }) => [...nodes.flatMap(namesIn), ...outputs.map(({ name }) => name)]),
  ];
}

import { quoteName } from '../shared/errors.ts';
import { checkAmounts } from './amounts.ts';
import type { GraphBuilder } from './builder.ts';
import type { Value } from './graph.ts';
import { LoopBuilder } from './loops.ts';
import {
  type Attribute,
  isDefaultDomain,
  labelOf,
  type Model,
  type ModelFunction,
  type ModelGraph,
  type ModelNode,
} from './model.ts';
import { type InstanceOptions, type Items, OperatorCall, type Operators } from './operator.ts';
import { RefusedUse, tellingNode } from './refusal.ts';
import { checkNode } from './schema.ts';
import { type Item, Sequence } from './sequence.ts';
import { showShape } from './shapes.ts';
import { type ElementType, type FloatType, isFloat, toFloat } from './tensor.ts';
import { deepestNesting, inOrder } from './validate.ts';

/**
 * Why a node cannot be built: its operator is not known, the operator or this use of it is not supported, the data of one
 * of its inputs cannot be read, or the node and its inputs do not fit each other.
 */
export type BlockerKind = 'unknown operator' | 'unsupported' | 'unreadable' | 'misfit';

/** A node that cannot be built. */
export interface Blocker {
  readonly kind: BlockerKind;
  readonly label: string;
  readonly opType: string;
  readonly domain: string;
  readonly opset: number;
  readonly reason: string;
  /** The error of the language, where the definition of the operator did not foresee such inputs or attributes. */
  readonly unforeseen: Error | undefined;
}

export interface Bindings {
  /** Values of the model's inputs, by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Values that stand for initializers (the trained ones); all others become constants. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly floatType: FloatType;
  readonly options?: InstanceOptions;
}

export interface Instance {
  /** Values of the model's outputs, by name; missing where a blocked node is in the way. */
  readonly outputs: ReadonlyMap<string, Value>;
  readonly blockers: readonly Blocker[];
}

/** Operators with bodies, which are written out. */
const controlFlow: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan']);
export const isControlFlow = ({ domain, opType }: Pick<ModelNode, 'domain' | 'opType'>): boolean =>
  isDefaultDomain(domain) && controlFlow.has(opType);

/**
 * Builds a model's graph into `b`, each node through its definition in `operators`. Nodes that cannot be built are
 * collected, and what depends on them is left out, so that one pass finds them all.
 */
export function instantiate(b: GraphBuilder, model: Model, operators: Operators, bindings: Bindings): Instance {
  const instantiation = new Instantiation(b, model, operators, bindings);
  const outputs = instantiation.run();
  b.origin = undefined;
  return { outputs, blockers: instantiation.blockers };
}

/** Names that a list of nodes may use without computing them. */
interface Surroundings {
  get(name: string): Item | undefined;
  /** Why `get` gives nothing; undefined where that has been reported already. */
  lacking(name: string): string | undefined;
}

const nothing: Surroundings = { get: () => undefined, lacking: () => 'it is computed nowhere' };
const blocked: Surroundings = { get: () => undefined, lacking: () => undefined };

/** The types that values have in the file, whatever they are computed in; undefined where not known. */
class FileTypes {
  private readonly own = new Map<string, ElementType | undefined>();

  constructor(
    graph?: Pick<ModelGraph, 'inputs' | 'initializers'>,
    private readonly around?: FileTypes,
  ) {
    for (const { name, type } of graph ? [...graph.inputs, ...graph.initializers.values()] : []) this.set(name, type);
  }

  get(name: string): ElementType | undefined {
    return this.own.has(name) ? this.own.get(name) : this.around?.get(name);
  }

  set(name: string, type: ElementType | undefined): void {
    this.own.set(name, type);
  }
}

/** Where a list of nodes is built. */
interface Frame {
  /** What has been computed; undefined stands for what a blocked node would have. */
  readonly values: Map<string, Item | undefined>;
  readonly outer: Surroundings;
  readonly types: FileTypes;
  readonly opsets: ReadonlyMap<string, number>;
  /** Labels of the nodes around, for messages. */
  readonly path: string;
  readonly depth: number;
}

class Instantiation {
  readonly blockers: Blocker[] = [];
  private readonly loops = new LoopBuilder(this.blockers);

  constructor(
    private readonly b: GraphBuilder,
    private readonly model: Model,
    private readonly operators: Operators,
    private readonly bindings: Bindings,
  ) {}

  run(): Map<string, Value> {
    const { graph, opsets } = this.model;
    const values = new Map<string, Item | undefined>([...this.bindings.inputs, ...this.bindings.parameters]);
    const outer = this.initializersOf(graph);
    this.build(graph.nodes, { values, outer, types: new FileTypes(graph), opsets, path: '', depth: 0 });
    const outputs = new Map<string, Value>();
    for (const { name } of graph.outputs) {
      const item = values.has(name) ? values.get(name) : outer.get(name);
      if (item && !(item instanceof Sequence)) outputs.set(name, item);
    }
    return outputs;
  }

  /** The initializers of a graph as constants, each made when it is first used. */
  private initializersOf({ initializers }: ModelGraph): Surroundings {
    const constants = new Map<string, Value>();
    return {
      lacking: (name) => {
        const source = initializers.get(name);
        return source ? source.unsupported : 'it is computed nowhere';
      },
      get: (name) => {
        const source = initializers.get(name);
        if (!source || source.unsupported || constants.has(name)) return constants.get(name);
        const tensor = source.read();
        const constant = isFloat(tensor.type) ? toFloat(tensor, this.bindings.floatType) : tensor;
        const value = tellingNode(this.b, () => this.b.constant(constant), { tensor: { kind: 'initializer', name } });
        constants.set(name, value);
        return value;
      },
    };
  }

  private build(nodes: readonly ModelNode[], frame: Frame): void {
    for (const node of inOrder(nodes)) this.buildNode(node, frame);
  }

  private buildNode(node: ModelNode, frame: Frame): void {
    const items = this.inputsOf(node, frame);
    if (!items) {
      const refused = this.refusalOf(node);
      if (refused) this.block(node, frame, ...refused);
      for (const name of node.outputs) if (!frame.values.has(name)) frame.values.set(name, undefined);
      return;
    }
    try {
      this.b.origin = frame.path + labelOf(node);
      if (isDefaultDomain(node.domain) && !this.refusalOf(node)) this.check(node, frame);
      assign(node, frame, this.outputsOf(node, items, frame));
    } catch (error) {
      const refused = this.refusalOf(node) !== undefined || error instanceof RefusedUse;
      const reason = isForeign(error) ? misfit(items) : (error as Error).message.replace(/\.$/, '');
      this.block(node, frame, refused ? 'unsupported' : 'misfit', reason, isForeign(error) ? error : undefined);
      if (error instanceof RefusedUse && error.outputs !== undefined) assign(node, frame, error.outputs as Items);
    }
  }

  /** Holds a node against ONNX's schema of its operator, and notes the types of its outputs. */
  private check(node: ModelNode, frame: Frame): void {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : frame.types.get(name)));
    const outputs = checkNode(node, this.opsetOf(node, frame), inputs);
    node.outputs.forEach((name, i) => {
      frame.types.set(name, outputs[i]);
    });
  }

  /** The inputs of a node; undefined where one of them is missing, which is reported unless it was before. */
  private inputsOf(node: ModelNode, frame: Frame): (Item | undefined)[] | undefined {
    const items: (Item | undefined)[] = [];
    for (const name of node.inputs) {
      const item = name === '' ? undefined : frame.values.has(name) ? frame.values.get(name) : frame.outer.get(name);
      if (name !== '' && !item) {
        const reason = frame.values.has(name) ? undefined : frame.outer.lacking(name);
        if (reason) this.block(node, frame, 'unreadable', `its input ${quoteName(name)}: ${reason}`);
        return undefined;
      }
      items.push(item);
    }
    return items;
  }

  private functionOf = ({ domain, opType }: ModelNode): ModelFunction | undefined =>
    this.model.functions.get(`${domain}:${opType}`);

  /** Why no use of a node's operator can be built, whatever its inputs are. */
  private refusalOf(node: ModelNode): [BlockerKind, string] | undefined {
    const operator = isDefaultDomain(node.domain) ? this.operators.get(node.opType) : undefined;
    if (operator) return operator.refusal === undefined ? undefined : ['unsupported', operator.refusal];
    if (this.functionOf(node) || isControlFlow(node)) return undefined;
    return ['unknown operator', isDefaultDomain(node.domain) ? 'operator not supported' : 'unknown domain'];
  }

  private block(node: ModelNode, frame: Frame, kind: BlockerKind, reason: string, unforeseen?: Error): void {
    const { opType, domain } = node;
    this.blockers.push({
      kind,
      label: frame.path + labelOf(node),
      opType,
      domain,
      opset: this.opsetOf(node, frame),
      reason,
      unforeseen,
    });
    for (const name of node.outputs) frame.values.set(name, undefined);
  }

  private opsetOf({ domain }: ModelNode, { opsets }: Frame): number {
    return opsets.get(domain) ?? (isDefaultDomain(domain) ? (this.model.opsets.get('') ?? 0) : 0);
  }

  private outputsOf(node: ModelNode, items: readonly (Item | undefined)[], frame: Frame): Items {
    const operator = isDefaultDomain(node.domain) ? this.operators.get(node.opType) : undefined;
    const inputs = items.map((item) => (item instanceof Sequence ? undefined : item));
    if (operator) {
      checkAmounts(node, inputs);
      const { floatType, options } = this.bindings;
      return operator(this.b, new OperatorCall(node, this.opsetOf(node, frame), items, floatType, options));
    }
    const called = this.functionOf(node);
    if (called) return this.call(called, node, items, frame);
    if (!isControlFlow(node)) {
      const refused = this.refusalOf(node);
      if (!refused) throw new RangeError('there is neither a definition nor a reason');
      this.block(node, frame, ...refused);
      return [];
    }
    const runBody = (body: ModelGraph, bound: ReadonlyMap<string, Item | undefined>) =>
      this.runBody(body, bound, node, frame);
    if (node.opType === 'If') return runBody(takenBranch(node, items[0]), new Map());
    return node.opType === 'Loop'
      ? this.loops.loop(this.b, node, items, runBody)
      : this.loops.scan(this.b, node, this.opsetOf(node, frame), inputs, runBody);
  }

  /** The body of a local function with a call's inputs and attributes. */
  private call(called: ModelFunction, node: ModelNode, items: readonly (Item | undefined)[], frame: Frame): Items {
    if (frame.depth >= deepestNesting) throw new RefusedUse('its definition nests too deeply');
    const values = new Map<string, Item | undefined>();
    const omitted = new Set<string>();
    const types = new FileTypes();
    called.inputs.forEach((name, i) => {
      if (items[i]) values.set(name, items[i]);
      else omitted.add(name);
      types.set(name, frame.types.get(node.inputs[i] ?? ''));
    });
    const path = `${frame.path + labelOf(node)}/`;
    this.build(
      called.nodes.map((member) => bodyNode(member, node, called.defaults, omitted)),
      { values, outer: nothing, types, opsets: called.opsets, path, depth: frame.depth + 1 },
    );
    called.outputs.forEach((name, i) => {
      frame.types.set(node.outputs[i] ?? '', types.get(name));
    });
    return called.outputs.map((name) => values.get(name));
  }

  /** The outputs of a subgraph, which sees what is around its node. */
  private runBody(
    body: ModelGraph,
    bound: ReadonlyMap<string, Item | undefined>,
    node: ModelNode,
    frame: Frame,
  ): (Item | undefined)[] {
    if (frame.depth >= deepestNesting) throw new RefusedUse('its branches nest too deeply');
    const own = this.initializersOf(body);
    const { values: around, outer } = frame;
    const place = (name: string) => (body.initializers.has(name) ? own : around.has(name) ? around : outer);
    const surroundings: Surroundings = {
      get: (name) => place(name).get(name),
      lacking: (name) => (body.initializers.has(name) ? own : around.has(name) ? blocked : outer).lacking(name),
    };
    const values = new Map(bound);
    const path = `${frame.path + labelOf(node)}/`;
    const types = new FileTypes(body, frame.types);
    this.build(body.nodes, { values, outer: surroundings, types, opsets: frame.opsets, path, depth: frame.depth + 1 });
    return body.outputs.map(({ name }) => (values.has(name) ? values.get(name) : surroundings.get(name)));
  }
}

/** Errors of the language itself, such as that of reading beyond a shape, say nothing of the model. */
const isForeign = (error: unknown): error is Error =>
  !(error instanceof Error) || /^(Type|Range|Syntax|Reference)Error$/.test(error.name);

/** What can be said of a node whose inputs and attributes contradict each other in a way that no definition foresaw. */
function misfit(items: readonly (Item | undefined)[]): string {
  const shapes = items.flatMap((item) => (item instanceof Sequence || !item ? [] : [showShape(item.shape)]));
  return `its attributes do not fit its inputs${shapes.length > 0 ? ` of shape ${shapes.join(', ')}` : ''}`;
}

function assign(node: ModelNode, { values }: Frame, result: Items): void {
  const outputs = Array.isArray(result) ? (result as readonly (Item | undefined)[]) : [result as Item];
  node.outputs.forEach((name, i) => {
    if (name !== '' && outputs[i]) values.set(name, outputs[i]);
    else if (name !== '' && !values.has(name)) values.set(name, undefined);
  });
}

/** The branch that a constant condition chooses. */
function takenBranch(node: ModelNode, condition: Item | undefined): ModelGraph {
  const constant = condition instanceof Sequence ? undefined : condition?.constant;
  if (!constant) throw new RefusedUse('which branch runs depends on data; export the model with a fixed condition');
  const branch = node.attributes.get(constant.data[0] ? 'then_branch' : 'else_branch');
  if (branch?.kind !== 'graph') throw new Error('the branch that is to run is missing');
  return branch.value;
}

/** A function's node with the attributes of the call in place of references, and without inputs that the call leaves out. */
function bodyNode(
  member: ModelNode,
  call: ModelNode,
  defaults: ReadonlyMap<string, Attribute>,
  omitted: ReadonlySet<string>,
): ModelNode {
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of member.attributes) {
    const resolved =
      attribute.kind === 'reference'
        ? (call.attributes.get(attribute.value) ?? defaults.get(attribute.value))
        : attribute;
    if (resolved) attributes.set(name, resolved);
  }
  const inputs = member.inputs.map((name) => (omitted.has(name) ? '' : name));
  return { ...member, inputs, attributes };
}

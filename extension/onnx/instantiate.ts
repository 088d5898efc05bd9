import { quoteName } from '../shared/errors.ts';
import { checkAmounts } from './amounts.ts';
import type { GraphBuilder } from './builder.ts';
import type { Value } from './graph.ts';
import { type Attribute, isDefaultDomain, labelOf, type Model, type ModelGraph, type ModelNode } from './model.ts';
import { constantInts } from './shapes.ts';
import type { ElementType, FloatType } from './tensor.ts';
import { isFloat, type Tensor, toFloat } from './tensor.ts';
import { deepestNesting, inOrder } from './validate.ts';

/** Choices about what a model computes that its file leaves open. */
export interface InstanceOptions {
  /** BatchNormalization in inference form takes mean and variance from the batch instead of its running statistics. */
  readonly batchStatistics?: boolean;
}

/** A sequence of tensors. Its length is always known, so it is kept beside the graph and never enters it. */
export class Sequence {
  constructor(readonly items: readonly Value[]) {}
}
type Item = Value | Sequence;

/** One use of an operator in a user's model, with everything an operator's definition needs. */
export class OperatorCall {
  constructor(
    readonly node: ModelNode,
    /** Version of the operator set of the node's domain. */
    readonly opset: number,
    readonly inputs: readonly (Value | undefined)[],
    /** Type in which floating-point values are computed, whatever the file says. */
    readonly floatType: FloatType,
    readonly options: InstanceOptions = {},
    private readonly sequences: ReadonlyMap<number, Sequence> = new Map(),
  ) {}

  get opType(): string {
    return this.node.opType;
  }

  /** An input that must be there. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (!value) throw new Error(`input ${index} is ${this.sequences.has(index) ? 'a sequence' : 'missing'}`);
    return value;
  }

  /** The tensors of an input that is a sequence. */
  sequence(index: number): readonly Value[] {
    const found = this.sequences.get(index);
    if (!found) throw new Error(`input ${index} is no sequence`);
    return found.items;
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  int(name: string, fallback?: number): number {
    return this.attribute(name, 'int', fallback);
  }
  float(name: string, fallback?: number): number {
    const found = this.node.attributes.get(name);
    return found?.kind === 'int' ? found.value : this.attribute(name, 'float', fallback);
  }
  string(name: string, fallback?: string): string {
    return this.attribute(name, 'string', fallback);
  }
  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attribute(name, 'ints', fallback);
  }
  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attribute(name, 'floats', fallback);
  }
  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.attribute(name, 'strings', fallback);
  }
  tensor(name: string): Tensor {
    const found = this.node.attributes.get(name);
    if (found?.kind !== 'tensor') throw new Error(`attribute ${quoteName(name)} is missing`);
    if (found.value.unsupported) throw new Error(`attribute ${quoteName(name)}: ${found.value.unsupported}`);
    return found.value.read();
  }

  /** The integers of an input that must not depend on data. */
  constantInts(index: number): number[] {
    return constantInts(this.inputs[index], `input ${index} (${quoteName(this.node.inputs[index] ?? '')})`);
  }

  /** The type that a value of a file's type has here. */
  localType(type: ElementType): ElementType {
    return isFloat(type) ? this.floatType : type;
  }

  private attribute<K extends Attribute['kind'], T>(name: string, kind: K, fallback: T | undefined): T {
    const found = this.node.attributes.get(name);
    if (!found) {
      if (fallback === undefined) throw new Error(`attribute ${quoteName(name)} is missing`);
      return fallback;
    }
    if (found.kind !== kind) throw new Error(`attribute ${quoteName(name)} is a ${found.kind}, not a ${kind}`);
    return found.value as T;
  }
}

type Items = Item | readonly (Item | undefined)[];
/** Emits an operator in terms of primitives. Throws an Error that says why where this use of it is not supported. */
export interface Operator {
  (b: GraphBuilder, call: OperatorCall): Items;
  /** Why no use of it is supported, where that is so. */
  readonly refusal?: string;
}
/** Why a use of an operator is refused, with outputs of the right shapes, so that what follows can be checked too. */
export class RefusedUse extends Error {
  constructor(
    reason: string,
    readonly outputs: Items,
  ) {
    super(reason);
  }
}
/** Definitions by operator name of the default domain. */
export type Operators = ReadonlyMap<string, Operator>;

/** Names that a list of nodes may use without computing them. */
interface Surroundings {
  get(name: string): Item | undefined;
  /** Why `get` gives nothing; undefined where that has been reported already. */
  lacking(name: string): string | undefined;
}

const nothing: Surroundings = { get: () => undefined, lacking: () => 'it is computed nowhere' };
const blocked: Surroundings = { get: () => undefined, lacking: () => undefined };

/** A node that cannot be built. */
export interface Blocker {
  readonly label: string;
  readonly opType: string;
  readonly domain: string;
  readonly opset: number;
  readonly reason: string;
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

/**
 * Builds a model's graph into `b`, each node through its definition in `operators`. Nodes that cannot be built are
 * collected, and what depends on them is left out, so that one pass finds them all.
 */
export function instantiate(b: GraphBuilder, model: Model, operators: Operators, bindings: Bindings): Instance {
  const blockers: Blocker[] = [];
  const scope = new Map<string, Item | undefined>([...bindings.inputs, ...bindings.parameters]);
  /** The initializers of a graph as constants, each made when it is first used. */
  const initializersOf = ({ initializers }: ModelGraph): Surroundings => {
    const constants = new Map<string, Value>();
    return {
      lacking: (name) => (initializers.has(name) ? initializers.get(name)!.unsupported : 'it is computed nowhere'),
      get: (name) => {
        const source = initializers.get(name);
        if (!source || source.unsupported || constants.has(name)) return constants.get(name);
        const tensor = source.read();
        const value = b.constant(isFloat(tensor.type) ? toFloat(tensor, bindings.floatType) : tensor);
        constants.set(name, value);
        return value;
      },
    };
  };
  const own = initializersOf(model.graph);

  const run = (
    nodes: readonly ModelNode[],
    values: Map<string, Item | undefined>,
    outer: Surroundings,
    opsets: ReadonlyMap<string, number>,
    path: string,
    depth: number,
  ): void => {
    for (const node of inOrder(nodes)) {
      const label = path + labelOf(node);
      const opset = opsets.get(node.domain) ?? (isDefaultDomain(node.domain) ? (model.opsets.get('') ?? 0) : 0);
      const block = (reason: string) => {
        blockers.push({ label, opType: node.opType, domain: node.domain, opset, reason });
        for (const name of node.outputs) values.set(name, undefined);
      };
      const items: (Item | undefined)[] = [];
      let reachable = true;
      for (const name of node.inputs) {
        const item = name === '' ? undefined : values.has(name) ? values.get(name) : outer.get(name);
        if (name !== '' && !item) {
          const reason = values.has(name) ? undefined : outer.lacking(name);
          if (reason) block(`its input ${quoteName(name)}: ${reason}`);
          reachable = false;
          break;
        }
        items.push(item);
      }
      const local = model.functions.get(`${node.domain}:${node.opType}`);
      const operator = isDefaultDomain(node.domain) ? operators.get(node.opType) : undefined;
      const assign = (result: Items) => {
        const outputs = Array.isArray(result) ? (result as readonly (Item | undefined)[]) : [result as Item];
        node.outputs.forEach((name, i) => {
          if (name !== '' && outputs[i]) values.set(name, outputs[i]);
        });
      };
      /** Why no use of it can be built, whatever its inputs are. */
      const refusal = (): string | undefined => {
        if (operator) return operator.refusal;
        if (!isDefaultDomain(node.domain)) return local ? undefined : 'unknown domain';
        return local || node.opType === 'If' ? undefined : 'operator not supported';
      };
      if (!reachable) {
        const reason = refusal();
        if (reason) block(reason);
        for (const name of node.outputs) if (!values.has(name)) values.set(name, undefined);
        continue;
      }
      try {
        b.origin = label;
        if (local && !operator) {
          if (depth >= deepestNesting) throw new Error('its definition nests too deeply');
          const inner = new Map<string, Item | undefined>();
          const omitted = new Set<string>();
          local.inputs.forEach((name, i) => {
            if (items[i]) inner.set(name, items[i]);
            else omitted.add(name);
          });
          const body = local.nodes.map((member) => bodyNode(member, node, local.defaults, omitted));
          run(body, inner, nothing, local.opsets, `${label}/`, depth + 1);
          node.outputs.forEach((name, i) => {
            values.set(name, inner.get(local.outputs[i]));
          });
          continue;
        }
        if (isDefaultDomain(node.domain) && node.opType === 'If') {
          if (depth >= deepestNesting) throw new Error('its branches nest too deeply');
          const branch = takenBranch(node, items[0]);
          const inner = new Map<string, Item | undefined>();
          const local = initializersOf(branch);
          const around: Surroundings = {
            lacking: (name) =>
              (branch.initializers.has(name) ? local : values.has(name) ? blocked : outer).lacking(name),
            get: (name) => (branch.initializers.has(name) ? local : values.has(name) ? values : outer).get(name),
          };
          run(branch.nodes, inner, around, opsets, `${label}/`, depth + 1);
          node.outputs.forEach((name, i) => {
            const source = branch.outputs[i]?.name ?? '';
            values.set(name, inner.has(source) ? inner.get(source) : around.get(source));
          });
          continue;
        }
        if (!operator) {
          block(refusal()!);
          continue;
        }
        const inputs = items.map((item) => (item instanceof Sequence ? undefined : item));
        const sequences = new Map(
          items.flatMap((item, i): [number, Sequence][] => (item instanceof Sequence ? [[i, item]] : [])),
        );
        checkAmounts(node, inputs);
        const call = new OperatorCall(node, opset, inputs, bindings.floatType, bindings.options, sequences);
        assign(operator(b, call));
      } catch (error) {
        block((error as Error).message.replace(/\.$/, ''));
        if (error instanceof RefusedUse) assign(error.outputs);
      }
    }
  };
  run(model.graph.nodes, scope, own, model.opsets, '', 0);
  b.origin = undefined;
  const outputs = new Map<string, Value>();
  for (const { name } of model.graph.outputs) {
    const item = scope.has(name) ? scope.get(name) : own.get(name);
    if (item && !(item instanceof Sequence)) outputs.set(name, item);
  }
  return { outputs, blockers };
}

/** The branch that a constant condition chooses. */
function takenBranch(node: ModelNode, condition: Item | undefined): ModelGraph {
  const constant = condition instanceof Sequence ? undefined : condition?.constant;
  if (!constant) throw new Error('which branch runs depends on data; export the model with a fixed condition');
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

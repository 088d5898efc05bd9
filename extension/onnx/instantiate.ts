import { InspectorError, quoteName } from '../shared/errors.ts';
import type { GraphBuilder } from './builder.ts';
import type { Value } from './graph.ts';
import { type Attribute, isDefaultDomain, labelOf, type Model, type ModelNode } from './model.ts';
import { constantInts } from './shapes.ts';
import type { ElementType, FloatType } from './tensor.ts';
import { isFloat, type Tensor, toFloat } from './tensor.ts';

/** Choices about what a model computes that its file leaves open. */
export interface InstanceOptions {
  /** BatchNormalization in inference form takes mean and variance from the batch instead of its running statistics. */
  readonly batchStatistics?: boolean;
}

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
  ) {}

  get opType(): string {
    return this.node.opType;
  }

  /** An input that must be there. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (!value) throw new Error(`input ${index} is missing`);
    return value;
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

/** Emits an operator in terms of primitives. Throws an Error that says why where this use of it is not supported. */
export type Operator = (b: GraphBuilder, call: OperatorCall) => Value | readonly (Value | undefined)[];
/** Definitions by operator name of the default domain. */
export type Operators = ReadonlyMap<string, Operator>;

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

/** Definitions that nest deeper than this are taken for recursive. */
const deepestNesting = 32;

/**
 * Builds a model's graph into `b`, each node through its definition in `operators`. Nodes that cannot be built are
 * collected, and what depends on them is left out, so that one pass finds them all.
 */
export function instantiate(b: GraphBuilder, model: Model, operators: Operators, bindings: Bindings): Instance {
  const blockers: Blocker[] = [];
  const constants = new Map<string, Value>();
  const scope = new Map<string, Value | undefined>([...bindings.inputs, ...bindings.parameters]);
  const initializer = (name: string): Value | undefined => {
    const found = constants.get(name);
    if (found) return found;
    const source = model.graph.initializers.get(name);
    if (!source) return undefined;
    const tensor = source.read();
    const value = b.constant(isFloat(tensor.type) ? toFloat(tensor, bindings.floatType) : tensor);
    constants.set(name, value);
    return value;
  };

  const run = (
    nodes: readonly ModelNode[],
    values: Map<string, Value | undefined>,
    lookup: (name: string) => Value | undefined,
    opsets: ReadonlyMap<string, number>,
    path: string,
    depth: number,
  ): void => {
    for (const node of sorted(nodes)) {
      const label = path + labelOf(node);
      const opset = opsets.get(node.domain) ?? (isDefaultDomain(node.domain) ? (model.opsets.get('') ?? 0) : 0);
      const block = (reason: string) => {
        blockers.push({ label, opType: node.opType, domain: node.domain, opset, reason });
        for (const name of node.outputs) values.set(name, undefined);
      };
      const inputs: (Value | undefined)[] = [];
      let reachable = true;
      for (const name of node.inputs) {
        const value = name === '' ? undefined : values.has(name) ? values.get(name) : lookup(name);
        if (name !== '' && !value) {
          if (!values.has(name)) block(`its input ${quoteName(name)} is computed nowhere`);
          reachable = false;
          break;
        }
        inputs.push(value);
      }
      if (!reachable) {
        for (const name of node.outputs) if (!values.has(name)) values.set(name, undefined);
        continue;
      }
      try {
        b.origin = label;
        const local = model.functions.get(`${node.domain}:${node.opType}`);
        if (local && !(isDefaultDomain(node.domain) && operators.has(node.opType))) {
          if (depth >= deepestNesting) throw new Error('its definition nests too deeply');
          const inner = new Map<string, Value | undefined>();
          local.inputs.forEach((name, i) => {
            inner.set(name, inputs[i]);
          });
          const body = local.nodes.map((member) => resolveReferences(member, node, local.defaults));
          run(body, inner, () => undefined, local.opsets, `${label}/`, depth + 1);
          node.outputs.forEach((name, i) => {
            values.set(name, inner.get(local.outputs[i]));
          });
          continue;
        }
        const operator = isDefaultDomain(node.domain) ? operators.get(node.opType) : undefined;
        if (!operator) {
          block(isDefaultDomain(node.domain) ? 'operator not supported' : 'unknown domain');
          continue;
        }
        const result = operator(b, new OperatorCall(node, opset, inputs, bindings.floatType, bindings.options));
        const outputs = Array.isArray(result) ? (result as readonly (Value | undefined)[]) : [result as Value];
        node.outputs.forEach((name, i) => {
          if (name === '') return;
          values.set(name, outputs[i]);
        });
      } catch (error) {
        if (error instanceof InspectorError) throw error;
        block((error as Error).message);
      }
    }
  };
  run(model.graph.nodes, scope, initializer, model.opsets, '', 0);
  b.origin = undefined;
  const outputs = new Map<string, Value>();
  for (const { name } of model.graph.outputs) {
    const value = scope.get(name) ?? (scope.has(name) ? undefined : initializer(name));
    if (value) outputs.set(name, value);
  }
  return { outputs, blockers };
}

/** A function's node with the attributes of the call in place of references. */
function resolveReferences(member: ModelNode, call: ModelNode, defaults: ReadonlyMap<string, Attribute>): ModelNode {
  const attributes = new Map<string, Attribute>();
  for (const [name, attribute] of member.attributes) {
    const resolved =
      attribute.kind === 'reference'
        ? (call.attributes.get(attribute.value) ?? defaults.get(attribute.value))
        : attribute;
    if (resolved) attributes.set(name, resolved);
  }
  return { ...member, attributes };
}

/** Nodes in an order in which each comes after what it needs; files should have it so, but not all do. */
function sorted(nodes: readonly ModelNode[]): readonly ModelNode[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== '') producer.set(name, i);
  });
  const ordered = nodes.every((node, i) => node.inputs.every((name) => (producer.get(name) ?? -1) < i));
  if (ordered) return nodes;
  const result: ModelNode[] = [];
  const state = new Uint8Array(nodes.length);
  for (let start = 0; start < nodes.length; start++) {
    const stack = [start];
    while (stack.length > 0) {
      const at = stack[stack.length - 1];
      if (state[at] === 2) {
        stack.pop();
        continue;
      }
      if (state[at] === 0) {
        state[at] = 1;
        for (const name of nodes[at].inputs) {
          const before = producer.get(name);
          if (before === undefined || state[before] === 2) continue;
          if (state[before] === 1)
            throw new InspectorError(
              `The model's graph has a cycle through ${quoteName(labelOf(nodes[before]))}.`,
              'A graph must not depend on itself; export the model again.',
            );
          stack.push(before);
        }
      } else {
        state[at] = 2;
        stack.pop();
        result.push(nodes[at]);
      }
    }
  }
  return result;
}

import type { OpType } from './ops.ts';
import type { ElementType, Shape, Tensor } from './tensor.ts';

/** An attribute in plain form; integers and floats are told apart by the attribute's name when a graph is written. */
export type AttributeValue = number | string | readonly number[] | readonly string[];
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** A graph or loop body in which values live; `depth` counts the enclosing scopes. */
export interface Scope {
  readonly parent: Scope | undefined;
  readonly depth: number;
}

/** One tensor in a graph. Every dimension is known. */
export interface Value {
  readonly id: number;
  /** Given names (inputs, parameters); others are named when the graph is written. */
  readonly name: string | undefined;
  readonly type: ElementType;
  readonly shape: Shape;
  /** The node that computes it; undefined for inputs and constants. */
  readonly node: Node | undefined;
  /** The value itself, for constants. */
  readonly constant: Tensor | undefined;
  readonly scope: Scope;
}

export interface Node {
  readonly opType: OpType;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly [Value, ...Value[]];
  readonly attributes: Attributes;
  /** The body of a loop. */
  readonly body: Graph | undefined;
  /** Label of the user's node that this one came from, for messages. */
  readonly origin: string | undefined;
}

/** Named results. Nodes that reach no output are not part of the graph. */
export interface Graph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly scope: Scope;
}

/** The name of an input of a graph. */
export function nameOf(input: Value): string {
  if (input.name === undefined) throw new RangeError('an input of a graph has no name');
  return input.name;
}

/** The inputs of a node that exist, with the values that its body captures from outside. */
export function dependencies(node: Node): Value[] {
  const direct = node.inputs.filter((value) => value !== undefined);
  return node.body ? [...direct, ...captures(node.body)] : direct;
}

/** Values of enclosing scopes that a body uses, constants included. */
export function captures(body: Graph): Value[] {
  const found = new Set<Value>();
  const visit = (value: Value) => {
    if (value.scope !== body.scope) found.add(value);
  };
  for (const node of nodesOf(body)) for (const value of dependencies(node)) visit(value);
  for (const { value } of body.outputs) visit(value);
  return [...found];
}

/**
 * The nodes of a graph's own scope that reach an output, each after everything it depends on. Without recursion, since
 * recurrent networks give chains of many thousand nodes.
 */
export function nodesOf(graph: Graph): Node[] {
  return nodesReaching(
    graph.outputs.map(({ value }) => value),
    (value) => value.scope === graph.scope,
  );
}

/** The nodes on which `values` depend, in an order in which they can run; `enter` says which values to follow. */
export function nodesReaching(values: readonly Value[], enter: (value: Value) => boolean): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  const stack: Node[] = [];
  const push = (value: Value) => {
    if (value.node && enter(value) && !state.has(value.node)) stack.push(value.node);
  };
  for (const value of [...values].reverse()) push(value);
  for (let node = stack.at(-1); node; node = stack.at(-1)) {
    const seen = state.get(node);
    if (seen === undefined) {
      state.set(node, 'open');
      for (const value of dependencies(node).reverse()) push(value);
    } else {
      stack.pop();
      if (seen === 'open') {
        state.set(node, 'done');
        order.push(node);
      }
    }
  }
  return order;
}

/** Number of nodes of a graph, those of loop bodies included. */
export function nodeCount(graph: Graph): number {
  return nodesOf(graph).reduce((sum, node) => sum + 1 + (node.body ? nodeCount(node.body) : 0), 0);
}

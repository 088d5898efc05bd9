import { InspectorError, quoteName } from '../shared/errors.ts';
import { quoteUnusual } from '../shared/names.ts';
import type { Where } from '../shared/where.ts';
import { nth } from './checked.ts';
import {
  isDefaultDomain,
  labelOf,
  type Model,
  type ModelFunction,
  type ModelGraph,
  type ModelNode,
  type ValueInfo,
} from './model.ts';
import { showShape } from './shapes.ts';
import { mostElements } from './tensor.ts';

/** Versions of the default operator set that are read. From 24 on, only element types and whole operators were added. */
export const oldestOpset = 7;
export const newestOpset = 26;
/** Functions that call each other more deeply than this are refused. Subgraphs have the same limit, from protobuf’s own. */
export const deepestNesting = 32;
/** Nodes that a model may have once its functions are written out. */
const mostNodes = 1_000_000;

const again = 'Export the model again.';
const faulty = 'The file is not valid ONNX (onnx.checker.check_model says more); export the model again.';

/**
 * Checks what the format requires of a decoded model: operator sets, names assigned once, every name defined, no cycles,
 * functions that end. Throws an InspectorError that names the first offender, or all names that nothing computes.
 */
export function validateModel(model: Model): void {
  checkOpsets(model);
  checkGraph(model.graph, []);
  for (const f of model.functions.values()) checkFunction(f);
  checkCalls(model);
}

function checkOpsets(model: Model): void {
  if (model.opsets.size === 0) throw new InspectorError('The model declares no operator set (opset_import).', again);
  const own = model.opsets.get('');
  const needs = model.graph.nodes.find(({ domain }) => isDefaultDomain(domain));
  if (own === undefined) {
    if (needs)
      throw new InspectorError(
        'The model declares no version of the standard operators (opset_import), which this node uses.',
        again,
        { where: ofNode(needs) },
      );
    return;
  }
  checkOpset(own, 'The model');
  for (const f of model.functions.values()) {
    const version = f.opsets.get('');
    if (version !== undefined) checkOpset(version, `Function ${quoteName(f.name)}`);
  }
}

function checkOpset(version: number, who: string): void {
  if (version >= oldestOpset && version <= newestOpset) return;
  throw new InspectorError(
    `${who} uses opset ${version}; opsets ${oldestOpset} to ${newestOpset} are read.`,
    version < oldestOpset
      ? 'Convert it with onnx.version_converter.convert_version(model, 17), or export it again with opset_version=17.'
      : 'Export it again with opset_version=20.',
  );
}

const ofNode = (node: ModelNode): Where => ({ node: labelOf(node), operator: node.opType });

/** The elements that an input has at least, an axis of 0 counted as none. */
const elements = (dims: ValueInfo['dims']): number =>
  (dims ?? []).reduce<number>((product, dim) => (typeof dim === 'number' ? product * Math.max(dim, 1) : product), 1);

/** `outer` holds the names of the enclosing graphs, which a subgraph may read. */
function checkGraph(graph: ModelGraph, outer: readonly ReadonlySet<string>[]): void {
  const defined = new Set<string>(graph.initializers.keys());
  for (const { name, dims } of graph.inputs) {
    if (elements(dims) > mostElements)
      throw new InspectorError(`Its shape ${showShape(dims ?? [])} is too large.`, again, {
        where: { tensor: { kind: 'input', name } },
      });
    if (name === '') throw new InspectorError('An input of the model has no name.', again);
    if (defined.has(name)) throw new InspectorError(`Two inputs are named ${quoteName(name)}.`, faulty);
    defined.add(name);
  }
  defineOutputs(graph.nodes, defined);
  if (outer.length === 0 && graph.outputs.length === 0) throw new InspectorError('The model has no outputs.', again);
  checkUses(graph.nodes, [defined, ...outer]);
  const dangling = graph.outputs.filter(({ name }) => ![defined, ...outer].some((names) => names.has(name)));
  if (dangling.length > 0)
    throw new InspectorError(
      `${dangling.length > 1 ? 'The outputs' : 'The output'} ${list(dangling.map(({ name }) => quoteName(name)))} ${dangling.length > 1 ? 'are' : 'is'} computed nowhere.`,
      faulty,
    );
  inOrder(graph.nodes);
  checkSubgraphs(graph.nodes, [defined, ...outer]);
}

function checkFunction(f: ModelFunction): void {
  const defined = new Set(f.inputs);
  if (defined.size < f.inputs.length)
    throw new InspectorError('It has two inputs of one name.', faulty, { where: { function: f.name } });
  defineOutputs(f.nodes, defined);
  checkUses(f.nodes, [defined]);
  const dangling = f.outputs.filter((name) => !defined.has(name));
  if (dangling.length > 0)
    throw new InspectorError(
      `It does not compute its output ${list(dangling.map((name) => quoteName(name)))}.`,
      faulty,
      { where: { function: f.name } },
    );
  inOrder(f.nodes);
  checkSubgraphs(f.nodes, [defined]);
}

/** Adds what nodes compute to the names of a graph; each may be computed once. */
function defineOutputs(nodes: readonly ModelNode[], defined: Set<string>): void {
  for (const [i, node] of nodes.entries()) {
    if (node.opType === '')
      throw new InspectorError(`Node ${i} names no operator.`, faulty, { where: { node: labelOf(node) } });
    for (const name of node.outputs) {
      if (name === '') continue;
      if (defined.has(name))
        throw new InspectorError(`It computes ${quoteName(name)}, which is defined already.`, faulty, {
          where: ofNode(node),
        });
      defined.add(name);
    }
  }
}

/** Every input must be defined somewhere; an empty name is an optional input that is left out. */
function checkUses(nodes: readonly ModelNode[], scopes: readonly ReadonlySet<string>[]): void {
  const missing: string[] = [];
  for (const node of nodes) {
    for (const name of node.inputs) {
      if (name !== '' && !scopes.some((names) => names.has(name)))
        missing.push(`${quoteName(name)} (input of ${quoteName(labelOf(node))}, ${quoteUnusual(node.opType)})`);
    }
  }
  if (missing.length > 0)
    throw new InspectorError(`The graph uses names that nothing computes: ${list(missing)}.`, faulty);
}

function checkSubgraphs(nodes: readonly ModelNode[], scopes: readonly ReadonlySet<string>[]): void {
  for (const node of nodes) {
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'graph') checkGraph(attribute.value, scopes);
  }
}

const list = (items: readonly string[], limit = 5): string =>
  items.length > limit ? `${items.slice(0, limit).join(', ')} and ${items.length - limit} more` : items.join(', ');

/**
 * Nodes in an order in which each comes after what it needs; files should have it so, but not all do. Throws an
 * InspectorError where they depend on each other in a circle.
 */
export function inOrder(nodes: readonly ModelNode[]): readonly ModelNode[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, i) => {
    for (const name of node.outputs) if (name !== '') producer.set(name, i);
  });
  const ordered = nodes.every((node, i) => node.inputs.every((name) => (producer.get(name) ?? -1) < i));
  if (ordered) return nodes;
  const result: ModelNode[] = [];
  const state: ('open' | 'done' | undefined)[] = new Array(nodes.length);
  for (let start = 0; start < nodes.length; start++) {
    const stack = [start];
    for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
      if (state[at] !== undefined) {
        stack.pop();
        if (state[at] === 'open') result.push(nth(nodes, at));
        state[at] = 'done';
        continue;
      }
      state[at] = 'open';
      for (const name of nth(nodes, at).inputs) {
        const before = producer.get(name);
        if (before === undefined || state[before] === 'done') continue;
        if (state[before] === 'open')
          throw new InspectorError(
            'The graph has a cycle through this node.',
            'A graph must not depend on itself; export the model again.',
            { where: ofNode(nth(nodes, before)) },
          );
        stack.push(before);
      }
    }
  }
  return result;
}

interface Extent {
  /** Nodes after everything is written out. */
  readonly nodes: number;
  readonly depth: number;
}

/** Functions must not call themselves, nest deeply, or multiply into more nodes than a program can hold. */
function checkCalls(model: Model): void {
  const known = new Map<ModelFunction, Extent>();
  const open: ModelFunction[] = [];
  const extentOf = (nodes: readonly ModelNode[]): Extent => {
    let total = 0;
    let depth = 0;
    const add = ({ nodes: count, depth: below }: Extent) => {
      total += count;
      depth = Math.max(depth, below);
    };
    for (const node of nodes) {
      const called = model.functions.get(`${node.domain}:${node.opType}`);
      if (called) add(functionExtent(called));
      else add({ nodes: 1, depth: 0 });
      for (const attribute of node.attributes.values())
        if (attribute.kind === 'graph') add(extentOf(attribute.value.nodes));
    }
    return { nodes: total, depth };
  };
  const functionExtent = (f: ModelFunction): Extent => {
    const found = known.get(f);
    if (found) return found;
    const again = open.indexOf(f);
    if (again >= 0) {
      const way = [...open.slice(again), f].map(({ name }) => quoteName(name));
      throw new InspectorError(`Function ${way[0]} calls itself: ${way.join(' → ')}.`, faulty);
    }
    open.push(f);
    if (open.length > deepestNesting)
      throw new InspectorError(`Functions nest deeper than ${deepestNesting}, down to ${quoteName(f.name)}.`, inline);
    const body = extentOf(f.nodes);
    open.pop();
    const extent = { nodes: body.nodes, depth: body.depth + 1 };
    if (extent.depth > deepestNesting)
      throw new InspectorError(`Functions nest deeper than ${deepestNesting}, from ${quoteName(f.name)}.`, inline);
    known.set(f, extent);
    return extent;
  };
  const whole = extentOf(model.graph.nodes);
  for (const f of model.functions.values()) functionExtent(f);
  if (whole.nodes > mostNodes)
    throw new InspectorError(
      `The model has ${whole.nodes} nodes once its functions are written out; at most ${mostNodes} are read.`,
      'Export a smaller model.',
    );
}

const inline = 'Write the functions out with onnx.inliner.inline_local_functions.';

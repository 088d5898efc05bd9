import type { SyntaxNode } from '@lezer/common';
import type { SourceRange } from '../source.ts';
import { type Item, isCertain, moduleAt } from './module.ts';
import { type NameTree, nameTree } from './nameTree.ts';
import type { PythonModules } from './reader.ts';
import { align } from './rows.ts';
import { isConditional, loopOf, rangeOf } from './syntax.ts';

/** Where Keras layers are created. */
export interface KerasLayers {
  /** Those that are given a `name`. */
  readonly named: ReadonlyMap<string, SourceRange>;
  /** The others by their type, in the order in which Keras numbers them: dense, dense_1, … */
  readonly rows: ReadonlyMap<string, readonly Item[]>;
}

export function kerasLayers({ tree, syntax, classes }: PythonModules): KerasLayers {
  const named = new Map<string, SourceRange>();
  const rows = new Map<string, Item[]>();
  if (!/^[ \t]*(?:from|import)[ \t]+(?:tensorflow|keras|tf_keras)\b/m.test(syntax.text)) return { named, rows };
  const calls: { node: SyntaxNode; callee: string }[] = [];
  const counts = new Map<string, number>();
  tree.iterate({
    enter: ({ node }) => {
      if (node.name !== 'CallExpression' || !node.firstChild) return;
      const callee = syntax.slice(node.firstChild);
      calls.push({ node, callee });
      // What is called in a loop is called several times.
      counts.set(callee, (counts.get(callee) ?? 0) + (loopOf(node) === undefined ? 1 : 2));
    },
  });
  /** A function that is called several times makes its layers each time. */
  const repeatedBy = (node: SyntaxNode): number | undefined => {
    let parent = node.parent;
    while (parent && parent.name !== 'FunctionDefinition') parent = parent.parent;
    const name = parent?.getChild('VariableName');
    return parent && name && (counts.get(syntax.slice(name)) ?? 0) > 1 ? parent.from : undefined;
  };
  for (const { node, callee } of calls) {
    const type = callee.split('.').at(-1) ?? '';
    const list = node.getChild('ArgList');
    if (!list || !/^[A-Z]\w*$/.test(type) || classes.has(type)) continue;
    const name = syntax.arguments(list).find(({ key }) => key === 'name');
    const given = name && syntax.stringOf(name.value);
    if (given !== undefined) named.set(given, rangeOf(node));
    if (name) continue;
    const base = type
      .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase();
    const loop = repeatedBy(node) ?? loopOf(node);
    const item = {
      module: moduleAt(rangeOf(node), { hasMore: true }),
      ...(loop !== undefined && { loop }),
      conditional: isConditional(node),
    };
    const row = rows.get(base);
    if (row) row.push(item);
    else rows.set(base, [item]);
  }
  return { named, rows };
}

/**
 * Which layer each tensor belongs to, by names as `StatefulPartitionedCall/model/dense_1/MatMul/ReadVariableOp:0` and
 * `dense_1/kernel:0`; `names` are all that the model has. Where parts have an `ending`, it is no part of the layer's name.
 */
export function kerasLines(
  { named, rows }: KerasLayers,
  names: readonly string[],
  ending?: RegExp,
): (name: string) => SourceRange | undefined {
  const placeOf = (name: string): SourceRange | readonly [row: string, index: string] | undefined => {
    if (!name.includes('/')) return undefined;
    for (const part of name.split('/').slice(0, -1).reverse()) {
      const layer = ending ? part.replace(ending, '') : part;
      const [, base, index] = /^(.*?)_(\d+)$/.exec(layer) ?? [];
      const found =
        named.get(layer) ??
        (rows.has(layer) ? ([layer, '0'] as const) : undefined) ??
        (base !== undefined && rows.has(base) ? ([base, index] as const) : undefined);
      if (found) return found;
    }
    return undefined;
  };
  const numbers = new Map<string, string[]>();
  for (const name of names) {
    const place = placeOf(name);
    if (!place || 'from' in place) continue;
    const [row, index] = place;
    const known = numbers.get(row);
    if (known) known.push(index);
    else numbers.set(row, [index]);
  }
  const trees = new Map<string, NameTree>([...numbers].map(([row, indices]) => [row, nameTree(indices, 0)]));
  return (name) => {
    const place = placeOf(name);
    if (!place || 'from' in place) return place;
    const [base, index] = place;
    const row = rows.get(base) ?? [];
    const tree = trees.get(base);
    return isCertain(row) ? row[Number(index)]?.module.at : tree && align(row, tree, () => 1).at.get(index)?.at;
  };
}

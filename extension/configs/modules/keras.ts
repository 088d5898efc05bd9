import type { SourceRange } from '../source.ts';
import type { PythonModules } from './reader.ts';

/** Where Keras layers are created, by their `name`, or by the names that Keras gives in that order: dense, dense_1, … */
export function kerasLayers({ tree, syntax, classes }: PythonModules): Map<string, SourceRange> {
  const layers = new Map<string, SourceRange>();
  if (!/^\s*(?:from|import)\s+(?:tensorflow|keras|tf_keras)\b/m.test(syntax.text)) return layers;
  const counts = new Map<string, number>();
  tree.iterate({
    enter: ({ node }) => {
      if (node.name !== 'CallExpression') return;
      const [callee, list] = [node.firstChild, node.getChild('ArgList')];
      const type = callee && syntax.slice(callee).split('.').at(-1);
      if (!callee || !list || !type || !/^[A-Z]\w*$/.test(type) || classes.has(type)) return;
      const named = syntax.arguments(list).find(({ key }) => key === 'name');
      const given = named && syntax.stringOf(named.value);
      const base = type
        .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
        .replace(/([a-z])([A-Z])/g, '$1_$2')
        .toLowerCase();
      const count = counts.get(base) ?? 0;
      if (given === undefined) counts.set(base, count + 1);
      layers.set(given ?? (count === 0 ? base : `${base}_${count}`), { from: node.from, to: node.to });
    },
  });
  return layers;
}

/**
 * `StatefulPartitionedCall/model/dense_1/MatMul/ReadVariableOp:0` and `dense_1/kernel:0`: the part that is a layer, without
 * `ending` where parts have one.
 */
export function kerasLayer(
  layers: ReadonlyMap<string, SourceRange>,
  name: string,
  ending?: RegExp,
): SourceRange | undefined {
  if (!name.includes('/')) return undefined;
  for (const part of name.split('/').slice(0, -1).reverse()) {
    const found = layers.get(ending ? part.replace(ending, '') : part);
    if (found) return found;
  }
  return undefined;
}

import type { DataNode } from '../data/tree.ts';
import type { Evaluated } from './values.ts';

/** A value as a tree of data. */
export function toData(evaluated: Evaluated, depth: number): DataNode {
  const { value, range, sourceRange } = evaluated;
  const located = { range, ...(sourceRange && { sourceRange }) };
  if (depth > 20) return { kind: 'scalar', ...located, value: undefined };
  if (value.kind === 'dict') {
    const entries = [...value.entries].map(([key, entry]) => {
      return [key, { keyRange: entry.keyRange, value: toData(entry.value, depth + 1) }] as const;
    });
    return { kind: 'map', ...located, entries: new Map(entries) };
  }
  if (value.kind === 'sequence') {
    return { kind: 'list', ...located, items: value.items.map((item) => toData(item, depth + 1)) };
  }
  return { kind: 'scalar', ...located, value: value.kind === 'scalar' ? value.value : undefined };
}

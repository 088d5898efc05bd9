import { join } from 'node:path';
import type { SourceRange } from '../source.ts';
import type { DataEntry, DataNode, MapNode } from './tree.ts';

/** Files that one configuration is put together from, and how deep one leads to another. */
const MOST_FILES = 60;
const DEEPEST = 8;

/**
 * The configuration that Hydra puts together from `name`.yaml in `folder` and its defaults list: groups, `_self_`, packages
 * (`group@package`), `# @package _global_` aside. Every range carries its file. Undefined where the file is not there.
 */
export function composed(
  folder: string,
  name: string,
  documents: (path: string) => readonly DataNode[],
): DataNode | undefined {
  let files = 0;
  const load = (path: string, depth: number): MapNode | undefined => {
    if (++files > MOST_FILES || depth > DEEPEST) return undefined;
    const file = /\.ya?ml$/.test(path) ? join(folder, path) : join(folder, `${path}.yaml`);
    const [document] = documents(file);
    if (document?.kind !== 'map') return undefined;
    const own = withFile(document, file) as MapNode;
    const defaults = own.entries.get('defaults')?.value;
    const rest = new Map([...own.entries].filter(([key]) => key !== 'defaults'));
    if (defaults?.kind !== 'list') return { ...own, entries: rest };
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
    let result: MapNode = { ...own, entries: new Map() };
    let isSelfDone = false;
    for (const item of defaults.items) {
      if (item.kind === 'scalar' && item.value === '_self_') {
        result = merged(result, { ...own, entries: rest });
        isSelfDone = true;
        continue;
      }
      for (const { group, option, target } of choices(item)) {
        const absolute = group.startsWith('/');
        const way = `${absolute ? group.slice(1) : parent + group}${group === '' ? '' : '/'}${option}`;
        const inner = load(way, depth + 1);
        if (!inner) continue;
        const keys = target === '_global_' || group === '' ? [] : (target ?? group).replace(/^\//, '').split(/[./]/);
        result = merged(result, nested(inner, keys));
      }
    }
    return isSelfDone ? result : merged(result, { ...own, entries: rest });
  };
  return load(name, 0);
}

interface Choice {
  readonly group: string;
  readonly option: string;
  readonly target?: string;
}

/** `optimizer: adamw`, `override /model@net: big`, and plain names of files. */
function choices(item: DataNode): Choice[] {
  if (item.kind === 'scalar') return typeof item.value === 'string' ? [{ group: '', option: item.value }] : [];
  if (item.kind !== 'map') return [];
  return [...item.entries].flatMap(([key, { value }]) => {
    const [group, target] = key.replace(/^(?:override|optional)\s+/g, '').split('@');
    const options = value.kind === 'list' ? value.items : [value];
    return options.flatMap((option) =>
      option.kind === 'scalar' && typeof option.value === 'string'
        ? [{ group, option: option.value, ...(target !== undefined && { target }) }]
        : [],
    );
  });
}

function nested(map: MapNode, keys: readonly string[]): MapNode {
  return keys.reduceRight<MapNode>(
    (value, key) => ({ kind: 'map', range: map.range, entries: new Map([[key, { keyRange: map.range, value }]]) }),
    map,
  );
}

/** The second over the first, maps into each other. */
export function merged(one: MapNode, other: MapNode): MapNode {
  const entries = new Map<string, DataEntry>(one.entries);
  for (const [key, entry] of other.entries) {
    const before = entries.get(key)?.value;
    const value = before?.kind === 'map' && entry.value.kind === 'map' ? merged(before, entry.value) : entry.value;
    entries.set(key, { ...entry, value });
  }
  return { ...one, entries };
}

function withFile(node: DataNode, file: string): DataNode {
  const range = (place: SourceRange): SourceRange => ({ ...place, file: place.file ?? file });
  const located = { range: range(node.range), ...(node.sourceRange && { sourceRange: range(node.sourceRange) }) };
  if (node.kind === 'list') return { ...node, ...located, items: node.items.map((item) => withFile(item, file)) };
  if (node.kind === 'scalar') return { ...node, ...located };
  const entries = [...node.entries].map(([key, entry]): [string, DataEntry] => [
    key,
    { keyRange: range(entry.keyRange), value: withFile(entry.value, file) },
  ]);
  return { ...node, ...located, entries: new Map(entries) };
}

import type { SourceRange } from '../source.ts';
import { type DataEntry, type DataNode, type MapNode, NODE_LIMIT } from './tree.ts';

interface OpenMap extends MapNode {
  readonly entries: Map<string, DataEntry>;
}

/**
 * Files of sections and options, as Python's configparser reads them: continued lines, `%(name)s` and `${section:name}`, the section
 * DEFAULT that all others fall back to. A section `[a.b]` lies in `[a]`, as spaCy and Thinc mean it. Lists and texts in quotes are
 * read as such. Sections that repeat, of files that are no such configuration, keep the first.
 */
export function parseIni(text: string): DataNode {
  const root: OpenMap = { kind: 'map', range: { from: 0, to: text.length }, entries: new Map() };
  const sections = new Map<string, OpenMap>();
  let section = root;
  let last: { readonly key: string; readonly keyRange: SourceRange; readonly indent: number } | undefined;
  let count = 0;
  for (let from = 0; from < text.length && count++ < NODE_LIMIT; ) {
    const newline = text.indexOf('\n', from);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(from, end);
    const content = line.trim();
    const indent = line.length - line.trimStart().length;
    const start = from + indent;
    from = end + 1;
    if (content === '' || /^[#;]/.test(content)) continue;
    if (last && indent > last.indent) {
      // A value over several lines is no number.
      const value: DataNode = { kind: 'scalar', range: { from: start, to: end }, value: undefined };
      section.entries.set(last.key, { keyRange: last.keyRange, value });
      continue;
    }
    const close = content.startsWith('[') ? content.indexOf(']') : -1;
    if (close > 0) {
      const name = content.slice(1, close).trim();
      const before = sections.get(name);
      section = before || name === '' ? emptyMap(start, end) : place(root, name, start, end);
      if (!before) sections.set(name, section);
      last = undefined;
      continue;
    }
    const sign = content.search(/[=:]/);
    const key = content.slice(0, Math.max(sign, 0)).trimEnd();
    if (key === '') continue;
    const keyRange = { from: start, to: start + key.length };
    const after = content.slice(sign + 1);
    const at = start + sign + 1 + after.length - after.trimStart().length;
    section.entries.set(key, { keyRange, value: written(after.trimStart(), at) });
    last = { key, keyRange, indent };
  }
  return withDefaults(root, sections);
}

const emptyMap = (from: number, to: number): OpenMap => ({ kind: 'map', range: { from, to }, entries: new Map() });

/** The map of a section, made where it is not there; `[a.b]` lies in `[a]`. */
function place(root: OpenMap, name: string, from: number, to: number): OpenMap {
  const keys = name.split('.').slice(0, 16);
  let map = root;
  for (const key of keys) {
    const existing = map.entries.get(key)?.value;
    const next = existing?.kind === 'map' ? (existing as OpenMap) : emptyMap(from, to);
    if (next !== existing)
      map.entries.set(key, { keyRange: { from: from + 1, to: from + 1 + name.length }, value: next });
    map = next;
  }
  return map;
}

/** The value of an option, up to a comment that a blank stands before. */
function written(text: string, from: number): DataNode {
  const comment = text.search(/(?:^|[ \t])[#;]/);
  const shown = (comment < 0 ? text : text.slice(0, comment)).trimEnd();
  const range = { from, to: from + shown.length };
  const quoted = /^(["'])([^"']*)\1$/.exec(shown);
  if (quoted) return { kind: 'scalar', range, value: quoted[2] };
  if (/^(?:true|false)$/i.test(shown)) return { kind: 'scalar', range, value: /^t/i.test(shown) };
  if (/^(?:none|null)$/i.test(shown)) return { kind: 'scalar', range, value: null };
  const list = /^[[(](.*)[\])]$/.exec(shown);
  if (list && !/[[\](){}]/.test(list[1])) {
    const items: DataNode[] = [];
    let at = from + 1;
    for (const part of list[1].split(',')) {
      const lead = part.length - part.trimStart().length;
      const item = part.trim();
      if (item !== '' && items.length < 64)
        items.push({ kind: 'scalar', range: { from: at + lead, to: at + lead + item.length }, value: unquoted(item) });
      at += part.length + 1;
    }
    return { kind: 'list', range, items };
  }
  return { kind: 'scalar', range, value: shown.length > 1000 ? undefined : shown };
}

const unquoted = (text: string): string => /^(["'])(.*)\1$/.exec(text)?.[2] ?? text;

/** Sections with what they take from DEFAULT, and with the names in their values followed. */
function withDefaults(root: OpenMap, sections: ReadonlyMap<string, OpenMap>): DataNode {
  const defaults = sections.get('DEFAULT');
  for (const section of new Set([root, ...sections.values()])) {
    if (section === defaults) continue;
    for (const [key, entry] of defaults?.entries ?? [])
      if (section !== root && !section.entries.has(key) && entry.value.kind !== 'map') section.entries.set(key, entry);
  }
  for (const section of new Set([root, ...sections.values()]))
    for (const [key, entry] of section.entries) {
      const value = followed(entry.value, section, sections, 0);
      if (value !== entry.value) section.entries.set(key, { ...entry, value });
    }
  if (defaults) root.entries.delete('DEFAULT');
  return root;
}

const REFERENCE = /^(?:%\(([^)]+)\)s|\$\{(?:([^:}]+):)?([^:}]+)\})$/;

/** `%(lr)s` of the same section and `${training:lr}`, or spaCy's `${training.lr}`, of another; texts around them are not put together. */
function followed(node: DataNode, section: MapNode, sections: ReadonlyMap<string, MapNode>, hops: number): DataNode {
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || !/%\(|\$\{/.test(node.value)) return node;
  const match = REFERENCE.exec(node.value);
  const dotted = match?.[3]?.includes('.') ? match[3] : undefined;
  const name = dotted === undefined ? (match?.[1] ?? match?.[3]) : dotted.slice(dotted.lastIndexOf('.') + 1);
  const other = match?.[2] ?? dotted?.slice(0, dotted.lastIndexOf('.'));
  const from = other === undefined ? section : sections.get(other);
  const target = name === undefined ? undefined : from?.entries.get(name)?.value;
  const value = target && target !== node && hops < 8 ? followed(target, from!, sections, hops + 1) : undefined;
  if (!value || value.kind === 'map' || (value.kind === 'scalar' && value.value === undefined))
    return { kind: 'scalar', range: node.range, value: undefined };
  return { ...value, range: node.range, sourceRange: value.sourceRange ?? value.range };
}

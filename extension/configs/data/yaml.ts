import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments } from 'yaml';
import type { SourceRange } from '../source.ts';
import { tooDeep } from './json.ts';
import { type DataEntry, type DataNode, DEPTH_LIMIT, NODE_LIMIT } from './tree.ts';

/** Expansions of aliases in one document, as `maxAliasCount` of the yaml package counts them. */
const ALIAS_LIMIT = 1000;

/**
 * YAML 1.2, all documents of a stream. Anchors, aliases and merge keys (`<<`) are resolved; what they bring carries the
 * anchor's range as its source. Duplicate keys: the last one counts. Broken text yields what could be read of it.
 */
export function parseYaml(text: string): DataNode[] {
  if (tooDeep(text, true) || indentedTooDeep(text)) return [];
  const documents = parseAllDocuments(text, {
    logLevel: 'silent',
    prettyErrors: false,
    uniqueKeys: false,
    strict: false,
    keepSourceTokens: false,
  });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const root = document.contents;
    return root ? [new Converter(text).convert(root as Node, undefined, 0)] : [];
  });
}

/** Block nesting deeper than 500 on one line (`- - - - …`): the parser would run out of stack. */
function indentedTooDeep(text: string): boolean {
  return /(?:[-?:][ \t]+){500}/.test(text) || /\n {4000}\S/.test(text);
}

/** HyperPyYAML's tags: a class or function to call with the settings below it, and a reference to another value. */
const CALL_TAG = /^!(?:name|new|apply):([A-Za-z_][\w.]*)$/;
/** PaddleDetection's: the class that takes the settings below it. */
const CLASS_TAG = /^![A-Z]\w{0,60}$/;
const REFERENCE = /^<([\w.[\]-]+)>$/;

class Converter {
  private readonly anchors = new Map<string, Node>();
  private nodes = 0;
  private aliases = 0;

  constructor(private readonly text: string) {}

  /** `via` is the range at which the node is used, if that is not where it was written. */
  convert(node: Node | null | undefined, via: SourceRange | undefined, depth: number): DataNode {
    const own = rangeOf(node);
    const located = via ? { range: via, ...(own && { sourceRange: own }) } : { range: own ?? { from: 0, to: 0 } };
    if (++this.nodes > NODE_LIMIT || depth > DEPTH_LIMIT) return { kind: 'scalar', ...located, value: undefined };
    if (isAlias(node)) {
      const target = this.anchors.get(node.source);
      if (!target || ++this.aliases > ALIAS_LIMIT) return { kind: 'scalar', ...located, value: undefined };
      return this.convert(target, via ?? own, depth + 1);
    }
    if (node && 'anchor' in node && node.anchor) this.anchors.set(node.anchor, node);
    if (isMap(node)) {
      const map = this.convertMap(node.items as never, located, via, depth);
      const called = typeof node.tag === 'string' ? CALL_TAG.exec(node.tag)?.[1] : undefined;
      if (called !== undefined) return this.withTarget(map, node.tag!, called, via);
      return typeof node.tag === 'string' && CLASS_TAG.test(node.tag)
        ? withName(map, node.tag.slice(1), located.range)
        : map;
    }
    if (isSeq(node)) {
      return { kind: 'list', ...located, items: node.items.map((item) => this.convert(item as Node, via, depth + 1)) };
    }
    const written = isScalar(node) ? node.value : undefined;
    const reference = isScalar(node) && node.tag === '!ref' ? REFERENCE.exec(String(written))?.[1] : undefined;
    const isOpen = isScalar(node) && node.tag === '!ref' && reference === undefined;
    const value = isOpen
      ? undefined
      : reference === undefined
        ? written
        : `\${${reference.replace(/\[([^\]]*)\]/g, '.$1')}}`;
    const plain = value === null || ['number', 'boolean', 'string'].includes(typeof value);
    return { kind: 'scalar', ...located, value: plain ? (value as never) : undefined };
  }

  /** A map under a tag that names what it is given to, as the others write it: with `_target_`. */
  private withTarget(map: DataNode, tag: string, name: string, via: SourceRange | undefined): DataNode {
    if (map.kind !== 'map' || map.entries.has('_target_')) return map;
    const { from } = map.sourceRange ?? map.range;
    const at = this.text.lastIndexOf(tag, from);
    const own = at < 0 ? map.range : { from: at + tag.length - name.length, to: at + tag.length };
    const located = via ? { range: via, sourceRange: own } : { range: own };
    const target: DataEntry = { keyRange: via ?? own, value: { kind: 'scalar', ...located, value: name } };
    return { ...map, entries: new Map([['_target_', target], ...map.entries]) };
  }

  private convertMap(
    pairs: readonly { key: unknown; value: Node | null }[],
    located: { range: SourceRange; sourceRange?: SourceRange },
    via: SourceRange | undefined,
    depth: number,
  ): DataNode {
    const entries = new Map<string, DataEntry>();
    const merged = new Map<string, DataEntry>();
    for (const { key, value } of pairs) {
      if (!isScalar(key)) continue;
      const keyRange = via ?? rangeOf(key) ?? located.range;
      if (key.value !== '<<') {
        entries.set(String(key.value), { keyRange, value: this.convert(value, via, depth + 1) });
        continue;
      }
      // Of several merged maps the first that has a key wins.
      const source = this.convert(value, via ?? rangeOf(value) ?? keyRange, depth + 1);
      for (const map of source.kind === 'list' ? source.items : [source]) {
        if (map.kind !== 'map') continue;
        for (const [name, entry] of map.entries) if (!merged.has(name)) merged.set(name, entry);
      }
    }
    for (const [name, entry] of merged) if (!entries.has(name)) entries.set(name, entry);
    return { kind: 'map', ...located, entries };
  }
}

/** A map under the name of a class, as others write it: with `name`. */
function withName(map: DataNode, name: string, range: SourceRange): DataNode {
  if (map.kind !== 'map' || map.entries.has('name')) return map;
  const value: DataNode = { kind: 'scalar', range: { from: range.from, to: range.from }, value: name };
  return { ...map, entries: new Map([['name', { keyRange: value.range, value }], ...map.entries]) };
}

function rangeOf(node: unknown): SourceRange | undefined {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range ? { from: range[0], to: range[1] } : undefined;
}

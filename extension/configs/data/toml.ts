import { type AST, ParseError, parseTOML } from 'toml-eslint-parser';
import { tooDeep } from './json.ts';
import { type DataEntry, type DataNode, DEPTH_LIMIT, type MapNode } from './tree.ts';

interface OpenMap extends MapNode {
  readonly entries: Map<string, DataEntry>;
}

/** TOML; the parser stops at the first error, so lines with errors are blanked, up to a few of them. */
export function parseToml(text: string): DataNode[] {
  if (tooDeep(text, true)) return [];
  let readable = text;
  for (let attempt = 0; attempt < 8; attempt++) {
    const result = tryParse(readable);
    if (typeof result !== 'number') return result ? [result] : [];
    // The parser reports where it gave up, which may be in the line after the faulty one: whichever leads further goes.
    const [here, before] = [result, lineStart(readable, result) - 1].map((at) => blankLine(readable, at));
    readable = progress(tryParse(before)) > progress(tryParse(here)) ? before : here;
  }
  return [];
}

/** The document, the offset of the first error, or undefined where the parser itself fails. */
function tryParse(text: string): DataNode | number | undefined {
  try {
    return convertDocument(parseTOML(text));
  } catch (error) {
    return error instanceof ParseError ? error.index : undefined;
  }
}

function progress(result: DataNode | number | undefined): number {
  if (result === undefined) return -1;
  return typeof result === 'number' ? result : Number.POSITIVE_INFINITY;
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1;
}

function blankLine(text: string, offset: number): string {
  const from = lineStart(text, Math.max(offset, 0));
  const end = text.indexOf('\n', from);
  const to = end < 0 ? text.length : end;
  return text.slice(0, from) + ' '.repeat(to - from) + text.slice(to);
}

function convertDocument(program: AST.TOMLProgram): DataNode {
  const root = emptyMap(program.range);
  for (const node of program.body[0]?.body ?? []) {
    if (node.type === 'TOMLKeyValue') assign(root, node, 0);
    else {
      // The last header of an array of tables stands for all: its keys overwrite those before.
      const table = descend(root, node.key, node.range, node.key.keys.length);
      for (const pair of node.body) if (table) assign(table, pair, 0);
    }
  }
  return root;
}

function emptyMap(range: readonly [number, number]): OpenMap {
  return { kind: 'map', range: { from: range[0], to: range[1] }, entries: new Map() };
}

function keyText(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

/** The map under the first `count` parts of a dotted key, made where it does not exist. */
function descend(map: OpenMap, key: AST.TOMLKey, range: readonly [number, number], count: number): OpenMap | undefined {
  let current = map;
  for (const part of key.keys.slice(0, Math.min(count, DEPTH_LIMIT))) {
    const name = keyText(part);
    const existing = current.entries.get(name)?.value;
    if (existing && existing.kind !== 'map') return undefined;
    const next = (existing as OpenMap | undefined) ?? emptyMap(range);
    if (!existing) current.entries.set(name, { keyRange: { from: part.range[0], to: part.range[1] }, value: next });
    current = next;
  }
  return current;
}

function assign(map: OpenMap, pair: AST.TOMLKeyValue, depth: number): void {
  const target = descend(map, pair.key, pair.range, pair.key.keys.length - 1);
  const last = pair.key.keys.at(-1);
  if (!target || !last) return;
  const keyRange = { from: last.range[0], to: last.range[1] };
  target.entries.set(keyText(last), { keyRange, value: convert(pair.value, depth + 1) });
}

function convert(node: AST.TOMLContentNode, depth: number): DataNode {
  const range = { from: node.range[0], to: node.range[1] };
  if (depth > DEPTH_LIMIT) return { kind: 'scalar', range, value: undefined };
  if (node.type === 'TOMLArray') {
    return { kind: 'list', range, items: node.elements.map((item) => convert(item, depth + 1)) };
  }
  if (node.type === 'TOMLInlineTable') {
    const map = emptyMap(node.range);
    for (const pair of node.body) assign(map, pair, depth);
    return map;
  }
  const { value } = node;
  const plain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
  return { kind: 'scalar', range, value: plain ? value : undefined };
}

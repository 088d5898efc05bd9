import type { SourceRange } from '../source.ts';
import { type DataEntry, type DataNode, DEPTH_LIMIT, type MapNode, NODE_LIMIT } from './tree.ts';

const TOKEN =
  /[ \t\r\n]+|#[^\n]*|("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?)|([\w.+-]+)|(\[[\w./ -]+\](?=\s*[:{<]))|./gy;

interface Token {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

interface OpenMap extends MapNode {
  readonly entries: Map<string, DataEntry>;
}

/**
 * Protocol buffers as text: fields, messages in braces or angle brackets, lists. A field that is repeated becomes a list. Broken text
 * yields what could be read of it; undefined where the text is something else altogether.
 */
export function parseTextproto(text: string): DataNode | undefined {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    if (/^[\s#]/.test(match[0])) continue;
    if (tokens.length >= NODE_LIMIT) break;
    tokens.push({ text: match[0], from: match.index, to: match.index + match[0].length });
  }
  // XML and other files under the same names.
  if (tokens[0]?.text === '<' || !/^[A-Za-z_[]/.test(tokens[0]?.text ?? '')) return undefined;
  return new Parser(tokens).message(text.length);
}

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  private get token(): Token | undefined {
    return this.tokens[this.at];
  }

  message(to: number): MapNode {
    const map: OpenMap = { kind: 'map', range: { from: 0, to }, entries: new Map() };
    while (this.token) {
      this.fields(map, 0);
      // A bracket too many.
      if (this.token) this.at++;
    }
    return map;
  }

  private fields(map: OpenMap, depth: number): void {
    while (this.token && !/^[}>\]]$/.test(this.token.text)) {
      const key = this.token;
      this.at++;
      if (!/^[A-Za-z_[]/.test(key.text)) continue;
      const hasColon = this.token?.text === ':';
      if (hasColon) this.at++;
      const value = this.value(key, hasColon, depth);
      if (value) add(map, key, value);
      if (/^[,;]$/.test(this.token?.text ?? '')) this.at++;
    }
  }

  private value(key: Token, hasColon: boolean, depth: number): DataNode | undefined {
    const token = this.token;
    if (!token) return undefined;
    if (token.text === '{' || token.text === '<') return this.inner(key, token, depth);
    if (!hasColon) return undefined;
    this.at++;
    if (token.text === '[') return this.list(token, key, depth);
    return { kind: 'scalar', range: { from: token.from, to: token.to }, value: scalar(token.text) };
  }

  private inner(key: Token, open: Token, depth: number): DataNode {
    this.at++;
    const map: OpenMap = { kind: 'map', range: { from: key.from, to: open.to }, entries: new Map() };
    if (depth >= DEPTH_LIMIT) {
      this.skip();
      return { kind: 'scalar', range: map.range, value: undefined };
    }
    this.fields(map, depth + 1);
    const end = this.token ?? this.tokens.at(-1)!;
    if (this.token) this.at++;
    return { ...map, range: { from: key.from, to: end.to } };
  }

  /** To the end of a message that lies too deep. */
  private skip(): void {
    for (let depth = 1; this.token && depth > 0; this.at++) {
      if (/^[{<[]$/.test(this.token.text)) depth++;
      else if (/^[}>\]]$/.test(this.token.text)) depth--;
    }
  }

  private list(open: Token, key: Token, depth: number): DataNode {
    const items: DataNode[] = [];
    while (this.token && this.token.text !== ']') {
      const before = this.at;
      const item = this.token.text === ',' ? undefined : this.value(key, this.token.text !== '[', depth + 1);
      if (item) items.push(item);
      if (this.at === before) this.at++;
    }
    const end = this.token ?? this.tokens.at(-1)!;
    if (this.token) this.at++;
    return { kind: 'list', range: { from: open.from, to: end.to }, items };
  }
}

function add(map: OpenMap, { text, from, to }: Token, value: DataNode): void {
  const keyRange: SourceRange = { from, to };
  const before = map.entries.get(text);
  if (!before) map.entries.set(text, { keyRange, value });
  else if (before.value.kind === 'list') (before.value.items as DataNode[]).push(value);
  else {
    const range = before.value.range;
    map.entries.set(text, { keyRange: before.keyRange, value: { kind: 'list', range, items: [before.value, value] } });
  }
}

function scalar(text: string): string | number | boolean | undefined {
  if (/^["']/.test(text)) return text.slice(1, text.length > 1 && text.endsWith(text[0]) ? -1 : undefined);
  if (text === 'true' || text === 'false') return text === 'true';
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?$/.test(text) ? Number.parseFloat(text) : undefined;
  return number ?? (/^[A-Za-z_]\w*$/.test(text) ? text : undefined);
}

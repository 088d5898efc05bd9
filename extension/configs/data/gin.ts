import { stringEnd } from '../python/lines.ts';
import { parseNumber, parseString } from '../python/literals.ts';
import type { SourceRange } from '../source.ts';
import { type DataEntry, type DataNode, DEPTH_LIMIT, NODE_LIMIT } from './tree.ts';

/** What a file of Gin binds of one configurable, in one scope: `actor/torch.optim.Adam.lr = 1e-3`. */
export interface Configurable {
  /** `actor` of `actor/Adam.lr`; empty without. */
  readonly scope: string;
  /** `torch.optim.Adam`, as written. */
  readonly selector: string;
  /** Where the selector is written first, and the whole of that statement. */
  readonly range: SourceRange;
  readonly statement: SourceRange;
  /** By parameter; the last binding of each counts. References (`@name`) are texts that begin with `@`. */
  readonly entries: ReadonlyMap<string, DataEntry>;
}

type OpenConfigurable = Configurable & { readonly entries: Map<string, DataEntry> };

const NAME = /(?:([\w./-]+)\/)?([A-Za-z_][\w.-]*)/y;
/** Macros that lead to macros. */
const MOST_HOPS = 6;

/** The bindings of a Gin file, with macros (`%LR`) followed. One pass; what cannot be read is left out. */
export function parseGin(text: string): Configurable[] {
  const reader = new Reader(text);
  const found = new Map<string, OpenConfigurable>();
  const macros = new Map<string, DataNode>();
  let block: { readonly key: string; readonly range: SourceRange } | undefined;
  const bind = (scope: string, selector: string, range: SourceRange, name: string, entry: DataEntry) => {
    const key = `${scope}/${selector}`;
    const before = found.get(key);
    const statement = { from: range.from, to: entry.value.range.to };
    if (before) before.entries.set(name, entry);
    else found.set(key, { scope, selector, range, statement, entries: new Map([[name, entry]]) });
  };
  for (let start = 0; start < text.length && reader.nodes < NODE_LIMIT; start = reader.nextStatement(start)) {
    const first = reader.skipBlanks(start);
    const isIndented = first > start;
    if (!isIndented) block = undefined;
    NAME.lastIndex = first;
    const match = NAME.exec(text);
    if (!match) continue;
    const [written, scope = '', name] = match;
    const from = first + written.length - name.length;
    const after = reader.skipBlanks(from + name.length);
    if (text[after] === ':' && !isIndented) {
      block = { key: written, range: { from, to: from + name.length } };
      continue;
    }
    if (text[after] !== '=' || text[after + 1] === '=') continue;
    const value = reader.value(after + 1);
    if (!value) continue;
    const dot = name.lastIndexOf('.');
    const keyRange = { from: from + dot + 1, to: from + name.length };
    if (block && isIndented) {
      const slash = block.key.lastIndexOf('/');
      bind(block.key.slice(0, Math.max(slash, 0)), block.key.slice(slash + 1), block.range, name, { keyRange, value });
    } else if (dot > 0)
      bind(scope, name.slice(0, dot), { from, to: from + dot }, name.slice(dot + 1), { keyRange, value });
    else macros.set(written, value);
  }
  // `LR/macro.value = 1e-3` is the older way to write a macro.
  for (const { scope, selector, entries } of found.values()) {
    const value = entries.get('value')?.value;
    if (value && scope !== '' && /(^|\.)macro$/.test(selector)) macros.set(scope, value);
  }
  return [...found.values()].map((each) => ({
    ...each,
    entries: new Map(
      [...each.entries].map(([name, entry]) => [name, { ...entry, value: followed(entry.value, macros) }]),
    ),
  }));
}

/** A value with the macros in it replaced by what they stand for. */
function followed(node: DataNode, macros: ReadonlyMap<string, DataNode>, hops = 0): DataNode {
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => followed(item, macros, hops)) };
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || !node.value.startsWith('%')) return node;
  const target = hops < MOST_HOPS ? macros.get(node.value.slice(1)) : undefined;
  if (!target) return { kind: 'scalar', range: node.range, value: undefined };
  const value = followed(target, macros, hops + 1);
  return { ...value, range: node.range, sourceRange: value.sourceRange ?? value.range };
}

class Reader {
  nodes = 0;

  constructor(private readonly text: string) {}

  skipBlanks(from: number): number {
    let at = from;
    while (this.text[at] === ' ' || this.text[at] === '\t') at++;
    return at;
  }

  /** The offset after the statement that begins here: brackets and strings continue a line. */
  nextStatement(from: number): number {
    let depth = 0;
    for (let i = from; i < this.text.length; i++) {
      const c = this.text[i];
      if (c === '\n' && depth <= 0) return i + 1;
      if (c === '#') {
        const end = this.text.indexOf('\n', i);
        if (end < 0) return this.text.length;
        i = end - 1;
      } else if (c === '"' || c === "'") i = stringEnd(this.text, i, this.text.charCodeAt(i)) - 1;
      else if (c === '(' || c === '[' || c === '{') depth++;
      else if (c === ')' || c === ']' || c === '}') depth--;
      else if (c === '\\') i++;
    }
    return this.text.length;
  }

  /** Blanks, line breaks and comments, as they may stand inside brackets and after a backslash. */
  private skipSpace(from: number, depth: number): number {
    let at = this.skipBlanks(from);
    for (; at < this.text.length; at = this.skipBlanks(at)) {
      if (this.text[at] === '\\' && /^\\\r?\n/.test(this.text.slice(at, at + 3)))
        at += this.text[at + 1] === '\r' ? 3 : 2;
      else if (depth > 0 && /[\r\n]/.test(this.text[at])) at++;
      else if (depth > 0 && this.text[at] === '#') {
        const end = this.text.indexOf('\n', at);
        at = end < 0 ? this.text.length : end;
      } else break;
    }
    return at;
  }

  /** The value that begins at an offset; undefined where there is none. */
  value(from: number, depth = 0): DataNode | undefined {
    const at = this.skipSpace(from, depth);
    const rest = this.text[at];
    if (rest === undefined || rest === '\n' || ++this.nodes > NODE_LIMIT || depth > DEPTH_LIMIT) return undefined;
    if (rest === '(' || rest === '[') return this.list(at, depth);
    if (rest === '{') return { kind: 'scalar', range: { from: at, to: this.closing(at) }, value: undefined };
    if (rest === '"' || rest === "'") {
      const to = stringEnd(this.text, at, this.text.charCodeAt(at));
      return { kind: 'scalar', range: { from: at, to }, value: parseString(this.text.slice(at, to)) };
    }
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(this.text)?.[0];
    return token ? { kind: 'scalar', range: { from: at, to: at + token.length }, value: plain(token) } : undefined;
  }

  private list(from: number, depth: number): DataNode {
    const items: DataNode[] = [];
    let at = this.skipSpace(from + 1, depth + 1);
    while (at < this.text.length && !/[)\]]/.test(this.text[at])) {
      const item = this.value(at, depth + 1);
      if (!item) break;
      items.push(item);
      at = this.skipSpace(item.range.to, depth + 1);
      if (this.text[at] !== ',') break;
      at = this.skipSpace(at + 1, depth + 1);
    }
    const isWhole = at < this.text.length && /[)\]]/.test(this.text[at]);
    const range = { from, to: isWhole ? at + 1 : at };
    return isWhole ? { kind: 'list', range, items } : { kind: 'scalar', range, value: undefined };
  }

  private closing(from: number): number {
    let depth = 0;
    for (let i = from; i < this.text.length; i++) {
      const c = this.text[i];
      if (c === '"' || c === "'") i = stringEnd(this.text, i, this.text.charCodeAt(i)) - 1;
      else if (c === '{') depth++;
      else if (c === '}' && --depth === 0) return i + 1;
    }
    return this.text.length;
  }
}

const TOKEN = /[%@]?[\w./+-]+(?:\(\))?/y;

function plain(token: string): string | number | boolean | null | undefined {
  if (token === 'True' || token === 'False') return token === 'True';
  if (token === 'None') return null;
  if (/^[%@]/.test(token)) return token;
  const number = parseNumber(token.replace(/^[+-]/, ''));
  return number === undefined ? undefined : token.startsWith('-') ? -number : number;
}

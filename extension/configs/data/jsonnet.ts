import { tooDeep } from './json.ts';
import { type Token, tokensOf } from './jsonnetTokens.ts';
import { type DataEntry, type DataNode, type MapNode, NODE_LIMIT } from './tree.ts';

/** Expressions inside each other. */
const DEEPEST = 200;
/** Objects with more fields are not put together, and lists with more items. */
const MOST_FIELDS = 500;

interface OpenMap extends MapNode {
  readonly entries: Map<string, DataEntry>;
  /** Fields that are written with `+:`, which add to what is there. */
  readonly added: Set<string>;
}

/** Names that hold at a place, those of an inner block first. */
interface Names {
  readonly outer?: Names;
  readonly own: Map<string, DataNode>;
}

/**
 * Jsonnet: objects, lists, literals and their arithmetic, locals, and objects that are put together (`a + b`, `a { … }`, `+:`). What
 * imports, functions, conditions and `std` give is not known. Undefined where the text is nested too deeply.
 */
export function parseJsonnet(text: string): DataNode | undefined {
  if (tooDeep(text, true)) return undefined;
  const parser = new Parser(tokensOf(text));
  const root = parser.expression({ own: new Map() }, 0);
  return parser.isTooDeep ? undefined : root;
}

const BINDING: Readonly<Record<string, number>> = {
  '*': 10, '/': 10, '%': 10, '+': 9, '-': 9, '<<': 8, '>>': 8, '<': 7, '<=': 7, '>': 7, '>=': 7, in: 7, '==': 6, '!=': 6,
  '&': 5, '^': 4, '|': 3, '&&': 2, '||': 1,
}; // biome-ignore format: a table

class Parser {
  isTooDeep = false;
  private at = 0;
  private nodes = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  private get token(): Token {
    return this.tokens[this.at] ?? this.tokens[this.tokens.length - 1];
  }

  private get isAtEnd(): boolean {
    return this.at >= this.tokens.length - 1;
  }

  private take(text: string): boolean {
    if (this.token.kind === 'string' || this.token.text !== text) return false;
    this.at++;
    return true;
  }

  private unknown(from: number): DataNode {
    const to = this.tokens[Math.max(this.at - 1, 0)].to;
    return { kind: 'scalar', range: { from, to: Math.max(from, to) }, value: undefined };
  }

  expression(names: Names, depth: number): DataNode {
    const { from } = this.token;
    if (depth > DEEPEST || ++this.nodes > NODE_LIMIT) {
      this.isTooDeep = true;
      this.at = this.tokens.length - 1;
      return this.unknown(from);
    }
    if (this.take('local')) {
      const inner = { outer: names, own: new Map() };
      this.locals(inner, depth);
      return this.expression(inner, depth + 1);
    }
    if (this.take('assert')) {
      this.expression(names, depth + 1);
      if (this.take(':')) this.expression(names, depth + 1);
      this.take(';');
      return this.expression(names, depth + 1);
    }
    if (this.take('if')) {
      this.expression(names, depth + 1);
      if (this.take('then')) this.expression(names, depth + 1);
      if (this.take('else')) this.expression(names, depth + 1);
      return this.unknown(from);
    }
    if (this.take('function')) {
      this.parameters(names, depth);
      this.expression(names, depth + 1);
      return this.unknown(from);
    }
    if (this.take('error') || this.take('import') || this.take('importstr') || this.take('importbin')) {
      this.expression(names, depth + 1);
      return this.unknown(from);
    }
    return this.binary(names, 0, depth);
  }

  /** `local a = 1, f(x) = x;`: adds the names to those that hold behind it. */
  private locals(names: Names, depth: number): void {
    do this.local(names, depth);
    while (!this.isAtEnd && this.take(','));
    this.take(';');
  }

  private local(names: Names, depth: number): void {
    const name = this.token;
    this.at++;
    const isFunction = this.token.text === '(';
    if (isFunction) this.parameters(names, depth);
    if (!this.take('=')) return;
    const value = this.expression(names, depth + 1);
    names.own.set(name.text, isFunction ? this.unknown(name.from) : value);
  }

  /** A list in parentheses: parameters and arguments, of which nothing is kept. */
  private parameters(names: Names, depth: number): void {
    if (!this.take('(')) return;
    while (!this.isAtEnd && !this.take(')')) {
      const before = this.at;
      if (this.tokens[this.at + 1]?.text === '=' && this.token.kind === 'name') this.at += 2;
      if (this.token.text !== ')' && this.token.text !== ',') this.expression(names, depth + 1);
      this.take(',');
      if (this.at === before) this.at++;
    }
    this.take('tailstrict');
  }

  private binary(names: Names, least: number, depth: number): DataNode {
    let left = this.unary(names, depth);
    while (this.token.kind === 'sign' || this.token.text === 'in') {
      const sign = this.token.text;
      const binding = Object.hasOwn(BINDING, sign) ? BINDING[sign] : 0;
      if (binding <= least) break;
      this.at++;
      const right = depth > DEEPEST ? this.expression(names, depth + 1) : this.binary(names, binding, depth + 1);
      left = combined(sign, left, right);
    }
    return left;
  }

  private unary(names: Names, depth: number): DataNode {
    const { from, text, kind } = this.token;
    if (kind === 'sign' && /^[-+!~]$/.test(text) && depth <= DEEPEST) {
      this.at++;
      const value = this.unary(names, depth + 1);
      const range = { from, to: value.range.to };
      return value.kind === 'scalar' && typeof value.value === 'number' && /[-+]/.test(text)
        ? { ...value, range, value: text === '-' ? -value.value : value.value }
        : { kind: 'scalar', range, value: undefined };
    }
    let value = this.primary(names, depth);
    for (;;) {
      const before = this.at;
      if (this.token.kind === 'string' || this.isAtEnd) return value;
      if (this.take('.')) {
        const key = this.token.text;
        this.at++;
        value = member(value, key, { from, to: this.tokens[this.at - 1].to });
      } else if (this.take('[')) {
        const key = this.token.text === ':' ? undefined : this.expression(names, depth + 1);
        while (this.take(':')) if (!/^[:\]]$/.test(this.token.text)) this.expression(names, depth + 1);
        this.take(']');
        const range = { from, to: this.tokens[this.at - 1].to };
        value =
          key?.kind === 'scalar' && typeof key.value === 'string'
            ? member(value, key.value, range)
            : this.unknown(from);
      } else if (this.token.text === '(') {
        this.parameters(names, depth);
        value = this.unknown(from);
      } else if (this.token.text === '{') value = combined('+', value, this.object(names, depth));
      if (this.at === before) return value;
    }
  }

  private primary(names: Names, depth: number): DataNode {
    const token = this.token;
    const { from, to, text } = token;
    const range = { from, to };
    if (token.kind === 'string' || token.kind === 'number') {
      this.at++;
      return { kind: 'scalar', range, value: token.value };
    }
    if (text === '{') return this.object(names, depth);
    if (text === '[') return this.list(names, depth);
    if (this.take('(')) {
      const value = this.expression(names, depth + 1);
      this.take(')');
      return value;
    }
    if (/^[\])},;:]$/.test(text) || this.isAtEnd) return { kind: 'scalar', range, value: undefined };
    this.at++;
    if (text === 'true' || text === 'false') return { kind: 'scalar', range, value: text === 'true' };
    if (text === 'null') return { kind: 'scalar', range, value: null };
    const value = bound(names, text);
    if (!value) return { kind: 'scalar', range, value: undefined };
    return value.kind === 'map' ? value : { ...value, range, sourceRange: value.sourceRange ?? value.range };
  }

  private list(names: Names, depth: number): DataNode {
    const { from } = this.token;
    this.take('[');
    const items: DataNode[] = [];
    let isMade = false;
    while (!this.isAtEnd && !this.take(']')) {
      const before = this.at;
      if (this.token.text === 'for' || this.token.text === 'if') {
        isMade = true;
        this.at++;
      } else items.push(this.expression(names, depth + 1));
      this.take(',');
      if (this.at === before) this.at++;
    }
    return isMade ? this.unknown(from) : { kind: 'list', range: { from, to: this.tokens[this.at - 1].to }, items };
  }

  private object(outer: Names, depth: number): DataNode {
    const { from } = this.token;
    this.take('{');
    const entries = new Map<string, DataEntry>();
    const added = new Set<string>();
    const names = { outer, own: new Map() };
    let isMade = false;
    while (!this.isAtEnd && !this.take('}')) {
      const before = this.at;
      if (this.take('local')) this.local(names, depth);
      else if (this.take('assert')) this.expression(names, depth + 1);
      else if (this.take('for') || this.take('if')) {
        isMade = true;
        this.expression(names, depth + 1);
      } else this.field(names, depth, entries, added);
      this.take(',');
      if (this.at === before) this.at++;
    }
    if (isMade) return this.unknown(from);
    const map: OpenMap = { kind: 'map', range: { from, to: this.tokens[this.at - 1].to }, entries, added };
    return map;
  }

  private field(names: Names, depth: number, entries: Map<string, DataEntry>, added: Set<string>): void {
    const { from, to, kind, text, value } = this.token;
    let key: string | undefined = kind === 'string' ? (typeof value === 'string' ? value : undefined) : text;
    this.at++;
    if (kind !== 'string' && text === '[') {
      const computed = this.expression(names, depth + 1);
      key = computed.kind === 'scalar' && typeof computed.value === 'string' ? computed.value : undefined;
      this.take(']');
    }
    const isMethod = this.token.text === '(';
    if (isMethod) this.parameters(names, depth);
    const isAdded = this.take('+');
    if (!(this.take(':::') || this.take('::') || this.take(':')) && !isAdded) return;
    const written = this.expression(names, depth + 1);
    if (key === undefined) return;
    entries.set(key, { keyRange: { from, to }, value: isMethod ? this.unknown(from) : written });
    if (isAdded) added.add(key);
  }
}

function bound(names: Names, name: string): DataNode | undefined {
  for (let at: Names | undefined = names; at; at = at.outer) {
    const value = at.own.get(name);
    if (value) return value;
  }
  return undefined;
}

function member(value: DataNode, key: string, range: DataNode['range']): DataNode {
  const found = value.kind === 'map' ? value.entries.get(key)?.value : undefined;
  if (!found) return { kind: 'scalar', range, value: undefined };
  return found.kind === 'map' ? found : { ...found, range, sourceRange: found.sourceRange ?? found.range };
}

/** What an operator makes of two values that are known. */
function combined(sign: string, left: DataNode, right: DataNode): DataNode {
  const range = { from: left.range.from, to: Math.max(left.range.from, right.range.to) };
  const unknown: DataNode = { kind: 'scalar', range, value: undefined };
  if (sign === '+' && right.kind === 'map') {
    if (left.kind === 'map') return mergedMaps(left as OpenMap, right as OpenMap);
    // What comes before is replaced where it says the same.
    return left.kind === 'scalar' && left.value === undefined ? right : unknown;
  }
  if (sign === '+' && left.kind === 'list' && right.kind === 'list')
    return { kind: 'list', range, items: [...left.items, ...right.items].slice(0, MOST_FIELDS) };
  if (left.kind !== 'scalar' || right.kind !== 'scalar') return unknown;
  const [a, b] = [left.value, right.value];
  const source = left.sourceRange ?? right.sourceRange;
  const origin = { range, ...(source && { sourceRange: source }) };
  if (sign === '+' && typeof a === 'string' && typeof b === 'string')
    return { kind: 'scalar', ...origin, value: `${a}${b}`.slice(0, 1000) };
  if (typeof a !== 'number' || typeof b !== 'number') return unknown;
  const value = sign === '+' ? a + b : sign === '-' ? a - b : sign === '*' ? a * b : sign === '/' ? a / b : Number.NaN;
  return Number.isFinite(value) ? { kind: 'scalar', ...origin, value } : unknown;
}

/** The second object over the first; fields with `+:` add to what is there. */
function mergedMaps(one: OpenMap, other: OpenMap): OpenMap {
  const entries = new Map(one.entries.size > MOST_FIELDS ? [] : one.entries);
  for (const [key, entry] of other.entries) {
    const before = one.entries.get(key)?.value;
    const value = before && other.added.has(key) ? combined('+', before, entry.value) : entry.value;
    entries.set(key, { ...entry, value });
  }
  return { ...other, range: one.range, entries, added: new Set([...one.added, ...other.added]) };
}

import type { SyntaxNode } from '@lezer/common';
import { constructorOf } from '../frameworks.ts';
import { Attributes } from './attributes.ts';
import { evaluateCall } from './calls.ts';
import { parseNumber, parseString } from './literals.ts';
import { reaching } from './reaching.ts';
import type { Binding, Index, Scope } from './scopes.ts';
import { elements } from './scopes.ts';
import {
  computed,
  type DictEntry,
  type Evaluated,
  literal,
  rangeOf,
  resolvedAt,
  scalarOf,
  unknownAt,
} from './values.ts';

/** Bounds on the work for one file: expressions looked at, and how deep one may lead to another. */
const STEP_LIMIT = 100_000;
const DEPTH_LIMIT = 80;
/** More bindings of one name are not compared. */
const ALTERNATIVES = 8;
const MOST_BINDINGS = 64;
const BUILTINS = new Set(['dict', 'tuple', 'list', 'float', 'int', 'abs', 'min', 'max', 'pow', 'getattr', 'vars']);

/**
 * Evaluates expressions without running anything: literals, arithmetic, names that are bound once, attributes and items of
 * what is known. Anything else is unknown. Parameters take the values of the calls in the file, if all agree, and
 * otherwise their default.
 */
export class Evaluator {
  readonly index: Index;
  readonly attributes: Attributes;
  private readonly memo = new Map<number, Evaluated>();
  private readonly active = new Set<number>();
  private readonly targets = new WeakMap<readonly Binding[], ReadonlySet<Scope>>();
  private steps = 0;
  private depth = 0;

  constructor(index: Index) {
    this.index = index;
    this.attributes = new Attributes(this);
  }

  text(node: { from: number; to: number }): string {
    return this.index.text.slice(node.from, node.to);
  }

  /** The value of an expression as seen from `scope`. Never throws; cycles and excessive work yield unknown. */
  evaluate(node: SyntaxNode, scope: Scope): Evaluated {
    // Offsets are below 2²³, so the pair fits a double exactly.
    const key = node.from * 8_388_608 + node.to;
    const known = this.memo.get(key);
    if (known) return known;
    if (this.active.has(key) || this.depth >= DEPTH_LIMIT || ++this.steps > STEP_LIMIT) return unknownAt(node);
    this.active.add(key);
    this.depth++;
    const result = this.compute(node, scope);
    this.depth--;
    this.active.delete(key);
    this.memo.set(key, result);
    return result;
  }

  private compute(node: SyntaxNode, scope: Scope): Evaluated {
    switch (node.name) {
      case 'Number': {
        const value = parseNumber(this.text(node));
        return value === undefined ? unknownAt(node) : literal(node, { kind: 'scalar', value });
      }
      case 'Boolean':
        return literal(node, { kind: 'scalar', value: this.text(node) === 'True' });
      case 'None':
        return literal(node, { kind: 'scalar', value: null });
      case 'String': {
        const value = parseString(this.text(node));
        return value === undefined ? unknownAt(node) : literal(node, { kind: 'scalar', value });
      }
      case 'ParenthesizedExpression': {
        const [inner] = elements(node);
        return inner ? this.evaluate(inner, scope) : unknownAt(node);
      }
      case 'TupleExpression':
      case 'ArrayExpression':
        return this.sequence(node, elements(node), scope);
      case 'AssignStatement':
        return this.sequence(node, afterAssignment(node), scope);
      case 'DictionaryExpression':
        return this.dictionary(node, scope);
      case 'UnaryExpression':
        return this.unary(node, scope);
      case 'BinaryExpression':
        return this.binary(node, scope);
      case 'ConditionalExpression':
        return this.conditional(node, scope);
      case 'NamedExpression':
        return node.lastChild ? this.evaluate(node.lastChild, scope) : unknownAt(node);
      case 'LambdaExpression':
        return unknownAt(node);
      case 'VariableName':
        return this.name(node, scope);
      case 'MemberExpression':
        return this.attributes.member(node, scope);
      case 'CallExpression':
        return evaluateCall(this, node, scope);
      default:
        return unknownAt(node);
    }
  }

  private sequence(node: SyntaxNode, nodes: readonly SyntaxNode[], scope: Scope): Evaluated {
    if (nodes.length > 64 || nodes.some((item) => item.name === '*')) return unknownAt(node);
    return literal(node, { kind: 'sequence', items: nodes.map((item) => this.evaluate(item, scope)) });
  }

  /** `{'lr': 1e-3, **other}`: keys that are not literal strings make it open. */
  private dictionary(node: SyntaxNode, scope: Scope): Evaluated {
    const entries = new Map<string, DictEntry>();
    let open = false;
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.name === '**') {
        const inner = child.nextSibling;
        const value = inner && this.evaluate(inner, scope).value;
        if (value?.kind === 'dict') for (const [key, entry] of value.entries) entries.set(key, entry);
        open ||= value?.kind !== 'dict' || value.open;
        if (inner) child = inner;
      } else if (child.name === ':') {
        const key = child.prevSibling;
        const value = child.nextSibling;
        const name = key ? scalarOf(this.evaluate(key, scope)) : undefined;
        if (!key || !value || typeof name !== 'string') open = true;
        else entries.set(name, { keyRange: rangeOf(key), value: this.evaluate(value, scope) });
      }
    }
    return literal(node, { kind: 'dict', entries, open });
  }

  /** `a if c else b`: the branch that a known condition takes, or what both have in common. */
  private conditional(node: SyntaxNode, scope: Scope): Evaluated {
    const { firstChild: first, lastChild: last } = node;
    const condition = first?.nextSibling?.nextSibling;
    if (!first || !last || !condition) return unknownAt(node);
    const taken = scalarOf(this.evaluate(condition, scope));
    if (taken !== undefined) return this.evaluate(taken ? first : last, scope);
    const [a, b] = [this.evaluate(first, scope), this.evaluate(last, scope)];
    if (a.value.kind === 'scalar' && a.value.value === scalarOf(b)) return computed(node, a.value.value, [a, b]);
    if (a.value.kind === 'reference') return common([a, b]) ?? unknownAt(node);
    if (a.value.kind !== 'dict' || b.value.kind !== 'dict') return unknownAt(node);
    // `**(dict(fused=True) if cuda else {})`: the keys of either may be there, no others.
    const either = [...a.value.entries, ...b.value.entries];
    const entries = new Map(either.map(([key, { keyRange }]) => [key, { keyRange, value: unknownAt(keyRange) }]));
    return literal(node, { kind: 'dict', entries, open: a.value.open || b.value.open });
  }

  private unary(node: SyntaxNode, scope: Scope): Evaluated {
    const operand = node.lastChild ? this.evaluate(node.lastChild, scope) : unknownAt(node);
    const value = scalarOf(operand);
    const operator = node.firstChild ? this.text(node.firstChild) : '';
    if (operator === 'not' && value !== undefined) return computed(node, !value, [operand]);
    if (typeof value !== 'number') return unknownAt(node);
    if (operator === '-') return computed(node, -value, [operand]);
    return operator === '+' ? computed(node, value, [operand]) : unknownAt(node);
  }

  private binary(node: SyntaxNode, scope: Scope): Evaluated {
    const { firstChild, lastChild } = node;
    const operator = firstChild?.nextSibling;
    if (!firstChild || !operator || !lastChild) return unknownAt(node);
    const left = this.evaluate(firstChild, scope);
    const right = this.evaluate(lastChild, scope);
    const a = scalarOf(left);
    const b = scalarOf(right);
    if (operator.name === 'or' || operator.name === 'and') {
      if (a === undefined) return unknownAt(node);
      return Boolean(a) === (operator.name === 'or') ? left : right;
    }
    if (typeof a === 'string' && typeof b === 'string' && this.text(operator) === '+') {
      return computed(node, `${a}${b}`.slice(0, 1000), [left, right]);
    }
    if (typeof a !== 'number' || typeof b !== 'number') return unknownAt(node);
    const value = arithmetic(this.text(operator), a, b);
    return value === undefined || !Number.isFinite(value) ? unknownAt(node) : computed(node, value, [left, right]);
  }

  /** The bindings of a name: those of the innermost scope that has any; class bodies are not seen from inside methods. */
  bindings(name: string, scope: Scope): { readonly scope: Scope; readonly list: readonly Binding[] } | undefined {
    for (let at: Scope | undefined = scope; at; at = at.parent) {
      if (at.kind === 'class' && at !== scope) continue;
      const from: Scope = at.outer.get(name) ?? at;
      const list = from.bindings.get(name);
      if (list) return { scope: from, list };
    }
    return undefined;
  }

  /** Whether a name may stand for a function or class. */
  binds(name: string, scope: Scope, target: Scope): boolean {
    const list = this.bindings(name, scope)?.list;
    if (!list) return false;
    let targets = this.targets.get(list);
    if (!targets) {
      targets = new Set(list.flatMap((binding) => ('scope' in binding ? [binding.scope] : [])));
      this.targets.set(list, targets);
    }
    return targets.has(target);
  }

  private name(node: SyntaxNode, scope: Scope): Evaluated {
    const name = this.text(node);
    const found = this.bindings(name, scope);
    if (!found) {
      const star = this.index.stars.find((module) => constructorOf(`${module}.${name}`));
      if (star === undefined && !BUILTINS.has(name)) return unknownAt(node);
      return literal(node, { kind: 'reference', name: `${star ?? 'builtins'}.${name}` });
    }
    const seen = found.scope === scope ? reaching(found.list, node) : found.list.length > MOST_BINDINGS ? [] : found.list;
    // `None` stands for "not there" before or beside the real value.
    const real = seen.length === 1 ? seen : seen.filter((binding) => !isNone(binding, this.index.text));
    if (real.length === 0 || real.length > ALTERNATIVES) return unknownAt(node);
    const decided = real.length === 1 ? real : preferredImport(real);
    return common(decided.map((binding) => this.binding(binding, node, found.scope, name))) ?? unknownAt(node);
  }

  private binding(binding: Binding, node: SyntaxNode, scope: Scope, name: string): Evaluated {
    switch (binding.kind) {
      case 'import':
        return literal(node, { kind: 'reference', name: binding.name });
      case 'function':
      case 'class':
        return literal(node, { kind: binding.kind, scope: binding.scope });
      case 'parameter':
        return this.attributes.parameter(binding.parameter, binding.scope, node);
      case 'opaque':
        return unknownAt(node);
      case 'value': {
        const whole = this.evaluate(binding.node, scope);
        const value = binding.item === undefined ? whole : itemOf(whole, binding.item, node);
        return this.attributes.unmutated(resolvedAt(node, value), name, scope);
      }
    }
  }
}

/** Of alternative imports (`try: … except ImportError: …`) the first that is known, or else the first. */
function preferredImport(list: readonly Binding[]): readonly Binding[] {
  if (!list.every((binding) => binding.kind === 'import')) return list;
  return [list.find((binding) => binding.kind === 'import' && constructorOf(binding.name)) ?? list[0]];
}

function isNone(binding: Binding, text: string): boolean {
  return binding.kind === 'value' && text.slice(binding.node.from, binding.node.to) === 'None';
}

/**
 * What alternatives (the branches of an `if`) have in common: the same number or text, or implementations of the same
 * optimizer. Of those PyTorch's own is taken, as the one that is always there.
 */
function common(found: readonly Evaluated[]): Evaluated | undefined {
  const [first] = found;
  if (found.length === 1) return first;
  if (first.value.kind === 'scalar') {
    const { value } = first.value;
    return found.every((other) => scalarOf(other) === value) ? first : undefined;
  }
  if (first.value.kind === 'namespace' && found.every(({ value }) => value.kind === 'namespace')) return first;
  const definitions = found.map(({ value }) => (value.kind === 'reference' ? constructorOf(value.name) : undefined));
  const optimizer = definitions[0]?.optimizer;
  if (optimizer === undefined || definitions.some((other) => other?.optimizer !== optimizer)) return undefined;
  return found.find((_, i) => definitions[i]?.framework === 'pytorch') ?? found.at(-1);
}

/** Item `index` of a known sequence. */
export function itemOf(whole: Evaluated, index: number, node: { from: number; to: number }): Evaluated {
  const items = whole.value.kind === 'sequence' ? whole.value.items : [];
  return items.at(index) ?? unknownAt(node);
}

/** The nodes after the last `=` of an assignment, without commas. */
function afterAssignment(node: SyntaxNode): SyntaxNode[] {
  let values: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name === 'AssignOp') values = [];
    else if (child.name !== ',' && child.name !== 'Comment') values.push(child);
  }
  return values;
}

function arithmetic(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return b === 0 ? undefined : a - b * Math.floor(a / b);
    case '**':
      return a ** b;
    default:
      return undefined;
  }
}

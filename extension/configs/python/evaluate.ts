import type { SyntaxNode } from '@lezer/common';
import { constructorOf } from '../frameworks.ts';
import { Attributes } from './attributes.ts';
import { evaluateCall } from './calls.ts';
import { moved } from './foreign.ts';
import type { Imports } from './imports.ts';
import { parseNumber, parseString } from './literals.ts';
import { afterAssignment, arithmetic, common, comparison, itemOf, preferredImport, truth } from './operations.ts';
import { reaching } from './reaching.ts';
import type { Binding, FunctionParameter, Index, Scope } from './scope.ts';
import { elements } from './scope.ts';
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
/** Dotted names of people are shorter. */
const LONGEST_NAME = 250;
const BUILTINS = new Set(
  'dict tuple list float int str abs min max pow getattr vars eval open globals sorted round'.split(' '),
);

/** What `from fastai.vision.all import *` and its like bring along of others. */
function broughtAlong(name: string, stars: readonly string[]): string | undefined {
  const names: Readonly<Record<string, string>> = {
    torch: 'torch',
    optim: 'torch.optim',
    partial: 'functools.partial',
  };
  return Object.hasOwn(names, name) && stars.some((module) => /^fastai(?:\.|$)/.test(module)) ? names[name] : undefined;
}

/**
 * Evaluates expressions without running anything: literals, arithmetic, names that are bound once, attributes and items of
 * what is known. Anything else is unknown. Parameters take the values of the calls in the file, if all agree, and
 * otherwise their default.
 */
export class Evaluator {
  readonly index: Index;
  readonly attributes: Attributes;
  readonly imports: Imports;
  /** The file of the text, if it is one. */
  readonly path: string | undefined;
  private readonly memo = new Map<number, Evaluated>();
  private readonly active = new Set<number>();
  private readonly referred = new Map<string, Evaluated | undefined>();
  private readonly targets = new WeakMap<readonly Binding[], ReadonlySet<Scope>>();
  private depth: number;

  constructor(
    index: Index,
    imports: Imports,
    path: string | undefined,
    /** What a call passes to the parameters of a function, where one call is followed. */
    private readonly given: ReadonlyMap<FunctionParameter, Evaluated> = new Map(),
    depth = 0,
  ) {
    this.index = index;
    this.imports = imports;
    this.path = path;
    this.depth = depth;
    this.attributes = new Attributes(this);
  }

  /** The same text, seen from inside one call of one of its functions. */
  during(given: ReadonlyMap<FunctionParameter, Evaluated>): Evaluator {
    return new Evaluator(this.index, this.imports, this.path, new Map([...this.given, ...given]), this.depth + 8);
  }

  passed(parameter: FunctionParameter): Evaluated | undefined {
    return this.given.get(parameter);
  }

  /** The evaluator of the module that a scope is part of. */
  owner(scope: Scope): Evaluator {
    return scope.root === this.index.module ? this : (this.imports.owner(scope) ?? this);
  }

  /** A value that another module's evaluator has found, with its file at its ranges. */
  taken(evaluated: Evaluated, from: Evaluator): Evaluated {
    return from === this || from.path === this.path ? evaluated : moved(evaluated, from.path, this.path);
  }

  text(node: { from: number; to: number }): string {
    return this.index.text.slice(node.from, node.to);
  }

  /** The value of an expression as seen from `scope`. Never throws; cycles and excessive work yield unknown. */
  evaluate(node: SyntaxNode, scope: Scope): Evaluated {
    const owner = this.owner(scope);
    if (owner !== this) return this.taken(owner.evaluate(node, scope), owner);
    // Offsets are below 2²³, so the pair fits a double exactly.
    const key = node.from * 8_388_608 + node.to;
    const known = this.memo.get(key);
    if (known) return known;
    if (this.active.has(key) || this.depth >= DEPTH_LIMIT || ++this.imports.budget.steps > STEP_LIMIT)
      return unknownAt(node);
    this.active.add(key);
    this.depth++;
    const result = this.compute(node, scope);
    this.depth--;
    this.active.delete(key);
    this.memo.set(key, result);
    return result;
  }

  /** What a dotted name of something imported stands for: a value of the workspace, or the name itself. */
  reference(name: string, node: { readonly from: number; readonly to: number }): Evaluated {
    // A module that imports from a package of its own name would find ever longer names.
    if (constructorOf(name) || name.length > LONGEST_NAME) return literal(node, { kind: 'reference', name });
    if (!this.referred.has(name)) {
      // Modules may import a name from each other in a circle: while it is looked for, it stands for itself.
      this.referred.set(name, undefined);
      this.referred.set(name, this.lookedUp(name));
    }
    const value = this.referred.get(name);
    return value ? resolvedAt(node, value, true) : literal(node, { kind: 'reference', name });
  }

  private lookedUp(name: string): Evaluated | undefined {
    const found = this.imports.find(name, this.path);
    if (!found || found.rest.length === 0) return undefined;
    const [first, ...more] = found.rest;
    let value = found.module.exported(first);
    for (const part of more) value &&= found.module.attributes.attribute(value, part, value.range);
    return value && this.taken(value, found.module);
  }

  /** What a name of the module means to others: its last value. */
  exported(name: string): Evaluated | undefined {
    const list = this.index.module.bindings.get(name);
    if (!list) {
      const star = this.index.stars.find((module) => this.imports.find(`${module}.${name}`, this.path));
      return star === undefined ? undefined : this.reference(`${star}.${name}`, this.index.tree.topNode);
    }
    return list.length > MOST_BINDINGS
      ? undefined
      : this.common(list, this.index.tree.topNode, this.index.module, name);
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
      case 'SetExpression':
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
    const taken = truth(this.evaluate(condition, scope));
    if (taken !== undefined) return this.evaluate(taken ? first : last, scope);
    const [a, b] = [this.evaluate(first, scope), this.evaluate(last, scope)];
    if (a.value.kind === 'scalar' && a.value.value === scalarOf(b)) return computed(node, a.value.value, [a, b]);
    if (a.value.kind === 'reference' || a.value.kind === 'class' || a.value.kind === 'choice')
      return common([a, b], node) ?? unknownAt(node);
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
    const holds = operator === 'not' ? truth(operand) : undefined;
    if (holds !== undefined) return computed(node, !holds, [operand]);
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
      const holds = truth(left);
      if (holds === undefined) return unknownAt(node);
      return holds === (operator.name === 'or') ? left : right;
    }
    const second = operator.nextSibling;
    const sign =
      second && second.from !== lastChild.from ? `${this.text(operator)} ${this.text(second)}` : this.text(operator);
    const compared = comparison(sign, left, right);
    if (compared !== undefined) return computed(node, compared, [left, right]);
    if (typeof a === 'string' && typeof b === 'string' && sign === '+') {
      return computed(node, `${a}${b}`.slice(0, 1000), [left, right]);
    }
    if (left.value.kind === 'path' && typeof b === 'string' && sign === '/')
      return literal(node, { kind: 'path', path: `${left.value.path}/${b}`.slice(0, 1000) });
    if (left.value.kind === 'dict' && right.value.kind === 'dict' && sign === '|')
      return literal(node, {
        ...left.value,
        entries: new Map([...left.value.entries, ...right.value.entries]),
        open: left.value.open || right.value.open,
      });
    if (typeof a !== 'number' || typeof b !== 'number') return unknownAt(node);
    const value = arithmetic(sign, a, b);
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
    return this.named(this.text(node), node, scope);
  }

  /** What a name stands for at `node`. */
  named(name: string, node: SyntaxNode, scope: Scope): Evaluated {
    const found = this.bindings(name, scope);
    if (!found) {
      if (name === '__file__' && this.path !== undefined) return literal(node, { kind: 'path', path: this.path });
      const known = this.index.stars.find((module) => constructorOf(`${module}.${name}`));
      const brought = known === undefined ? broughtAlong(name, this.index.stars) : undefined;
      if (brought !== undefined) return literal(node, { kind: 'reference', name: brought });
      if (known !== undefined || BUILTINS.has(name))
        return literal(node, { kind: 'reference', name: `${known ?? 'builtins'}.${name}` });
      const star = this.index.stars.find((module) => this.imports.find(`${module}.${name}`, this.path));
      return star === undefined ? unknownAt(node) : this.reference(`${star}.${name}`, node);
    }
    const seen =
      found.scope === scope ? reaching(found.list, node) : found.list.length > MOST_BINDINGS ? [] : found.list;
    return this.common(seen, node, found.scope, name, found.scope === scope) ?? unknownAt(node);
  }

  /** What the bindings of a name that may count have in common; None stands for "not there" before or beside the real value. */
  private common(
    list: readonly Binding[],
    node: SyntaxNode,
    scope: Scope,
    name: string,
    isHere = false,
  ): Evaluated | undefined {
    const value = (binding: Binding) => this.binding(binding, node, scope, name, isHere);
    if (list.length <= 1) return list[0] && value(list[0]);
    const real = preferredImport(list.length > MOST_BINDINGS ? [] : list)
      .map(value)
      .filter((each) => scalarOf(each) !== null && each.value.kind !== 'unset');
    return real.length === 0 || real.length > ALTERNATIVES ? undefined : common(real, node);
  }

  private binding(binding: Binding, node: SyntaxNode, scope: Scope, name: string, isHere: boolean): Evaluated {
    switch (binding.kind) {
      case 'import':
        return this.reference(binding.name, node);
      case 'function':
      case 'class':
        return literal(node, { kind: binding.kind, scope: binding.scope });
      case 'parameter':
        return this.attributes.parameter(binding.parameter, binding.scope, node);
      case 'entered': {
        // A file and a run give themselves; what other managers give is theirs to know.
        const manager = this.evaluate(binding.node, scope);
        return manager.value.kind === 'path' || manager.value.kind === 'tracker'
          ? resolvedAt(node, manager)
          : unknownAt(node);
      }
      case 'opaque':
      case 'declared':
        return unknownAt(node);
      case 'value': {
        const whole = this.evaluate(binding.node, scope);
        const value = binding.item === undefined ? whole : itemOf(whole, binding.item, node);
        return this.attributes.withStores(resolvedAt(node, value), name, scope, isHere ? node : undefined);
      }
    }
  }
}

import type { SyntaxNode } from '@lezer/common';
import { argparseDefaults } from './argparse.ts';
import { type Evaluator, itemOf } from './evaluate.ts';
import type { Call, FunctionParameter, Scope, Store } from './scopes.ts';
import { type Evaluated, literal, readArguments, resolvedAt, scalarOf, unknownAt } from './values.ts';

/** Calls of one function that are compared, and calls of its name that are looked at. */
const MOST_SITES = 20;
const MOST_CALLS = 2000;

/** Attributes, items and parameters: values that other parts of the file decide. */
export class Attributes {
  private readonly evaluator: Evaluator;
  private defaults: ReadonlyMap<string, Evaluated> | undefined;

  constructor(evaluator: Evaluator) {
    this.evaluator = evaluator;
  }

  /** `base.name` and `base[key]`. */
  member(node: SyntaxNode, scope: Scope): Evaluated {
    const { firstChild: base, lastChild: last } = node;
    if (!base || !last) return unknownAt(node);
    const value = this.evaluator.evaluate(base, scope);
    if (last.name === 'PropertyName') return this.attribute(value, this.evaluator.text(last), node);
    const keyNode = base.nextSibling?.nextSibling;
    const key = keyNode ? scalarOf(this.evaluator.evaluate(keyNode, scope)) : undefined;
    if (typeof key === 'number') return resolvedAt(node, itemOf(value, key, node));
    return typeof key === 'string' ? this.item(value, key, node) : unknownAt(node);
  }

  /** The attribute `name` of a value, seen from `node`. */
  attribute(base: Evaluated, name: string, node: SyntaxNode): Evaluated {
    const { value } = base;
    switch (value.kind) {
      case 'reference':
        if (value.name === 'absl.flags.FLAGS') return resolvedAt(node, this.argument(name, node));
        return literal(node, { kind: 'reference', name: `${value.name}.${name}` });
      case 'namespace':
        return resolvedAt(node, this.argument(name, node));
      case 'dict': {
        const entry = value.attributes ? value.entries.get(name) : undefined;
        return entry && !this.isStored(name) ? resolvedAt(node, entry.value) : unknownAt(node);
      }
      case 'hparams':
        return this.initParameter(value.scope, name, node);
      case 'class':
        return this.classAttribute(value.scope, name, node);
      case 'instance':
        return this.classAttribute(value.scope, name, node, value.call);
      default:
        return unknownAt(node);
    }
  }

  /** The item `key` of a dictionary, of `vars(args)` and of `hparams`. */
  item(base: Evaluated, key: string, node: SyntaxNode): Evaluated {
    if (base.value.kind === 'dict') {
      const entry = base.value.entries.get(key);
      return entry ? resolvedAt(node, entry.value) : unknownAt(node);
    }
    return base.value.kind === 'namespace' || base.value.kind === 'hparams'
      ? this.attribute(base, key, node)
      : unknownAt(node);
  }

  /** Dictionaries that the file changes after their definition lose the keys concerned. */
  unmutated(evaluated: Evaluated, name: string, scope: Scope): Evaluated {
    const { value } = evaluated;
    const stores = value.kind === 'dict' ? this.evaluator.index.itemStores.get(name) : undefined;
    if (value.kind !== 'dict' || !stores) return evaluated;
    const here = stores.filter((store) => this.evaluator.bindings(name, store.scope)?.scope === scope);
    if (here.length === 0) return evaluated;
    const changed = new Set(here.map((store) => store.key));
    const entries = new Map([...value.entries].filter(([key]) => !changed.has(key) && !changed.has(undefined)));
    return { ...evaluated, value: { ...value, entries, open: true } };
  }

  /** The default of a command-line option, unless the file assigns to that attribute of anything. */
  private argument(name: string, node: SyntaxNode): Evaluated {
    if (this.isStored(name)) return unknownAt(node);
    this.defaults ??= argparseDefaults(this.evaluator);
    return this.defaults.get(name) ?? unknownAt(node);
  }

  private isStored(name: string): boolean {
    const stores = this.evaluator.index.attributeStores.get(name) ?? [];
    return stores.some((store) => store.base !== 'self' && !this.isOff(store));
  }

  /** Whether an assignment stands under `if args.scale_lr:` or its like, with an option that is off by default. */
  private isOff({ target, scope }: Store): boolean {
    for (let at: SyntaxNode | null = target; at?.parent; at = at.parent) {
      const condition: SyntaxNode | null | undefined =
        at.parent.name === 'IfStatement' ? at.parent.firstChild?.nextSibling : undefined;
      // Only the first branch: what follows the condition.
      if (!condition || condition.nextSibling?.from !== at.from) continue;
      if (scalarOf(this.evaluator.evaluate(condition, scope)) === false) return true;
    }
    return false;
  }

  /** What the class body or the only `self.name = …` says; keyword arguments of a dataclass's constructor come first. */
  private classAttribute(scope: Scope, name: string, node: SyntaxNode, call?: Call): Evaluated {
    if (this.isStored(name)) return unknownAt(node);
    const init = scope.bindings.get('__init__');
    if (call && !init) {
      const given = readArguments(call.node.getChild('ArgList'), this.evaluator.index.text);
      const keyword = given.keywords.get(name);
      if (keyword) {
        return keyword.value ? resolvedAt(node, this.evaluator.evaluate(keyword.value, call.scope)) : unknownAt(node);
      }
      if (given.positional.length > 0 || given.starred || given.unpacked.length > 0) return unknownAt(node);
    }
    const stores = (this.evaluator.index.attributeStores.get(name) ?? []).filter(
      (store) => classOf(store.scope) === scope,
    );
    if (stores.length === 1) {
      const [store] = stores;
      return store.node ? resolvedAt(node, this.evaluator.evaluate(store.node, store.scope)) : unknownAt(node);
    }
    const body = scope.bindings.get(name);
    if (stores.length > 1) return unknownAt(node);
    if (body?.length === 1 && body[0].kind === 'value') {
      return resolvedAt(node, this.evaluator.evaluate(body[0].node, scope));
    }
    if (name === 'hparams' && !body) return literal(node, { kind: 'hparams', scope });
    return unknownAt(node);
  }

  private initParameter(scope: Scope, name: string, node: SyntaxNode): Evaluated {
    const init = scope.bindings.get('__init__')?.[0];
    const method = init?.kind === 'function' ? init.scope : undefined;
    const parameter = method?.parameters.find((candidate) => candidate.name === name);
    return method && parameter && !this.isStored(name) ? this.parameter(parameter, method, node) : unknownAt(node);
  }

  /**
   * A parameter is what the calls in this file pass, if they all pass the same; its default if there are none. The first
   * parameter of a method is an object of its class, and an annotation with a class of this file makes one of that.
   */
  parameter(parameter: FunctionParameter, method: Scope, node: SyntaxNode): Evaluated {
    const owner = method.parent?.kind === 'class' ? method.parent : undefined;
    if (owner && parameter.position === 0 && /^(self|cls)$/.test(parameter.name)) {
      return literal(node, { kind: parameter.name === 'cls' ? 'class' : 'instance', scope: owner });
    }
    const passed = this.passed(parameter, method, owner);
    if (passed === 'ambiguous') return unknownAt(node);
    if (passed) return resolvedAt(node, passed);
    const { defaultNode, typeNode } = parameter;
    if (defaultNode) return resolvedAt(node, this.evaluator.evaluate(defaultNode, method.parent ?? method));
    const type = typeNode?.lastChild && this.evaluator.evaluate(typeNode.lastChild, method.parent ?? method).value;
    if (type?.kind === 'class') return literal(node, { kind: 'instance', scope: type.scope });
    // `mp.spawn(worker, args=(args,))` and its like: a parameter named as the parsed arguments are.
    return parameter.name === 'args' || parameter.name === 'opt' || parameter.name === 'FLAGS'
      ? this.parsedArguments(node)
      : unknownAt(node);
  }

  private parsedArguments(node: SyntaxNode): Evaluated {
    const { callsByName } = this.evaluator.index;
    const parses = callsByName.has('parse_args') || callsByName.has('parse_known_args');
    return parses ? literal(node, { kind: 'namespace' }) : unknownAt(node);
  }

  /** What the calls pass; undefined if there are no calls or none passes it. */
  private passed(
    parameter: FunctionParameter,
    method: Scope,
    owner: Scope | undefined,
  ): Evaluated | 'ambiguous' | undefined {
    const sites = this.callsOf(method, owner);
    let common: Evaluated | undefined;
    let omitted = false;
    for (const site of sites) {
      const given = readArguments(site.node.getChild('ArgList'), this.evaluator.index.text);
      const position = owner ? parameter.position - 1 : parameter.position;
      const value =
        given.keywords.get(parameter.name)?.value ?? (position >= 0 ? given.positional[position] : undefined);
      const receiver = owner ? this.receiver(site, owner) : 'owner';
      if (receiver === 'other') continue;
      if (value && receiver === 'undecided') return 'ambiguous';
      if (!value) {
        if (receiver === 'undecided') continue;
        if (given.unpacked.length > 0 || given.starred) return 'ambiguous';
        omitted = true;
        continue;
      }
      const evaluated = this.evaluator.evaluate(value, site.scope);
      if (evaluated.from === 'unknown') return 'ambiguous';
      if (common && !same(common, evaluated)) return 'ambiguous';
      common ??= evaluated;
    }
    return common && omitted ? 'ambiguous' : common;
  }

  /** The calls of a function; of a method also those on objects that may be of its class. */
  private callsOf(method: Scope, owner: Scope | undefined): readonly Call[] {
    const isConstructor = owner !== undefined && method.name === '__init__';
    const target = isConstructor ? owner : method;
    const calls = this.evaluator.index.callsByName.get(target.name) ?? [];
    const found: Call[] = [];
    for (const call of calls.slice(0, MOST_CALLS)) {
      if (found.length >= MOST_SITES) break;
      const callee = call.node.firstChild;
      const isThis =
        callee?.name === 'VariableName'
          ? this.evaluator.binds(target.name, call.scope, target)
          : owner !== undefined && !isConstructor;
      if (isThis) found.push(call);
    }
    return found;
  }

  /** Whether a call `base.method(…)` is surely one of `owner`'s method, surely not, or undecidable. */
  private receiver({ node, scope }: Call, owner: Scope): 'owner' | 'other' | 'undecided' {
    const callee = node.firstChild;
    if (callee?.name !== 'MemberExpression' || !callee.firstChild) return 'owner';
    const { value } = this.evaluator.evaluate(callee.firstChild, scope);
    if (value.kind === 'instance') return value.scope === owner ? 'owner' : 'other';
    return value.kind === 'unknown' ? 'undecided' : 'other';
  }
}

function same(a: Evaluated, b: Evaluated): boolean {
  if (a.value.kind === 'scalar' && b.value.kind === 'scalar') return a.value.value === b.value.value;
  if (a.value.kind === 'namespace') return b.value.kind === 'namespace';
  return a.value === b.value || (a.sourceRange !== undefined && a.sourceRange.from === b.sourceRange?.from);
}

/** The class whose method holds a scope. */
function classOf(scope: Scope): Scope | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) if (at.kind === 'class') return at;
  return undefined;
}

import type { SyntaxNode } from '@lezer/common';
import { type ArgparseOptions, argparseOptions } from './argparse.ts';
import { CallSites } from './callSites.ts';
import { clickDefault, hydraParameter } from './decorators.ts';
import type { Evaluator } from './evaluate.ts';
import { asAttributes } from './libraryCalls.ts';
import { itemOf } from './operations.ts';
import type { Binding, Call, FunctionParameter, Scope } from './scope.ts';
import { Stores } from './stores.ts';
import { type Evaluated, literal, readArguments, resolvedAt, scalarOf, unknownAt } from './values.ts';

type Place = { readonly from: number; readonly to: number };

/** Classes that inherit from each other. */
const DEEPEST = 8;

/** Attributes, items and parameters: values that other parts of the file decide. */
export class Attributes {
  private readonly evaluator: Evaluator;
  private readonly sites: CallSites;
  private readonly stores: Stores;
  private options: ArgparseOptions | undefined;

  constructor(evaluator: Evaluator) {
    this.evaluator = evaluator;
    this.sites = new CallSites(evaluator);
    this.stores = new Stores(evaluator);
  }

  /** `base.name` and `base[key]`. */
  member(node: SyntaxNode, scope: Scope): Evaluated {
    const { firstChild: base, lastChild: last } = node;
    if (!base || !last) return unknownAt(node);
    const value = this.evaluator.evaluate(base, scope);
    if (last.name === 'PropertyName') return this.attribute(value, this.evaluator.text(last), node);
    const keyNode = base.nextSibling?.nextSibling;
    const key = keyNode ? scalarOf(this.evaluator.evaluate(keyNode, scope)) : undefined;
    if (typeof key === 'number') return resolvedAt(node, itemOf(value, key, node), true);
    if (typeof key === 'string') return this.item(value, key, node);
    // `OPTIMIZERS[args.optimizer]` of a dictionary of classes: one of them.
    const options = value.value.kind === 'dict' ? [...value.value.entries.values()].map((entry) => entry.value) : [];
    return options.length > 0 && options.every((each) => isConstructor(each)) && options.length <= 6
      ? literal(node, { kind: 'choice', options: options.map((each) => resolvedAt(node, each, true)) })
      : unknownAt(node);
  }

  /** The attribute `name` of a value, seen from `node`. */
  attribute(base: Evaluated, name: string, node: Place): Evaluated {
    const { value } = base;
    if ('scope' in value) {
      const owner = this.evaluator.owner(value.scope);
      if (owner !== this.evaluator)
        return resolvedAt(node, this.evaluator.taken(owner.attributes.attribute(base, name, node), owner), true);
    }
    switch (value.kind) {
      case 'reference':
        if (/^(?:absl|tensorflow(?:\.compat\.v1)?(?:\.app)?)\.flags\.FLAGS$/.test(value.name))
          return resolvedAt(node, this.argument(name, node));
        if (isTracked(value.name)) return this.attribute(this.tracked(node), name, node);
        return this.evaluator.reference(`${value.name}.${name}`, node);
      case 'tracker':
        return name === 'config' ? asAttributes(value.config, node) : unknownAt(node);
      case 'namespace':
        return resolvedAt(node, this.argument(name, node));
      case 'dict': {
        const entry = value.attributes ? value.entries.get(name) : undefined;
        return entry && !this.stores.isStored(name) ? resolvedAt(node, entry.value, true) : unknownAt(node);
      }
      case 'path':
        return /^parents?$/.test(name)
          ? literal(node, { kind: 'path', path: value.path.replace(/\/?[^/]*$/, '') || '.' })
          : unknownAt(node);
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
  item(base: Evaluated, key: string, node: Place): Evaluated {
    const { value } = base;
    if (value.kind === 'dict') {
      const entry = value.entries.get(key);
      return entry ? resolvedAt(node, entry.value, true) : unknownAt(node);
    }
    if (value.kind === 'reference') {
      // `torch.optim.__dict__["SGD"]`, `vars(torch.optim)["SGD"]`.
      if (isTracked(value.name)) return this.item(this.tracked(node), key, node);
      return /^\w+$/.test(key)
        ? this.evaluator.reference(`${value.name.replace(/\.__dict__$/, '')}.${key}`, node)
        : unknownAt(node);
    }
    return value.kind === 'namespace' || value.kind === 'hparams' || value.kind === 'instance'
      ? this.attribute(base, key, node)
      : unknownAt(node);
  }

  /** What `wandb.init(config=…)` was given. */
  private tracked(node: Place): Evaluated {
    const calls = this.evaluator.index.callsByName.get('init') ?? [];
    for (const { node: call, scope } of calls) {
      const value = this.evaluator.evaluate(call, scope);
      if (value.value.kind === 'tracker') return this.stores.tracked(asAttributes(value.value.config, node));
    }
    return this.stores.tracked(literal(node, { kind: 'dict', entries: new Map(), open: true, attributes: true }));
  }

  /** A dictionary or configuration object with what the file puts into it after its definition. */
  withStores(evaluated: Evaluated, name: string, scope: Scope, use?: SyntaxNode): Evaluated {
    return this.stores.apply(evaluated, name, scope, use);
  }

  /** The default of a command-line option, unless the file assigns to that attribute of anything. */
  private argument(name: string, node: Place): Evaluated {
    this.options ??= argparseOptions(this.evaluator);
    const value = this.options.defaults.get(name);
    const stores = this.stores.active(name);
    if (stores.length > 0) {
      const [only] = stores;
      // `if args.lr is None: args.lr = config["lr"]`.
      return value?.value.kind === 'unset' && stores.length === 1 && only.node
        ? this.evaluator.evaluate(only.node, only.scope)
        : unknownAt(node);
    }
    const { overrides } = this.options;
    if (!overrides) return value ?? unknownAt(node);
    const other = overrides.entries.get(name);
    if (overrides.isConditional && value?.value.kind !== 'unset')
      return other ? unknownAt(node) : (value ?? unknownAt(node));
    return other?.value ?? (overrides.open ? unknownAt(node) : (value ?? unknownAt(node)));
  }

  /** What the class body or the only `self.name = …` says; arguments of a dataclass's constructor come first. */
  private classAttribute(scope: Scope, name: string, node: Place, call?: Call, depth = 0): Evaluated {
    if (this.stores.isStored(name)) return unknownAt(node);
    const init = scope.bindings.get('__init__');
    if (call && !init) {
      const given = this.field(scope, name, call);
      if (given) return given === 'unknown' ? unknownAt(node) : resolvedAt(node, given);
    }
    const stores = (this.evaluator.index.attributeStores.get(name) ?? []).filter(
      (store) => store.base === 'self' && classOf(store.scope) === scope,
    );
    if (stores.length === 1) {
      const [store] = stores;
      const inside = call && init ? this.during(scope, call) : this.evaluator;
      return store.node ? resolvedAt(node, inside.evaluate(store.node, store.scope), true) : unknownAt(node);
    }
    if (stores.length > 1) return unknownAt(node);
    const body = scope.bindings.get(name);
    if (body?.length === 1) return this.bodyValue(body[0], scope, node);
    if (body) return unknownAt(node);
    for (const base of depth < DEEPEST ? scope.bases : []) {
      const { value } = this.evaluator.evaluate(base, scope.parent ?? scope);
      if (value.kind !== 'class') continue;
      const owner = this.evaluator.owner(value.scope);
      const found = owner.attributes.classAttribute(value.scope, name, node, init ? undefined : call, depth + 1);
      if (found.from !== 'unknown') return resolvedAt(node, this.evaluator.taken(found, owner), true);
    }
    if (name === 'hparams') return literal(node, { kind: 'hparams', scope });
    return unknownAt(node);
  }

  private bodyValue(binding: Binding, scope: Scope, node: Place): Evaluated {
    if (binding.kind === 'value') return resolvedAt(node, this.evaluator.evaluate(binding.node, scope), true);
    if (binding.kind === 'class') return literal(node, { kind: 'class', scope: binding.scope });
    const type =
      binding.kind === 'declared' ? this.evaluator.evaluate(binding.type, scope.parent ?? scope).value : undefined;
    return type?.kind === 'class' ? literal(node, { kind: 'instance', scope: type.scope }) : unknownAt(node);
  }

  /** What a call gives a field of a dataclass; undefined where it leaves the default. */
  private field(scope: Scope, name: string, call: Call): Evaluated | 'unknown' | undefined {
    const owner = this.evaluator.owner(call.scope);
    const given = readArguments(call.node.getChild('ArgList'), owner.index.text);
    const keyword = given.keywords.get(name);
    if (keyword) return keyword.value ? this.evaluator.evaluate(keyword.value, call.scope) : 'unknown';
    const fields = [...scope.bindings].filter(([, [first]]) => first.kind === 'value' || first.kind === 'declared');
    const position = fields.findIndex(([field]) => field === name);
    const positional = scope.bases.length === 0 && position >= 0 ? given.positional[position] : undefined;
    if (positional) return this.evaluator.evaluate(positional, call.scope);
    for (const expression of given.unpacked) {
      const { value } = this.evaluator.evaluate(expression, call.scope);
      if (value.kind !== 'dict') return 'unknown';
      const entry = value.entries.get(name);
      if (entry) return entry.value;
      if (value.open) return 'unknown';
    }
    return given.starred || (given.positional.length > 0 && scope.bases.length > 0) ? 'unknown' : undefined;
  }

  /** The file, seen from inside the call that made an object. */
  private during(scope: Scope, call: Call): Evaluator {
    const init = scope.bindings.get('__init__')?.[0];
    const method = init?.kind === 'function' ? init.scope : undefined;
    if (!method) return this.evaluator;
    const owner = this.evaluator.owner(call.scope);
    const given = readArguments(call.node.getChild('ArgList'), owner.index.text);
    const passed = new Map<FunctionParameter, Evaluated>();
    for (const parameter of method.parameters.slice(1)) {
      const written = given.keywords.get(parameter.name)?.value ?? given.positional[parameter.position - 1];
      if (written) passed.set(parameter, this.evaluator.evaluate(written, call.scope));
      else if (given.unpacked.length > 0 || given.starred) passed.set(parameter, unknownAt(call.node));
      else if (parameter.defaultNode) passed.set(parameter, this.evaluator.evaluate(parameter.defaultNode, scope));
    }
    return this.evaluator.during(passed);
  }

  private initParameter(scope: Scope, name: string, node: Place): Evaluated {
    const init = scope.bindings.get('__init__')?.[0];
    const method = init?.kind === 'function' ? init.scope : undefined;
    const parameter = method?.parameters.find((candidate) => candidate.name === name);
    return method && parameter && !this.stores.isStored(name)
      ? this.parameter(parameter, method, node)
      : unknownAt(node);
  }

  /**
   * A parameter is what the calls in this file pass, if they all pass the same; its default if there are none. The first
   * parameter of a method is an object of its class, and an annotation with a class of the workspace makes one of that.
   */
  parameter(parameter: FunctionParameter, method: Scope, node: Place): Evaluated {
    const override = this.evaluator.passed(parameter);
    if (override) return resolvedAt(node, override, true);
    const owner = method.parent?.kind === 'class' ? method.parent : undefined;
    if (owner && parameter.position === 0 && /^(self|cls)$/.test(parameter.name)) {
      return literal(node, { kind: parameter.name === 'cls' ? 'class' : 'instance', scope: owner });
    }
    const passed = this.sites.passed(parameter, method, owner);
    if (passed === 'ambiguous') return unknownAt(node);
    if (passed) return resolvedAt(node, passed, true);
    const decorated =
      hydraParameter(this.evaluator, parameter, method, node) ?? clickDefault(this.evaluator, parameter, method);
    if (decorated) return resolvedAt(node, decorated);
    const { defaultNode, typeNode } = parameter;
    if (defaultNode) return resolvedAt(node, this.evaluator.evaluate(defaultNode, method.parent ?? method), true);
    const type = typeNode?.lastChild && this.evaluator.evaluate(typeNode.lastChild, method.parent ?? method).value;
    if (type?.kind === 'class') return literal(node, { kind: 'instance', scope: type.scope });
    // `mp.spawn(worker, args=(args,))` and its like: a parameter named as the parsed arguments are.
    return parameter.name === 'args' || parameter.name === 'opt' || parameter.name === 'FLAGS'
      ? this.parsedArguments(node)
      : unknownAt(node);
  }

  private parsedArguments(node: Place): Evaluated {
    const { callsByName } = this.evaluator.index;
    const parses = callsByName.has('parse_args') || callsByName.has('parse_known_args');
    return parses ? literal(node, { kind: 'namespace', scope: this.evaluator.index.module }) : unknownAt(node);
  }
}

const isTracked = (name: string): boolean => name === 'wandb.config' || name === 'wandb.run.config';
const isConstructor = ({ value }: Evaluated): boolean =>
  value.kind === 'reference' || value.kind === 'class' || value.kind === 'choice';

/** The class whose method holds a scope. */
function classOf(scope: Scope): Scope | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) if (at.kind === 'class') return at;
  return undefined;
}

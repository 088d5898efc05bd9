import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import { truth } from './operations.ts';
import type { Scope, Store } from './scope.ts';
import { type DictEntry, type Evaluated, rangeOf, unknownAt } from './values.ts';

/** `config.optim` and `config["optim"]` as the name and the keys behind it. */
const PATH = /^(\w+)((?:\.\w+|\[(?:"[^"\]]*"|'[^'\]]*')\])*)$/;
/** More stores into one object are not followed. */
const MOST = 500;

/** Assignments to attributes and items. */
export class Stores {
  private byRoot: Map<string, { readonly keys: readonly (string | undefined)[]; readonly store: Store }[]> | undefined;
  /** Those that are part of a value already. */
  private readonly used = new WeakSet<Store>();
  private readonly known = new Map<string, readonly Store[]>();

  constructor(private readonly evaluator: Evaluator) {}

  /** Assignments to an attribute of anything but `self` that may be carried out. */
  active(name: string): readonly Store[] {
    let found = this.known.get(name);
    if (!found) {
      // While conditions are looked at, which may ask for the attribute itself, nothing is stored.
      this.known.set(name, []);
      const stores = this.evaluator.index.attributeStores.get(name) ?? [];
      found = stores.length > MOST ? stores : stores.filter((store) => store.base !== 'self' && !this.isOff(store));
      this.known.set(name, found);
    }
    return found.filter((store) => !this.used.has(store));
  }

  isStored(name: string): boolean {
    return this.active(name).length > 0;
  }

  /** Whether an assignment stands under `if args.scale_lr:` or its like, with an option that is off by default. */
  private isOff({ target, scope }: Store): boolean {
    for (let at: SyntaxNode | null = target; at?.parent; at = at.parent) {
      const condition: SyntaxNode | null | undefined =
        at.parent.name === 'IfStatement' ? at.parent.firstChild?.nextSibling : undefined;
      // Only the first branch: what follows the condition.
      if (!condition || condition.nextSibling?.from !== at.from) continue;
      if (truth(this.evaluator.evaluate(condition, scope)) === false) return true;
    }
    return false;
  }

  /**
   * A dictionary or configuration object with what the file puts into it: `config.lr = 1e-3` where the key was not there
   * before. Keys that are assigned to again, or under a condition, are unknown. Seen from a `use` in the same scope, what surely runs before
   * it counts, and what runs after it does not.
   */
  apply(evaluated: Evaluated, name: string, scope: Scope, use?: SyntaxNode): Evaluated {
    if (evaluated.value.kind !== 'dict') return evaluated;
    const all = this.under(name).filter(({ store }) => this.evaluator.bindings(name, store.scope)?.scope === scope);
    return all.length === 0 ? evaluated : this.filled(evaluated, all, use && { node: use, scope });
  }

  /** The configuration of Weights & Biases with what the file puts into it. */
  tracked(evaluated: Evaluated): Evaluated {
    const all = this.under('wandb').flatMap(({ keys: [first, ...keys], store }) =>
      first === 'config' && keys.length > 0 ? [{ keys, store }] : [],
    );
    return evaluated.value.kind === 'dict' && all.length > 0 ? this.filled(evaluated, all) : evaluated;
  }

  private filled(
    evaluated: Evaluated,
    all: readonly { readonly keys: readonly (string | undefined)[]; readonly store: Store }[],
    use?: { readonly node: SyntaxNode; readonly scope: Scope },
  ): Evaluated {
    const counts = new Map<string, number>();
    const pathOf = (keys: readonly (string | undefined)[]) => keys.join('\n');
    for (const { keys } of all) counts.set(pathOf(keys), (counts.get(pathOf(keys)) ?? 0) + 1);
    let result = evaluated;
    for (const { keys, store } of inOrder(all).slice(0, MOST)) {
      this.used.add(store);
      const isSure = !isConditional(store);
      const isSameScope = use !== undefined && store.scope === use.scope;
      const isHere = isSameScope && isSure;
      if (isSameScope && store.target.from > use.node.from && !comesAround(store, use.node)) continue;
      const isOnly = isSure && counts.get(pathOf(keys)) === 1;
      const value =
        (isOnly || isHere) && store.node ? this.evaluator.evaluate(store.node, store.scope) : unknownAt(store.target);
      result = put(result, keys, value, isHere ? 'after' : isOnly ? 'once' : 'perhaps');
    }
    return result;
  }

  private under(name: string) {
    if (!this.byRoot) {
      this.byRoot = new Map();
      const { attributeStores, itemStores } = this.evaluator.index;
      for (const stores of [...attributeStores.values(), ...itemStores.values()])
        for (const store of stores) {
          const [, root, rest] = PATH.exec(store.base) ?? [];
          if (root === undefined || root === 'self') continue;
          const keys = [...rest.matchAll(/\.(\w+)|\[["'](.*?)["']\]/g)].map(([, attribute, key]) => attribute ?? key);
          const list = this.byRoot.get(root) ?? [];
          list.push({ keys: [...keys, store.key], store });
          this.byRoot.set(root, list);
        }
    }
    return this.byRoot.get(name) ?? [];
  }
}

/** What stands further up puts in what is further down put into. */
const inOrder = <S extends { readonly store: Store }>(all: readonly S[]): S[] =>
  [...all].sort((a, b) => a.store.target.from - b.store.target.from);

/** Whether an assignment may be left out, or comes again and again. */
function isConditional({ target }: Store): boolean {
  for (let at = target.parent; at; at = at.parent) {
    if (/^(?:If|For|While|Try|Match)Statement$/.test(at.name)) return true;
    if (/^(?:FunctionDefinition|ClassDefinition)$/.test(at.name)) return false;
  }
  return false;
}

/** Whether a loop brings an assignment around to a use that stands before it. */
function comesAround({ target }: Store, use: SyntaxNode): boolean {
  for (let at = target.parent; at; at = at.parent) {
    if (/^(?:For|While)Statement$/.test(at.name) && at.from <= use.from) return true;
    if (/^(?:FunctionDefinition|ClassDefinition)$/.test(at.name)) return false;
  }
  return false;
}

/** A dictionary with one more value; one that is there already becomes unknown, and an unknown key makes all so. */
function put(
  into: Evaluated,
  keys: readonly (string | undefined)[],
  value: Evaluated,
  when: 'after' | 'once' | 'perhaps',
): Evaluated {
  if (into.value.kind !== 'dict') return into;
  const [key, ...rest] = keys;
  const entries = new Map<string, DictEntry>(into.value.entries);
  if (key === undefined) return { ...into, value: { ...into.value, entries: new Map(), open: true } };
  const before = entries.get(key);
  if (rest.length === 0) {
    const isKnown = when === 'after' || (when === 'once' && !before);
    entries.set(key, { keyRange: rangeOf(value.range), value: isKnown ? value : unknownAt(value.range) });
    return { ...into, value: { ...into.value, entries } };
  }
  if (before) entries.set(key, { ...before, value: put(before.value, rest, value, when) });
  return { ...into, value: { ...into.value, entries } };
}

import type { SyntaxNode, SyntaxNodeRef, Tree } from '@lezer/common';
import { type Bound, type Call, elements, type Index, isBlock, newScope, type Scope, type Store } from './scope.ts';
import { readArguments } from './values.ts';

/** Method names that change a dictionary. */
const MUTATORS = new Set(['update', 'pop', 'setdefault', 'clear', 'popitem', 'merge_from_file', 'merge_from_list']);

/** Collects scopes, bindings, calls and stores. */
export function indexTree(tree: Tree, text: string): Index {
  const indexer = new Indexer(tree, text);
  tree.iterate({ enter: (node) => indexer.enter(node), leave: (node) => indexer.leave(node) });
  return indexer;
}

/** What the walk does at each kind of node. */
const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ['ImportStatement', 'import'],
  ['AssignStatement', 'assign'],
  ['UpdateStatement', 'augmented'],
  ['NamedExpression', 'named'],
  ['CallExpression', 'call'],
  ['FunctionDefinition', 'openFunction'],
  ['ClassDefinition', 'openClass'],
  ['LambdaExpression', 'openExpression'],
  ['ArrayComprehensionExpression', 'openExpression'],
  ['ComprehensionExpression', 'openExpression'],
  ['SetComprehensionExpression', 'openExpression'],
  ['DictionaryComprehensionExpression', 'openExpression'],
  ['ForStatement', 'bindBetweenForAndIn'],
  ['WithStatement', 'bindAfterAs'],
  ['TryStatement', 'bindAfterAs'],
  ['CapturePattern', 'bindOpaque'],
  ['DeleteStatement', 'bindOpaque'],
  ['ReturnStatement', 'result'],
  ['ScopeStatement', 'handOut'],
]);
type Action =
  | 'import'
  | 'assign'
  | 'augmented'
  | 'named'
  | 'call'
  | 'openFunction'
  | 'openClass'
  | 'openExpression'
  | 'bindBetweenForAndIn'
  | 'bindAfterAs'
  | 'bindOpaque'
  | 'result'
  | 'handOut';

class Indexer implements Index {
  readonly module = newScope('module', '');
  readonly calls: Call[] = [];
  readonly callsByName = new Map<string, Call[]>();
  readonly attributeStores = new Map<string, Store[]>();
  readonly itemStores = new Map<string, Store[]>();
  readonly stars: string[] = [];
  private scope = this.module;
  /** Starts of the blocks around the current node. */
  private readonly blocks = [0];

  constructor(
    readonly tree: Tree,
    readonly text: string,
  ) {}

  enter(ref: SyntaxNodeRef): void {
    const action = ACTIONS.get(ref.name);
    if (action) this[action](ref.node);
    else if (ref.name === 'Body' && isBlock(ref.node)) this.blocks.push(ref.from);
  }

  leave(ref: SyntaxNodeRef): void {
    if (ref.name === 'Body') {
      if (this.blocks.at(-1) === ref.from) this.blocks.pop();
    } else if (ACTIONS.get(ref.name)?.startsWith('open')) this.scope = this.scope.parent ?? this.module;
  }

  openExpression(node: SyntaxNode): void {
    this.scope = newScope('expression', '', this.scope);
    const list = node.name === 'LambdaExpression' ? node.getChild('ParamList') : null;
    if (list) this.parameters(list, this.scope);
    else this.bindBetweenForAndIn(node);
  }

  augmented(node: SyntaxNode): void {
    if (node.firstChild) this.bindTarget(node.firstChild, undefined);
  }

  named(node: SyntaxNode): void {
    const { firstChild, lastChild } = node;
    if (firstChild && lastChild) this.bindTarget(firstChild, lastChild);
  }

  result(node: SyntaxNode): void {
    const value = node.firstChild?.nextSibling;
    if (value) this.scope.returns.push(value);
  }

  private slice(node: { from: number; to: number }): string {
    return this.text.slice(node.from, node.to);
  }

  private bind(name: string, at: number, bound: Bound, scope = this.scope.outer.get(name) ?? this.scope): void {
    append(scope.bindings, name, { ...bound, at, block: this.blocks.at(-1) ?? 0 });
  }

  import(node: SyntaxNode): void {
    const parts: string[] = [];
    let prefix = '';
    let current = '';
    let alias: string | undefined;
    let inFrom = false;
    const at = node.from;
    const finish = () => {
      if (current !== '') {
        // `import a.b` binds a; `import a.b as c` and `from a import b` bind the whole.
        const whole = prefix === '' ? current : `${prefix}${prefix.endsWith('.') ? '' : '.'}${current}`;
        const bound = alias ?? (inFrom ? current : current.split('.')[0]);
        this.bind(bound, at, { kind: 'import', name: alias === undefined && !inFrom ? bound : whole });
      }
      current = '';
      alias = undefined;
    };
    let expectAlias = false;
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.name === 'from') inFrom = true;
      else if (child.name === 'import') {
        if (inFrom) prefix = parts.join('') + current;
        current = '';
      } else if (child.name === 'as') expectAlias = true;
      else if (child.name === ',') finish();
      else if (child.name === '*') this.stars.push(prefix);
      else if (child.name === '.') current += '.';
      else if (child.name === 'VariableName') {
        if (expectAlias) alias = this.slice(child);
        else current += this.slice(child);
        expectAlias = false;
      }
    }
    finish();
  }

  /** `a, b = c = value`: groups of targets, each followed by `=`. */
  assign(node: SyntaxNode): void {
    const groups: SyntaxNode[][] = [[]];
    let type: SyntaxNode | null = null;
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.name === 'AssignOp') groups.push([]);
      else if (child.name === 'TypeDef') type = child.lastChild;
      else if (child.name !== ',' || groups.at(-1)!.length > 0) groups.at(-1)!.push(child);
    }
    const values = groups.pop()!;
    if (groups.length === 0) {
      // `x: float` alone declares, which matters in a class; an incomplete `x =` assigns something unknown.
      const [target] = values;
      if (target && !type) this.bindTarget(target, undefined);
      else if (target?.name === 'VariableName' && type && this.scope.kind === 'class')
        this.bind(this.slice(target), target.from, { kind: 'declared', type });
      return;
    }
    const items = values.filter((value) => value.name !== ',');
    const isTuple = values.length > 1;
    for (const group of groups) {
      const targets = group.filter((target) => target.name !== ',');
      if (group.length > 1) {
        targets.forEach((target, index) => {
          if (isTuple) this.bindTarget(target, items.length === targets.length ? items[index] : undefined);
          else this.bindTarget(target, items[0], index);
        });
      } else if (targets[0]) {
        // `betas = 0.9, 0.999` has no node of its own for the tuple: the statement stands for it.
        this.bindTarget(targets[0], isTuple ? node : items[0]);
      }
    }
  }

  private bindTarget(target: SyntaxNode, value: SyntaxNode | undefined, item?: number): void {
    const at = target.from;
    if (target.name === 'VariableName') {
      const index = item === undefined ? {} : { item };
      this.bind(this.slice(target), at, value ? { kind: 'value', node: value, ...index } : { kind: 'opaque' });
    } else if (target.name === 'MemberExpression') this.store(target, item === undefined ? value : undefined);
    else if (/^(TupleExpression|ArrayExpression|ParenthesizedExpression)$/.test(target.name)) {
      const targets = elements(target);
      for (const [index, inner] of targets.entries()) {
        this.bindTarget(inner, item === undefined ? value : undefined, index);
      }
    }
  }

  private store(target: SyntaxNode, value: SyntaxNode | undefined): void {
    const base = target.firstChild;
    const last = target.lastChild;
    if (!base || !last) return;
    const common = { base: this.slice(base), target, scope: this.scope, ...(value && { node: value }) };
    if (last.name === 'PropertyName') {
      const key = this.slice(last);
      append(this.attributeStores, key, { ...common, key });
    } else {
      const key = base.nextSibling?.nextSibling;
      append(this.itemStores, common.base, {
        ...common,
        key: key?.name === 'String' ? this.slice(key).slice(1, -1) : undefined,
      });
    }
  }

  call(node: SyntaxNode): void {
    const callee = node.firstChild;
    if (!callee) return;
    const call = { node, scope: this.scope };
    const last = callee.name === 'MemberExpression' ? callee.lastChild : callee;
    this.calls.push(call);
    if (last?.name !== 'VariableName' && last?.name !== 'PropertyName') return;
    const name = this.slice(last);
    append(this.callsByName, name, call);
    if (MUTATORS.has(name) && callee.firstChild && callee !== last) {
      const base = this.slice(callee.firstChild);
      append(this.itemStores, base, { base, key: undefined, target: callee, scope: this.scope });
    }
  }

  openClass(node: SyntaxNode): void {
    this.openNamed(node, 'class');
  }

  private openNamed(node: SyntaxNode, kind: 'function' | 'class'): Scope {
    const nameNode = node.getChild('VariableName');
    const name = nameNode ? this.slice(nameNode) : '';
    const decorators = node.parent?.name === 'DecoratedStatement' ? node.parent.getChildren('Decorator') : [];
    const list = kind === 'class' ? node.getChild('ArgList') : null;
    const bases = list ? readArguments(list, this.text).positional : [];
    const scope = newScope(kind, name, this.scope, decorators, bases);
    if (name) this.bind(name, node.from, { kind, scope });
    this.scope = scope;
    return scope;
  }

  openFunction(node: SyntaxNode): void {
    const scope = this.openNamed(node, 'function');
    const list = node.getChild('ParamList');
    if (list) this.parameters(list, scope);
  }

  private parameters(list: SyntaxNode, scope: Scope): void {
    let position = 0;
    for (let child = list.firstChild; child; child = child.nextSibling) {
      if (child.name === '*' || child.name === '**') {
        position = -1;
        const starred = child.nextSibling;
        if (starred?.name === 'VariableName') this.bind(this.slice(starred), starred.from, { kind: 'opaque' });
        if (starred?.name === 'VariableName') child = starred;
        continue;
      }
      if (child.name !== 'VariableName') continue;
      let next = child.nextSibling;
      const typeNode = next?.name === 'TypeDef' ? next : undefined;
      if (typeNode) next = typeNode.nextSibling;
      const defaultNode = next?.name === 'AssignOp' ? next.nextSibling : undefined;
      const name = this.slice(child);
      const parameter = { name, position, ...(defaultNode && { defaultNode }), ...(typeNode && { typeNode }) };
      scope.parameters.push(parameter);
      this.bind(name, child.from, { kind: 'parameter', parameter, scope }, scope);
      if (position >= 0) position++;
      if (defaultNode) child = defaultNode;
    }
  }

  bindBetweenForAndIn(node: SyntaxNode): void {
    let inside = false;
    for (let child = node.firstChild; child; child = child.nextSibling) {
      if (child.name === 'for') inside = true;
      else if (child.name === 'in') inside = false;
      else if (inside) this.bindAllNames(child);
    }
  }

  bindAfterAs(node: SyntaxNode): void {
    for (let child = node.firstChild; child; child = child.nextSibling) {
      const target = child.name === 'as' ? child.nextSibling : null;
      if (!target) continue;
      const manager = child.prevSibling;
      if (node.name === 'WithStatement' && manager && target.name === 'VariableName')
        this.bind(this.slice(target), target.from, { kind: 'entered', node: manager });
      else this.bindAllNames(target);
    }
  }

  bindOpaque(node: SyntaxNode): void {
    for (let child = node.firstChild; child; child = child.nextSibling) this.bindAllNames(child);
  }

  private bindAllNames(node: SyntaxNode): void {
    if (node.name === 'VariableName') this.bind(this.slice(node), node.from, { kind: 'opaque' });
    else if (node.name === 'MemberExpression') this.store(node, undefined);
    else if (node.name === 'TupleExpression' || node.name === 'ParenthesizedExpression') {
      for (const inner of elements(node)) this.bindAllNames(inner);
    }
  }

  handOut(node: SyntaxNode): void {
    const keyword = node.firstChild?.name;
    let outer: Scope | undefined = this.module;
    if (keyword === 'nonlocal') {
      outer = this.scope.parent;
      while (outer && outer.kind !== 'function') outer = outer.parent;
    }
    for (const name of node.getChildren('VariableName')) if (outer) this.scope.outer.set(this.slice(name), outer);
  }
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

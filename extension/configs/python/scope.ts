import type { SyntaxNode, Tree } from '@lezer/common';

/** What a name is bound to, and where. */
export type Binding = Bound & {
  readonly at: number;
  /** Start of the innermost block that holds the binding: what runs from its start to its end if it runs. */
  readonly block: number;
};

export type Bound =
  | { readonly kind: 'import'; readonly name: string }
  /** `item` is the index where a tuple is unpacked. */
  | { readonly kind: 'value'; readonly node: SyntaxNode; readonly item?: number }
  | { readonly kind: 'parameter'; readonly parameter: FunctionParameter; readonly scope: Scope }
  | { readonly kind: 'function' | 'class'; readonly scope: Scope }
  /** What a context manager gives: `with open(path) as file`. */
  | { readonly kind: 'entered'; readonly node: SyntaxNode }
  /** `name: type` alone. */
  | { readonly kind: 'declared'; readonly type: SyntaxNode }
  /** Loop variables, context managers, augmented assignments: bound, but to nothing that can be decided. */
  | { readonly kind: 'opaque' };

export interface FunctionParameter {
  readonly name: string;
  /** Position among the positional parameters, `self` included; −1 for keyword-only and starred ones. */
  readonly position: number;
  readonly defaultNode?: SyntaxNode;
  readonly typeNode?: SyntaxNode;
}

export interface Scope {
  readonly kind: 'module' | 'function' | 'class' | 'expression';
  readonly name: string;
  readonly parent?: Scope;
  readonly bindings: Map<string, Binding[]>;
  readonly parameters: FunctionParameter[];
  readonly returns: SyntaxNode[];
  /** Decorators of a function or class, without `@`. */
  readonly decorators: readonly SyntaxNode[];
  /** What a class inherits from. */
  readonly bases: readonly SyntaxNode[];
  /** The module that it is part of. */
  readonly root: Scope;
  /** Names that `global` and `nonlocal` hand to an outer scope. */
  readonly outer: Map<string, Scope>;
}

export interface Call {
  readonly node: SyntaxNode;
  readonly scope: Scope;
}

/** `base.attribute = …` or `base[key] = …` somewhere in the file; `key` undefined where it is not a literal. */
export interface Store {
  readonly base: string;
  readonly key: string | undefined;
  readonly node?: SyntaxNode;
  readonly target: SyntaxNode;
  readonly scope: Scope;
}

/** What one walk over the tree collects. */
export interface Index {
  readonly text: string;
  readonly tree: Tree;
  readonly module: Scope;
  readonly calls: readonly Call[];
  /** By the last part of the callee's name. */
  readonly callsByName: ReadonlyMap<string, readonly Call[]>;
  readonly attributeStores: ReadonlyMap<string, readonly Store[]>;
  readonly itemStores: ReadonlyMap<string, readonly Store[]>;
  /** Modules of `from … import *`. */
  readonly stars: readonly string[];
}

/** What runs from its start to its end if it runs: the body of `with` belongs to what is around it. */
export function isBlock({ name, parent }: SyntaxNode): boolean {
  return name === 'Body' && parent?.name !== 'WithStatement';
}

/** The elements of a bracketed expression: its children without brackets and commas. */
export function elements(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (!/^[()[\]{},]$|^Comment$/.test(child.name)) found.push(child);
  }
  return found;
}

export function newScope(
  kind: Scope['kind'],
  name: string,
  parent?: Scope,
  decorators: readonly SyntaxNode[] = [],
  bases: readonly SyntaxNode[] = [],
): Scope {
  const lists = { parameters: [], returns: [], outer: new Map(), bindings: new Map(), decorators, bases };
  const scope = { kind, name, ...lists, ...(parent && { parent }), root: parent?.root as Scope };
  if (!parent) scope.root = scope;
  return scope;
}

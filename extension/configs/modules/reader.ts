import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import { boundNesting } from '../python/nesting.ts';
import { Expressions, merge, rowTypes } from './expressions.ts';
import type { ModuleFiles } from './files.ts';
import { importedNames } from './importedNames.ts';
import { type Item, type Module, moduleAt, mostParts, type Scope } from './module.ts';
import { isConditional, loopOf, parts, rangeOf, Syntax } from './syntax.ts';

/** Classes, and everything else that creates modules. */
export interface PythonModules {
  readonly tree: Tree;
  readonly syntax: Syntax;
  readonly classes: ReadonlyMap<string, Module>;
  /** What is assigned to a variable or an attribute, or returned, anywhere. */
  readonly made: readonly Module[];
  /** The class that a name stands for by an import. */
  imported(name: string): Module | undefined;
}

/** Where a text lies, and the files around it. */
export interface Location {
  readonly path: string;
  readonly files: ModuleFiles;
}

/** Which modules a Python text defines and makes; as tolerant of broken code as the parser. */
export function readModules(text: string, location?: Location): PythonModules {
  return new Reader(text, location).modules();
}

/** Classes that have no parameters of their own. */
const plainBases =
  /^(?:object|ABC|Module|LightningModule|Model|Layer|Generic|Protocol|Sequential|ModuleList|ModuleDict)$/;

class Reader {
  private readonly tree: Tree;
  private readonly syntax: Syntax;
  private readonly expressions: Expressions;
  private readonly classes = new Map<string, Module>();
  private readonly made: Module[] = [];
  /** The names of all classes, also of those further below. */
  private readonly defined: ReadonlySet<string>;

  /** What names stand for by imports: `models.blocks.Block`. */
  private readonly imports: ReadonlyMap<string, string>;
  private readonly foreign = new Map<string, Module | undefined>();

  constructor(
    whole: string,
    private readonly location: Location | undefined,
  ) {
    const { text } = boundNesting(whole);
    this.tree = parser.parse(text);
    this.syntax = new Syntax(text);
    this.defined = new Set(Array.from(text.matchAll(/^[ \t]*class[ \t]+(\w+)/gm), ([, name]) => name));
    this.imports = location ? importedNames(text) : new Map();
    this.expressions = new Expressions(this.syntax, (name) => this.classNamed(name));
  }

  modules(): PythonModules {
    this.statements(this.tree.topNode, new Map(), undefined);
    return {
      tree: this.tree,
      syntax: this.syntax,
      classes: this.classes,
      made: this.made,
      imported: (name) => this.imported(name),
    };
  }

  /** A class of this text, also one further below, or one that it imports from the workspace. */
  private classNamed(name: string): (() => Module | undefined) | undefined {
    if (/^[A-Z_]\w*$/.test(name) && this.defined.has(name)) return () => this.classes.get(name);
    const found = this.imported(name);
    return found && (() => found);
  }

  private imported(name: string): Module | undefined {
    const [head, ...rest] = name.split('.');
    const whole = this.imports.get(head);
    if (!this.location || whole === undefined || !/^[A-Z_]/.test(rest.at(-1) ?? head)) return undefined;
    if (!this.foreign.has(name))
      this.foreign.set(name, this.location.files.classNamed([whole, ...rest].join('.'), this.location.path));
    return this.foreign.get(name);
  }

  /** Reads the statements of a body: class definitions, and assignments of modules to names or to attributes of `self`. */
  private statements(body: SyntaxNode, scope: Scope, self: Module | undefined): void {
    for (let node = body.firstChild; node; node = node.nextSibling) {
      switch (node.name) {
        case 'ClassDefinition':
          this.classDefinition(node);
          break;
        case 'AssignStatement':
          this.assignment(node, scope, self);
          break;
        case 'UpdateStatement': {
          const [target, , ...values] = parts(node);
          const place = target && this.place(target, scope, self);
          if (place) for (const value of values) this.extend(place, node, this.read(value, scope, self));
          break;
        }
        case 'ExpressionStatement':
          if (node.firstChild?.name === 'CallExpression') this.call(node.firstChild, scope, self);
          break;
        case 'FunctionDefinition': {
          const inner = node.getChild('Body');
          // The names of a function are its own; what it assigns to self belongs to the class.
          if (inner) this.statements(inner, new Map(scope), self);
          break;
        }
        case 'ReturnStatement': {
          const value = node.lastChild;
          const module = value && this.read(value, scope, self);
          if (module && !module.isPlain) this.made.push(module);
          break;
        }
        case 'DecoratedStatement':
        case 'IfStatement':
        case 'ForStatement':
        case 'WithStatement':
        case 'TryStatement':
        case 'WhileStatement':
        case 'MatchStatement':
        case 'MatchBody':
        case 'MatchClause':
        case 'Body':
          this.statements(node, scope, self);
          break;
      }
    }
  }

  private read(node: SyntaxNode, scope: Scope, self: Module | undefined, at = rangeOf(node)): Module | undefined {
    return this.expressions.read(node, scope, self, at);
  }

  private classDefinition(node: SyntaxNode): void {
    const name = node.getChild('VariableName');
    const body = node.getChild('Body');
    if (!name || !body) return;
    const list = node.getChild('ArgList');
    const bases = (list ? this.syntax.arguments(list) : [])
      .filter(({ key }) => key === undefined)
      .map(({ value }) => this.syntax.slice(value.name === 'CallExpression' ? (value.firstChild ?? value) : value));
    const last = (base: string) => base.replace(/\[.*/s, '').split('.').at(-1) ?? '';
    const own = this.syntax.slice(name);
    const isHere = (base: string) => base !== own && (this.defined.has(base) || this.imported(base) !== undefined);
    const module = moduleAt(rangeOf(name), {
      ...(bases.some((base) => rowTypes.test(last(base))) && { items: [] }),
      bases: bases.filter(isHere).flatMap((base) => this.classNamed(base) ?? []),
      hasMore: bases.some((base) => !isHere(base) && !plainBases.test(last(base))),
    });
    this.classes.set(own, module);
    this.statements(body, new Map(), module);
  }

  /** `self.a = …`, `a = b = …`, `self.a, self.b = …`, `self.heads["a"] = …`, `self.backbone.fc = …`. */
  private assignment(node: SyntaxNode, scope: Scope, self: Module | undefined): void {
    const sides: SyntaxNode[][] = [[]];
    for (const part of parts(node)) {
      if (part.name === 'AssignOp') sides.push([]);
      else if (part.name !== 'TypeDef') sides.at(-1)!.push(part);
    }
    const values = sides.pop() ?? [];
    for (const side of sides) {
      const targets = side.length === 1 && /^(?:Tuple|Array)Expression$/.test(side[0].name) ? parts(side[0]) : side;
      for (const [i, target] of targets.entries()) {
        const value = values.length === targets.length ? values[i] : values.length === 1 ? values[0] : undefined;
        const module = value && (this.read(value, scope, self, rangeOf(node)) ?? this.given(value, target, node));
        // Of what a call returns several of, the text does not show the parts.
        if (module)
          this.bind(node, target, values.length === targets.length ? module : moduleAt(rangeOf(node)), scope, self);
      }
    }
  }

  /** `self.encoder = encoder`: a module that the class is given. */
  private given(value: SyntaxNode, target: SyntaxNode, node: SyntaxNode): Module | undefined {
    const isGiven = value.name === 'VariableName' && this.syntax.selfAttribute(target) !== undefined;
    return isGiven ? moduleAt(rangeOf(node), { isGiven }) : undefined;
  }

  private bind(node: SyntaxNode, target: SyntaxNode, module: Module, scope: Scope, self: Module | undefined): void {
    const attribute = this.syntax.selfAttribute(target);
    if (attribute !== undefined) this.assign(node, self?.children, attribute, module);
    else if (target.name === 'VariableName') this.assign(node, scope, this.syntax.slice(target), module);
    else if (target.name === 'MemberExpression' && target.firstChild) {
      const owner = this.place(target.firstChild, scope, self);
      const property = target.getChild('PropertyName');
      const [, key] = parts(target);
      if (!owner || !key || target.getChild(':')) return;
      const pattern = property ? [this.syntax.slice(property)] : this.syntax.nameOf(key);
      if (pattern.length === 1) this.assign(node, owner.children, pattern[0], module);
      else owner.patterns.push([pattern, module]);
      return;
    }
    if (!module.isPlain) this.made.push(module);
  }

  /** The last assignment counts; of those that depend on a condition, any may. */
  private assign(node: SyntaxNode, names: Map<string, Module> | undefined, name: string, module: Module): void {
    const before = isConditional(node) ? names?.get(name) : undefined;
    names?.set(name, before ? { ...before, alternatives: [...(before.alternatives ?? []), module] } : module);
  }

  /** Calls that register something: `self.add_module("a", …)`, `setattr(self, "a", …)`, `self.layers.append(…)`. */
  private call(node: SyntaxNode, scope: Scope, self: Module | undefined): void {
    const callee = node.firstChild;
    const list = node.getChild('ArgList');
    if (!callee || !list) return;
    const args = this.syntax.arguments(list);
    const read = (value: SyntaxNode | undefined) => value && this.read(value, scope, self);
    const element = (value: SyntaxNode) => this.expressions.element(value, scope, self, rangeOf(node));
    if (this.syntax.slice(callee) === 'setattr') {
      const [object, name, value] = args;
      const owner = object && this.place(object.value, scope, self);
      if (owner && name && value) this.expressions.add(owner, name.value, read(value.value));
      return;
    }
    const property = callee.getChild('PropertyName');
    const object = callee.firstChild;
    if (!property || !object) return;
    const method = this.syntax.slice(property);
    if (method === '__init__') {
      // `super().__init__(…)` of a class of modules in a row.
      if (self?.items && args.length > 0)
        self.items.push(...(this.expressions.row(list, scope, self, rangeOf(node)).items ?? []));
      return;
    }
    const owner = this.place(object, scope, self);
    const [first, second] = args;
    if (!owner || !first) return;
    switch (method) {
      case 'add_module':
      case 'register_module':
      case 'register_parameter':
        if (second) this.expressions.add(owner, first.value, read(second.value));
        break;
      case 'append':
        this.extend(owner, node, moduleAt(rangeOf(node), { items: [{ module: element(first.value) }] }));
        break;
      case 'insert':
        if (second) owner.items?.unshift(this.placed(node, { module: element(second.value) }));
        break;
      case 'extend':
        this.extend(
          owner,
          node,
          list.getChild('for') ? this.expressions.comprehension(list, scope, self, rangeOf(node)) : read(first.value),
        );
        break;
      case 'update': {
        merge(owner, this.expressions.keyed(args, scope, self, rangeOf(node)));
        break;
      }
    }
  }

  /** Puts what a list holds at the end of what stands in a row; something unknown is any number of modules. */
  private extend(owner: Module, node: SyntaxNode, list: Module | undefined): void {
    const items = list?.items ?? [{ module: moduleAt(rangeOf(node)), loop: node.from }];
    const room = mostParts - (owner.items?.length ?? 0);
    owner.items?.push(...items.slice(0, room).map((item) => this.placed(node, item)));
  }

  /** An item that a statement adds: as often as the statement is carried out. */
  private placed(node: SyntaxNode, item: Item): Item {
    const loop = loopOf(node) ?? item.loop;
    return { ...item, ...(loop !== undefined && { loop }), conditional: item.conditional || isConditional(node) };
  }

  /** The module that a name, `self` or an attribute of `self` stands for. */
  private place(node: SyntaxNode, scope: Scope, self: Module | undefined): Module | undefined {
    const attribute = this.syntax.selfAttribute(node);
    if (attribute !== undefined) return self?.children.get(attribute);
    if (node.name !== 'VariableName') return undefined;
    return this.syntax.slice(node) === 'self' ? self : scope.get(this.syntax.slice(node));
  }
}

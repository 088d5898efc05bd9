import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import type { SourceRange } from './source.ts';

/**
 * Which expression of a Python text creates each parameter tensor of a model, by the tensor's name: `self.conv1 = nn.Conv2d`
 * creates `conv1.weight`; nested modules, indices of `Sequential` and `ModuleList`, keys of `ModuleDict`, and the names of
 * Keras layers are followed. Pure, and as tolerant of broken code as the parser.
 */
export function parameterLines(text: string, tensors: readonly string[]): Map<string, SourceRange> {
  if (text.length > longestText || tensors.length === 0) return new Map();
  const module = new Reader(text).read();
  const roots = [...module.classes.values(), ...module.made];
  const maps = roots.map((root) => assign(tensors, (name) => resolve(root, name)));
  maps.push(assign(tensors, (name) => kerasLayer(module.kerasLayers, name)));
  // Keras 3 builds a model once more to export it, so that every scope has another number behind its name.
  maps.push(assign(tensors, (name) => kerasLayer(module.kerasLayers, name, /_\d+$/)));
  // The root that explains most is the model; of equals, the first, since models stand above the code that uses them.
  return maps.reduce((best, map) => (map.size > best.size ? map : best), new Map<string, SourceRange>());
}

const longestText = 2 * 1024 * 1024;
/** Names of that many parts are followed; deeper ones are of no module that a person wrote. */
const deepest = 40;

/** Something that has parameters, or holds modules that have. */
interface Module {
  readonly at: SourceRange;
  /** Submodules and parameters by attribute, index or key; the last assignment of a name counts. */
  readonly children: Map<string, Module>;
  /** What every index holds: a list comprehension, or a list that grows in a loop. */
  every?: Module;
  /** The class of this file that it is an instance of; its attributes are looked up when all classes are known. */
  definition?: () => Module | undefined;
}

interface PythonModule {
  readonly classes: Map<string, Module>;
  /** Containers that are assigned to a variable or returned, anywhere. */
  readonly made: Module[];
  readonly kerasLayers: Map<string, SourceRange>;
}

function assign(tensors: readonly string[], find: (name: string) => SourceRange | undefined): Map<string, SourceRange> {
  const found = new Map<string, SourceRange>();
  for (const name of tensors) {
    const range = find(name);
    if (range) found.set(name, range);
  }
  return found;
}

/** Prefixes that wrappers add: DataParallel, torch.compile, an exported wrapper with one attribute. */
const wrapper = /^(?:(?:_orig_mod|module|model|_model|net)\.)+/;

function resolve(root: Module, name: string): SourceRange | undefined {
  return (
    follow(root, name.split('.')) ??
    (wrapper.test(name) ? follow(root, name.replace(wrapper, '').split('.')) : undefined)
  );
}

/** The deepest expression on the way along a dotted name; at least its first part must be an attribute of the root. */
function follow(root: Module, parts: readonly string[]): SourceRange | undefined {
  if (parts.length > deepest) return undefined;
  let current: Module | undefined = root;
  let at: SourceRange | undefined;
  for (const [i, part] of parts.entries()) {
    const body: Module | undefined = current.definition?.() ?? current;
    const next: Module | undefined =
      body.children.get(part) ?? current.children.get(part) ?? (/^\d+$/.test(part) ? current.every : undefined);
    if (!next) {
      // The rest belongs to a module from elsewhere, or is its own parameter, as `weight` of a Linear; a module of this file
      // or a container would have shown its parts.
      const isOpen = current.definition === undefined && current.children.size === 0 && current.every === undefined;
      return i > 0 && isOpen ? at : undefined;
    }
    current = next;
    at = next.at;
  }
  return at;
}

const containers = /^(?:Sequential|ModuleList|ParameterList)$/;

class Reader {
  private readonly tree: Tree;
  private readonly module: PythonModule = { classes: new Map(), made: [], kerasLayers: new Map() };
  private readonly kerasCounts = new Map<string, number>();
  private readonly isKeras: boolean;

  constructor(private readonly text: string) {
    this.tree = parser.parse(text);
    this.isKeras = /^\s*(?:from|import)\s+(?:tensorflow|keras|tf_keras)\b/m.test(text);
  }

  read(): PythonModule {
    this.statements(this.tree.topNode, new Map(), undefined);
    if (this.isKeras) this.readKeras();
    return this.module;
  }

  private slice = ({ from, to }: { from: number; to: number }): string => this.text.slice(from, to);

  /** Reads the statements of a body: class definitions, and assignments of modules to names or to attributes of `self`. */
  private statements(body: SyntaxNode, scope: Map<string, Module>, self: Module | undefined): void {
    for (let node = body.firstChild; node; node = node.nextSibling) {
      switch (node.name) {
        case 'ClassDefinition':
          this.classDefinition(node);
          break;
        case 'AssignStatement':
          this.assignment(node, scope, self);
          break;
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
          const module = value && this.expression(value, scope, this.rangeOf(node));
          if (module) this.module.made.push(module);
          break;
        }
        case 'DecoratedStatement':
        case 'IfStatement':
        case 'ForStatement':
        case 'WithStatement':
        case 'TryStatement':
        case 'WhileStatement':
        case 'Body':
          this.statements(node, scope, self);
          break;
      }
    }
  }

  private classDefinition(node: SyntaxNode): void {
    const name = node.getChild('VariableName');
    const body = node.getChild('Body');
    if (!name || !body) return;
    const bases = node.getChild('ArgList');
    const module: Module = { at: { from: name.from, to: name.to }, children: new Map() };
    // What a base class of this file creates, its subclasses create too.
    const base = bases
      ? this.arguments(bases).flatMap(({ value }) => this.module.classes.get(this.slice(value)) ?? [])[0]
      : undefined;
    for (const [key, child] of base?.children ?? []) module.children.set(key, child);
    this.module.classes.set(this.slice(name), module);
    this.statements(body, new Map(), module);
  }

  private assignment(node: SyntaxNode, scope: Map<string, Module>, self: Module | undefined): void {
    const target = node.firstChild;
    const value = node.lastChild;
    if (!target || !value || value === target) return;
    const module = this.expression(value, scope, { from: node.from, to: node.to });
    if (!module) return;
    const attribute = this.selfAttribute(target);
    if (attribute !== undefined) self?.children.set(attribute, module);
    else if (target.name === 'VariableName') {
      scope.set(this.slice(target), module);
      this.module.made.push(module);
    }
  }

  /** `name` of `self.name`. */
  private selfAttribute(node: SyntaxNode): string | undefined {
    if (node.name !== 'MemberExpression') return undefined;
    const [object, property] = [node.firstChild, node.getChild('PropertyName')];
    return object?.name === 'VariableName' && this.slice(object) === 'self' && property
      ? this.slice(property)
      : undefined;
  }

  /** Calls that register something: `self.add_module("a", …)`, `self.layers.append(…)`, `layers.append(…)`. */
  private call(node: SyntaxNode, scope: Map<string, Module>, self: Module | undefined): void {
    const callee = node.firstChild;
    const list = node.getChild('ArgList');
    const property = callee?.getChild('PropertyName');
    const object = callee?.firstChild;
    if (!callee || !list || !property || !object) return;
    const args = this.arguments(list);
    const method = this.slice(property);
    const owner = this.slice(object) === 'self' ? self : this.place(object, scope, self);
    const value = args.at(-1)?.value;
    const module = value && this.expression(value, scope, { from: node.from, to: node.to });
    if (!owner || !module) return;
    if (/^(?:add_module|register_parameter|register_module)$/.test(method) && args[0]) {
      const name = this.stringOf(args[0].value);
      if (name !== undefined) owner.children.set(name, module);
    } else if (method === 'append' && owner !== self) {
      if (this.isInLoop(node)) owner.every = module;
      else owner.children.set(String(owner.children.size), module);
    }
  }

  private isInLoop(node: SyntaxNode): boolean {
    for (let parent = node.parent; parent && parent.name !== 'FunctionDefinition'; parent = parent.parent)
      if (parent.name === 'ForStatement' || parent.name === 'WhileStatement') return true;
    return false;
  }

  /** The module that a name or an attribute of `self` stands for. */
  private place(node: SyntaxNode, scope: Map<string, Module>, self: Module | undefined): Module | undefined {
    const attribute = this.selfAttribute(node);
    return attribute !== undefined
      ? self?.children.get(attribute)
      : node.name === 'VariableName'
        ? scope.get(this.slice(node))
        : undefined;
  }

  /** What an expression creates; undefined where it is no module. `at` is the statement that it is in. */
  private expression(node: SyntaxNode, scope: Map<string, Module>, at: SourceRange): Module | undefined {
    switch (node.name) {
      case 'VariableName':
        return scope.get(this.slice(node));
      case 'ParenthesizedExpression': {
        const inner = node.firstChild?.nextSibling;
        return inner ? this.expression(inner, scope, at) : undefined;
      }
      case 'ArrayExpression':
      case 'TupleExpression':
        return this.sequence(children(node), scope, at);
      case 'ArrayComprehensionExpression':
      case 'ComprehensionExpression': {
        const element = children(node)[0];
        const every = element && this.expression(element, scope, this.rangeOf(element));
        return every && { at, children: new Map(), every };
      }
      case 'ConditionalExpression': {
        const [first, , last] = children(node);
        return (first && this.expression(first, scope, at)) ?? (last && this.expression(last, scope, at));
      }
      case 'DictionaryExpression':
        return this.dictionary(node, scope, at);
      case 'CallExpression':
        return this.creation(node, scope, at);
      default:
        return undefined;
    }
  }

  private creation(node: SyntaxNode, scope: Map<string, Module>, at: SourceRange): Module | undefined {
    const callee = node.firstChild;
    const list = node.getChild('ArgList');
    if (!callee || !list) return undefined;
    const name = this.slice(callee).split('.').at(-1) ?? '';
    const args = this.arguments(list).filter(({ key }) => key === undefined);
    const [first] = args;
    if (containers.test(name)) {
      if (args.length === 1 && first && (first.starred || !/^CallExpression$/.test(first.value.name))) {
        const inner = this.expression(first.value, scope, at);
        if (inner) return { at, children: inner.children, ...(inner.every && { every: inner.every }) };
      }
      if (args.length === 1 && first && /OrderedDict/.test(this.slice(first.value.firstChild ?? first.value))) {
        const inner = this.expression(first.value, scope, at);
        if (inner) return { at, children: inner.children };
      }
      return this.sequence(
        args.map(({ value }) => value),
        scope,
        at,
      );
    }
    if (name === 'ModuleDict' || name === 'ParameterDict')
      return (first && this.expression(first.value, scope, at)) ?? { at, children: new Map() };
    if (name === 'OrderedDict') return first ? this.pairs(first.value, scope, at) : { at, children: new Map() };
    // `Block(…)`, where Block may be defined further below.
    const simple = callee.name === 'VariableName' ? this.slice(callee) : undefined;
    if (simple !== undefined)
      return {
        at,
        children: new Map(),
        ...(/^[A-Z]/.test(simple) && this.isDefined(simple) && { definition: () => this.module.classes.get(simple) }),
      };
    // `nn.Linear(…).to(device)`: what the method is called on.
    const inner =
      callee.name === 'MemberExpression' && callee.firstChild?.name === 'CallExpression'
        ? this.creation(callee.firstChild, scope, at)
        : undefined;
    return inner ?? { at, children: new Map() };
  }

  private isDefined(name: string): boolean {
    return new RegExp(`^[ \\t]*class[ \\t]+${name}\\b`, 'm').test(this.text);
  }

  /** Modules in a row, at their own places. */
  private sequence(nodes: readonly SyntaxNode[], scope: Map<string, Module>, at: SourceRange): Module {
    const items = new Map<string, Module>();
    for (const node of nodes) {
      if (node.name === '*' || node.name === 'Comment') continue;
      items.set(
        String(items.size),
        this.expression(node, scope, this.rangeOf(node)) ?? { at: this.rangeOf(node), children: new Map() },
      );
    }
    return { at, children: items };
  }

  private dictionary(node: SyntaxNode, scope: Map<string, Module>, at: SourceRange): Module {
    const entries = new Map<string, Module>();
    const parts = children(node).filter(({ name }) => name !== ':' && name !== 'Comment');
    for (let i = 0; i + 1 < parts.length; i += 2) {
      const key = this.stringOf(parts[i]);
      const value = this.expression(parts[i + 1], scope, this.rangeOf(parts[i + 1]));
      if (key !== undefined && value) entries.set(key, value);
    }
    return { at, children: entries };
  }

  /** `[("conv", nn.Conv2d(…)), …]`. */
  private pairs(node: SyntaxNode, scope: Map<string, Module>, at: SourceRange): Module {
    if (node.name === 'DictionaryExpression') return this.dictionary(node, scope, at);
    const entries = new Map<string, Module>();
    for (const pair of children(node)) {
      const [key, value] = children(pair);
      const name = key && this.stringOf(key);
      const module = value && this.expression(value, scope, this.rangeOf(pair));
      if (name !== undefined && module) entries.set(name, module);
    }
    return { at, children: entries };
  }

  private rangeOf = ({ from, to }: SyntaxNode): SourceRange => ({ from, to });

  private arguments(list: SyntaxNode): { key: string | undefined; value: SyntaxNode; starred: boolean }[] {
    const result: { key: string | undefined; value: SyntaxNode; starred: boolean }[] = [];
    let starred = false;
    for (let node = list.firstChild; node; node = node.nextSibling) {
      if (node.name === '*' || node.name === '**') starred = true;
      if (/^[(),*]+$/.test(node.name) || node.name === 'Comment') continue;
      const equals = node.nextSibling?.name === 'AssignOp' ? node.nextSibling : undefined;
      if (equals?.nextSibling) {
        result.push({ key: this.slice(node), value: equals.nextSibling, starred: false });
        node = equals.nextSibling;
      } else result.push({ key: undefined, value: node, starred });
      starred = false;
    }
    return result;
  }

  private stringOf(node: SyntaxNode): string | undefined {
    return node.name === 'String' ? /^(['"])(.*)\1$/s.exec(this.slice(node))?.[2] : undefined;
  }

  /** Keras layers by their `name`, or by the names that Keras gives in the order of creation: dense, dense_1, … */
  private readKeras(): void {
    this.tree.iterate({
      enter: ({ node }) => {
        if (node.name !== 'CallExpression') return;
        const [callee, list] = [node.firstChild, node.getChild('ArgList')];
        const type = callee && this.slice(callee).split('.').at(-1);
        if (!callee || !list || !type || !/^[A-Z]\w*$/.test(type) || this.module.classes.has(type)) return;
        const named = this.arguments(list).find(({ key }) => key === 'name');
        const given = named && this.stringOf(named.value);
        const base = type
          .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
          .replace(/([a-z])([A-Z])/g, '$1_$2')
          .toLowerCase();
        const count = this.kerasCounts.get(base) ?? 0;
        if (given === undefined) this.kerasCounts.set(base, count + 1);
        this.module.kerasLayers.set(given ?? (count === 0 ? base : `${base}_${count}`), this.rangeOf(node));
      },
    });
  }
}

/** The parts of an expression between its brackets and commas. */
function children(node: SyntaxNode): SyntaxNode[] {
  const result: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling)
    if (!/^[()[\]{},]$/.test(child.name)) result.push(child);
  return result;
}

/**
 * `StatefulPartitionedCall/model/dense_1/MatMul/ReadVariableOp:0` and `dense_1/kernel:0`: the part that is a layer, without
 * `ending` where parts have one.
 */
function kerasLayer(layers: ReadonlyMap<string, SourceRange>, name: string, ending?: RegExp): SourceRange | undefined {
  if (!name.includes('/')) return undefined;
  for (const part of name.split('/').slice(0, -1).reverse()) {
    const found = layers.get(ending ? part.replace(ending, '') : part);
    if (found) return found;
  }
  return undefined;
}

import type { SyntaxNode } from '@lezer/common';
import type { SourceRange } from '../source.ts';
import { type Item, isBare, type Module, moduleAt, mostParts, type Scope } from './module.ts';
import { type Argument, parts, rangeOf, type Syntax } from './syntax.ts';

/** Containers whose parts are named by their place. */
export const rowTypes = /^(?:Sequential|ModuleList|ParameterList)$/;
const keyTypes = /^(?:ModuleDict|ParameterDict|OrderedDict|dict)$/;
const plainTypes = /^(?:OrderedDict|dict)$/;
/** What hands on the module that it is given. */
const passing = /^(?:compile|deepcopy|copy|DataParallel|DistributedDataParallel|script)$/;
/** Makers of modules without parameters: activations, pooling, and what only moves numbers; or variables that are named so. */
const bareTypes = new RegExp(
  `^(?!PReLU$)(?:${[
    '\\w*(?:LU|lu|Tanh|tanh|Sigmoid|sigmoid|shrink|Dropout\\w*|Pool\\dd|Pad\\dd|Softmax\\dd|Softmax|softmax)',
    'Softmin|Softplus|Softsign|Mish|Swish|Hardswish|Threshold|DropPath|StochasticDepth|Identity|InstanceNorm\\dd',
    'Flatten|Unflatten|Fold|Unfold|Upsample\\w*|PixelShuffle|PixelUnshuffle|ChannelShuffle|Rearrange|Reduce|Lambda',
    'LocalResponseNorm',
    '(?:act|activation|nonlinearity|non_linearity|dropout|drop|pool|pooling)(?:_\\w+)?',
  ].join('|')})$`,
);

/** Reads which modules an expression creates. */
export class Expressions {
  constructor(
    private readonly syntax: Syntax,
    private readonly classNamed: (name: string) => (() => Module | undefined) | undefined,
  ) {}

  /** What an expression creates; undefined where it is no module. `at` is the statement that it is in. */
  read(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module | undefined {
    const again = (inner: SyntaxNode | null | undefined) => (inner ? this.read(inner, scope, self, at) : undefined);
    switch (node.name) {
      case 'VariableName':
        return scope.get(this.syntax.slice(node));
      case 'MemberExpression': {
        const attribute = this.syntax.selfAttribute(node);
        if (attribute !== undefined) return self?.children.get(attribute);
        // Of a part of a list, what it is a part of.
        return node.getChild(':') ? again(node.firstChild) : undefined;
      }
      case 'ParenthesizedExpression':
        return again(node.firstChild?.nextSibling);
      case 'TupleExpression':
        return this.pair(node, scope, self, at) ?? this.list(this.syntax.arguments(node), scope, self, at);
      case 'ArrayExpression':
        return this.list(this.syntax.arguments(node), scope, self, at);
      case 'ArrayComprehensionExpression':
      case 'ComprehensionExpression':
        return this.comprehension(node, scope, self, at);
      case 'BinaryExpression':
        return this.joined(node, scope, self, at);
      case 'ConditionalExpression': {
        const [first, , , , last] = parts(node);
        const [one, other] = [again(first), again(last)];
        return one && other && isBare(one) ? other : (one ?? other);
      }
      case 'DictionaryExpression':
      case 'DictionaryComprehensionExpression':
        return this.dictionary(node, scope, self, at);
      case 'CallExpression':
        return this.creation(node, scope, self, at);
      default:
        return undefined;
    }
  }

  /** Modules in a row, each at its own place. */
  private list(args: readonly Argument[], scope: Scope, self: Module | undefined, at: SourceRange): Module {
    const items = args.flatMap(({ value, starred }): Item[] => {
      const place = rangeOf(value);
      const module = this.read(value, scope, self, place);
      if (starred) return module?.items ?? [{ module: moduleAt(place), loop: value.from }];
      return [{ module: module ?? this.unexplained(value, place) }];
    });
    return moduleAt(at, { items: items.slice(0, mostParts), isPlain: true });
  }

  /** A module of a row, even where the text does not explain what a name stands for. */
  element(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module {
    return this.read(node, scope, self, at) ?? this.unexplained(node, at);
  }

  private unexplained(node: SyntaxNode, at: SourceRange): Module {
    const name = this.syntax.slice(node).split('.').at(-1) ?? '';
    return moduleAt(at, { isBare: bareTypes.test(name) });
  }

  /** `[… for … in …]`, and what stands in the brackets of a call in the same way. */
  comprehension(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module {
    const [element] = parts(node);
    const module = element && this.element(element, scope, self, rangeOf(element));
    return moduleAt(at, { items: module ? [{ module, loop: node.from }] : [], isPlain: true });
  }

  /** `[…] + […]`, `[…] * n`. */
  private joined(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module | undefined {
    const [left, operator, right] = parts(node);
    if (!left || !operator || !right) return undefined;
    const [one, other] = [left, right].map((each) => this.read(each, scope, self, rangeOf(each)));
    const sign = this.syntax.slice(operator);
    if (sign === '+' && (one?.isPlain || other?.isPlain)) {
      const items = [one, other].flatMap((each, i) =>
        each?.items ? each.items : [{ module: each ?? moduleAt(rangeOf(i === 0 ? left : right)), loop: node.from + i }],
      );
      return moduleAt(at, { items: items.slice(0, mostParts), isPlain: true });
    }
    const list = one ?? other;
    if (sign !== '*' || !list?.isPlain) return undefined;
    return moduleAt(at, { items: list.items?.map((item) => ({ ...item, loop: node.from })), isPlain: true });
  }

  /** `{"a": …, **others}`, `{name: … for name in …}`. */
  private dictionary(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module {
    const module = moduleAt(at, { isPlain: true });
    let key: SyntaxNode | undefined;
    let sign = '';
    for (const part of parts(node)) {
      if (part.name === 'for') break;
      if (part.name === ':' || part.name === '**') sign = part.name;
      else if (sign === '') key = part;
      else {
        const value = this.read(part, scope, self, rangeOf(part));
        if (sign === '**' && value) merge(module, value);
        if (sign === ':' && key) this.add(module, key, value);
        sign = '';
      }
    }
    return module;
  }

  /** `("conv", nn.Conv2d(…))`: a name with a module. */
  private pair(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module | undefined {
    const [key, value, ...more] = parts(node);
    if (!key || !value || more.length > 0 || !this.syntax.isText(key)) return undefined;
    const module = moduleAt(at);
    this.add(module, key, this.element(value, scope, self, at));
    return module;
  }

  /** Gives a module a part by its name, or by a pattern of its names. */
  add(module: Module, key: SyntaxNode, part: Module | undefined): void {
    if (!part) return;
    const pattern = this.syntax.nameOf(key);
    if (pattern.length === 1) module.children.set(pattern[0], part);
    else module.patterns.push([pattern, part]);
  }

  private creation(node: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module | undefined {
    const callee = node.firstChild;
    const list = node.getChild('ArgList');
    if (!callee || !list) return undefined;
    const name = this.syntax.slice(callee).split('.').at(-1) ?? '';
    const args = this.syntax.arguments(list);
    const [first] = args;
    if (rowTypes.test(name)) return this.row(list, scope, self, at);
    if (keyTypes.test(name)) return { ...this.keyed(args, scope, self, at), isPlain: plainTypes.test(name) };
    if (passing.test(name) && first) {
      const inner = this.read(first.value, scope, self, at);
      if (inner) return inner;
    }
    // `nn.Linear(…).to(device)`: what the method is called on.
    const inner =
      callee.name === 'MemberExpression' && callee.firstChild?.name === 'CallExpression'
        ? this.creation(callee.firstChild, scope, self, at)
        : undefined;
    if (inner) return inner;
    // `Block(…)`, where Block may be defined further below.
    const isName = callee.name === 'VariableName' || callee.name === 'MemberExpression';
    const definition = isName ? this.classNamed(this.syntax.slice(callee)) : undefined;
    const affine = args.some(({ key, value }) => key === 'affine' && this.syntax.slice(value) === 'True');
    const isKnown = definition !== undefined;
    return moduleAt(at, { ...(isKnown ? { definition } : { hasMore: true }), isBare: bareTypes.test(name) && !affine });
  }

  /** `Sequential(…)` of modules, of one list of them, or of names with them. */
  row(list: SyntaxNode, scope: Scope, self: Module | undefined, at: SourceRange): Module {
    const args = this.syntax.arguments(list);
    if (list.getChild('for')) return { ...this.comprehension(list, scope, self, at), isPlain: false };
    const [first] = args;
    const only = args.length === 1 && first && !first.starred ? this.read(first.value, scope, self, at) : undefined;
    if (only?.isPlain) return { ...only, at, ...(only.items && { items: [...only.items] }), isPlain: false };
    // A list that the text does not show, such as a parameter.
    if (args.length === 1 && !only && !first.starred && first.value.name === 'VariableName') return moduleAt(at);
    // What has been read is not read again, or a row in a row in a row would cost twice each.
    if (only) return moduleAt(at, { items: [{ module: only }] });
    return { ...this.list(args, scope, self, at), isPlain: false };
  }

  /** `ModuleDict({…})`, `OrderedDict([("conv", …), …])`, `dict(conv=…)`. */
  keyed(args: readonly Argument[], scope: Scope, self: Module | undefined, at: SourceRange): Module {
    const module = moduleAt(at);
    for (const { key, value } of args) {
      const part = this.read(value, scope, self, rangeOf(value));
      if (!part) continue;
      if (key !== undefined) module.children.set(key, part);
      else for (const each of part.items?.map((item) => item.module) ?? [part]) merge(module, each);
    }
    return module;
  }
}

/** Adds the named parts of another module. */
export function merge(module: Module, added: Module): void {
  for (const [name, part] of added.children) module.children.set(name, part);
  module.patterns.push(...added.patterns.slice(0, mostParts - module.patterns.length));
}

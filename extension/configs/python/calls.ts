import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import type { Scope } from './scopes.ts';
import {
  type Arguments,
  computed,
  type DictEntry,
  type Evaluated,
  literal,
  rangeOf,
  readArguments,
  resolvedAt,
  scalarOf,
  unknownAt,
} from './values.ts';

/** Objects whose keyword arguments become attributes. */
const ATTRIBUTE_OBJECTS =
  /(^|\.)(SimpleNamespace|argparse\.Namespace|EasyDict|ConfigDict|FrozenConfigDict|Munch|Box|AttrDict)$/;
/** Functions that make an object of the class they are given from the command line. */
const COMMAND_LINES = new Set([
  'tyro.cli',
  'simple_parsing.parse',
  'pyrallis.parse',
  'draccus.parse',
  'jsonargparse.CLI',
]);
const FIELDS = /^(dataclasses|pydantic|attrs?|flax\.struct)\.(field|Field|ib)$/;
const MATH: Readonly<Record<string, (x: number, y: number) => number>> = {
  float: (x) => x,
  int: (x) => Math.trunc(x),
  abs: (x) => Math.abs(x),
  sqrt: (x) => Math.sqrt(x),
  exp: (x) => Math.exp(x),
  log: (x) => Math.log(x),
  pow: (x, y) => x ** y,
  power: (x, y) => x ** y,
  min: (x, y) => Math.min(x, y),
  max: (x, y) => Math.max(x, y),
};
/** Detectron2's `L(torch.optim.SGD)(lr=0.1)`. */
const LAZY_CALL = /^detectron2\.config(\.\w+)*\.LazyCall$/;
const MATH_MODULE = /^(builtins|math|numpy|jax\.numpy)\.(\w+)$/;

/** What a call returns, for the few callables whose result is known without running them. */
export function evaluateCall(evaluator: Evaluator, node: SyntaxNode, scope: Scope): Evaluated {
  const callee = node.firstChild;
  if (!callee) return unknownAt(node);
  const given = readArguments(node.getChild('ArgList'), evaluator.index.text);
  if (callee.name === 'MemberExpression') {
    const method = evaluateMethod(evaluator, node, callee, given, scope);
    if (method) return method;
  }
  const { value } = evaluator.evaluate(callee, scope);
  if (value.kind === 'class') return literal(node, { kind: 'instance', scope: value.scope, call: { node, scope } });
  if (value.kind === 'function') {
    const { returns } = value.scope;
    if (returns.length !== 1) return unknownAt(node);
    const result = evaluator.evaluate(returns[0], value.scope);
    // A function's result depends on its arguments; only what does not is followed.
    return value.scope.parameters.length === 0 || result.value.kind === 'namespace'
      ? resolvedAt(node, result)
      : unknownAt(node);
  }
  return value.kind === 'reference' ? evaluateLibrary(evaluator, node, value.name, given, scope) : unknownAt(node);
}

function evaluateMethod(
  evaluator: Evaluator,
  node: SyntaxNode,
  callee: SyntaxNode,
  given: Arguments,
  scope: Scope,
): Evaluated | undefined {
  const { firstChild: base, lastChild: last } = callee;
  if (!base || last?.name !== 'PropertyName') return undefined;
  const method = evaluator.text(last);
  if (method === 'parse_args' || method === 'parse_known_args') {
    const owner = evaluator.evaluate(base, scope);
    if (owner.value.kind === 'instance') return owner;
    const namespace = literal(node, { kind: 'namespace' });
    return method === 'parse_args'
      ? namespace
      : literal(node, { kind: 'sequence', items: [namespace, unknownAt(node)] });
  }
  if (method !== 'get' && method !== 'copy') return undefined;
  const owner = evaluator.evaluate(base, scope);
  if (owner.value.kind !== 'dict') return undefined;
  if (method === 'copy') return resolvedAt(node, owner);
  const key = given.positional[0] && scalarOf(evaluator.evaluate(given.positional[0], scope));
  if (typeof key !== 'string') return unknownAt(node);
  if (owner.value.entries.has(key)) return evaluator.attributes.item(owner, key, node);
  const fallback = given.positional[1];
  return fallback && !owner.value.open ? resolvedAt(node, evaluator.evaluate(fallback, scope)) : unknownAt(node);
}

function evaluateLibrary(
  evaluator: Evaluator,
  node: SyntaxNode,
  name: string,
  given: Arguments,
  scope: Scope,
): Evaluated {
  const argument = (index: number) => {
    const at = given.positional[index];
    return at ? evaluator.evaluate(at, scope) : undefined;
  };
  const first = argument(0);
  if (name === 'builtins.dict' || ATTRIBUTE_OBJECTS.test(name)) {
    return keywordDictionary(evaluator, node, given, scope, first, name !== 'builtins.dict');
  }
  if (name === 'functools.partial') return literal(node, { kind: 'partial' });
  if (name === 'optax.inject_hyperparams' || LAZY_CALL.test(name))
    return first ? { ...first, range: rangeOf(node) } : unknownAt(node);
  if (COMMAND_LINES.has(name)) {
    return first?.value.kind === 'class'
      ? literal(node, { kind: 'instance', scope: first.value.scope })
      : unknownAt(node);
  }
  if (FIELDS.test(name)) {
    const value = given.keywords.get('default')?.value ?? factoryBody(given.keywords.get('default_factory')?.value);
    if (value) return evaluator.evaluate(value, scope);
    return first && name.startsWith('pydantic') ? first : unknownAt(node);
  }
  if (name === 'builtins.getattr') {
    const key = argument(1) && scalarOf(argument(1)!);
    return first && typeof key === 'string' ? evaluator.attributes.attribute(first, key, node) : unknownAt(node);
  }
  if (name === 'builtins.vars') return first?.value.kind === 'namespace' ? first : unknownAt(node);
  if (name === 'builtins.tuple' || name === 'builtins.list') {
    return first?.value.kind === 'sequence' ? { ...first, range: rangeOf(node) } : unknownAt(node);
  }
  return mathematics(node, name, first, argument(1), given.positional.length);
}

function mathematics(
  node: SyntaxNode,
  name: string,
  first: Evaluated | undefined,
  second: Evaluated | undefined,
  count: number,
): Evaluated {
  const match = MATH_MODULE.exec(name);
  const apply = match && Object.hasOwn(MATH, match[2]) ? MATH[match[2]] : undefined;
  if (!apply || !first || count > apply.length) return unknownAt(node);
  const written = scalarOf(first);
  const x = typeof written === 'string' && apply.length === 1 ? Number.parseFloat(written) : written;
  const y = second ? scalarOf(second) : Number.NaN;
  if (typeof x !== 'number' || typeof y !== 'number') return unknownAt(node);
  const value = apply(x, y);
  return Number.isFinite(value) ? computed(node, value, second ? [first, second] : [first]) : unknownAt(node);
}

/** `dict(lr=1e-3, **other)`, `SimpleNamespace(lr=1e-3)`, `EasyDict({…})`. */
function keywordDictionary(
  evaluator: Evaluator,
  node: SyntaxNode,
  given: Arguments,
  scope: Scope,
  first: Evaluated | undefined,
  attributes: boolean,
): Evaluated {
  const entries = new Map<string, DictEntry>();
  let open = given.starred || given.positional.length > 1;
  const others = given.unpacked.map((expression) => evaluator.evaluate(expression, scope));
  for (const { value } of first ? [first, ...others] : others) {
    if (value.kind === 'dict') for (const [key, entry] of value.entries) entries.set(key, entry);
    open ||= value.kind !== 'dict' || value.open;
  }
  for (const [key, { key: keyNode, value }] of given.keywords) {
    entries.set(key, {
      keyRange: rangeOf(keyNode),
      value: value ? evaluator.evaluate(value, scope) : unknownAt(keyNode),
    });
  }
  return literal(node, { kind: 'dict', entries, open, ...(attributes && { attributes }) });
}

/** The expression of `lambda: expression`. */
function factoryBody(node: SyntaxNode | undefined): SyntaxNode | undefined {
  return node?.name === 'LambdaExpression' ? (node.lastChild ?? undefined) : undefined;
}

import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import { loadedFile } from './files.ts';
import { evaluateLibrary } from './libraryCalls.ts';
import { common } from './operations.ts';
import type { FunctionParameter, Scope } from './scope.ts';
import {
  type Arguments,
  type Evaluated,
  literal,
  rangeOf,
  readArguments,
  resolvedAt,
  scalarOf,
  unknownAt,
} from './values.ts';

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
  // Detectron2's wrapper hands on what it is given, also where its own source is part of the workspace.
  const [handed] = given.positional;
  if (value.kind === 'class' && value.scope.name === 'LazyCall' && handed)
    return { ...evaluator.evaluate(handed, scope), range: rangeOf(node) };
  if (value.kind === 'class') return literal(node, { kind: 'instance', scope: value.scope, call: { node, scope } });
  if (value.kind === 'function') return result(evaluator, node, value.scope, given, scope);
  return value.kind === 'reference' ? evaluateLibrary(evaluator, node, value.name, given, scope) : unknownAt(node);
}

/** Returns of one function that are compared. */
const MOST_RETURNS = 4;

/** What a function of the workspace returns for these arguments. */
function result(evaluator: Evaluator, node: SyntaxNode, target: Scope, given: Arguments, scope: Scope): Evaluated {
  const { returns, parameters } = target;
  if (returns.length === 0 || returns.length > MOST_RETURNS) return unknownAt(node);
  const owner = evaluator.owner(target);
  const passed = new Map<FunctionParameter, Evaluated>();
  for (const parameter of parameters) {
    const written =
      given.keywords.get(parameter.name)?.value ??
      (parameter.position >= 0 ? given.positional[parameter.position] : undefined);
    if (written) passed.set(parameter, owner.taken(evaluator.evaluate(written, scope), evaluator));
    else if (parameter.defaultNode)
      passed.set(parameter, owner.evaluate(parameter.defaultNode, target.parent ?? target));
    else passed.set(parameter, unknownAt(node));
  }
  const inside = parameters.length > 0 ? owner.during(passed) : owner;
  const found = returns.map((each) => inside.evaluate(each, target)).filter((each) => scalarOf(each) !== null);
  const all = found.some(({ from }) => from === 'unknown') ? undefined : common(found, node);
  return all ? resolvedAt(node, evaluator.taken(all, owner), true) : unknownAt(node);
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
  const argument = (index: number) => {
    const at = given.positional[index];
    return at ? evaluator.evaluate(at, scope) : undefined;
  };
  switch (method) {
    case 'parse_args':
    case 'parse_known_args': {
      const owner = evaluator.evaluate(base, scope);
      if (owner.value.kind === 'instance') return owner;
      if (owner.value.kind === 'parser') return { ...owner.value.result, range: rangeOf(node) };
      const namespace = literal(node, { kind: 'namespace', scope: evaluator.index.module });
      return method === 'parse_args'
        ? namespace
        : literal(node, { kind: 'sequence', items: [namespace, unknownAt(node)] });
    }
    case 'parse_args_into_dataclasses':
    case 'parse_args_and_config':
    case 'parse_json_file':
    case 'parse_yaml_file':
    case 'parse_yaml_and_config':
    case 'parse_dict': {
      const parser = evaluator.evaluate(base, scope);
      return parser.value.kind === 'parser' ? { ...parser.value.result, range: rangeOf(node) } : undefined;
    }
    case 'get':
    case 'copy':
    case 'items': {
      const owner = evaluator.evaluate(base, scope);
      if (owner.value.kind !== 'dict') return undefined;
      if (method === 'copy') return resolvedAt(node, owner);
      const key = argument(0) && scalarOf(argument(0)!);
      if (typeof key !== 'string') return unknownAt(node);
      if (owner.value.entries.has(key)) return evaluator.attributes.item(owner, key, node);
      const fallback = argument(1);
      return fallback && !owner.value.open ? resolvedAt(node, fallback) : unknownAt(node);
    }
    case 'read_text':
    case 'read_bytes':
    case 'read':
    case 'open':
    case 'resolve':
    case 'absolute':
    case 'expanduser':
    case 'joinpath': {
      const owner = evaluator.evaluate(base, scope);
      if (owner.value.kind !== 'path') return undefined;
      const part = method === 'joinpath' ? argument(0) : undefined;
      const name = part && scalarOf(part);
      return typeof name === 'string'
        ? literal(node, { kind: 'path', path: `${owner.value.path}/${name}` })
        : { ...owner, range: rangeOf(node) };
    }
    case 'read_config':
    case 'fromfile': {
      const path = argument(0);
      return path ? loadedFile(evaluator, node, path, true) : undefined;
    }
    default:
      return undefined;
  }
}

import type { SyntaxNode } from '@lezer/common';
import { optimizersOf } from './actedOn.ts';
import type { Evaluator } from './evaluate.ts';
import { type Call, elements, type Index, type Scope } from './scope.ts';
import { type Evaluated, literal, rangeOf, readArguments, scalarOf } from './values.ts';

/** Names that lead to names, and alternatives that are looked at. */
const DEEPEST = 4;
const MOST = 8;
/** What gives parameters, and nothing of how they are trained. */
const PLAIN =
  /^(?:(?:named_|trainable_|get_)*param(?:eter)?s|list|tuple|iter|filter|map|sorted|set|chain|from_iterable|values|items|init)$/;
const SPEAKING = /group|decay|(?:^|_)wd|optimi[sz]er_param|optim_param|param_optim/i;
const DECAY = /weight_?decay|\bwd\b|\bdecay\b/;

/** What groups that are not written out in one list are known to set: a value, or undefined for one that is not known. */
export interface HiddenGroups {
  readonly keys: ReadonlyMap<string, Evaluated | undefined>;
  /** Who makes them, in the words of the text. */
  readonly maker: string;
}

/** The lists of groups that a name may stand for in the branches of an `if`, as one list. */
export function groupAlternatives(evaluator: Evaluator, params: SyntaxNode, scope: Scope): Evaluated | undefined {
  if (params.name !== 'VariableName') return undefined;
  const at = evaluator.bindings(evaluator.text(params), scope);
  const values = (at?.list ?? []).filter((binding) => binding.kind === 'value');
  if (!at || values.length < 2 || values.length > MOST) return undefined;
  const found = new Map<string, Evaluated>();
  for (const binding of values) {
    const { value } = evaluator.evaluate(binding.node, at.scope);
    if (binding.item !== undefined || value.kind !== 'sequence') return undefined;
    for (const item of value.items) {
      if (item.value.kind !== 'dict') return undefined;
      const { from, to } = item.sourceRange ?? item.range;
      found.set(`${from} ${to}`, item);
    }
  }
  return literal(params, { kind: 'sequence', items: [...found.values()] });
}

/** What is known of groups that a function, a loop or a comprehension makes; undefined where there are none such. */
export function hiddenGroups(
  evaluator: Evaluator,
  params: SyntaxNode,
  scope: Scope,
  depth = 0,
): HiddenGroups | undefined {
  switch (depth > DEEPEST ? '' : params.name) {
    case 'ParenthesizedExpression':
    case 'ArrayExpression': {
      const [only, ...more] = elements(params);
      return only && more.length === 0 && params.name !== 'ArrayExpression'
        ? hiddenGroups(evaluator, only, scope, depth + 1)
        : undefined;
    }
    case 'ArrayComprehensionExpression':
    case 'ComprehensionExpression': {
      const [first] = elements(params);
      return first && fromDictionary(evaluator, [first], scope, 'a comprehension');
    }
    case 'VariableName': {
      const name = evaluator.text(params);
      const at = evaluator.bindings(name, scope);
      const appended = appendedTo(evaluator, name, at?.scope);
      if (appended.length > 0) return fromDictionary(evaluator, appended, at!.scope, 'a loop');
      const value = (at?.list ?? []).filter((binding) => binding.kind === 'value').at(-1);
      return at && value ? hiddenGroups(evaluator, value.node, at.scope, depth + 1) : undefined;
    }
    case 'CallExpression':
      return fromCall(evaluator, params);
    default:
      return undefined;
  }
}

/** A function that is given a weight decay, or whose name speaks of groups: who knows what it sets. */
function fromCall(evaluator: Evaluator, call: SyntaxNode): HiddenGroups | undefined {
  const callee = call.firstChild;
  const name =
    callee && evaluator.text(callee.name === 'MemberExpression' && callee.lastChild ? callee.lastChild : callee);
  if (!callee || name === null || !/^\w+$/.test(name) || PLAIN.test(name)) return undefined;
  const list = call.getChild('ArgList');
  const given = list ? evaluator.text(list).slice(0, 1000) : '';
  if (!SPEAKING.test(name) && !DECAY.test(given)) return undefined;
  const keys = new Map<string, undefined>([['weight_decay', undefined]]);
  if (/\b(?:base_)?lr\b|learning_rate/.test(given)) keys.set('lr', undefined);
  return { keys, maker: `${evaluator.text(callee).slice(0, 60)}()` };
}

/** What dictionaries set: a value where all set the same. */
function fromDictionary(
  evaluator: Evaluator,
  nodes: readonly SyntaxNode[],
  scope: Scope,
  maker: string,
): HiddenGroups | undefined {
  const maps = nodes.flatMap((node) => {
    const { value } = evaluator.evaluate(node, scope);
    return value.kind === 'dict' ? [value] : [];
  });
  if (maps.length === 0 || !maps.some(({ entries }) => entries.has('params'))) return undefined;
  const keys = new Map<string, Evaluated | undefined>();
  for (const key of new Set(maps.flatMap(({ entries }) => [...entries.keys()]))) {
    if (key === 'params') continue;
    const [first, ...rest] = maps.map(({ entries }) => entries.get(key)?.value);
    const value = first && scalarOf(first);
    if (!maps.every(({ entries }) => entries.has(key)) && key !== 'lr' && key !== 'weight_decay') continue;
    const isOne = typeof value === 'number' && rest.every((other) => other && scalarOf(other) === value);
    keys.set(key, isOne ? first : undefined);
  }
  return keys.size > 0 ? { keys, maker } : undefined;
}

const appendedByName = new WeakMap<Index, Map<string, Call[]>>();

/** Calls of `append` and `extend` by the name of the list. */
function appending(index: Index): ReadonlyMap<string, readonly Call[]> {
  let all = appendedByName.get(index);
  if (all) return all;
  all = new Map<string, Call[]>();
  for (const method of ['append', 'extend'])
    for (const call of index.callsByName.get(method) ?? []) {
      const base = call.node.firstChild?.firstChild;
      if (base?.name !== 'VariableName') continue;
      const name = index.text.slice(base.from, base.to);
      const list = all.get(name);
      if (list) list.push(call);
      else all.set(name, [call]);
    }
  appendedByName.set(index, all);
  return all;
}

/** The dictionaries that `name.append({…})` and `name += [{…}]` put into a list. */
function appendedTo(evaluator: Evaluator, name: string, scope: Scope | undefined): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (const call of appending(evaluator.index).get(name) ?? []) {
    if (found.length >= MOST) break;
    if (evaluator.bindings(name, call.scope)?.scope !== scope) continue;
    const added = readArguments(call.node.getChild('ArgList'), evaluator.index.text).positional[0];
    if (added) found.push(...dictionariesOf(added));
  }
  for (const binding of scope?.bindings.get(name) ?? []) {
    if (binding.kind !== 'opaque' || found.length >= MOST) continue;
    const { parent } = evaluator.index.tree.resolveInner(binding.at, 1);
    const added = parent?.name === 'UpdateStatement' ? parent.lastChild : undefined;
    if (added) found.push(...dictionariesOf(added));
  }
  return found;
}

const dictionariesOf = (node: SyntaxNode): SyntaxNode[] =>
  node.name === 'ArrayExpression'
    ? elements(node)
    : node.name === 'DictionaryExpression' || node.name === 'CallExpression'
      ? [node]
      : [];

/** The calls `optimizer.add_param_group({…})` by the offsets of the calls that made the optimizers. */
export function addedGroups(evaluator: Evaluator): ReadonlyMap<number, { node: SyntaxNode; scope: Scope }[]> {
  const found = new Map<number, { node: SyntaxNode; scope: Scope }[]>();
  for (const { node, scope } of evaluator.index.callsByName.get('add_param_group') ?? []) {
    const optimizer = node.firstChild?.firstChild;
    const group = readArguments(node.getChild('ArgList'), evaluator.index.text).positional[0];
    if (!optimizer || !group) continue;
    for (const call of optimizersOf(evaluator, optimizer, scope)) {
      const before = found.get(call) ?? [];
      if (before.length < MOST) found.set(call, [...before, { node: group, scope }]);
    }
  }
  return found;
}

/** The node of an optimizer's first argument as it is written in its call. */
export function paramsNode(evaluator: Evaluator, call: SyntaxNode): SyntaxNode | undefined {
  const given = readArguments(call.getChild('ArgList'), evaluator.index.text);
  return given.keywords.get('params')?.value ?? given.positional[0];
}

/** Where a value that is not known stands. */
export const hiddenAt = (node: SyntaxNode) => ({ value: undefined, from: 'unknown' as const, range: rangeOf(node) });

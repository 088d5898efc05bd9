import type { SyntaxNode } from '@lezer/common';
import type { Evaluator } from './evaluate.ts';
import { reaching } from './reaching.ts';
import { elements, type FunctionParameter, type Scope } from './scope.ts';
import { readArguments } from './values.ts';

/** Names that lead to names. */
const DEEPEST = 6;
/** Calls of one function that are looked at. */
const MOST_CALLS = 20;

/**
 * Where the calls start that made the optimizers which an expression stands for: a name, an attribute, the call itself, the
 * variable of a loop over a list of them, or the parameter of a function that is given them.
 */
export function optimizersOf(evaluator: Evaluator, expression: SyntaxNode, scope: Scope, depth = 0): number[] {
  if (depth > DEEPEST) return [];
  const follow = (node: SyntaxNode, from: Scope) => optimizersOf(evaluator, node, from, depth + 1);
  switch (expression.name) {
    case 'CallExpression':
      return [expression.from];
    case 'ArrayExpression':
    case 'TupleExpression':
    case 'ParenthesizedExpression':
      return elements(expression)
        .slice(0, MOST_CALLS)
        .flatMap((each) => follow(each, scope));
    case 'VariableName': {
      const name = evaluator.text(expression);
      const source = iterated(evaluator, expression, name);
      if (source) return follow(source, scope);
      const at = evaluator.bindings(name, scope);
      const seen = at?.scope === scope ? reaching(at.list, expression) : (at?.list ?? []);
      // In a loop that binds the name again further down, it is still the last one that is written before.
      const before = at?.scope === scope ? at.list.filter((each) => each.at < expression.from).slice(-1) : [];
      const values = (seen.length > 0 ? seen : before).filter((binding) => binding.kind === 'value');
      if (at && values.length > 0)
        return values
          .slice(0, MOST_CALLS)
          .flatMap((binding) => (binding.item === undefined ? follow(binding.node, at.scope) : []));
      const [only] = at?.list ?? [];
      return only?.kind === 'parameter' ? passedTo(evaluator, only.scope, only.parameter, follow) : [];
    }
    case 'MemberExpression': {
      if (expression.lastChild?.name !== 'PropertyName') return [];
      const stores = evaluator.index.attributeStores.get(evaluator.text(expression.lastChild)) ?? [];
      const [store] = stores;
      return stores.length === 1 && store.node ? follow(store.node, store.scope) : [];
    }
    default:
      return [];
  }
}

/** What a loop or comprehension around `node` takes the values of a name from. */
function iterated(evaluator: Evaluator, node: SyntaxNode, name: string): SyntaxNode | undefined {
  for (let at = node.parent; at && !/^(?:FunctionDefinition|ClassDefinition)$/.test(at.name); at = at.parent) {
    if (!/^(?:ForStatement|ArrayComprehensionExpression|ComprehensionExpression)$/.test(at.name)) continue;
    // `for i, group in enumerate(groups)` has its targets one by one, without a node around them.
    const targets: string[] = [];
    let child = at.getChild('for')?.nextSibling;
    for (; child && child.name !== 'in'; child = child.nextSibling)
      targets.push(
        ...(child.name === 'TupleExpression' ? elements(child) : [child]).map((each) => evaluator.text(each)),
      );
    const source = child?.nextSibling;
    const names = targets.filter((each) => each !== ',');
    if (!source || !names.includes(name)) continue;
    if (names.length === 1) return source;
    const isCounted =
      source.name === 'CallExpression' && /^enumerate\(/.test(evaluator.text(source)) && names[1] === name;
    return isCounted ? elements(source.getChild('ArgList') ?? source)[0] : undefined;
  }
  return undefined;
}

/** What calls of a function of the same text pass to one of its parameters. */
function passedTo(
  evaluator: Evaluator,
  method: Scope,
  { name, position }: FunctionParameter,
  follow: (node: SyntaxNode, from: Scope) => number[],
): number[] {
  const isMethod = method.parent?.kind === 'class';
  const calls = evaluator.index.callsByName.get(method.name) ?? [];
  const found = calls.slice(0, MOST_CALLS).flatMap((call) => {
    const given = readArguments(call.node.getChild('ArgList'), evaluator.index.text);
    const at = given.keywords.get(name)?.value ?? given.positional[isMethod ? position - 1 : position];
    return at ? follow(at, call.scope) : [];
  });
  return [...new Set(found)];
}

/** Places that set the learning rate or weight decay of parameter groups, with the expression of the optimizer that has them. */
export function setByHand(
  evaluator: Evaluator,
): { key: 'lr' | 'weight_decay'; node: SyntaxNode; optimizer: SyntaxNode; scope: Scope }[] {
  const all = [...evaluator.index.itemStores.values()].flat();
  return all.flatMap(({ key, target, scope }) => {
    if (key !== 'lr' && key !== 'weight_decay') return [];
    const base = target.firstChild;
    if (!base) return [];
    const groups =
      base.name === 'VariableName' ? iterated(evaluator, base, evaluator.text(base)) : (base.firstChild ?? undefined);
    const isGroups =
      groups?.name === 'MemberExpression' &&
      groups.lastChild?.name === 'PropertyName' &&
      evaluator.text(groups.lastChild) === 'param_groups';
    return isGroups && groups.firstChild ? [{ key, node: target, optimizer: groups.firstChild, scope }] : [];
  });
}

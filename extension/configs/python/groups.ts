import type { SyntaxNode } from '@lezer/common';
import { type Argument, part } from '../assemble.ts';
import type { GroupSelection, HyperparameterValue, ParameterGroup } from '../config.ts';
import { canonicalNames } from '../signature.ts';
import type { Evaluator } from './evaluate.ts';
import { elements, type Scope } from './scope.ts';
import { type DictEntry, type Evaluated, resolvedAt, scalarOf, toFinding, unknownAt } from './values.ts';

/** Groups of one optimizer that are described. */
const MOST = 32;

/**
 * The parameter groups of an optimizer's first argument. What all of them set replaces the argument in `bound`: the common
 * value, the one that is not 0 of a weight decay (whom it spares, the groups tell), or an unknown one where they differ.
 */
export function groupsOf(
  evaluator: Evaluator,
  groups: Evaluated,
  scope: Scope,
  bound: Map<string, Argument>,
): ParameterGroup[] {
  const items = groups.value.kind === 'sequence' ? groups.value.items : [];
  const dictionaries = items.map(({ value }) => (value.kind === 'dict' ? value.entries : undefined));
  if (items.length === 0 || items.length > MOST || dictionaries.every((entries) => entries === undefined)) return [];
  for (const key of new Set(dictionaries.flatMap((entries) => [...(entries?.keys() ?? [])]))) {
    if (key === 'params') continue;
    const given = dictionaries.map((entries) => entries?.get(key));
    if (given.includes(undefined)) continue;
    const chosen = commonOf(given as DictEntry[], key);
    const { keyRange, value } = chosen ?? given[0]!;
    const seen = groups.from === 'literal' ? value : resolvedAt(groups.range, value);
    bound.set(key, {
      finding: toFinding(chosen ? seen : unknownAt(seen.range)),
      ...(groups.from === 'literal' && keyRange.file === undefined && { keyRange }),
    });
  }
  return items.flatMap(({ value, range }) => {
    if (value.kind !== 'dict') return [];
    const selected = value.entries.get('params');
    const selection = selected && selectionOf(evaluator, selected.value, scope);
    const hyperparameters = new Map<string, HyperparameterValue>();
    for (const [key, entry] of value.entries) {
      const names = canonicalNames(key);
      names.forEach((name, index) => {
        hyperparameters.set(
          name,
          part({ finding: toFinding(entry.value), keyRange: entry.keyRange }, key, index, names.length),
        );
      });
    }
    return [{ range, hyperparameters, ...(selection && { selection }) }];
  });
}

function commonOf(entries: readonly DictEntry[], key: string): DictEntry | undefined {
  const plain = entries.map(({ value }): string | undefined => JSON.stringify(plainOf(value)));
  if (plain.includes(undefined)) return undefined;
  const [first] = entries;
  if (plain.every((other) => other === plain[0])) return first;
  if (canonicalNames(key)[0] !== 'weight_decay') return undefined;
  const decaying = entries.filter(({ value }) => scalarOf(value) !== 0);
  return decaying.length < entries.length && new Set(decaying.map(({ value }) => scalarOf(value))).size === 1
    ? decaying[0]
    : undefined;
}

/** A number, or a list of them; undefined for anything else. */
function plainOf(evaluated: Evaluated): unknown {
  if (evaluated.value.kind === 'sequence') {
    const items = evaluated.value.items.map(plainOf);
    return items.includes(undefined) ? undefined : items;
  }
  return scalarOf(evaluated);
}

/** Which tensors `params` takes, read from how the list is made. */
function selectionOf(evaluator: Evaluator, params: Evaluated, scope: Scope): GroupSelection | undefined {
  const { range } = params;
  if (range.file !== undefined) return undefined;
  let node: SyntaxNode | null = evaluator.index.tree.resolveInner(range.from, 1);
  while (node && (node.to < range.to || node.from > range.from)) node = node.parent;
  // Of several nodes with the same range the outermost is the expression.
  while (node?.parent && node.parent.from === range.from && node.parent.to === range.to) node = node.parent;
  return node ? selected(evaluator, node, scope, 0) : undefined;
}

function selected(evaluator: Evaluator, node: SyntaxNode, scope: Scope, depth: number): GroupSelection | undefined {
  if (depth > 4) return undefined;
  switch (node.name) {
    case 'VariableName': {
      const list = evaluator.bindings(evaluator.text(node), scope)?.list;
      const [only] = list ?? [];
      return list?.length === 1 && only.kind === 'value' && only.item === undefined
        ? selected(evaluator, only.node, scope, depth + 1)
        : undefined;
    }
    case 'ParenthesizedExpression': {
      const [inner] = elements(node);
      return node.getChild('for')
        ? comprehended(evaluator, node, scope)
        : inner && selected(evaluator, inner, scope, depth + 1);
    }
    case 'ArrayComprehensionExpression':
    case 'ComprehensionExpression':
      return comprehended(evaluator, node, scope);
    case 'CallExpression': {
      const callee = node.firstChild;
      const [first, second] = elements(node.getChild('ArgList') ?? node);
      if (callee && /^(?:list|tuple|iter)$/.test(evaluator.text(callee)))
        return first && selected(evaluator, first, scope, depth + 1);
      if (callee && evaluator.text(callee) === 'filter') return second && selected(evaluator, second, scope, depth + 1);
      const prefix = modulePrefix(evaluator, node);
      return prefix === undefined ? undefined : { kind: 'names', globs: [`${prefix}*`], except: false };
    }
    default:
      return undefined;
  }
}

/** `encoder.` of `model.encoder.parameters()`, nothing of `model.parameters()`; undefined for anything else. */
function modulePrefix(evaluator: Evaluator, call: SyntaxNode): string | undefined {
  const callee = call.firstChild;
  const method = callee?.name === 'MemberExpression' ? callee.lastChild : null;
  if (!callee?.firstChild || !method || !/^(?:named_)?parameters$/.test(evaluator.text(method))) return undefined;
  const path = evaluator
    .text(callee.firstChild)
    .replace(/^self\.(?=\w)/, '')
    .split('.');
  if (!path.every((each) => /^\w+$/.test(each))) return undefined;
  const inner = path.slice(1).filter((each) => each !== 'module');
  return inner.length === 0 ? '' : `${inner.join('.')}.`;
}

/** `[p for n, p in model.named_parameters() if …]`. */
function comprehended(evaluator: Evaluator, node: SyntaxNode, scope: Scope): GroupSelection | undefined {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  const inAt = children.findIndex(({ name }) => name === 'in');
  const source = children[inAt + 1];
  if (inAt < 0 || !source || children.filter(({ name }) => name === 'for').length !== 1) return undefined;
  const prefix = source.name === 'CallExpression' ? modulePrefix(evaluator, source) : undefined;
  if (prefix === undefined) return undefined;
  const conditions = children.flatMap((child, i) => (children[i - 1]?.name === 'if' ? [child] : []));
  const terms = conditions
    .flatMap((condition) => conjuncts(condition))
    .map((term) => conditionOf(evaluator, term, scope));
  if (terms.includes(undefined)) return undefined;
  const deciding = terms.filter((term) => term !== 'always') as GroupSelection[];
  if (deciding.length === 0) return { kind: 'names', globs: [`${prefix}*`], except: false };
  return deciding.length === 1 && prefix === '' ? deciding[0] : undefined;
}

function conjuncts(node: SyntaxNode): SyntaxNode[] {
  if (node.name === 'ParenthesizedExpression') return elements(node).flatMap(conjuncts);
  const isAnd = node.name === 'BinaryExpression' && node.firstChild?.nextSibling?.name === 'and';
  return isAnd && node.firstChild && node.lastChild
    ? [...conjuncts(node.firstChild), ...conjuncts(node.lastChild)]
    : [node];
}

const isNumberOfDimensions = /^\w+\.(?:dim\(\)|ndim|ndimension\(\))$|^len\(\w+\.(?:shape|size\(\))\)$/;

/** What one condition on a parameter and its name selects; `always` for what says nothing of either. */
function conditionOf(evaluator: Evaluator, node: SyntaxNode, scope: Scope): GroupSelection | 'always' | undefined {
  const text = evaluator.text(node);
  if (/^\w+\.requires_grad$/.test(text)) return 'always';
  const dimensions = /^(.+?)\s*(>=|<=|>|<|==)\s*(\d+)$/.exec(text);
  if (dimensions && isNumberOfDimensions.test(dimensions[1])) {
    const [, , sign, digits] = dimensions;
    const count = Number(digits);
    const least = sign === '>=' || sign === '==' ? count : sign === '>' ? count + 1 : 0;
    const most = sign === '<=' || sign === '==' ? count : sign === '<' ? count - 1 : Number.MAX_SAFE_INTEGER;
    return { kind: 'dimensions', least, most };
  }
  if (node.name === 'UnaryExpression' && node.firstChild?.name === 'not' && node.lastChild) {
    const inner = conditionOf(evaluator, node.lastChild, scope);
    if (inner === undefined || inner === 'always') return undefined;
    return inner.kind === 'names' ? { ...inner, except: !inner.except } : undefined;
  }
  if (node.name === 'ParenthesizedExpression') {
    const [inner] = elements(node);
    return inner && conditionOf(evaluator, inner, scope);
  }
  if (node.name === 'BinaryExpression' && node.firstChild && node.lastChild) {
    const operator = node.firstChild.nextSibling;
    if (operator?.name === 'or') {
      const globs: string[] = [];
      for (const side of [node.firstChild, node.lastChild]) {
        const selection = conditionOf(evaluator, side, scope);
        if (!selection || selection === 'always' || selection.kind !== 'names' || selection.except) return undefined;
        globs.push(...selection.globs);
      }
      return { kind: 'names', globs, except: false };
    }
    const except = operator?.name === 'not';
    const isMember = operator?.name === 'in' || (except && operator?.nextSibling?.name === 'in');
    const left = isMember ? scalarOf(evaluator.evaluate(node.firstChild, scope)) : undefined;
    // `"bias" in name`, and a name in a list of names.
    if (typeof left === 'string') return { kind: 'names', globs: [`*${left}*`], except };
    const listed =
      isMember && /^\w+$/.test(evaluator.text(node.firstChild))
        ? textsOf(evaluator.evaluate(node.lastChild, scope))
        : undefined;
    return listed ? { kind: 'names', globs: listed, except } : undefined;
  }
  if (node.name !== 'CallExpression') return undefined;
  const method = node.firstChild?.name === 'MemberExpression' ? node.firstChild.lastChild : null;
  const [argument] = elements(node.getChild('ArgList') ?? node);
  if (method && argument && /^(?:starts|ends)with$/.test(evaluator.text(method))) {
    const value = evaluator.evaluate(argument, scope);
    const texts = textsOf(value) ?? (typeof scalarOf(value) === 'string' ? [String(scalarOf(value))] : undefined);
    const isStart = evaluator.text(method) === 'startswith';
    return texts && { kind: 'names', globs: texts.map((each) => (isStart ? `${each}*` : `*${each}`)), except: false };
  }
  return anyOf(evaluator, node, scope);
}

/** `any(word in name for word in no_decay)`. */
function anyOf(evaluator: Evaluator, node: SyntaxNode, scope: Scope): GroupSelection | undefined {
  const list = node.getChild('ArgList');
  if (!node.firstChild || !list || evaluator.text(node.firstChild) !== 'any') return undefined;
  const match = /^\(\s*\[?\s*(\w+) in (\w+) for (\w+) in /.exec(evaluator.text(list));
  if (!match || match[1] !== match[3]) return undefined;
  let at: SyntaxNode | null = list.firstChild;
  const inside = list.getChild('ComprehensionExpression') ?? list.getChild('ArrayComprehensionExpression');
  if (inside) at = inside.firstChild;
  let source: SyntaxNode | undefined;
  for (let isAfterFor = false; at; at = at.nextSibling) {
    if (at.name === 'for') isAfterFor = true;
    else if (isAfterFor && at.name === 'in' && at.nextSibling) source = at.nextSibling;
  }
  const texts = source && textsOf(evaluator.evaluate(source, scope));
  return texts && { kind: 'names', globs: texts.map((text) => `*${text}*`), except: false };
}

function textsOf({ value }: Evaluated): string[] | undefined {
  const items = value.kind === 'sequence' ? value.items.map(scalarOf) : [];
  return items.length > 0 && items.every((item) => typeof item === 'string') ? (items as string[]) : undefined;
}

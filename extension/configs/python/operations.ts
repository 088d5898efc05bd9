import type { SyntaxNode } from '@lezer/common';
import type { Scalar } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import type { Binding } from './scope.ts';
import { type Evaluated, literal, scalarOf, unknownAt } from './values.ts';

/** Constructors that are compared; of more it is not said which may be meant. */
const MOST_OPTIONS = 6;

/**
 * What alternatives (the branches of an `if`) have in common: the same number or text, or implementations of the same
 * optimizer, of which PyTorch's own is taken, as the one that is always there. Other constructors stay a choice.
 */
export function common(found: readonly Evaluated[], node: { from: number; to: number }): Evaluated | undefined {
  const [first] = found;
  if (found.length <= 1) return first;
  const { value } = first;
  if (value.kind === 'scalar') return found.every((other) => scalarOf(other) === value.value) ? first : undefined;
  if (found.every((other) => other.value.kind === value.kind) && (value.kind === 'namespace' || value.kind === 'unset'))
    return first;
  if (value.kind === 'instance' || value.kind === 'class')
    if (
      found.every(
        (other) => other.value.kind === value.kind && 'scope' in other.value && other.value.scope === value.scope,
      )
    )
      return first;
  const constructors = found.flatMap((each) => (each.value.kind === 'choice' ? each.value.options : [each]));
  const definitions = constructors.map((each) =>
    each.value.kind === 'reference' ? constructorOf(each.value.name) : undefined,
  );
  const optimizer = definitions[0]?.optimizer;
  if (optimizer !== undefined && definitions.every((other) => other?.optimizer === optimizer))
    return constructors.find((_, i) => definitions[i]?.framework === 'pytorch') ?? constructors.at(-1);
  const isConstructor = ({ value: each }: Evaluated, i: number) =>
    definitions[i] !== undefined || (each.kind === 'class' && each.scope.bases.length > 0);
  const options = constructors.filter(isConstructor);
  return options.length === constructors.length && options.length <= MOST_OPTIONS
    ? literal(node, { kind: 'choice', options })
    : undefined;
}

/** Of alternative imports (`try: … except ImportError: …`) the first that is known, or else the first. */
export function preferredImport(list: readonly Binding[]): readonly Binding[] {
  if (!list.every((binding) => binding.kind === 'import')) return list;
  return [list.find((binding) => binding.kind === 'import' && constructorOf(binding.name)) ?? list[0]];
}

/** Item `index` of a known sequence. */
export function itemOf(whole: Evaluated, index: number, node: { from: number; to: number }): Evaluated {
  const items = whole.value.kind === 'sequence' ? whole.value.items : [];
  return items.at(index) ?? unknownAt(node);
}

/** The nodes after the last `=` of an assignment, without commas. */
export function afterAssignment(node: SyntaxNode): SyntaxNode[] {
  let values: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name === 'AssignOp') values = [];
    else if (child.name !== ',' && child.name !== 'Comment') values.push(child);
  }
  return values;
}

/** Python's arithmetic on numbers; undefined for other operators and where Python raises. */
export function arithmetic(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return b === 0 ? undefined : a - b * Math.floor(a / b);
    case '**':
      return a ** b;
    default:
      return undefined;
  }
}

/** What a value counts as in a condition; undefined where that is not known. */
export function truth(evaluated: Evaluated): boolean | undefined {
  const { value } = evaluated;
  switch (value.kind) {
    case 'scalar':
      return Boolean(value.value);
    case 'unset':
      return false;
    case 'sequence':
      return value.items.length > 0;
    case 'dict':
      return value.entries.size > 0 || (value.open ? undefined : false);
    case 'class':
    case 'function':
    case 'instance':
    case 'reference':
    case 'path':
      return true;
    default:
      return undefined;
  }
}

/** `is`, `==`, `in`, `<` and their negations; undefined where the operands do not decide. */
export function comparison(operator: string, left: Evaluated, right: Evaluated): boolean | undefined {
  const isNegated = operator === 'is not' || operator === '!=' || operator === 'not in';
  const decided = (value: boolean | undefined) => (value === undefined ? undefined : value !== isNegated);
  const [a, b] = [left, right].map((each): Scalar | undefined => (each.value.kind === 'unset' ? null : scalarOf(each)));
  switch (operator) {
    case 'is':
    case 'is not':
    case '==':
    case '!=':
      if (b === null && a === undefined && truth(left) === true) return decided(false);
      return a === undefined || b === undefined ? undefined : decided(a === b);
    case 'in':
    case 'not in': {
      if (right.value.kind === 'dict' && typeof a === 'string')
        return right.value.entries.has(a)
          ? decided(right.value.entries.get(a)?.value.from === 'unknown' ? undefined : true)
          : right.value.open
            ? undefined
            : decided(false);
      const items = right.value.kind === 'sequence' ? right.value.items.map(scalarOf) : [];
      if (a === undefined || items.length === 0 || items.includes(undefined))
        return typeof a === 'string' && typeof b === 'string' ? decided(b.includes(a)) : undefined;
      return decided(items.includes(a));
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      if (typeof a !== 'number' || typeof b !== 'number') return undefined;
      return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b;
    }
    default:
      return undefined;
  }
}

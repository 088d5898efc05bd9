import type { SyntaxNode } from '@lezer/common';
import { type Argument, assemble } from '../assemble.ts';
import type { Note, OptimizerConfig } from '../config.ts';
import { type Constructor, constructorOf } from '../frameworks.ts';
import { otherOptimizer } from '../names.ts';
import type { SourceRange } from '../source.ts';
import type { Evaluator } from './evaluate.ts';
import { groupAlternatives, hiddenAt, hiddenGroups, paramsNode } from './groupMakers.ts';
import { groupsOf } from './groups.ts';
import type { FunctionParameter, Scope } from './scope.ts';
import {
  type Arguments,
  type Evaluated,
  rangeOf,
  readArguments,
  resolvedAt,
  scalarOf,
  toFinding,
  unknownAt,
} from './values.ts';

/** The arguments of a call, evaluated. */
export interface Given {
  readonly positional: readonly Evaluated[];
  readonly keywords: ReadonlyMap<string, { readonly keyRange?: SourceRange; readonly value: Evaluated }>;
  /** There may be more. */
  readonly open: boolean;
}

/** Evaluates the arguments of a call; those of dictionaries that are unpacked come under their keys. */
export function givenOf(evaluator: Evaluator, given: Arguments, scope: Scope): Given {
  const keywords = new Map<string, { keyRange?: SourceRange; value: Evaluated }>();
  let open = given.starred;
  for (const expression of given.unpacked) {
    const { value } = evaluator.evaluate(expression, scope);
    if (value.kind !== 'dict') {
      open = true;
      continue;
    }
    open ||= value.open;
    const written = expression.name === 'DictionaryExpression' || expression.name === 'CallExpression';
    for (const [key, entry] of value.entries)
      keywords.set(key, {
        value: written ? entry.value : resolvedAt(expression, entry.value),
        ...(written && { keyRange: entry.keyRange }),
      });
  }
  for (const [key, keyword] of given.keywords) {
    const value = keyword.value ? evaluator.evaluate(keyword.value, scope) : unknownAt(keyword.key);
    keywords.set(key, { value, keyRange: rangeOf(keyword.key) });
  }
  return { positional: given.positional.map((node) => evaluator.evaluate(node, scope)), keywords, open };
}

/** A constructor that something stands for, and how the arguments of a call reach it. */
export interface Target {
  readonly definition: Constructor;
  /** What the constructor is given when something is called with these arguments. */
  readonly bind: (given: Given) => Given;
  readonly note?: string;
}

const asGiven = (given: Given): Given => given;

/** The constructors that a value may stand for: several where the program chooses when it runs. */
export function targetsOf(evaluator: Evaluator, value: Evaluated['value'], call?: SyntaxNode): readonly Target[] {
  switch (value.kind) {
    case 'reference': {
      const definition = constructorOf(value.name) ?? (call && fromElsewhere(evaluator, value.name, call));
      return definition ? [{ definition, bind: asGiven }] : [];
    }
    case 'choice': {
      const all = value.options.flatMap((option) => targetsOf(evaluator, option.value, call));
      const names = value.options.map((option) => shortName(option.value)).join(' and ');
      return all.map((target) => ({ ...target, note: `One of ${names}: the program decides when it runs.` }));
    }
    case 'class':
      return derived(evaluator, value.scope);
    default:
      return [];
  }
}

const shortName = (value: Evaluated['value']): string =>
  value.kind === 'reference'
    ? value.name.slice(value.name.lastIndexOf('.') + 1)
    : value.kind === 'class'
      ? value.scope.name
      : '';

/** A class from elsewhere that has the name of an optimizer that no library's table has, where it gets parameters. */
function fromElsewhere(evaluator: Evaluator, name: string, call: SyntaxNode): Constructor | undefined {
  const dot = name.lastIndexOf('.');
  const optimizer = dot > 0 && /^[A-Z]/.test(name.slice(dot + 1)) ? otherOptimizer(name.slice(dot + 1)) : undefined;
  if (optimizer === undefined) return undefined;
  const given = readArguments(call.getChild('ArgList'), evaluator.index.text);
  const speaks =
    ['lr', 'learning_rate', 'params', 'betas', 'weight_decay', 'momentum'].some((key) => given.keywords.has(key)) ||
    given.positional.some((each) => /param/i.test(evaluator.text(each)));
  return speaks ? generic(optimizer) : undefined;
}

const generic = (optimizer: string): Constructor => ({
  framework: 'other',
  optimizer,
  parameters: [
    { name: 'params', sets: [], positional: true },
    { name: 'lr', sets: ['lr'], positional: true },
  ],
  isGeneric: true,
});

/** Classes that are optimizers to PyTorch, and hold others or none. */
const HOLDERS = /Containers?$|Wrapper$|InBackward$|^(?:Dummy|Chained|Hybrid|Mixed|Multi)/;

/** Classes that inherit from each other. */
const DEEPEST = 6;

/** A class of the workspace that inherits from a known constructor: what it passes on to that one. */
function derived(evaluator: Evaluator, scope: Scope, depth = 0): readonly Target[] {
  const owner = evaluator.owner(scope);
  for (const base of depth < DEEPEST ? scope.bases : []) {
    const { value } = owner.evaluate(base, scope.parent ?? scope);
    if (value.kind === 'reference' && /(^|\.)Optimizer$/.test(value.name) && /torch|keras/.test(value.name))
      return HOLDERS.test(scope.name)
        ? []
        : [{ definition: generic(otherOptimizer(scope.name) ?? scope.name), bind: asGiven }];
    const inner = value.kind === 'class' ? derived(evaluator, value.scope, depth + 1) : targetsOf(evaluator, value);
    if (inner.length === 0) continue;
    // With a step of its own it is another optimizer.
    if (scope.bindings.has('step') || scope.bindings.has('update_step'))
      return [{ definition: generic(otherOptimizer(scope.name) ?? scope.name), bind: asGiven }];
    return inner.map((target) => ({
      ...target,
      bind: (given) => target.bind(withFields(owner, scope, target.definition, passedOn(owner, scope, given))),
    }));
  }
  return [];
}

/** What `super().__init__(params, lr=lr, **kwargs)` passes on of what a class is given. */
function passedOn(evaluator: Evaluator, scope: Scope, given: Given): Given {
  const init = scope.bindings.get('__init__')?.[0];
  if (init?.kind !== 'function') return given;
  const method = init.scope;
  const call = (evaluator.index.callsByName.get('__init__') ?? []).find((each) => each.scope === method);
  if (!call) return { positional: [], keywords: new Map(), open: true };
  const passed = new Map<FunctionParameter, Evaluated>();
  const written: Evaluated[] = [];
  const taken = new Set<string>();
  for (const parameter of method.parameters.slice(1)) {
    const value =
      given.keywords.get(parameter.name)?.value ??
      (parameter.position > 0 ? given.positional[parameter.position - 1] : undefined);
    taken.add(parameter.name);
    if (value) {
      passed.set(parameter, value);
      written.push(value);
    } else if (given.open) passed.set(parameter, unknownAt(call.node));
    else if (parameter.defaultNode) passed.set(parameter, evaluator.evaluate(parameter.defaultNode, scope));
  }
  const arguments_ = readArguments(call.node.getChild('ArgList'), evaluator.index.text);
  const inside = evaluator.during(passed);
  // `**kwargs` of the class itself: what it has no parameter for.
  const own = arguments_.unpacked.filter((each) => !isStarredParameter(method, evaluator.text(each)));
  const inner = givenOf(inside, { ...arguments_, unpacked: own, starred: false }, method);
  // Ranges are those of the call that is looked at, where a value comes from there.
  const seen = (value: Evaluated): Evaluated => {
    const source = written.find((each) => each.range === value.sourceRange || each.sourceRange === value.sourceRange);
    return source && source.from === 'literal' ? { ...source } : value;
  };
  const keywords = new Map<string, { keyRange?: SourceRange; value: Evaluated }>();
  if (own.length < arguments_.unpacked.length)
    for (const [key, keyword] of given.keywords) if (!taken.has(key)) keywords.set(key, keyword);
  for (const [key, { value }] of inner.keywords) {
    const outer = given.keywords.get(key);
    keywords.set(key, { value: seen(value), ...(outer?.keyRange && { keyRange: outer.keyRange }) });
  }
  return { positional: inner.positional.map(seen), keywords, open: given.open || inner.open };
}

/** The fields of a dataclass that is derived from a trainer's arguments: what it sets where a call does not. */
function withFields(evaluator: Evaluator, scope: Scope, definition: Constructor, given: Given): Given {
  if (definition.namedBy === undefined || scope.bindings.has('__init__')) return given;
  const keywords = new Map(given.keywords);
  for (const { name, positional } of definition.parameters) {
    const field = scope.bindings.get(name)?.at(-1);
    if (positional || field?.kind !== 'value' || keywords.has(name)) continue;
    const { range } = evaluator.evaluate(field.node, scope);
    keywords.set(name, { value: resolvedAt(range, evaluator.evaluate(field.node, scope)) });
  }
  return { ...given, keywords };
}

const isStarredParameter = (method: Scope, name: string): boolean =>
  method.bindings.get(name)?.[0]?.kind === 'opaque' && !method.parameters.some((parameter) => parameter.name === name);

/** The configuration that a constructor makes of what it is given. */
export function build(
  evaluator: Evaluator,
  { definition, bind, note }: Target,
  place: { readonly name: SyntaxNode; readonly call: SyntaxNode },
  given: Given,
  scope: Scope,
  notes: readonly Note[] = [],
): OptimizerConfig | undefined {
  const { positional: values, keywords, open } = bind(given);
  const bound = new Map<string, Argument>();
  const positional = definition.parameters.filter((parameter) => parameter.positional);
  for (const [index, value] of values.entries()) {
    const parameter = positional[index];
    if (parameter) bound.set(parameter.name, { finding: toFinding(value) });
  }
  for (const [key, { keyRange, value }] of keywords)
    bound.set(key, { finding: toFinding(value), ...(keyRange && { keyRange }) });
  const first = keywords.get('params')?.value ?? (positional[0]?.name === 'params' ? values[0] : undefined);
  const node = first ? paramsNode(evaluator, place.call) : undefined;
  const lists = (node && groupAlternatives(evaluator, node, scope)) ?? first;
  const groups = lists ? groupsOf(evaluator, lists, scope, bound) : [];
  const hidden = node && groups.length === 0 ? hiddenGroups(evaluator, node, scope) : undefined;
  // What is written at the call holds unless the groups surely set it; a default is none where they may.
  for (const [key, value] of hidden?.keys ?? [])
    if (value) bound.set(key, { finding: toFinding(resolvedAt(node!, value)) });
    else if (!bound.has(key)) bound.set(key, { finding: hiddenAt(node!) });
  const all = [
    ...notes,
    ...(note ? [{ text: note }] : []),
    ...(hidden
      ? [{ text: `The parameter groups are made by ${hidden.maker}: what they set is not all known here.` }]
      : []),
  ];
  return assemble(definition, {
    constructorName: evaluator.text(place.name),
    range: rangeOf(place.name),
    callRange: rangeOf(place.call),
    arguments: bound,
    open,
    ...(groups.length > 0 && { groups }),
    ...(all.length > 0 && { notes: all }),
  });
}

/** A text that an argument says. */
export const textOf = (given: Given, key: string, position: number): string | undefined => {
  const value = given.keywords.get(key)?.value ?? given.positional[position];
  const text = value && scalarOf(value);
  return typeof text === 'string' ? text : undefined;
};

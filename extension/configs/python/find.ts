import type { SyntaxNode, Tree } from '@lezer/common';
import { type Argument, assemble } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { findInData } from '../data/find.ts';
import type { DataNode } from '../data/tree.ts';
import { type Constructor, constructorOf } from '../frameworks.ts';
import type { SourceRange } from '../source.ts';
import { Evaluator } from './evaluate.ts';
import { type Binding, type Call, type Index, indexTree, type Scope } from './scopes.ts';
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

/** The optimizer configurations of a parsed Python text, in the order of the text. */
export function findInPython(tree: Tree, text: string): OptimizerConfig[] {
  const index = indexTree(tree, text);
  const evaluator = new Evaluator(index);
  const found: OptimizerConfig[] = [];
  const add = (config: OptimizerConfig | undefined) => config && found.push(config);
  for (const call of index.calls) {
    add(fromCall(evaluator, call));
    add(fromCompile(evaluator, call));
  }
  for (const binding of dictionaries(index)) found.push(...fromDictionary(evaluator, binding));
  for (const config of fromSolver(evaluator)) found.push(config);
  return unique(found);
}

function unique(found: readonly OptimizerConfig[]): OptimizerConfig[] {
  const seen = new Set<number>();
  return found
    .filter(({ range }) => !seen.has(range.from) && seen.add(range.from))
    .sort((a, b) => a.range.from - b.range.from);
}

/** `torch.optim.Adam(…)`, `partial(torch.optim.Adam, …)`, and calls of names that stand for a definition. */
function fromCall(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const callee = node.firstChild;
  if (!callee) return undefined;
  const { value } = evaluator.evaluate(callee, scope);
  if (value.kind !== 'reference') return undefined;
  const list = node.getChild('ArgList');
  if (!PARTIAL.test(value.name)) {
    const definition = constructorOf(value.name);
    return definition && build(evaluator, definition, callee, node, readArguments(list, evaluator.index.text), scope);
  }
  const given = readArguments(list, evaluator.index.text);
  const target = given.positional[0];
  const inner = target && evaluator.evaluate(target, scope).value;
  const definition = inner?.kind === 'reference' ? constructorOf(inner.name) : undefined;
  if (!target || !definition) return undefined;
  return build(evaluator, definition, target, node, { ...given, positional: given.positional.slice(1) }, scope, true);
}

/** Calls that take a constructor and some of its arguments. */
const PARTIAL = /^(functools\.partial|hydra_zen\.p?builds)$/;

function build(
  evaluator: Evaluator,
  definition: Constructor,
  name: SyntaxNode,
  call: SyntaxNode,
  given: Arguments,
  scope: Scope,
  isPartial = false,
): OptimizerConfig | undefined {
  const bound = new Map<string, Argument>();
  const value = (node: SyntaxNode) => toFinding(evaluator.evaluate(node, scope));
  const positional = definition.parameters.filter((parameter) => parameter.positional);
  // The parameters of the model come with the later call of a partial.
  given.positional.forEach((node, index) => {
    const parameter = positional[index];
    if (parameter) bound.set(parameter.name, { finding: value(node) });
  });
  let open = given.starred;
  for (const expression of given.unpacked) {
    const dictionary = evaluator.evaluate(expression, scope);
    if (dictionary.value.kind !== 'dict') {
      open = true;
      continue;
    }
    open ||= dictionary.value.open;
    const written = expression.name === 'DictionaryExpression' || expression.name === 'CallExpression';
    for (const [key, entry] of dictionary.value.entries) {
      const finding = written ? entry.value : resolvedAt(expression, entry.value);
      bound.set(key, { finding: toFinding(finding), ...(written && { keyRange: entry.keyRange }) });
    }
  }
  for (const [key, keyword] of given.keywords) {
    const finding = keyword.value ? value(keyword.value) : toFinding(unknownAt(keyword.key));
    bound.set(key, { finding, keyRange: rangeOf(keyword.key) });
  }
  const groups = given.keywords.get('params')?.value ?? (positional[0]?.name === 'params' && given.positional[0]);
  if (groups) setByGroups(evaluator.evaluate(groups, scope), bound);
  return assemble(definition, {
    constructorName: evaluator.text(name),
    range: rangeOf(name),
    callRange: rangeOf(call),
    arguments: bound,
    open: open || (isPartial && given.starred),
  });
}

/** What every parameter group sets replaces the argument: the common value, or an unknown one where they differ. */
function setByGroups(groups: Evaluated, bound: Map<string, Argument>): void {
  if (groups.value.kind !== 'sequence' || groups.value.items.length === 0) return;
  const dictionaries = groups.value.items.map(({ value }) => (value.kind === 'dict' ? value.entries : undefined));
  for (const [key, { keyRange, value }] of dictionaries[0] ?? []) {
    if (key === 'params') continue;
    const values = dictionaries.map((entries) => entries?.get(key)?.value);
    if (values.includes(undefined)) continue;
    const first = JSON.stringify(plainOf(value));
    const agree = first !== undefined && values.every((other) => other && JSON.stringify(plainOf(other)) === first);
    const seen = groups.from === 'literal' ? value : resolvedAt(groups.range, value);
    bound.set(key, {
      finding: toFinding(agree ? seen : unknownAt(seen.range)),
      ...(groups.from === 'literal' && { keyRange }),
    });
  }
}

/** A number, or a list of them; undefined for anything else. */
function plainOf(evaluated: Evaluated): unknown {
  if (evaluated.value.kind === 'sequence') {
    const items = evaluated.value.items.map(plainOf);
    return items.includes(undefined) ? undefined : items;
  }
  return scalarOf(evaluated);
}

/** Keras: `model.compile(optimizer="adam")` and `keras.optimizers.get("adam")` in files that import Keras or TensorFlow. */
function fromCompile(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const callee = node.firstChild;
  const last = callee?.name === 'MemberExpression' ? callee.lastChild : undefined;
  const method = last?.name === 'PropertyName' ? evaluator.text(last) : '';
  if (!callee?.firstChild || (method !== 'compile' && method !== 'get')) return undefined;
  const base = evaluator.evaluate(callee.firstChild, scope).value;
  if (method === 'get') {
    if (base.kind !== 'reference' || !/(^|\.)keras\.optimizers$/.test(base.name)) return undefined;
  } else if ((base.kind === 'reference' && /^(re|regex|torch)\b/.test(base.name)) || !importsKeras(evaluator.index)) {
    return undefined;
  }
  const given = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const argument = given.keywords.get('optimizer')?.value ?? given.positional[0];
  const name = argument?.name === 'String' ? scalarOf(evaluator.evaluate(argument, scope)) : undefined;
  if (!argument || typeof name !== 'string') return undefined;
  const className = KERAS_NAMES.get(name.toLowerCase());
  const definition = className === undefined ? undefined : constructorOf(`keras.optimizers.${className}`);
  if (!definition) return undefined;
  const none: Arguments = { positional: [], keywords: new Map(), unpacked: [], starred: false };
  const config = build(evaluator, definition, argument, node, none, scope);
  return config && { ...config, constructorName: name };
}

const KERAS_NAMES: ReadonlyMap<string, string> = new Map(
  ['Adam', 'AdamW', 'Nadam', 'Adamax', 'Adadelta', 'RMSprop', 'SGD', 'Adagrad', 'Lion', 'Ftrl', 'Adafactor'].map(
    (name) => [name.toLowerCase(), name],
  ),
);

function importsKeras(index: Index): boolean {
  return [...index.module.bindings.values()].some((list) =>
    list.some((binding) => binding.kind === 'import' && /^(tensorflow|keras|tf_keras)(\.|$)/.test(binding.name)),
  );
}

/** Module-level and local dictionaries that may configure an optimizer. */
function dictionaries(index: Index): { name: string; binding: Binding & { kind: 'value' }; scope: Scope }[] {
  const found: { name: string; binding: Binding & { kind: 'value' }; scope: Scope }[] = [];
  const scopes = new Set([index.module, ...index.calls.map((call) => call.scope)]);
  for (const scope of scopes) {
    for (const [name, list] of scope.bindings) {
      for (const binding of list) {
        if (binding.kind !== 'value' || binding.item !== undefined) continue;
        const { node } = binding;
        if (node.name !== 'DictionaryExpression' && node.name !== 'CallExpression') continue;
        if (!/optim|_target_|class_path/.test(`${name}${index.text.slice(node.from, node.to)}`)) continue;
        found.push({ name, binding, scope });
      }
    }
  }
  return found;
}

function fromDictionary(
  evaluator: Evaluator,
  { name, binding, scope }: { name: string; binding: Binding & { kind: 'value' }; scope: Scope },
): OptimizerConfig[] {
  const evaluated = evaluator.evaluate(binding.node, scope);
  if (evaluated.value.kind !== 'dict') return [];
  const value = toData(evaluated, 0);
  const keyRange = { from: binding.at, to: binding.at + name.length };
  const root: DataNode = { kind: 'map', range: value.range, entries: new Map([[name, { keyRange, value }]]) };
  return findInData(root, { python: true });
}

function toData(evaluated: Evaluated, depth: number): DataNode {
  const { value, range, sourceRange } = evaluated;
  const located = { range, ...(sourceRange && { sourceRange }) };
  if (depth > 20) return { kind: 'scalar', ...located, value: undefined };
  if (value.kind === 'dict') {
    const entries = [...value.entries].map(([key, entry]) => {
      return [key, { keyRange: entry.keyRange, value: toData(entry.value, depth + 1) }] as const;
    });
    return { kind: 'map', ...located, entries: new Map(entries) };
  }
  if (value.kind === 'sequence') {
    return { kind: 'list', ...located, items: value.items.map((item) => toData(item, depth + 1)) };
  }
  return { kind: 'scalar', ...located, value: value.kind === 'scalar' ? value.value : undefined };
}

/** Detectron2: `cfg.SOLVER.BASE_LR = …` and the other keys of SOLVER, in files that import detectron2. */
function fromSolver(evaluator: Evaluator): OptimizerConfig[] {
  const { attributeStores, module } = evaluator.index;
  const stores = attributeStores.get('BASE_LR')?.filter((store) => /(^|\.)SOLVER$/.test(store.base)) ?? [];
  const imports = [...module.bindings.values()]
    .flat()
    .some((b) => b.kind === 'import' && b.name.startsWith('detectron2'));
  const definition = constructorOf('detectron2.solver.SOLVER');
  if (!imports || !definition) return [];
  return stores.slice(0, 1).flatMap((first) => {
    const bound = new Map<string, Argument>();
    for (const { name } of definition.parameters) {
      const all = attributeStores.get(name)?.filter((store) => store.base === first.base) ?? [];
      const [store] = all;
      if (!store) continue;
      const keyRange: SourceRange = rangeOf(store.target.lastChild ?? store.target);
      const value =
        all.length === 1 && store.node ? evaluator.evaluate(store.node, store.scope) : unknownAt(store.target);
      bound.set(name, { finding: toFinding(value), keyRange });
    }
    const range = rangeOf(first.target);
    const callRange = { from: first.target.from, to: first.node?.to ?? first.target.to };
    const config = assemble(definition, {
      constructorName: evaluator.text(first.target),
      range,
      callRange,
      arguments: bound,
      open: false,
    });
    return config ? [config] : [];
  });
}

import { type Argument, assemble } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { findInData } from '../data/find.ts';
import type { DataNode } from '../data/tree.ts';
import { constructorOf } from '../frameworks.ts';
import type { SourceRange } from '../source.ts';
import { fromBases, openMmlabSchedule } from './bases.ts';
import type { Evaluator } from './evaluate.ts';
import type { Binding, Index, Scope } from './scope.ts';
import { toData } from './toData.ts';
import { rangeOf, toFinding, unknownAt } from './values.ts';

/** Dictionaries that configure an optimizer: those of a type or class, and Detectron2's keys. */
export function fromDictionaries(evaluator: Evaluator): OptimizerConfig[] {
  const found = dictionaries(evaluator.index).flatMap((binding) => fromDictionary(evaluator, binding));
  return [
    ...[...found, ...fromBases(evaluator)].map((config) => {
      const schedule = config.framework === 'mmengine' && !config.schedule ? openMmlabSchedule(evaluator) : undefined;
      return schedule ? { ...config, schedule } : config;
    }),
    ...fromSolver(evaluator),
  ];
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

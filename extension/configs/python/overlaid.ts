import { dirname, join } from 'node:path';
import { type Argument, assembleGeneric } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { nanoGpt } from '../libraries/nanoGpt.ts';
import type { Evaluator } from './evaluate.ts';
import { rangeOf, resolvedAt, scalarOf, toFinding } from './values.ts';

/** How many of them, and of the telling ones, make a file one of nanoGPT's. */
const LEAST = 4;
const LEAST_TELLING = 2;

/**
 * The files of bare assignments that nanoGPT's `train.py` is overlaid with (`python train.py config/train_gpt2.py`): its AdamW, with
 * what the script has where the file says nothing, if the script is there.
 */
export function fromOverlay(evaluator: Evaluator): OptimizerConfig[] {
  const { bindings } = evaluator.index.module;
  const names = [...bindings.keys()];
  const isPlain = [...bindings.values()].every((list) =>
    list.every((binding) => binding.kind === 'value' || (binding.kind === 'import' && binding.name === 'time')),
  );
  const own = names.filter((name) => nanoGpt.names.has(name));
  if (!isPlain || own.length < LEAST || own.filter((name) => nanoGpt.telling.test(name)).length < LEAST_TELLING)
    return [];
  const script = scriptOf(evaluator);
  if (script === 'other' || (!script && !bindings.has('learning_rate'))) return [];
  const bound = new Map<string, Argument>();
  for (const name of Object.keys(nanoGpt.settings)) {
    const binding = bindings.get(name)?.at(-1);
    if (binding?.kind === 'value') {
      const keyRange = { from: binding.at, to: binding.at + name.length };
      bound.set(name, { finding: toFinding(evaluator.evaluate(binding.node, evaluator.index.module)), keyRange });
    }
  }
  const first = names.filter((name) => bound.has(name)).map((name) => bound.get(name)!.keyRange!)[0];
  if (!first) return [];
  for (const name of Object.keys(nanoGpt.settings)) {
    const value = bound.has(name) ? undefined : script?.exported(name);
    if (script && value) bound.set(name, { finding: toFinding(resolvedAt(first, evaluator.taken(value, script))) });
  }
  const decays = bindings.get('decay_lr')?.at(-1);
  const constant =
    decays?.kind === 'value' && scalarOf(evaluator.evaluate(decays.node, evaluator.index.module)) === false;
  const at = bindings.get('lr_decay_iters')?.at(-1);
  return [
    assembleGeneric('generic', nanoGpt.optimizer, {
      constructorName: nanoGpt.constructorName,
      range: first,
      callRange: rangeOf(first),
      arguments: bound,
      ...(at?.kind === 'value' && !constant && { schedule: { name: 'cosine', range: rangeOf(at.node) } }),
    }),
  ];
}

/** The script that is overlaid, in the file's folder or above it; `other` where a `train.py` there is something else. */
function scriptOf(evaluator: Evaluator): Evaluator | 'other' | undefined {
  if (evaluator.path === undefined) return undefined;
  for (let folder = dirname(evaluator.path), i = 0; i < 3; folder = dirname(folder), i++) {
    const script = evaluator.imports.module(join(folder, 'train.py'));
    if (!script || script === evaluator) continue;
    const { text } = script.index;
    return /exec\(open\(['"]configurator\.py['"]\)/.test(text) ? script : 'other';
  }
  return undefined;
}

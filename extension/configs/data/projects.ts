import { part } from '../assemble.ts';
import type { HyperparameterValue, ParameterGroup } from '../config.ts';
import { canonicalNames } from '../signature.ts';
import { type DataNode, findingOf, type MapNode } from './tree.ts';

/** Whether a file is one of Levanter's, whose optimizer is Adam with decoupled weight decay unless it is told another type. */
export function isLevanter(root: DataNode): boolean {
  const trainer = root.kind === 'map' ? root.entries.get('trainer')?.value : undefined;
  return (
    root.kind === 'map' &&
    trainer?.kind === 'map' &&
    root.entries.has('model') &&
    trainer.entries.has('num_train_steps') &&
    ['train_batch_size', 'mp', 'tracker', 'per_device_parallelism'].some((key) => trainer.entries.has(key))
  );
}

/** AllenNLP's groups: `parameter_groups: [[["bias", "norm"], {weight_decay: 0}]]`, of names that regular expressions match. */
export function groupsIn(values: MapNode, root: DataNode): ParameterGroup[] {
  const list = values.entries.get('parameter_groups')?.value;
  return (list?.kind === 'list' ? list.items : []).slice(0, 32).flatMap((item) => {
    const [names, settings] = item.kind === 'list' ? item.items : [];
    if (names?.kind !== 'list' || settings?.kind !== 'map') return [];
    const hyperparameters = new Map<string, HyperparameterValue>();
    for (const [key, { keyRange, value }] of settings.entries)
      canonicalNames(key).forEach((name, i, all) => {
        hyperparameters.set(name, part({ finding: findingOf(value, root), keyRange }, key, i, all.length));
      });
    return hyperparameters.size > 0 ? [{ range: item.range, hyperparameters }] : [];
  });
}

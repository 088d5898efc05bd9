import { rounded } from '../../shared/format.ts';
import { type Argument, assemble } from '../assemble.ts';
import type { OptimizerConfig, Schedule } from '../config.ts';
import { findInData } from '../data/find.ts';
import { type DataNode, findingOf, type MapNode, textAt } from '../data/tree.ts';
import { ownDefaults } from '../defaults.ts';
import type { Constructor } from '../frameworks.ts';
import { CORES } from '../libraries/chains.ts';
import { parseSignature } from '../signature.ts';
import type { Evaluator } from './evaluate.ts';
import type { Scope } from './scope.ts';
import { toData } from './toData.ts';

/** Functions that make the configuration of a project. */
const MAKER = /^(?:get|make|create|build|default)_(?:\w+_)?(?:config|configs|hyper|hparams)$|^default_configs?$/;
const MOST = 50;

/**
 * Files of ml_collections: `def get_config(): config = ConfigDict(); config.optimizer = "adamw"; config.learning_rate = 1e-3; return config`,
 * with the objects that a function puts into others.
 */
export function fromConfigDicts(evaluator: Evaluator): OptimizerConfig[] {
  const { index } = evaluator;
  if (!/ConfigDict|get_\w*config/.test(index.text)) return [];
  const functions = [...index.module.bindings].flatMap(([name, list]) =>
    MAKER.test(name) ? list.flatMap((binding) => (binding.kind === 'function' ? [binding.scope] : [])) : [],
  );
  return functions.slice(0, MOST).flatMap((scope) => fromFunction(evaluator, scope));
}

function fromFunction(evaluator: Evaluator, scope: Scope): OptimizerConfig[] {
  const end = scope.returns.at(-1);
  if (!end || scope.returns.length !== 1) return [];
  const roots: MapNode[] = [];
  for (const [name, list] of scope.bindings) {
    if (!list.every(({ kind }) => kind === 'value')) continue;
    const object = evaluator.named(name, end, scope);
    if (object.value.kind !== 'dict' || !object.value.attributes) continue;
    const value = toData(object, 0);
    const { range } = value;
    roots.push({ kind: 'map', range, entries: new Map([[name, { keyRange: range, value }]]) });
  }
  const found = roots.flatMap((root) => [...findInData(root), ...bigVision(root)]);
  // What one object holds of another is found in both.
  const seen = new Set<number>();
  return found.filter(({ range }) => range.file === undefined && !seen.has(range.from) && seen.add(range.from));
}

/** big_vision: `config.optax_name = "scale_by_adam"`, its arguments in `config.optax`, and a weight decay that no learning rate scales. */
function bigVision(root: MapNode): OptimizerConfig[] {
  return [...root.entries.values()].flatMap(({ value: map }) => {
    const written = map.kind === 'map' ? textAt(map, 'optax_name') : undefined;
    const rate = map.kind === 'map' ? map.entries.get('lr') : undefined;
    const name = written?.slice(written.lastIndexOf('.') + 1) ?? '';
    if (map.kind !== 'map' || written === undefined || !rate || !Object.hasOwn(CORES, name)) return [];
    const { optimizer, signature, rename, decoupled, eps } = CORES[name];
    const own = ownDefaults(optimizer, 'optax');
    const place = eps ?? (own?.eps_placement as Constructor['eps']);
    const arguments_ = map.entries.get('optax')?.value;
    const bound = new Map<string, Argument>();
    for (const [key, entry] of arguments_?.kind === 'map' ? arguments_.entries : [])
      bound.set(key, { finding: findingOf(entry.value, root), keyRange: entry.keyRange });
    const lr = { finding: findingOf(rate.value, root), keyRange: rate.keyRange };
    bound.set('learning_rate', lr);
    const decay = map.entries.get('wd');
    const isDecaying = decay !== undefined && findingOf(decay.value, root).value !== 0;
    if (isDecaying) {
      const { value, from, range } = findingOf(decay.value, root);
      const share = Number(value) / Number(lr.finding.value);
      bound.set('weight_decay', {
        finding:
          from !== 'unknown' && lr.finding.from !== 'unknown' && Number.isFinite(share)
            ? { value: rounded(share, 12), from: 'resolved', range, sourceRange: range }
            : { value: undefined, from: 'unknown', range },
        keyRange: decay.keyRange,
      });
    }
    const definition: Constructor = {
      framework: 'optax',
      optimizer: (isDecaying && decoupled) || optimizer,
      parameters: [
        ...parseSignature('learning_rate'),
        ...parseSignature(signature, rename, own),
        ...(isDecaying ? parseSignature('weight_decay=0.0') : []),
      ],
      ...(place && { eps: place }),
      ...(isDecaying && { weightDecayForm: 'decoupled' as const }),
    };
    const schedule = scheduleOf(map);
    const { range } = map.entries.get('optax_name')!.value;
    const config = assemble(definition, {
      constructorName: written,
      range,
      callRange: range,
      arguments: bound,
      open: arguments_ !== undefined && arguments_.kind !== 'map',
      ...(schedule && { schedule }),
    });
    return config ? [config] : [];
  });
}

function scheduleOf(map: MapNode): Schedule | undefined {
  const node: DataNode | undefined = map.entries.get('schedule')?.value;
  const name = node?.kind === 'map' ? textAt(node, 'decay_type') : undefined;
  return node && name !== undefined ? { name, range: node.range } : undefined;
}

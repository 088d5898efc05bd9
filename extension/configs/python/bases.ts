import type { HyperparameterValue, OptimizerConfig, Schedule } from '../config.ts';
import { findInData } from '../data/find.ts';
import { type DataEntry, type DataNode, type MapNode, textAt } from '../data/tree.ts';
import type { SourceRange } from '../source.ts';
import type { Evaluator } from './evaluate.ts';
import { toData } from './toData.ts';
import { scalarOf } from './values.ts';

/** What OpenMMLab's files call the optimizer, and its schedule. */
const SETTINGS = ['optim_wrapper', 'optimizer'] as const;
const SCHEDULES = ['param_scheduler', 'lr_config'] as const;
/** Files that lead to files. */
const DEEPEST = 4;
const MOST = 20;

/**
 * OpenMMLab's files that say something else than their `_base_`: `optim_wrapper = dict(optimizer=dict(lr=0.8))`, whose type stands in the
 * other file. Ranges are those of this file; what the other says has its place there.
 */
export function fromBases(evaluator: Evaluator): OptimizerConfig[] {
  const bases = basesOf(evaluator, 0);
  if (bases.length === 0) return [];
  return SETTINGS.flatMap((name) => {
    const at = evaluator.index.module.bindings.get(name)?.at(-1);
    const own = at && evaluator.exported(name);
    const value = own && toData(own, 0);
    if (!at || value?.kind !== 'map') return [];
    const keyRange = { from: at.at, to: at.at + name.length };
    const root = (inner: DataNode): MapNode => ({
      kind: 'map',
      range: inner.range,
      entries: new Map([[name, { keyRange, value: inner }]]),
    });
    if (findInData(root(value), { python: true }).length > 0) return [];
    const others = bases.flatMap((base) => {
      const found = base.exported(name);
      const data = found && toData(evaluator.taken(found, base), 0);
      return data?.kind === 'map' ? [data] : [];
    });
    const all = [...others, value].reduce<MapNode | undefined>(
      (one, other) => (one ? over(one, other) : other),
      undefined,
    );
    return all ? findInData(root(all), { python: true }).map((config) => brought(config, keyRange)) : [];
  });
}

/** The schedule of a file, its own or that of the files below it. */
export function openMmlabSchedule(evaluator: Evaluator): Schedule | undefined {
  for (const name of SCHEDULES) {
    const own = evaluator.index.module.bindings.get(name)?.at(-1);
    const source = own ? evaluator : basesOf(evaluator, 0).find((base) => base.index.module.bindings.has(name));
    const found = source?.exported(name);
    if (!found) continue;
    const data = toData(found, 0);
    const names = (data.kind === 'list' ? data.items : [data]).flatMap((each) =>
      each.kind === 'map' ? (textAt(each, 'type') ?? textAt(each, 'policy') ?? []) : [],
    );
    if (names.length === 0) continue;
    const range = own ? { from: own.at, to: own.at + name.length } : { from: 0, to: 0 };
    return { name: [...new Set(names)].slice(0, 4).join(', ').slice(0, 120), range };
  }
  return undefined;
}

/** The files that a file is based on, the first of them first. */
function basesOf(evaluator: Evaluator, depth: number): Evaluator[] {
  const value = evaluator.index.module.bindings.has('_base_') ? evaluator.exported('_base_') : undefined;
  if (!value || depth >= DEEPEST) return [];
  const items = value.value.kind === 'sequence' ? value.value.items : [value];
  return items.slice(0, MOST).flatMap((item) => {
    const path = scalarOf(item);
    const file =
      typeof path === 'string' && path.endsWith('.py') ? evaluator.imports.locate(path, evaluator.path) : undefined;
    const module = file === undefined ? undefined : evaluator.imports.module(file);
    return module && module !== evaluator ? [...basesOf(module, depth + 1), module] : [];
  });
}

/** The second over the first, maps into each other unless one says `_delete_=True`. */
function over(one: MapNode, other: MapNode): MapNode {
  const erases = other.entries.get('_delete_')?.value;
  const entries = new Map<string, DataEntry>(erases?.kind === 'scalar' && erases.value === true ? [] : one.entries);
  for (const [key, entry] of other.entries) {
    const before = entries.get(key)?.value;
    const value = before?.kind === 'map' && entry.value.kind === 'map' ? over(before, entry.value) : entry.value;
    if (key !== '_delete_') entries.set(key, { ...entry, value });
  }
  return { ...one, entries };
}

/** A configuration, parts of which stand in other files, seen from a place of this one. */
export function brought(config: OptimizerConfig, at: SourceRange): OptimizerConfig {
  const here = (range: SourceRange): SourceRange => (range.file === undefined ? range : at);
  const values = (all: ReadonlyMap<string, HyperparameterValue>) =>
    new Map(
      [...all].map(([name, { keyRange, ...value }]): [string, HyperparameterValue] => {
        const { range } = value;
        if (range?.file === undefined)
          return [name, { ...value, ...(keyRange?.file === undefined && keyRange && { keyRange }) }];
        const from = value.from === 'unknown' ? value.from : 'resolved';
        return [name, { ...value, from, range: at, sourceRange: value.sourceRange ?? range }];
      }),
    );
  return {
    ...config,
    range: here(config.range),
    callRange: here(config.callRange),
    hyperparameters: values(config.hyperparameters),
    others: values(config.others),
    ...(config.schedule && { schedule: { ...config.schedule, range: here(config.schedule.range) } }),
    ...(config.notes && {
      notes: config.notes.map((note) => ({ ...note, ...(note.range && { range: here(note.range) }) })),
    }),
  };
}

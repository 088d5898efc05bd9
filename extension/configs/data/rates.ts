import type { Schedule } from '../config.ts';
import { isAdamLike } from '../names.ts';
import { canonicalNames } from '../signature.ts';
import { type DataEntry, type DataNode, findingOf, type MapNode, textAt } from './tree.ts';

// What belongs to an optimizer and stands beside it, or a level deeper: Paddle's learning rates and regularizers, Ludwig's,
// Ultralytics' and FAIRChem's learning rates.

const SCHEDULE_KEYS = ['lr_scheduler', 'learning_rate_scheduler', 'scheduler', 'lr_schedule', 'LearningRate'] as const;
const SCHEDULE_NAMES = ['name', 'type', 'schedule'] as const;
/** First learning rates under names that only these projects have. */
const FIRST_RATES = ['lr0', 'lr_initial'] as const;

/**
 * An optimizer's own map with what stands elsewhere, each where its own says nothing of it: the learning rate of a schedule that is
 * written in its place (`lr: {name: Cosine, learning_rate: 1e-3}`), of the schedule beside it or of the section around it, and the
 * weight decay of a regularizer (`{name: L2, coeff: 1e-4}`).
 */
export function withRates(map: MapNode, parent: MapNode | undefined, root: MapNode | undefined): MapNode {
  const entries = new Map(map.entries);
  const inPlace = [...entries].find(([key, { value }]) => value.kind === 'map' && canonicalNames(key)[0] === 'lr');
  if (inPlace) {
    const [key, entry] = inPlace;
    const rate = rateIn(entry.value as MapNode);
    if (rate) entries.set(key, rate);
    if (SCHEDULE_NAMES.some((name) => textAt(entry.value as MapNode, name) !== undefined))
      entries.set('lr_scheduler', entry);
  }
  const section = entries.has('regularizer') ? map : parent;
  const decay = section && regularizer(section);
  if (decay && !sets(entries, 'weight_decay')) entries.set('weight_decay', decay);
  if (!sets(entries, 'lr')) {
    const rate =
      ownRate(entries) ?? rateBeside(parent) ?? (parent !== root ? rateOfSchedule(root, 'LearningRate') : undefined);
    if (rate) entries.set('lr', rate);
  }
  // Ultralytics hands its momentum to Adam and its kin as their first beta.
  const momentum = entries.has('lrf') ? entries.get('momentum') : undefined;
  if (momentum && isAdamLike(textAt(map, 'optimizer') ?? '') && !sets(entries, 'beta1')) entries.set('beta1', momentum);
  return { ...map, entries };
}

const sets = (entries: ReadonlyMap<string, DataEntry>, name: string): boolean =>
  [...entries.keys()].some((key) => canonicalNames(key).includes(name));

const ownRate = (entries: ReadonlyMap<string, DataEntry>): DataEntry | undefined =>
  FIRST_RATES.map((key) => entries.get(key)).find((entry) => entry && isNumber(entry));

function rateBeside(parent: MapNode | undefined): DataEntry | undefined {
  if (!parent) return undefined;
  return (
    SCHEDULE_KEYS.map((key) => rateOfSchedule(parent, key)).find(Boolean) ??
    ownRate(parent.entries) ??
    [...parent.entries].find(([key, entry]) => canonicalNames(key)[0] === 'lr' && isNumber(entry))?.[1]
  );
}

function rateOfSchedule(map: MapNode | undefined, key: string): DataEntry | undefined {
  const schedule = map?.entries.get(key)?.value;
  return schedule?.kind === 'map' ? rateIn(schedule) : undefined;
}

/** The learning rate that a schedule starts from or rises to. */
function rateIn(schedule: MapNode): DataEntry | undefined {
  const named = [...schedule.entries].find(([key, entry]) => canonicalNames(key)[0] === 'lr' && isNumber(entry))?.[1];
  if (named) return named;
  const values = schedule.entries.get('values');
  const first = values?.value.kind === 'list' ? values.value.items[0] : undefined;
  return values && first && { keyRange: values.keyRange, value: first };
}

/** PaddleDetection's schedules, which lie in a list beside the learning rate of the whole file. */
export function detectionSchedule(root: DataNode): Schedule | undefined {
  const rate = root.kind === 'map' ? root.entries.get('LearningRate')?.value : undefined;
  const list = rate?.kind === 'map' ? rate.entries.get('schedulers')?.value : undefined;
  const names = (list?.kind === 'list' ? list.items : []).flatMap((item) =>
    item.kind === 'map' ? (textAt(item, 'name') ?? []) : [],
  );
  return list && names.length > 0 ? { name: names.slice(0, 4).join(', ').slice(0, 120), range: list.range } : undefined;
}

function regularizer(section: MapNode): DataEntry | undefined {
  const found = section.entries.get('regularizer')?.value;
  if (found?.kind !== 'map' || !/^l2(decay)?$/i.test(textAt(found, 'name') ?? textAt(found, 'type') ?? ''))
    return undefined;
  return ['coeff', 'factor'].map((key) => found.entries.get(key)).find((entry) => entry && isNumber(entry));
}

const isNumber = ({ value }: DataEntry): boolean => typeof findingOf(value, value).value === 'number';

import { quoteName } from './names.ts';
import { type Range, rangeText, within } from './range.ts';

/**
 * One setting of something that can be run: the command line's options and help, the check of what was asked for, the forms of
 * the editor and the schema of the project file are made from tables of these.
 */
export interface Setting extends Range {
  /**
   * What it holds: `count` is a whole number, `stage` is `step`, `inf` or a step index, `group` an object of settings of its
   * own, `list` a list of such objects, `named` an object of numbers, switches and texts by name,
   * `values` a list of such values.
   */
  readonly kind:
    | 'number'
    | 'count'
    | 'numbers'
    | 'text'
    | 'texts'
    | 'file'
    | 'choice'
    | 'switch'
    | 'stage'
    | 'group'
    | 'list'
    | 'named'
    | 'values';
  readonly help: string;
  /** Of a `choice`. */
  readonly choices?: readonly string[];
  /** Each number of `numbers` is whole. */
  readonly whole?: boolean;
  /** Of a `group`, and of each entry of a `list`. */
  readonly fields?: Settings;
}

export type Settings = Readonly<Record<string, Setting>>;

/** Why a value is not possible; nothing where it is. */
export function problemsOf(name: string, setting: Setting, value: unknown): string[] {
  if (setting.kind === 'group') return groupProblems(name, setting.fields!, value);
  if (setting.kind === 'list' && Array.isArray(value))
    return value.flatMap((entry, i) => groupProblems(`${name}[${i}]`, setting.fields!, entry));
  return fits(setting, value) ? [] : [`${name} needs ${wanted(setting)}, not ${shown(value)}.`];
}

/** What is wrong with the values of a group; those that are undefined are left out. Unknown names are no settings. */
export function groupProblems(name: string, settings: Settings, value: unknown): string[] {
  if (!isObject(value)) return [`${name} needs an object, not ${shown(value)}.`];
  return Object.entries(value).flatMap(([key, each]) => {
    if (each === undefined) return [];
    const place = name === '' ? key : `${name}.${key}`;
    if (Object.hasOwn(settings, key)) return problemsOf(place, settings[key]!, each);
    const meant = nearest(key, Object.keys(settings));
    return [
      `${quoteName(place)} is no setting${meant === undefined ? '' : `; did you mean ${meant}?`}.`.replace('?.', '?'),
    ];
  });
}

/** `a whole number of at least 1`. */
export function wanted(setting: Setting): string {
  switch (setting.kind) {
    case 'number':
      return `a finite number${rangeText(setting)}`;
    case 'count':
      return `a whole number${rangeText({ min: 0, ...setting })}`;
    case 'numbers':
      return `a list of ${setting.whole ? 'whole' : 'finite'} numbers${rangeText(setting)}`;
    case 'text':
    case 'file':
      return 'a text';
    case 'texts':
      return 'a list of texts';
    case 'choice':
      return `one of ${setting.choices!.join(', ')}`;
    case 'switch':
      return 'true or false';
    case 'stage':
      return 'step, inf or a step index such as 100';
    case 'group':
      return 'an object';
    case 'list':
      return 'a list of objects';
    case 'named':
      return 'an object of numbers, switches and texts';
    case 'values':
      return 'a list of numbers, switches or texts';
  }
}

function fits(setting: Setting, value: unknown): boolean {
  const isText = (each: unknown) => typeof each === 'string' && each !== '';
  const isCount = (each: unknown) => Number.isSafeInteger(each) && within({ min: 0, ...setting }, each);
  switch (setting.kind) {
    case 'number':
      return within(setting, value);
    case 'count':
      return isCount(value);
    case 'numbers': {
      const fitsEach = (each: unknown) => within(setting, each) && (!setting.whole || Number.isSafeInteger(each));
      return Array.isArray(value) && value.length > 0 && value.every(fitsEach);
    }
    case 'text':
    case 'file':
      return isText(value);
    case 'texts':
      return Array.isArray(value) && value.every(isText);
    case 'choice':
      return setting.choices!.includes(value as string);
    case 'switch':
      return typeof value === 'boolean';
    case 'stage':
      return value === 'step' || value === 'inf' || isCount(value);
    case 'group':
      return isObject(value);
    case 'list':
      return false;
    case 'named':
      return isObject(value) && Object.values(value).every(isPlain);
    case 'values':
      return Array.isArray(value) && value.length > 0 && value.every(isPlain);
  }
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'number' ? Number.isFinite(value) : ['boolean', 'string'].includes(typeof value);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value of anyone's as it is named in a message. */
function shown(value: unknown): string {
  if (typeof value === 'string') return quoteName(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  return Array.isArray(value) ? quoteName(JSON.stringify(value) ?? 'a list', 60).slice(1, -1) : 'an object';
}

/** The name that was probably meant, if one is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((each) => ({ each, distance: editDistance(name.slice(0, 60), each) }))
    .sort((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.each : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

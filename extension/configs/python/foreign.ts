import type { SourceRange } from '../source.ts';
import type { DictEntry, Evaluated, Value } from './values.ts';

/** Values are not followed deeper into each other. */
const DEEPEST = 8;

/**
 * A value of the file `from` as one of the file `to`: its ranges carry their file, and those that come home do not. What
 * lies in a class or function of another module keeps its scope, which tells its module.
 */
export function moved(evaluated: Evaluated, from: string | undefined, to: string | undefined, depth = 0): Evaluated {
  const range = (place: SourceRange): SourceRange => {
    const file = place.file ?? from;
    if (file === undefined) return place;
    return file === to ? { from: place.from, to: place.to } : { from: place.from, to: place.to, file };
  };
  const inner = (value: Evaluated) => (depth < DEEPEST ? moved(value, from, to, depth + 1) : value);
  const { value, sourceRange } = evaluated;
  return {
    ...evaluated,
    value: movedValue(value, inner, range),
    range: range(evaluated.range),
    ...(sourceRange && { sourceRange: range(sourceRange) }),
  };
}

function movedValue(
  value: Value,
  inner: (value: Evaluated) => Evaluated,
  range: (place: SourceRange) => SourceRange,
): Value {
  switch (value.kind) {
    case 'sequence':
      return { ...value, items: value.items.map(inner) };
    case 'choice':
      return { ...value, options: value.options.map(inner) };
    case 'schedule':
      return value.peak ? { ...value, peak: inner(value.peak) } : value;
    case 'dict': {
      const entries = [...value.entries].map(([key, entry]): [string, DictEntry] => [
        key,
        { keyRange: range(entry.keyRange), value: inner(entry.value) },
      ]);
      return { ...value, entries: new Map(entries) };
    }
    default:
      return value;
  }
}

// Access to lists whose lengths belong together: axes of a shape, elements of a constant. Where one is too short, a model has
// given less than its operator takes, which is told with the node and its operator (see `instantiate`); lists of ours that do
// not belong together are a RangeError, a defect.

import { thousands } from '../shared/format.ts';
import { RefusedUse } from './refusal.ts';

/** Elements of a list whose length an axis or an attribute tells, and of an array of plain numbers. */
const mostElements = 2 ** 22;
export const mostNumbers = 2 ** 24;

/**
 * A length that an axis or an attribute tells, of something that is about to be made in memory. Throws a RefusedUse where it is
 * beyond `most`: models may have axes of billions without holding a number, and no list is as long.
 */
export function writable(length: number, most = mostElements): number {
  if (length > most)
    throw new RefusedUse(`it needs a list of ${thousands(length)} numbers; at most ${thousands(most)} are supported`);
  return length;
}

/** A list of such a length, each element made from its index. */
export const listed = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length: writable(length) }, (_, i) => make(i));

/** The same of numbers, of which there may be more. */
export function numbered(length: number, make: (index: number) => number): Float64Array {
  const result = new Float64Array(writable(length, mostNumbers));
  for (let i = 0; i < result.length; i++) result[i] = make(i);
  return result;
}

/** Element `index` of a list that has one. */
export function nth<T>(values: ArrayLike<T>, index: number): T {
  const value = values[index];
  if (value === undefined)
    throw new Error(`a shape or a constant has ${values.length} entries, of which number ${index} is needed (from 0)`);
  return value;
}

/** The first element of a list that has one. */
export const first = <T>(values: ArrayLike<T>): T => nth(values, 0);

/** The last element of a list that has one. */
export const last = <T>(values: ArrayLike<T>): T => nth(values, values.length - 1);

/** Lists of equal length, element by element: zip([1, 2], [3, 4]) = [[1, 3], [2, 4]]. */
export function zip<T extends readonly unknown[]>(...lists: { readonly [K in keyof T]: ArrayLike<T[K]> }): T[] {
  const [{ length } = { length: 0 }] = lists;
  if (!lists.every((list) => list.length === length))
    throw new RangeError(`lists of ${lists.map((list) => list.length).join(', ')} elements do not belong together`);
  return Array.from({ length }, (_, i) => lists.map((list) => list[i]) as unknown as T);
}

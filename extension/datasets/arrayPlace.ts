import { quoteName } from '../shared/errors.ts';

/** Where an array of a data set was found. */
export interface ArrayPlace {
  /** As they were asked for; several where they were joined. */
  readonly files: readonly string[];
  /** Its name there, where it has one. */
  readonly name?: string;
}

/** An array in a sentence: `"x" in "train.npy"`, `"x" (array "images" in "train.npz")`; its name alone where no more is known. */
export function arrayText(name: string, place?: ArrayPlace): string {
  const [file, ...others] = place?.files ?? [];
  const more = others.length === 0 ? '' : ` and ${others.length} more ${others.length === 1 ? 'file' : 'files'}`;
  const within = file === undefined ? '' : `in ${quoteName(file, 400)}${more}`;
  const own = place?.name === undefined || place.name === name ? undefined : `array ${quoteName(place.name)}`;
  if (own) return `${quoteName(name)} (${[own, within].filter(Boolean).join(' ')})`;
  return [quoteName(name), within].filter(Boolean).join(' ');
}

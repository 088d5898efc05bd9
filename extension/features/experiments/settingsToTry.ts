import type { Hyperparameters } from '../../optimizers/optimizer.ts';
import type { CompareRequest } from '../../shared/experiments.ts';

type Value = number | boolean | string;

/** Values of hyper-parameters that are to be tried, by name. */
export type Lists = Map<string, readonly Value[]>;

/** The settings that lists of values stand for, one change at a time or in all combinations; without the user's own. */
export function settingsToTry(lists: Lists, own: Hyperparameters, combined: boolean): CompareRequest['settings'] {
  const entries = [...lists];
  if (!combined)
    return entries.flatMap(([name, values]) =>
      values.filter((value) => value !== own[name]).map((value) => ({ [name]: value })),
    );
  let settings: Record<string, Value>[] = [{}];
  for (const [name, values] of entries) {
    // The user's own value is there as the absence of a change.
    const all = values.includes(own[name]) ? values : [own[name], ...values];
    settings = settings.flatMap((setting) =>
      all.map((value) => (value === own[name] ? setting : { ...setting, [name]: value })),
    );
  }
  return settings.filter((setting) => Object.keys(setting).length > 0);
}

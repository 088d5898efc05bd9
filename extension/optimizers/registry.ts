import { InspectorError, quoteName } from '../shared/errors.ts';
import { adam } from './adam.ts';
import type { Optimizer } from './optimizer.ts';

/** Every optimizer, in the order in which they are offered. */
export const optimizers: readonly Optimizer[] = [adam];

/** The optimizer with that name (`adam`); throws an InspectorError that lists the names. */
export function optimizerNamed(name: string): Optimizer {
  const found = optimizers.find((optimizer) => optimizer.name === name.toLowerCase());
  if (found) return found;
  throw new InspectorError(
    `There is no optimizer ${quoteName(name)}.`,
    `Choose one of ${optimizers.map((optimizer) => optimizer.name).join(', ')}.`,
  );
}

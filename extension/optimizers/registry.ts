import { InspectorError, quoteName } from '../shared/errors.ts';
import { adagrad } from './adagrad.ts';
import { adam } from './adam.ts';
import { adamw } from './adamw.ts';
import { lion } from './lion.ts';
import { nadam } from './nadam.ts';
import type { Optimizer } from './optimizer.ts';
import { rmsprop } from './rmsprop.ts';
import { sgd } from './sgd.ts';
import { signsgd } from './signsgd.ts';
import { signum } from './signum.ts';

/** Every optimizer, in the order in which they are offered. */
export const optimizers: readonly Optimizer[] = [adam, adamw, nadam, rmsprop, adagrad, sgd, lion, signum, signsgd];

/** The optimizer with that name (`adam`); throws an InspectorError that lists the names. */
export function optimizerNamed(name: string): Optimizer {
  const found = optimizers.find((optimizer) => optimizer.name === name.toLowerCase());
  if (found) return found;
  throw new InspectorError(
    `There is no optimizer ${quoteName(name)}.`,
    `Choose one of ${optimizers.map((optimizer) => optimizer.name).join(', ')}.`,
  );
}

/**
 * The optimizer that a library's name stands for, `amsgrad` too, with the hyper-parameters that the name itself fixes;
 * undefined where there is no theory here.
 */
export function optimizerOf(
  name: string,
): { readonly optimizer: Optimizer; readonly fixed: Readonly<Record<string, number | boolean | string>> } | undefined {
  for (const optimizer of optimizers) {
    if (optimizer.name === name) return { optimizer, fixed: {} };
    const fixed = optimizer.aliases?.[name];
    if (fixed) return { optimizer, fixed };
  }
  return undefined;
}

import { optimizerOf, optimizers } from '../optimizers/registry.ts';
import type { HyperparameterValue } from './config.ts';
import type { Constructor } from './frameworks.ts';
import { LIBRARIES } from './libraries/index.ts';
import { canonicalNames, type Parameter, parseSignature } from './signature.ts';

interface Row {
  readonly parameters: readonly Parameter[];
  readonly becomes?: Constructor['becomes'];
}

/** What the libraries' tables say of each optimizer, in their order. */
const rows: ReadonlyMap<string, readonly Row[]> = (() => {
  const found = new Map<string, Row[]>();
  for (const [, optimizer, signature, extra] of LIBRARIES.flatMap((library) => library.rows)) {
    if (extra?.namedBy !== undefined) continue;
    const row = { parameters: parseSignature(signature, extra?.rename), becomes: extra?.becomes };
    found.set(optimizer, [...(found.get(optimizer) ?? []), row]);
  }
  return found;
})();

const namesOf = ({ parameters }: Row): string[] => parameters.flatMap(({ sets }) => sets);

/** The hyper-parameters that some theory knows: each belongs to the optimizers that say so. */
const described: ReadonlySet<string> = new Set(
  optimizers.flatMap(({ hyperparameters }) => hyperparameters.map(({ name }) => name)),
);

/** What a trainer hands to whichever optimizer it is told. */
const common: ReadonlySet<string> = new Set(
  LIBRARIES.flatMap((library) => library.rows)
    .filter(([, , , extra]) => extra?.namedBy !== undefined)
    .slice(0, 1)
    .flatMap(([, , signature, extra]) => parseSignature(signature, extra?.rename).flatMap(({ sets }) => sets)),
);

const cache = new Map<string, ReadonlySet<string>>();

function argumentsOf(optimizer: string): ReadonlySet<string> {
  const known = optimizerOf(optimizer)?.optimizer;
  const own = rows.get(optimizer) ?? [];
  if (!known) return own.length > 0 ? new Set(own.flatMap(namesOf)) : common;
  // Where a library gives it an argument of another optimizer, as Optax gives Adam Nesterov's, files do not mean that.
  return new Set([
    ...known.hyperparameters.map(({ name }) => name),
    ...own.slice(0, 1).flatMap(namesOf),
    ...own.flatMap(namesOf).filter((name) => !described.has(name)),
  ]);
}

/** Whether an optimizer has a hyper-parameter, by its canonical name: in files `alpha` may be a loss's, `momentum` a teacher's. */
export function applies(name: string, optimizer: string): boolean {
  const key = rows.has(optimizer) || optimizerOf(optimizer) ? optimizer : '';
  if (!cache.has(key)) cache.set(key, argumentsOf(key));
  return cache.get(key)!.has(name);
}

/** What an argument sets of an optimizer whose library is not known; empty where it is none of the optimizer's. */
export function ownNames(spelling: string, optimizer: string): readonly string[] {
  const names = canonicalNames(spelling);
  if (names.length === 0) return [];
  const same = (rows.get(optimizer) ?? [])
    .flatMap(({ parameters }) => parameters)
    .find(({ name, sets }) => name === spelling && sets.length === names.length);
  const own = same?.sets ?? names;
  return own.every((name) => applies(name, optimizer)) ? own : [];
}

/** What an optimizer is with one of its flags as some library has them; itself without. */
export function withFlags(optimizer: string, values: ReadonlyMap<string, HyperparameterValue>): string {
  const flag = rows
    .get(optimizer)
    ?.find(({ becomes }) => becomes && values.get(becomes.parameter)?.value === becomes.value);
  return flag?.becomes?.optimizer ?? optimizer;
}

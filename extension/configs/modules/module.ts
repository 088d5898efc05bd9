import type { SourceRange } from '../source.ts';
import type { NamePattern } from './syntax.ts';

/** Something that has parameters, or holds modules that have: an expression or a class of a Python text. */
export interface Module {
  readonly at: SourceRange;
  /** Submodules and parameters by attribute, key, or name. */
  readonly children: Map<string, Module>;
  /** Those whose names are put together when the program runs: `f"conv{i}"`. */
  readonly patterns: (readonly [pattern: NamePattern, module: Module])[];
  /** What a container holds in a row. */
  readonly items?: Item[];
  /** What else it may be: the branches of a condition assign to one name. */
  readonly alternatives?: readonly Module[];
  /** A list or a dictionary of Python, which is no module itself. */
  readonly isPlain?: boolean;
  /** Made by something that is known to have no parameters. */
  readonly isBare?: boolean;
  /** What the class is given by others: `self.encoder = encoder`. */
  readonly isGiven?: boolean;
  /** Of an instance: its class, if that is one of the text; known when the whole text has been read. */
  readonly definition?: () => Module | undefined;
  /** Of a class: those of the text that it inherits from. */
  readonly bases?: readonly (() => Module | undefined)[];
  /** It is made elsewhere, or inherits from there: it may have more parts than the text says. */
  readonly hasMore?: boolean;
}

/** One of the modules in a row. */
export interface Item {
  readonly module: Module;
  /** It is there any number of times, in turn with the others of the same loop. */
  readonly loop?: number;
  /** It may not be there. */
  readonly conditional?: boolean;
}

/** Whether all of a row is there, each once. */
export const isCertain = (row: readonly Item[]): boolean =>
  row.every(({ loop, conditional }) => loop === undefined && !conditional);

/** Longer rows and lists of patterns are cut: nobody writes them, but lists that hold themselves twice grow so. */
export const mostParts = 4096;

/** What names stand for. */
export type Scope = Map<string, Module>;

export const moduleAt = (at: SourceRange, more: Partial<Module> = {}): Module => ({
  at,
  children: new Map(),
  patterns: [],
  ...more,
});

/** Where the parts of a module come from: from itself, its class, and the classes above. */
export function origins(module: Module): Module[] {
  const found = new Set([module]);
  // A set hands out what is added on the way, too.
  for (const each of found)
    for (const above of [each.definition, ...(each.bases ?? [])]) {
      const origin = above?.();
      if (origin) found.add(origin);
    }
  return [...found];
}

/** Whether a module may have parts that the text does not show. */
export function isOpen(module: Module): boolean {
  const all = origins(module);
  return all.some(({ hasMore }) => hasMore) || (all.length === 1 && isEmpty(module));
}

/** Whether a module itself has no parts. */
export const isEmpty = ({ children, patterns, items }: Module): boolean =>
  children.size === 0 && patterns.length === 0 && !items?.length;

/** Whether a module is known to have no parameters. */
export const isBare = (module: Module): boolean =>
  module.isBare === true || (module.definition !== undefined && !isOpen(module) && origins(module).every(isEmpty));

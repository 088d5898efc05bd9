import { type Tree, TreeFragment } from '@lezer/common';
import { parser } from '@lezer/python';
import type { OptimizerConfig } from '../config.ts';
import type { Workspace } from '../workspace.ts';
import { Evaluator } from './evaluate.ts';
import { findInPython } from './find.ts';
import { Imports } from './imports.ts';
import { mask } from './mask.ts';
import { boundNesting } from './nesting.ts';
import { indexTree } from './scopes.ts';
import { withClosedNumbers } from './text.ts';

/** What is kept of a text to analyse its next version faster. */
export interface Parsed {
  readonly masked: string;
  /** What the tree was parsed from. */
  readonly parsed: string;
  readonly tree: Tree;
  readonly configs: readonly OptimizerConfig[];
  /** Statements were left out, because they are nested too deeply. */
  readonly isPartial: boolean;
}

/** Where a text lies among others that it may lead to. */
export interface Surroundings {
  readonly path: string;
  readonly workspace: Workspace;
}

/** The configurations of a Python text; `previous` is what an earlier version of it gave. */
export function analysePython(text: string, previous: Parsed | undefined, around?: Surroundings): Parsed {
  const bounded = boundNesting(text);
  const masked = mask(bounded.text);
  if (previous && previous.masked === masked && !around) return previous;
  const parsed = withClosedNumbers(masked);
  const isSame = previous?.parsed === parsed;
  const tree = isSame ? previous.tree : parser.parse(parsed, previous ? unchanged(previous, parsed) : undefined);
  const imports = new Imports(around?.workspace);
  const evaluator = new Evaluator(indexTree(tree, masked), imports, around?.path);
  imports.add(evaluator);
  return { masked, parsed, tree, configs: findInPython(evaluator), isPartial: bounded.isPartial };
}

/** The parts of the last tree that still hold: everything outside the one stretch in which the texts differ. */
function unchanged(previous: Parsed, text: string): readonly TreeFragment[] {
  const old = previous.parsed;
  const shorter = Math.min(old.length, text.length);
  let start = 0;
  while (start < shorter && old.charCodeAt(start) === text.charCodeAt(start)) start++;
  let end = 0;
  while (end < shorter - start && old.charCodeAt(old.length - 1 - end) === text.charCodeAt(text.length - 1 - end))
    end++;
  const change = { fromA: start, toA: old.length - end, fromB: start, toB: text.length - end };
  return TreeFragment.applyChanges(TreeFragment.addTree(previous.tree), [change]);
}

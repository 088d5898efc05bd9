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
  const tree = isSame ? previous.tree : treeOf(parsed, previous);
  const imports = new Imports(around?.workspace);
  const evaluator = new Evaluator(indexTree(tree, masked), imports, around?.path);
  imports.add(evaluator);
  return { masked, parsed, tree, configs: findInPython(evaluator), isPartial: bounded.isPartial };
}

/**
 * The syntax tree, from what still holds of the last one. Where the text is broken, how the parser recovers depends on what it is given
 * of the last tree; then the whole is parsed, so that the same text always gives the same.
 */
function treeOf(text: string, previous: Parsed | undefined): Tree {
  if (!previous) return parser.parse(text);
  const tree = parser.parse(text, unchanged(previous, text));
  return isWhole(tree) && isWhole(previous.tree) ? tree : parser.parse(text);
}

/** True where nothing had to be skipped or made up. */
function isWhole(tree: Tree): boolean {
  const cursor = tree.cursor();
  do if (cursor.type.isError) return false;
  while (cursor.next());
  return true;
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

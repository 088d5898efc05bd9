import { type Tree, TreeFragment } from '@lezer/common';
import { parser } from '@lezer/python';
import type { OptimizerConfig } from '../config.ts';
import { findInPython } from './find.ts';
import { mask } from './mask.ts';

/** What is kept of a text to analyse its next version faster. */
export interface Parsed {
  readonly masked: string;
  /** What the tree was parsed from. */
  readonly parsed: string;
  readonly tree: Tree;
  readonly configs: readonly OptimizerConfig[];
}

/** The configurations of a Python text; `previous` is what an earlier version of it gave. */
export function analysePython(text: string, previous: Parsed | undefined): Parsed {
  const masked = mask(text);
  if (previous && previous.masked === masked) return previous;
  const parsed = withClosedNumbers(masked);
  const tree = parser.parse(parsed, previous ? unchanged(previous, parsed) : undefined);
  return { masked, parsed, tree, configs: findInPython(tree, masked) };
}

/** The grammar takes `30.` and `1.e-3` for attributes of a number; with `_` in place of the point they are one token. */
function withClosedNumbers(text: string): string {
  return text.replace(/(?<![\w.])(\d[\d_]*)\.(?![\w.])|(?<![\w.])(\d[\d_]*)\.(?=[eE][-+]?\d)/g, '$1$2_');
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

import type { Tree } from '@lezer/common';
import { parser } from '@lezer/python';
import { boundNesting } from './nesting.ts';
import { withClosedNumbers } from './text.ts';

interface Module {
  /** What the tree's positions count in. */
  readonly text: string;
  readonly tree: Tree;
}

/** Characters of text whose trees are kept; a tree takes a few times as much. */
const mostKept = 4 * 2 ** 20;

/**
 * Syntax trees of modules by their text, the last used kept: a scan meets the same modules from every file that imports them. Trees do
 * not change, so that analyses can share them.
 */
class Trees {
  private readonly kept = new Map<string, Module>();
  private size = 0;

  of(text: string): Module {
    const known = this.kept.get(text);
    if (known) {
      this.kept.delete(text);
      this.kept.set(text, known);
      return known;
    }
    const { text: bounded } = boundNesting(text);
    const made = { text: bounded, tree: parser.parse(withClosedNumbers(bounded)) };
    this.kept.set(text, made);
    this.size += text.length;
    for (const oldest of this.kept.keys()) {
      if (this.size <= mostKept) break;
      this.kept.delete(oldest);
      this.size -= oldest.length;
    }
    return made;
  }
}

export const moduleTrees = new Trees();

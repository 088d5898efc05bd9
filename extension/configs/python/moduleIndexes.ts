import { parser } from '@lezer/python';
import { boundNesting } from './nesting.ts';
import type { Index } from './scope.ts';
import { indexTree } from './scopes.ts';
import { withClosedNumbers } from './text.ts';

/** Characters of text whose trees are kept; a tree and its index take some ten times as much. */
const mostKept = 4 * 2 ** 20;

/**
 * What modules hold, by their paths, the last used kept: a scan meets the same modules from every file that imports them. Trees and
 * indexes do not change, so that analyses can share them. Not by their texts alone: an index is one module, and two files with the
 * same text are two.
 */
class ModuleIndexes {
  private readonly kept = new Map<string, { readonly whole: string; readonly index: Index }>();
  private size = 0;

  of(path: string, whole: string): Index {
    const known = this.kept.get(path);
    if (known) this.drop(path, known.whole);
    const { index } = known?.whole === whole ? known : { index: indexOf(whole) };
    this.kept.set(path, { whole, index });
    this.size += whole.length;
    for (const [oldest, { whole: text }] of this.kept) {
      if (this.size <= mostKept) break;
      this.drop(oldest, text);
    }
    return index;
  }

  private drop(path: string, whole: string): void {
    this.kept.delete(path);
    this.size -= whole.length;
  }
}

function indexOf(whole: string): Index {
  const { text } = boundNesting(whole);
  return indexTree(parser.parse(withClosedNumbers(text)), text);
}

export const moduleIndexes = new ModuleIndexes();

import type { SourceRange } from '../source.ts';
import { type Item, isBare, isCertain, isEmpty, isOpen, type Module, moduleAt, origins } from './module.ts';
import { deepest, type NameTree, size } from './nameTree.ts';
import { align } from './rows.ts';
import { fits } from './syntax.ts';

/** Parts that wrappers add: torch.compile, DataParallel; and before all others, what a model is called in a larger one. */
const wrapper = /^(?:_orig_mod|module)$/;
const outermost = /^(?:_orig_mod|module|model|_model|net)$/;

/**
 * The deepest expression on the way along a dotted name; at least its first part must be an attribute of the root. `names` are
 * all that the model has: they tell apart what the text leaves open.
 */
export function follow(root: Module, names: NameTree, parts: readonly string[]): SourceRange | undefined {
  if (parts.length > deepest) return undefined;
  let current = root;
  let tree: NameTree | undefined = names;
  let at: SourceRange | undefined;
  for (const part of parts) {
    const next: Module | undefined = tree && partOf(current, part, tree);
    tree = tree?.parts.get(part);
    if (next) {
      current = next;
      at = next.at;
    } else if (!(at ? wrapper : outermost).test(part)) {
      // The rest belongs to a module from elsewhere, or is its own parameter, as `weight` of a Linear. A module of this file
      // would have shown its parts; of a row the text may show fewer than there are.
      return at && (isOpen(current) || (isIndex(part) && rowOf(origins(current)))) ? at : undefined;
    }
  }
  return at;
}

const isIndex = (part: string): boolean => /^\d+$/.test(part);
const rowOf = (all: readonly Module[]) => all.find(({ items }) => items?.length)?.items;

/** A part of a module, of those that it may be the one that explains most names behind it. */
function partOf(module: Module, part: string, tree: NameTree): Module | undefined {
  const behind = tree.parts.get(part);
  const found = partNamed(module, part, tree);
  if (!found?.alternatives || !behind) return found;
  return [found, ...found.alternatives].reduce((best, each) =>
    explained(each, behind) > explained(best, behind) ? each : best,
  );
}

function partNamed(module: Module, part: string, tree: NameTree): Module | undefined {
  const all = origins(module);
  for (const { children } of all) {
    const child = children.get(part);
    if (child) return child;
  }
  const row = isIndex(part) ? rowOf(all) : undefined;
  if (row) {
    if (isCertain(row)) return row[Number(part)]?.module;
    const item = align(row, tree, explained).at.get(part);
    // Where the names leave a doubt, it is the whole row that creates them.
    return item === null ? moduleAt(module.at) : item;
  }
  for (const { patterns } of all) {
    const found = patterns.findLast(([pattern]) => fits(part, pattern));
    if (found) return found[1];
  }
  return undefined;
}

/** Of modules that hold each other there are more paths than modules. */
const counted = new WeakMap<Module, WeakMap<NameTree, number>>();

/** How many of the names behind a module it may have parts and parameters for. */
function explained(module: Module, tree: NameTree): number {
  const trees = counted.get(module) ?? new WeakMap<NameTree, number>();
  counted.set(module, trees);
  const count = trees.get(tree) ?? countExplained(module, tree);
  trees.set(tree, count);
  return count;
}

function countExplained(module: Module, tree: NameTree): number {
  if (tree.parts.size === 0) return 1;
  if (isBare(module)) return 0;
  const open = isOpen(module);
  let count = 0;
  for (const [part, behind] of tree.parts) {
    const next = partOf(module, part, tree);
    if (next) count += explained(next, behind);
    else if (open || wrapper.test(part)) count += size(behind);
  }
  return count;
}

/** How many of all names a root has parts for. */
export function explainedByRoot(root: Module, tree: NameTree): number {
  if (origins(root).every(isEmpty)) return 0;
  let count = 0;
  for (const [part, behind] of tree.parts) {
    const next = partOf(root, part, tree);
    if (next) count += explained(next, behind);
    else if (outermost.test(part)) count += explainedByRoot(root, behind);
  }
  return count;
}

/** How far the modules of a root and the names are from each other, to choose among roots that explain as many names. */
export function misfit(root: Module, tree: NameTree): number {
  let sum = 0;
  for (const each of origins(root)) {
    if (each.items) sum += rowMisfit(each.items, tree);
    for (const [name, child] of each.children) {
      const behind = tree.parts.get(name);
      if (!behind) sum += isBare(child) ? 0 : missing.attribute;
      else if (child.items) sum += rowMisfit(child.items, behind);
      else if (child.isGiven) sum += missing.definition;
    }
  }
  return sum;
}

/** An attribute without names may be no module at all; something in a row is one; what is given is defined elsewhere. */
const missing = { attribute: 0.01, item: 1, definition: 0.5 };

function rowMisfit(row: readonly Item[], tree: NameTree): number {
  if (!isCertain(row)) return align(row, tree, explained).cost;
  const without = row.filter(({ module }, i) => !isBare(module) && !tree.parts.has(String(i))).length;
  const beyond = [...tree.parts.keys()].filter((part) => isIndex(part) && Number(part) >= row.length).length;
  return missing.item * (without + beyond);
}

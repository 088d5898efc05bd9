import { type Item, isBare, isOpen, type Module } from './module.ts';
import { type NameTree, size } from './nameTree.ts';

/** What it costs to take something into an account of the names that is possible, but not likely. */
const costs = {
  /** An item that is left out: it need not be there, it may be repeated no time, it should be there. */
  conditional: 0.01,
  loop: 0.1,
  certain: 1,
  /** A module of elsewhere that has modules with parameters inside, where another shows them. */
  nested: 0.05,
  /** A module that cannot have any of the names. */
  impossible: 100,
};
/** Accounts that differ by less are equally good. */
const tolerance = 1e-6;

/** An account of the indices of a row: the item at each, null where several are equally likely; and what it costs. */
export interface Alignment {
  readonly at: ReadonlyMap<string, Module | null>;
  readonly cost: number;
}

const known = new WeakMap<readonly Item[], WeakMap<NameTree, Alignment>>();

/**
 * Which item of a row stands at which index, where loops and conditions decide how often each is there. Those that have
 * parameters, in their order, are laid along the indices that have tensors, so that they explain the names behind them at the
 * least cost.
 */
export function align(
  row: readonly Item[],
  tree: NameTree,
  explained: (module: Module, tree: NameTree) => number,
): Alignment {
  const trees = known.get(row) ?? new WeakMap<NameTree, Alignment>();
  known.set(row, trees);
  const before = trees.get(tree);
  if (before) return before;
  // While this is worked out, a row that holds itself finds nothing.
  trees.set(tree, { at: new Map(), cost: 0 });
  const result = cheapest(row, tree, explained);
  trees.set(tree, result);
  return result;
}

function cheapest(
  row: readonly Item[],
  tree: NameTree,
  explained: (module: Module, tree: NameTree) => number,
): Alignment {
  const items = row.filter(({ module }) => !isBare(module));
  const indices = [...tree.parts].filter(([part]) => /^\d+$/.test(part)).sort(([a], [b]) => Number(a) - Number(b));
  if (items.length === 0 || items.length > mostItems || indices.length > mostIndices)
    return {
      at: new Map(items.length === 0 ? [] : indices.map(([part]) => [part, null])),
      cost: items.reduce((sum, item) => sum + leftOut(item), 0),
    };
  const between = steps(items);
  const cost = indices.map(([, behind]) => items.map(({ module }) => fit(module, behind, explained)));
  // Least costs of all accounts up to an index, and from it on, by the item that stands there.
  const forward: number[][] = [];
  for (const [i, here] of cost.entries())
    forward.push(
      here.map(
        (own, to) =>
          own +
          (i === 0
            ? between.first[to]
            : Math.min(...items.map((_, from) => forward[i - 1][from] + between.next[from][to]))),
      ),
    );
  const backward: number[][] = [];
  for (let i = cost.length - 1; i >= 0; i--)
    backward[i] = items.map((_, from) =>
      i === cost.length - 1
        ? between.last[from]
        : Math.min(...items.map((__, to) => between.next[from][to] + cost[i + 1][to] + backward[i + 1][to])),
    );
  const at = new Map<string, Module | null>();
  let whole = 0;
  for (const [i, [part]] of indices.entries()) {
    const totals = items.map((_, item) => forward[i][item] + backward[i][item]);
    const least = Math.min(...totals);
    whole = least;
    const best = items.filter((_, item) => totals[item] <= least + tolerance && cost[i][item] < costs.impossible);
    if (best.length > 0) at.set(part, best.length === 1 ? best[0].module : null);
  }
  return { at, cost: whole };
}

/** Longer rows than a person writes. */
const mostItems = 60;
const mostIndices = 2000;

function fit(module: Module, behind: NameTree, explained: (module: Module, tree: NameTree) => number): number {
  const unexplained = 1 - explained(module, behind) / size(behind);
  const isNested = [...behind.parts.values()].some(({ parts }) => parts.size > 0);
  return costs.impossible * unexplained + (isNested && isOpen(module) ? costs.nested : 0);
}

const leftOut = ({ loop, conditional }: Item): number =>
  conditional ? costs.conditional : loop === undefined ? costs.certain : costs.loop;

/** What it costs to come from one item to another as the next that has tensors, to begin with one, and to end. */
function steps(items: readonly Item[]): { first: number[]; next: number[][]; last: number[] } {
  const sum = (some: readonly Item[]) => some.reduce((total, item) => total + leftOut(item), 0);
  const next = items.map(({ loop }, from) =>
    items.map((item, to) => {
      if (to > from) return sum(items.slice(from + 1, to));
      if (loop === undefined || item.loop !== loop) return Number.POSITIVE_INFINITY;
      // Once more around: what is left out at the end of the loop, and at its beginning.
      const all = items.map((each, i) => ({ each, i })).filter(({ each }) => each.loop === loop);
      return sum(all.filter(({ i }) => i > from || i < to).map(({ each }) => each));
    }),
  );
  return {
    first: items.map((_, to) => sum(items.slice(0, to))),
    next,
    last: items.map((_, from) => sum(items.slice(from + 1))),
  };
}

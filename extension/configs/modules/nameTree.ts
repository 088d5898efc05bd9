/** Names of that many parts are followed; deeper ones are of no module that a person wrote. */
export const deepest = 40;

/** The parts of dotted names as a tree: what stands behind each part. */
export interface NameTree {
  readonly parts: Map<string, NameTree>;
}

/** The names without their first `skipped` parts. */
export function nameTree(names: readonly string[], skipped: number): NameTree {
  const root: NameTree = { parts: new Map() };
  for (const name of names) {
    let at = root;
    for (const part of name.split('.').slice(skipped, skipped + deepest)) {
      const next = at.parts.get(part) ?? { parts: new Map() };
      at.parts.set(part, next);
      at = next;
    }
  }
  return root;
}

/** How many names there are in a tree. */
export function size(tree: NameTree): number {
  let sum = 0;
  for (const behind of tree.parts.values()) sum += size(behind);
  return Math.max(1, sum);
}

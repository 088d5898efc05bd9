import type { SyntaxNode } from '@lezer/common';
import type { Binding } from './scopes.ts';

/**
 * The bindings that a use of the name in the same scope may see, in the order of the text: the last one that surely ran
 * before it, and those after that one that may have run. Empty where a loop can bring a later binding around.
 */
export function reaching(list: readonly Binding[], use: SyntaxNode): readonly Binding[] {
  const blocks = new Set<number>();
  let top = use;
  for (let at: SyntaxNode | null = use; at; at = at.parent) {
    if (isBlock(at)) blocks.add(at.from);
    if (at.name === 'ForStatement' || at.name === 'WhileStatement') {
      const { from, to } = at;
      if (list.some((binding) => binding.at >= from && binding.at < to && !precedes(binding, use))) return [];
    }
    top = at;
  }
  let found: Binding[] = [];
  for (const binding of list) {
    if (!precedes(binding, use)) continue;
    if (binding.kind === 'parameter' || blocks.has(blockOf(top, binding.at).from)) found = [];
    found.push(binding);
  }
  return found;
}

/** An assignment comes after its own right-hand side. */
function precedes(binding: Binding, use: SyntaxNode): boolean {
  if (binding.kind === 'parameter') return true;
  if (binding.at >= use.from) return false;
  return binding.kind !== 'value' || use.from < binding.node.from || use.from >= binding.node.to;
}

function blockOf(top: SyntaxNode, at: number): SyntaxNode {
  let node = top.resolve(at, 1);
  while (!isBlock(node) && node.parent) node = node.parent;
  return node;
}

/** What runs from its start to its end if it runs: the body of `with` belongs to what is around it. */
function isBlock({ name, parent }: SyntaxNode): boolean {
  return name === 'Script' || (name === 'Body' && parent?.name !== 'WithStatement');
}

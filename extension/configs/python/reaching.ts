import type { SyntaxNode } from '@lezer/common';
import { type Binding, isBlock } from './scopes.ts';

/**
 * The bindings that a use of the name in the same scope may see: the last one that surely ran before it, and those after
 * that one that may have run. Empty where a loop can bring a later binding around.
 */
export function reaching(list: readonly Binding[], use: SyntaxNode): readonly Binding[] {
  if (list.length === 1) return precedes(list[0], use) ? list : [];
  const blocks = new Set([0]);
  for (let at: SyntaxNode | null = use; at; at = at.parent) {
    if (isBlock(at)) blocks.add(at.from);
    else if (at.name === 'ForStatement' || at.name === 'WhileStatement') {
      const { from, to } = at;
      if (list.some((binding) => binding.at >= from && binding.at < to && !precedes(binding, use))) return [];
    }
  }
  const found: Binding[] = [];
  for (let i = list.length - 1; i >= 0; i--) {
    const binding = list[i];
    if (!precedes(binding, use)) continue;
    found.unshift(binding);
    if (binding.kind === 'parameter' || blocks.has(binding.block)) break;
  }
  return found;
}

/** An assignment comes after its own right-hand side. */
function precedes(binding: Binding, use: SyntaxNode): boolean {
  if (binding.kind === 'parameter') return true;
  if (binding.at >= use.from) return false;
  return binding.kind !== 'value' || use.from < binding.node.from || use.from >= binding.node.to;
}

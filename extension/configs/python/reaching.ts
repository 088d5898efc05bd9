import type { SyntaxNode } from '@lezer/common';
import { type Binding, isBlock } from './scope.ts';

/** More bindings than that, none of which surely ran, are as good as none. */
const MOST = 64;

/**
 * The bindings that a use of the name in the same scope may see: the last one that surely ran before it, and those after
 * that one that may have run. Empty where a loop can bring a later binding around, or where there are too many.
 */
export function reaching(list: readonly Binding[], use: SyntaxNode): readonly Binding[] {
  if (list.length === 1) return precedes(list[0], use) ? list : [];
  const next = firstFrom(list, use.from);
  const blocks = new Set([0]);
  for (let at: SyntaxNode | null = use; at; at = at.parent) {
    if (isBlock(at)) blocks.add(at.from);
    else if ((at.name === 'ForStatement' || at.name === 'WhileStatement') && isBoundLater(list, next, use, at))
      return [];
  }
  const found: Binding[] = [];
  for (let i = next - 1; i >= 0; i--) {
    const binding = list[i];
    if (!precedes(binding, use)) continue;
    found.push(binding);
    if (binding.kind === 'parameter' || blocks.has(binding.block)) break;
    if (found.length > MOST) return [];
  }
  return found.reverse();
}

/** The first of the bindings, which stand in the order of the text, that is not before an offset. */
function firstFrom(list: readonly Binding[], offset: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a loop around a use binds the name after it: from the next binding on, or by the statement that the use is in. */
function isBoundLater(list: readonly Binding[], next: number, use: SyntaxNode, { from, to }: SyntaxNode): boolean {
  const after = list[next];
  if (after && after.at < to && after.kind !== 'parameter') return true;
  for (let i = next - 1; i >= 0 && i >= next - 4 && list[i].at >= from; i--) if (!precedes(list[i], use)) return true;
  return false;
}

/** An assignment comes after its own right-hand side. */
function precedes(binding: Binding, use: SyntaxNode): boolean {
  if (binding.kind === 'parameter') return true;
  if (binding.at >= use.from) return false;
  return binding.kind !== 'value' || use.from < binding.node.from || use.from >= binding.node.to;
}

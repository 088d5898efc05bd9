import { shorten } from '../extension/shared/format.ts';
import { h } from './dom.ts';

/** As many characters as the column of names has room for in a panel beside the code. */
const fewest = 24;
const most = 48;

/**
 * `e.l.0.s.in_proj.weight` for `encoder.layers.0.self_attn.in_proj.weight`, where the name has more than `limit` characters:
 * words shrink to their first letters, but for the last two, or the last one. Numbers stay: they tell tensors apart.
 */
export function abbreviate(name: string, limit: number): string {
  const parts = name.split('.');
  const keeping = (last: number) =>
    parts.map((part, i) => (i >= parts.length - last || /^\d/.test(part) ? part : part.slice(0, 1))).join('.');
  return [name, keeping(2)].find((each) => each.length <= limit) ?? keeping(1);
}

/** A tensor's name in a row: abbreviated where the panel is narrow. */
export function tensorName(name: string): HTMLElement[] {
  const whole = shorten(name, most);
  const brief = shorten(abbreviate(name, fewest), most);
  return brief === whole
    ? [h('bdi', {}, whole)]
    : [h('bdi', { class: 'whole' }, whole), h('bdi', { class: 'brief' }, brief)];
}

/** Makes the column of names in the rows of `element` as wide as the longest of them needs. */
export function fitNames(element: HTMLElement, names: readonly string[]): void {
  const longest = (text: (name: string) => string) => Math.max(8, ...names.map((name) => text(name).length));
  element.style.setProperty(
    '--brief',
    String(
      Math.min(
        fewest,
        longest((name) => abbreviate(name, fewest)),
      ),
    ),
  );
  element.style.setProperty(
    '--whole',
    String(
      Math.min(
        most,
        longest((name) => name),
      ),
    ),
  );
}

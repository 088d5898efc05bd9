import { shorten } from '../extension/shared/format.ts';
import { h } from './dom.ts';

/** As many characters as the column of names has room for in a panel beside the code. */
const fewest = 24;
const most = 48;

/**
 * `e.l.0.self_attn.in_proj_weight` for `encoder.layers.0.self_attn.in_proj_weight`: from the front, words shrink to their first
 * letters until the name has at most `limit` characters. Numbers and the last part stay, which tell tensors apart.
 */
export function abbreviate(name: string, limit: number): string {
  const parts = name.split('.');
  for (let i = 0; i < parts.length - 1 && parts.join('.').length > limit; i++)
    if (!/^\d/.test(parts[i])) parts[i] = parts[i].slice(0, 1);
  return parts.join('.');
}

/** A tensor's name in a row: abbreviated where the panel is narrow. */
export function tensorName(name: string, attributes: Readonly<Record<string, unknown>> = {}): HTMLElement {
  const whole = shorten(name, most);
  const brief = shorten(abbreviate(name, fewest), most);
  const words =
    brief === whole
      ? [h('bdi', {}, whole)]
      : [h('bdi', { class: 'whole' }, whole), h('bdi', { class: 'brief' }, brief)];
  return h('span', { class: 'name', ...attributes }, ...words);
}

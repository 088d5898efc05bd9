import { abbreviate, shorten, tensorLabel } from '../extension/shared/format.ts';
import { h } from './dom.ts';

/** As many characters as the column of names has room for in a panel beside the code. */
const fewest = 24;
const most = 48;

/** A tensor's name in a row: abbreviated where the panel is narrow. */
export function tensorName(name: string): HTMLElement[] {
  const whole = tensorLabel(name, most);
  const brief = shorten(abbreviate(name, fewest), most);
  return brief === whole
    ? [h('bdi', {}, whole)]
    : [h('bdi', { class: 'whole' }, whole), h('bdi', { class: 'brief' }, brief)];
}

/** What a tensor is called, and in the file, where that is another name. */
export const inFile = ({ name, label }: { readonly name: string; readonly label: string }): string =>
  shorten(label, 200) + (name === label ? '' : `, in the file ${shorten(name, 100)}`);

/** Makes the column of names in the rows of `element` as wide as the longest of them needs. */
export function fitNames(element: HTMLElement, names: readonly string[]): void {
  const widest = (text: (name: string, limit: number) => string, limit: number): string =>
    String(Math.min(limit, Math.max(8, ...names.map((name) => text(name, limit).length))));
  element.style.setProperty('--brief', widest(abbreviate, fewest));
  element.style.setProperty('--whole', widest(tensorLabel, most));
}

import { h } from './dom.ts';
import { button } from './toolkit.ts';

/** How far something is, in a bar and in words, and a button that stops it. */
export class Meter {
  readonly element: HTMLElement;
  private readonly bar = h('progress', { max: '1', value: '0', 'aria-label': 'Progress' }) as HTMLProgressElement;
  private readonly words = h('p', { class: 'message' });

  constructor(cancel: () => void) {
    const stop = button('Cancel', () => {
      this.words.textContent = 'Stopping …';
      cancel();
    });
    this.element = h('div', { class: 'notice meter' }, h('div', {}, this.words, this.bar), h('div', { class: 'actions' }, stop)); // biome-ignore format: short
  }

  set(share: number, text: string): void {
    this.bar.value = share;
    this.words.textContent = text;
  }
}

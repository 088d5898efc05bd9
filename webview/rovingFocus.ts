/**
 * One stop of the Tab key for a long list of buttons: the one that had the focus last, else the first. The arrow keys, Home and
 * End go through the others.
 */
export class RovingFocus {
  private current: Element | undefined;

  /** `buttons` selects them below `list`. */
  constructor(
    private readonly list: Element,
    private readonly buttons: string,
  ) {
    list.addEventListener('focusin', ({ target }) => {
      if (!(target as Element).matches(buttons)) return;
      this.current = target as Element;
      this.update();
    });
    list.addEventListener('keydown', (event) => this.move(event as KeyboardEvent));
  }

  /** To be called when the list has been drawn anew. */
  update(): void {
    const all = this.all();
    const stop = this.current && all.includes(this.current as HTMLElement) ? this.current : all[0];
    for (const button of all) button.tabIndex = button === stop ? 0 : -1;
  }

  private all(): HTMLElement[] {
    return [...this.list.querySelectorAll<HTMLElement>(this.buttons)];
  }

  private move(event: KeyboardEvent): void {
    const all = this.all();
    const at = all.indexOf(event.target as HTMLElement);
    const last = all.length - 1;
    const next = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (at < 0 || next === undefined) return;
    all[next].focus();
    event.preventDefault();
  }
}

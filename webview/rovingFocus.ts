import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/**
 * One stop of the Tab key for a long list of buttons: the one that had the focus last, else the first. The arrow keys, Home and
 * End go through the others. `buttons` selects them below the list.
 */
export function useRovingFocus(list: RefObject<HTMLElement | null>, buttons: string): void {
  const current = useRef<EventTarget | undefined>(undefined);
  const update = (found: readonly HTMLElement[]) => {
    const stop = found.find((button) => button === current.current) ?? found[0];
    for (const button of found) {
      const wanted = button === stop ? 0 : -1;
      if (button.tabIndex !== wanted) button.tabIndex = wanted;
    }
  };
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const all = () => [...element.querySelectorAll<HTMLElement>(buttons)];
    const focused = ({ target }: FocusEvent) => {
      if (!(target as Element).matches(buttons)) return;
      current.current = target ?? undefined;
      update(all());
    };
    const pressed = (event: KeyboardEvent) => {
      const found = all();
      const at = found.indexOf(event.target as HTMLElement);
      const last = found.length - 1;
      const next = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
      if (at < 0 || next === undefined) return;
      found[next].focus();
      event.preventDefault();
    };
    element.addEventListener('focusin', focused);
    element.addEventListener('keydown', pressed);
    return () => {
      element.removeEventListener('focusin', focused);
      element.removeEventListener('keydown', pressed);
    };
  }, [list, buttons]);
  // After each time that the list is drawn anew.
  useLayoutEffect(() => update([...(list.current?.querySelectorAll<HTMLElement>(buttons) ?? [])]));
}

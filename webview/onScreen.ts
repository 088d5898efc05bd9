import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows this far outside of what is seen are kept up to date, too. */
const margin = '200px';

/**
 * Tells which rows of a long list can be seen: only those need be drawn anew while a run goes on. Rows are the elements below
 * `list` with the attribute `data-row`, which names them; all of them can be seen until the browser has told.
 */
export function useOnScreen(list: RefObject<HTMLElement | null>): (row: string) => boolean {
  const seen = useRef<Set<string> | undefined>(undefined);
  const known = useRef(new Set<Element>());
  const observer = useRef<IntersectionObserver | undefined>(undefined);
  const [, redraw] = useState(0);
  useLayoutEffect(() => {
    observer.current = new IntersectionObserver(
      (entries) => {
        const rows = new Set(seen.current);
        for (const { target, isIntersecting } of entries) {
          const name = target.getAttribute('data-row') ?? '';
          if (isIntersecting) rows.add(name);
          else rows.delete(name);
        }
        seen.current = rows;
        if (entries.some(({ isIntersecting }) => isIntersecting)) redraw((count) => count + 1);
      },
      { rootMargin: margin },
    );
    return () => observer.current?.disconnect();
  }, []);
  useLayoutEffect(() => {
    const rows = new Set<Element>(list.current?.querySelectorAll('[data-row]'));
    for (const row of rows) if (!known.current.has(row)) observer.current?.observe(row);
    for (const row of known.current) if (!rows.has(row)) observer.current?.unobserve(row);
    known.current = rows;
  });
  return (row) => seen.current?.has(row) ?? true;
}

export { sharePercent, shown } from '../shared/format.ts';

/** `a`, `a and b`, `a, b and c`. */
export const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;

/** JSON has no NaN and no infinities. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

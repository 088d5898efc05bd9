/** Three significant digits for sentences, or as many as asked for. */
export function shown(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return 'unknown';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const text =
    size !== 0 && (size >= 1e5 || size < 1e-3)
      ? size.toExponential(digits - 1)
      : String(Number(size.toPrecision(digits)));
  return `${value < 0 ? '−' : ''}${text.replace('e+', 'e').replace('e-', 'e−')}`;
}

/** 3.21 %, 0.0512 %: a share with three significant digits, for sentences; a plus sign where asked for. */
export const sharePercent = (share: number, sign = false): string =>
  `${sign && share > 0 ? '+' : ''}${shown(100 * share)} %`;

/** `a`, `a and b`, `a, b and c`. */
export const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;

/** JSON has no NaN and no infinities. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Three significant digits, with a real minus sign; an en dash where there is no value. */
export function number(value: number | null | undefined, sign = false): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const text =
    size === 0
      ? '0'
      : size >= 1e5 || size < 1e-3
        ? size.toExponential(2).replace('e+', 'e').replace('-', '−')
        : size >= 1000
          ? thousands(Math.round(size))
          : size.toPrecision(3);
  return `${value < 0 ? '−' : sign ? '+' : ''}${text}`;
}

/** 12,345. */
export const thousands = (value: number): string => value.toLocaleString('en-US');

/** 64 %. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? '–' : `${Math.round(share * 100)} %`;

/** Columns of text: the first left-aligned, the others right-aligned. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], indent = '  '): string {
  const widths = header.map((title, i) => Math.max(width(title), ...rows.map((row) => width(row[i]))));
  const line = (cells: readonly string[]) =>
    indent +
    cells
      .map((cell, i) =>
        i === 0 ? cell + ' '.repeat(widths[0] - width(cell)) : ' '.repeat(widths[i] - width(cell)) + cell,
      )
      .join('  ');
  return [header, ...rows].map((cells) => line(cells).trimEnd()).join('\n');
}

const width = (text: string): number => [...text].length;

/** A name with control characters made visible and its middle left out where it is long. */
export function shorten(name: string, limit = 40): string {
  const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '�');
  return visible.length <= limit
    ? visible
    : `${visible.slice(0, limit / 2 - 1)}…${visible.slice(visible.length - limit / 2)}`;
}

/** Bold, dim and the like, only on a terminal that wants it. */
export function styles(stream: NodeJS.WriteStream): { bold(text: string): string; dim(text: string): string } {
  const on = stream.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb';
  const wrap = (open: number, close: number) => (text: string) =>
    on ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return { bold: wrap(1, 22), dim: wrap(2, 22) };
}

/** A progress line on a terminal; nothing where output is piped. */
export class ProgressLine {
  private shown = false;
  constructor(private readonly stream: NodeJS.WriteStream) {}

  update(text: string): void {
    if (!this.stream.isTTY) return;
    this.stream.write(`\r\u001b[2K${text.slice(0, Math.max(20, (this.stream.columns ?? 80) - 1))}`);
    this.shown = true;
  }

  clear(): void {
    if (this.shown) this.stream.write('\r\u001b[2K');
    this.shown = false;
  }
}

/** ████░░░░ of a given share. */
export const bar = (share: number, cells = 20): string => '█'.repeat(Math.round(share * cells)).padEnd(cells, '░');

/** 12 s, 3 min. */
export const duration = (seconds: number): string =>
  seconds < 90 ? `${Math.max(0, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;

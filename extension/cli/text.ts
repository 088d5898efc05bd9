export {
  duration,
  labelOf,
  number,
  percent,
  setting,
  shorten,
  tensorLabel,
  tensorLabels,
  thousands,
} from '../shared/format.ts';

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

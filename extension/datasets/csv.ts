import { fail } from '../files/files.ts';
import { collectAll } from '../files/streams.ts';
import { quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import { type DataFormat, samplesAndLabels } from './format.ts';
import { labelColumn, labelTensor, type Table } from './table.ts';

/** Longest text that is read, in bytes; each number takes 8 bytes once read. */
const longestCsv = 2 ** 28;
const mostColumns = 100_000;
const [tab, lineFeed, carriageReturn, space, quote, comma, semicolon] = [9, 10, 13, 32, 34, 44, 59];
const numeric = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Numbers separated by commas, semicolons or tabs (detected), with or without a header row, as features and label.
 * Quotes, CRLF and a byte-order mark are understood. Ragged rows, empty cells and anything but numbers are refused with
 * line and column (both counted from 1). One pass, time linear in the length.
 */
export function decodeCsv(bytes: Uint8Array, where: Where, label?: string): Table {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    fail(where, 'is encoded as UTF-16.', 'Save it as UTF-8.');
  }
  if (bytes.subarray(0, 4096).includes(0))
    fail(where, 'is no text: it contains NUL bytes.', 'Check the file name extension.');
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const scanner = new Scanner(bytes, start, detectDelimiter(bytes, start), where);
  const first = scanner.record();
  if (!first) fail(where, 'holds no rows.');
  const afterFirst = scanner.position();
  const second = scanner.record();
  const header = isHeader(first, second);
  const names = header ? first : first.map((_, column) => String(column));
  const labelAt = labelColumn(names, label, where);
  scanner.rewind(header ? afterFirst : { at: start, line: 1 });
  return readRows(scanner, names, header, labelAt, bytes, where);
}

function readRows(
  scanner: Scanner,
  names: readonly string[],
  header: boolean,
  labelAt: number,
  bytes: Uint8Array,
  where: Where,
): Table {
  const columns = names.length;
  const place = (line: number, column: number): Where => ({
    ...where,
    line,
    column: { number: column + 1, ...(header && { name: names[column] }) },
  });
  // A row takes at least two bytes for each column: what is allocated is at most four times as long as the text.
  const mostRows = Math.min(countLines(bytes), Math.floor((bytes.length + 1) / (2 * columns)) + 1);
  const features = new Float64Array(mostRows * (columns - 1));
  const labels = new Float64Array(mostRows);
  let rows = 0;
  let filled = 0;
  let countsRows = header && names[0].trim() === '';
  while (scanner.beginRecord()) {
    const { line } = scanner;
    let column = 0;
    do {
      scanner.cell();
      if (column >= columns) continue;
      const value = scanner.number();
      if (Number.isNaN(value)) explainCell(scanner, place(line, column), column === labelAt);
      if (column === 0 && value !== rows) countsRows = false;
      if (column === labelAt) labels[rows] = value;
      else features[filled++] = value;
    } while (++column && scanner.more);
    if (column !== columns) {
      const expected = `${columns}, as the ${header ? 'header' : 'first line'} has`;
      fail({ ...where, line }, `has ${column} cells, expected ${expected}.`, 'Every line needs the same columns.');
    }
    rows++;
  }
  if (rows === 0) fail(where, 'holds a header but no rows.');
  if (countsRows && rows > 1 && labelAt !== 0) {
    fail(
      { ...where, column: { number: 1 } },
      'has no name and only counts the rows; it is no feature.',
      'Save it with DataFrame.to_csv(..., index=False).',
    );
  }
  return {
    x: { type: 'float64', shape: [rows, columns - 1], data: features.subarray(0, filled) },
    y: labelTensor(labels.subarray(0, rows)),
  };
}

/** Line ends (LF, CR or both) and one for what follows the last. */
function countLines(bytes: Uint8Array): number {
  let lines = 1;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === lineFeed || (bytes[at] === carriageReturn && bytes[at + 1] !== lineFeed)) lines++;
  }
  return lines;
}

function explainCell(scanner: Scanner, where: Where, isLabel: boolean): never {
  const text = scanner.text().trim();
  if (text === '') fail(where, 'is empty.', 'Fill in missing values or remove those rows.');
  if (/^[+-]?[\d.]+,\d+$/.test(text)) {
    fail(
      where,
      `is ${quoteName(text, 40)}: a decimal comma.`,
      'Save numbers with a decimal point; a comma may separate columns or thousands, so it is not guessed.',
    );
  }
  const remedy = isLabel
    ? 'Encode the classes as integers 0, 1, 2, …'
    : 'Encode categories as numbers; fill in or remove missing values.';
  fail(where, `is ${quoteName(text, 40)}, not a number.`, remedy);
}

/**
 * The first row is a header where it has text in every cell, or text above a number and no numbers but names in order. A first row 0, 1, 2, … is one too:
 * the names that pandas gives to columns without names.
 */
function isHeader(first: readonly string[], second: readonly string[] | undefined): boolean {
  const isNumber = (cell: string | undefined) => cell !== undefined && numeric.test(cell.trim());
  if (first.every(isNumber)) return first.length > 2 && first.every((cell, column) => cell.trim() === String(column));
  if (!first.some(isNumber)) return true;
  // Numbers in a header are names in order; other numbers beside text or a missing value are a damaged row.
  const numbers = first.filter(isNumber).map(Number);
  const inOrder = numbers.every((value, i) => Number.isInteger(value) && (i === 0 || value === numbers[i - 1] + 1));
  return inOrder && first.some((cell, column) => !isNumber(cell) && isNumber(second?.[column]));
}

/** The first of tab, semicolon and comma that occurs outside quotes in the first line that has one; comma where none does. */
function detectDelimiter(bytes: Uint8Array, start: number): number {
  const found = new Set<number>();
  let quoted = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) quoted = !quoted;
    else if (quoted) continue;
    else if (byte === lineFeed || byte === carriageReturn) {
      if (found.size > 0) break;
    } else if (byte === tab || byte === semicolon || byte === comma) found.add(byte);
  }
  return [tab, semicolon].find((delimiter) => found.has(delimiter)) ?? comma;
}

/** Walks over cells without making strings of them. */
class Scanner {
  /** Line (from 1) of the cell that comes next. */
  line = 1;
  /** Whether another cell of the same record follows. */
  more = false;
  readonly #bytes: Buffer;
  readonly #delimiter: number;
  readonly #where: Where;
  #at: number;
  #start = 0;
  #end = 0;

  constructor(bytes: Uint8Array, at: number, delimiter: number, where: Where) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#delimiter = delimiter;
    this.#where = where;
  }

  position(): { at: number; line: number } {
    return { at: this.#at, line: this.line };
  }

  rewind(position: { at: number; line: number }): void {
    this.#at = position.at;
    this.line = position.line;
  }

  /** Skips empty lines; false at the end of the text. */
  beginRecord(): boolean {
    while (this.#bytes[this.#at] === lineFeed || this.#bytes[this.#at] === carriageReturn) this.#endLine();
    return this.#at < this.#bytes.length;
  }

  /** The next record as text, or nothing at the end. */
  record(): string[] | undefined {
    if (!this.beginRecord()) return undefined;
    const cells: string[] = [];
    do {
      this.cell();
      cells.push(this.text());
      if (cells.length > mostColumns) fail(this.#where, `has more than ${mostColumns} columns.`, 'Save it as .npz.');
    } while (this.more);
    return cells;
  }

  /** Moves to the next cell, and over what separates it from the one after it. */
  cell(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] === quote) this.#quoted();
    else {
      this.#start = this.#at;
      while (this.#at < bytes.length && !this.#isSeparator(bytes[this.#at])) this.#at++;
      this.#end = this.#at;
    }
    this.more = bytes[this.#at] === this.#delimiter;
    if (this.more) this.#at++;
    else if (this.#at < bytes.length) this.#endLine();
  }

  text(): string {
    return this.#bytes.toString('utf8', this.#start, this.#end).replaceAll('""', '"');
  }

  /** The cell as a number, NaN where it is none. */
  number(): number {
    const bytes = this.#bytes;
    let [start, end] = [this.#start, this.#end];
    while (start < end && bytes[start] === space) start++;
    while (start < end && bytes[end - 1] === space) end--;
    // Most cells are short digit strings (pixels, classes): no string is made for them.
    if (end > start && end - start <= 15) {
      let value = 0;
      let at = start;
      for (; at < end; at++) {
        const digit = bytes[at] - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (at === end) return value;
    }
    if (end - start > 400) return Number.NaN;
    const text = bytes.toString('latin1', start, end);
    return numeric.test(text) ? Number(text) : Number.NaN;
  }

  #isSeparator(byte: number): boolean {
    return byte === this.#delimiter || byte === lineFeed || byte === carriageReturn;
  }

  #endLine(): void {
    if (this.#bytes[this.#at] === carriageReturn && this.#bytes[this.#at + 1] === lineFeed) this.#at++;
    this.#at++;
    this.line++;
  }

  #quoted(): void {
    const bytes = this.#bytes;
    const { line } = this;
    this.#start = ++this.#at;
    for (;;) {
      if (this.#at >= bytes.length) fail({ ...this.#where, line }, 'opens a quote that is never closed.');
      if (bytes[this.#at] === lineFeed) this.line++;
      if (bytes[this.#at++] !== quote) continue;
      if (bytes[this.#at] !== quote) break;
      this.#at++;
    }
    this.#end = this.#at - 1;
    if (this.#at < bytes.length && !this.#isSeparator(bytes[this.#at])) {
      fail(
        { ...this.#where, line: this.line },
        `has text after a closing quote.`,
        'Double the quotes within a quoted cell.',
      );
    }
  }
}

/** Text with separated numbers. */
export const csv: DataFormat = {
  name: 'csv',
  description: 'table of numbers',
  extensions: ['csv', 'tsv', 'txt'],
  shown: '.csv, .tsv',
  gzip: true,
  holds: 'samples and labels',
  joins: true,
  async read({ file, source, label }) {
    const bytes = await collectAll(source, longestCsv, 'Save large tables as .npz or .parquet.');
    return samplesAndLabels(decodeCsv(bytes, file.where, label));
  },
};

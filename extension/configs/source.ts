/**
 * Half-open interval of 0-based UTF-16 offsets. `cell` is set where the offsets count within one code cell of a notebook,
 * `file` (an absolute path) where they count in another file than the one that was analysed.
 */
export interface SourceRange {
  readonly from: number;
  readonly to: number;
  readonly cell?: number;
  readonly file?: string;
}

/** A position as editors count: line and column from 0, columns in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Offsets to lines and columns of one text, by binary search. Lines end at \n, \r\n or \r. */
export class LineMap {
  private readonly starts: number[] = [0];
  private readonly length: number;

  constructor(text: string) {
    this.length = text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 10 || (code === 13 && text.charCodeAt(i + 1) !== 10)) this.starts.push(i + 1);
    }
  }

  get lineCount(): number {
    return this.starts.length;
  }

  /** Offsets outside the text are clamped to it. */
  position(offset: number): Position {
    const clamped = Math.min(Math.max(offset, 0), this.length);
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle] <= clamped) low = middle;
      else high = middle - 1;
    }
    return { line: low, column: clamped - this.starts[low] };
  }

  /** The offset of a position; lines and columns outside the text are clamped to it. */
  offset(line: number, column: number): number {
    if (line < 0) return 0;
    if (line >= this.starts.length) return this.length;
    const end = this.starts[line + 1] ?? this.length;
    return Math.min(this.starts[line] + Math.max(column, 0), end);
  }
}

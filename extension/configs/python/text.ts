/** The grammar takes `30.` and `1.e-3` for attributes of a number; with `_` in place of the point they are one token. */
export function withClosedNumbers(text: string): string {
  return text.replace(/(?<![\w.])(\d[\d_]*)\.(?![\w.])|(?<![\w.])(\d[\d_]*)\.(?=[eE][-+]?\d)/g, '$1$2_');
}

const INTEGER = /^(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|\d+)$/;
const FLOAT = /^(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

/** The value of a Python number literal; undefined for complex numbers and half-typed ones. */
export function parseNumber(text: string): number | undefined {
  const digits = text.replaceAll('_', '');
  return INTEGER.test(digits) || FLOAT.test(digits) ? Number(digits) : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** The value of a Python string literal, with the common escapes; undefined for bytes and unclosed strings. */
export function parseString(text: string): string | undefined {
  const match = /^([a-zA-Z]*)('''|"""|'|")/.exec(text);
  if (!match) return undefined;
  const [opening, prefix, quote] = match;
  if (/[bf]/i.test(prefix) || text.length < opening.length + quote.length || !text.endsWith(quote)) return undefined;
  const body = text.slice(opening.length, -quote.length);
  if (/r/i.test(prefix) || !body.includes('\\')) return body;
  return body.replace(/\\([ntr\\'"\n])/g, (_, c: string) => ESCAPES[c]);
}

/** The start of the next logical line: strings, brackets and backslashes continue a line. */
export function logicalLineEnd(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10) {
      if (depth <= 0) return i + 1;
    } else if (c === 35) {
      const newline = text.indexOf('\n', i);
      if (newline < 0) return text.length;
      i = newline - 1;
    } else if (c === 34 || c === 39) i = stringEnd(text, i, c) - 1;
    else if (c === 40 || c === 91 || c === 123) depth++;
    else if (c === 41 || c === 93 || c === 125) depth--;
    else if (c === 92) i++;
  }
  return text.length;
}

/** The offset after the string that starts at `from`; a string in single quotes ends with its line. */
export function stringEnd(text: string, from: number, quote: number): number {
  if (text.charCodeAt(from + 1) === quote && text.charCodeAt(from + 2) === quote) {
    const closing = text.slice(from, from + 3);
    let at = text.indexOf(closing, from + 3);
    while (at > 0 && isEscaped(text, at)) at = text.indexOf(closing, at + 1);
    return at < 0 ? text.length : at + 3;
  }
  for (let i = from + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === quote) return i + 1;
    if (c === 10) return i;
    if (c === 92) i++;
  }
  return text.length;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 92) backslashes++;
  return backslashes % 2 === 1;
}

/** A text without its lines of comments and without the strings that are statements of their own, such as docstrings. */
export function withoutWords(text: string): string {
  let code = '';
  /** Start of what is kept and not copied yet. */
  let kept = 0;
  for (let at = 0; at < text.length; ) {
    let first = at;
    while (text.charCodeAt(first) === 32 || text.charCodeAt(first) === 9) first++;
    const end = logicalLineEnd(text, first);
    if (text.charCodeAt(first) === 35 || isStringStatement(text, first, end)) {
      code += text.slice(kept, at);
      kept = end;
    }
    at = end;
  }
  return code + text.slice(kept);
}

const PREFIX = /[rRuU]?(?=["'])/y;

function isStringStatement(text: string, from: number, to: number): boolean {
  PREFIX.lastIndex = from;
  const prefix = PREFIX.exec(text);
  if (!prefix) return false;
  const start = from + prefix[0].length;
  return /^\s*$/.test(text.slice(stringEnd(text, start, text.charCodeAt(start)), to));
}

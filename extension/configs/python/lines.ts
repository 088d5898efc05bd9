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

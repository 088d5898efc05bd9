import { stringEnd } from './lines.ts';

/** Brackets inside each other, operators that take each other's results, and blocks inside blocks: more is not parsed. */
const MOST_BRACKETS = 150;
const MOST_NESTED = 1000;
const MOST_BLOCKS = 100;
/** f-strings are programs in themselves. */
const LONGEST_FORMAT = 5000;

/** Words that begin an expression or a block inside another. */
const NESTING_WORD =
  /^(?:not|lambda|if|else|elif|await|or|and|in|is|for|async|yield|while|with|try|def|class|match|case|except|from|return)$/;

/** A text without the statements that are nested deeper than any person writes: parsers build a tree as deep. */
export interface Bounded {
  readonly text: string;
  /** Whether anything was left out. */
  readonly isPartial: boolean;
}

/** Blanks statements whose syntax tree would be too deep; the length and the lines stay. One pass. */
export function boundNesting(text: string): Bounded {
  const spans: [from: number, to: number][] = [];
  const indents: number[] = [0];
  for (let at = 0; at < text.length; ) {
    let first = at;
    while (text.charCodeAt(first) === 32 || text.charCodeAt(first) === 9) first++;
    const { end, isDeep } = statement(text, first);
    const c = text.charCodeAt(first);
    if (c !== 10 && c !== 13 && c !== 35 && first < text.length) {
      const indent = first - at;
      while (indents.length > 1 && indents[indents.length - 1] > indent) indents.pop();
      if (indent > indents[indents.length - 1]) indents.push(indent);
      if (isDeep || indents.length > MOST_BLOCKS) spans.push([first, end]);
    }
    at = end;
  }
  return spans.length === 0 ? { text, isPartial: false } : { text: blanked(text, spans), isPartial: true };
}

/** Where a logical line ends, and whether it is nested too deeply. */
function statement(text: string, from: number): { readonly end: number; readonly isDeep: boolean } {
  /** Operators since the last comma, for each bracket that is open; `total` is their sum. */
  const counts = [0];
  let total = 0;
  let isDeep = false;
  const count = () => {
    counts[counts.length - 1]++;
    if (++total > MOST_NESTED) isDeep = true;
  };
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isWordStart(c)) {
      let to = i + 1;
      while (isWordPart(text.charCodeAt(to))) to++;
      const quote = text.charCodeAt(to);
      if (to - i <= 2 && (quote === 34 || quote === 39)) {
        const end = stringEnd(text, to, quote);
        if (/f/i.test(text.slice(i, to)) && end - to > LONGEST_FORMAT) isDeep = true;
        i = end - 1;
        continue;
      }
      if (to - i <= 6 && NESTING_WORD.test(text.slice(i, to))) count();
      i = to - 1;
    } else if (c === 10) {
      if (counts.length === 1) return { end: i + 1, isDeep };
    } else if (c === 35) {
      const newline = text.indexOf('\n', i);
      if (newline < 0) return { end: text.length, isDeep };
      i = newline - 1;
    } else if (c === 34 || c === 39) i = stringEnd(text, i, c) - 1;
    else if (c === 40 || c === 91 || c === 123) {
      count();
      counts.push(0);
      if (counts.length > MOST_BRACKETS) isDeep = true;
    } else if (c === 41 || c === 93 || c === 125) {
      if (counts.length > 1) total -= counts.pop()!;
    } else if (c === 44 || c === 59) {
      total -= counts[counts.length - 1];
      counts[counts.length - 1] = 0;
    } else if (c === 92) i++;
    else if (OPERATORS.has(c)) count();
  }
  return { end: text.length, isDeep };
}

const OPERATORS: ReadonlySet<number> = new Set([...'.+-*/%@&|^~<>!?'].map((c) => c.charCodeAt(0)));
const isWordStart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95 || c > 127;
const isWordPart = (c: number): boolean => isWordStart(c) || (c >= 48 && c <= 57);

/** `0` keeps the block that a statement stands in. */
function blanked(text: string, spans: readonly [number, number][]): string {
  let result = '';
  let at = 0;
  for (const [from, to] of spans) {
    result += `${text.slice(at, from)}0${text.slice(from + 1, to).replace(/[^\n\r]/g, ' ')}`;
    at = to;
  }
  return result + text.slice(at);
}

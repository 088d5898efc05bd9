import { NODE_LIMIT } from './tree.ts';

/** A word, sign or literal of Jsonnet, and where it stands; the last one of a text is `end`. */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'sign' | 'end';
  readonly text: string;
  readonly value?: string | number;
  readonly from: number;
  readonly to: number;
}

const SKIPPED = /[ \t\r\n]+|(?:\/\/|#)[^\n]*/y;
const WORD = /[A-Za-z_]\w*|\$/y;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SIGN = /:::|::|<<|>>|<=|>=|==|!=|&&|\|\||[\s\S]/y;

/** The tokens of a Jsonnet text. One pass; what is no token of it is a sign. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const matched = (pattern: RegExp, at: number): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (let at = 0; at < text.length && tokens.length < NODE_LIMIT; ) {
    const skipped = matched(SKIPPED, at);
    if (skipped) {
      at += skipped.length;
      continue;
    }
    if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2);
      at = end < 0 ? text.length : end + 2;
      continue;
    }
    const token = stringAt(text, at) ?? wordAt(matched, at);
    tokens.push(token);
    at = token.to;
  }
  return [...tokens, { kind: 'end', text: '', from: text.length, to: text.length }];
}

function wordAt(matched: (pattern: RegExp, at: number) => string | undefined, from: number): Token {
  const word = matched(WORD, from);
  if (word !== undefined) return { kind: 'name', text: word, from, to: from + word.length };
  const number = matched(NUMBER, from);
  if (number !== undefined)
    return { kind: 'number', text: number, value: Number(number), from, to: from + number.length };
  const sign = matched(SIGN, from) ?? '';
  return { kind: 'sign', text: sign, from, to: from + Math.max(sign.length, 1) };
}

/** `"a"`, `'a'`, `@"a"` and text blocks between `|||`, whose value does not matter. */
function stringAt(text: string, from: number): Token | undefined {
  if (text.startsWith('|||', from)) {
    const end = text.indexOf('|||', from + 3);
    return { kind: 'string', text: '', from, to: end < 0 ? text.length : end + 3 };
  }
  const isVerbatim = text[from] === '@' && /["']/.test(text[from + 1] ?? '');
  const open = isVerbatim ? from + 1 : from;
  const quote = text[open];
  if (quote !== '"' && quote !== "'") return undefined;
  let at = open + 1;
  while (at < text.length && (text[at] !== quote || (isVerbatim && text[at + 1] === quote)))
    at += (text[at] === '\\' && !isVerbatim) || text[at] === quote ? 2 : 1;
  const body = text.slice(open + 1, at);
  return {
    kind: 'string',
    text: '',
    value: body.replace(/\\(["'\\/])/g, '$1'),
    from,
    to: Math.min(at + 1, text.length),
  };
}

import { logicalLineEnd } from './lines.ts';

/** Statements that are kept whatever they say: they make blocks, bind modules, or decide what a name is. */
const KEPT =
  /(?:if|elif|else|for|while|with|try|except|finally|match|case|def|class|async|import|from|return|global|nonlocal|pass|break|continue|raise|del|lambda)\b|@/y;
/** What an assignment binds, as far as its line shows it. */
const TARGETS = /[^=!<>\n]*?(?=[-+*/]?=(?!=))/y;
const NAME = /[A-Za-z_]\w*/g;
/** How often what is needed is followed to what that needs. */
const ROUNDS = 5;

interface Line {
  readonly from: number;
  readonly first: number;
  readonly to: number;
  readonly isKept: boolean;
  needed: boolean;
}

/**
 * The text without the simple statements on which no relevant one depends, by the names in them: blanked out, with its
 * length kept. `relevant` are offsets in ascending order.
 */
export function slice(text: string, relevant: readonly number[]): string {
  const lines = linesOf(text);
  const names = new Set<string>();
  const need = (line: Line) => {
    line.needed = true;
    for (const [name] of text.slice(line.first, line.to).matchAll(NAME)) names.add(name);
  };
  let next = 0;
  for (const line of lines) {
    while (next < relevant.length && relevant[next] < line.first) next++;
    if (relevant[next] < line.to || (line.isKept && text.startsWith('return', line.first))) need(line);
  }
  names.delete('self');
  let open = lines.filter(({ needed, isKept }) => !needed && !isKept);
  for (let round = 0, found = true; found && round < ROUNDS; round++) {
    found = false;
    for (const line of open) {
      if (!targets(text, line).some((name) => names.has(name))) continue;
      need(line);
      found = true;
    }
    names.delete('self');
    open = open.filter(({ needed }) => !needed);
  }
  return blank(text, open);
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let at = 0; at < text.length; ) {
    let first = at;
    while (text[first] === ' ' || text[first] === '\t') first++;
    const to = logicalLineEnd(text, first);
    const c = text[first];
    if (c !== '\n' && c !== '\r' && c !== '#' && c !== undefined) {
      KEPT.lastIndex = first;
      lines.push({ from: at, first, to, isKept: KEPT.test(text), needed: false });
    }
    at = to;
  }
  return lines;
}

/** The names that a statement may bind or change: those before `=`, or else the first one (`config.update(…)`). */
function targets(text: string, { first, to }: Line): readonly string[] {
  TARGETS.lastIndex = first;
  const [left] = TARGETS.exec(text) ?? [];
  if (left !== undefined && first + left.length < to && !left.includes('(')) return left.match(NAME) ?? [];
  NAME.lastIndex = first;
  const name = NAME.exec(text);
  NAME.lastIndex = 0;
  return name && name.index < to ? [name[0]] : [];
}

/** Neighbours of the same depth become one statement, `0`, and a comment: cheap to parse. */
function blank(text: string, lines: readonly Line[]): string {
  let result = '';
  let at = 0;
  for (let i = 0; i < lines.length; i++) {
    const { from, first } = lines[i];
    let { to } = lines[i];
    while (i + 1 < lines.length && onlySpace(text, to, lines[i + 1], first - from)) to = lines[++i].to;
    const filler = to - first - 3;
    if (filler < 0 || text[to - 1] !== '\n') continue;
    result += `${text.slice(at, first)}0#${' '.repeat(filler)}\n`;
    at = to;
  }
  return result + text.slice(at);
}

/** Whether a line follows with nothing but empty lines between, as deep. */
function onlySpace(text: string, to: number, { from, first }: Line, depth: number): boolean {
  return first - from === depth && (from === to || text.slice(to, from).trim() === '');
}

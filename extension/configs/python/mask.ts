/** Texts shorter than this are parsed whole. */
const MASK_FROM = 40_000;
/** What is parsed at most, in characters that are not masked. */
export const PARSE_LIMIT = 1_500_000;

/**
 * Words without which a function or a class has no influence on what is found: optimizers, their arguments, and the
 * statements that other parts can depend on.
 */
const RELEVANT =
  /optim|adam|sgd|rmsprop|ada(?:grad|delta|factor)|\blion|lamb\b|FusedL|muon|TrainingArg|(?:SFT|DPO|GRPO|KTO|Reward)Config|\.compile\(|\blr\b|learning_rate|betas?\b|beta_?[12]|\bb[12]\b|eps(?:ilon)?\b|weight_decay|momentum|add_argument|parse_args|parse_known|DEFINE_|ArgumentParser|tyro|\bglobal\b|nonlocal|BASE_LR|hparams|setattr/gi;

interface Block {
  readonly name: string;
  /** Start of the line of `def` or `class`. */
  readonly from: number;
  /** Start of the body: after the header's line. */
  readonly body: number;
  to: number;
  readonly indent: number;
  readonly isClass: boolean;
  relevant: boolean;
}

/**
 * The text with the bodies of irrelevant functions and classes of long files blanked out, length kept: offsets stay, line
 * breaks do not, and the parser has an order of magnitude less to do. Small files come back unchanged.
 */
export function mask(text: string): string {
  if (text.length < MASK_FROM) return text;
  const blocks = findBlocks(text);
  markRelevant(text, blocks);
  let masked = '';
  let at = 0;
  for (const block of blocks) {
    if (block.relevant || block.body < at || block.to <= block.body) continue;
    masked += text.slice(at, block.body) + emptyBody(text, block.body, block.to);
    at = block.to;
  }
  masked += text.slice(at);
  return masked.length > PARSE_LIMIT ? masked.slice(0, masked.lastIndexOf('\n', PARSE_LIMIT) + 1) : masked;
}

/** A body of the same length with one statement, `0`, where the first was, and a comment: cheap to parse. */
function emptyBody(text: string, from: number, to: number): string {
  const body = text.slice(from, to);
  const first = /^[ \t]+(?=[^\s#])/m.exec(body);
  const at = first ? first.index + first[0].length : body.length;
  const filler = body.length - at - 3;
  return filler < 0 ? body : `${body.slice(0, at)}0#${' '.repeat(filler)}\n`;
}

/** A block is relevant if it holds a relevant word, or if relevant code mentions its name, or if it mentions such a block. */
function markRelevant(text: string, blocks: readonly Block[]): void {
  const mark = (offset: number) => {
    for (const block of enclosing(blocks, offset)) block.relevant = true;
  };
  for (const match of text.matchAll(RELEVANT)) mark(match.index);
  // Calls of functions that hold relevant words decide what their parameters are. Classes are also configurations.
  const names = new Set(blocks.filter((block) => block.relevant && block.name.length > 2).map((block) => block.name));
  names.delete('__init__');
  names.delete('forward');
  if (names.size === 0 || names.size > 500) return;
  for (const match of text.matchAll(new RegExp(`\\b(?:${[...names].join('|')})\\s*\\(`, 'g'))) mark(match.index);
}

/** The blocks around an offset, by binary search for the last that starts before it and its chain of outer blocks. */
function enclosing(blocks: readonly Block[], offset: number): Block[] {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle].from <= offset) low = middle + 1;
    else high = middle;
  }
  const around: Block[] = [];
  let indent = Number.POSITIVE_INFINITY;
  for (let i = low - 1; i >= 0 && indent > 0; i--) {
    const block = blocks[i];
    if (block.indent >= indent) continue;
    if (block.to > offset) around.push(block);
    indent = block.indent;
  }
  return around;
}

const HEADER = /([ \t]*)(?:async[ \t]+)?(def|class)[ \t]+(\w+)/y;

/**
 * Functions and classes in the order of their headers. Lines inside strings and brackets do not count as lines: a string
 * at column 0 ends no block.
 */
function findBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  const open: Block[] = [];
  let at = 0;
  while (at < text.length) {
    let first = at;
    while (first < text.length && (text[first] === ' ' || text[first] === '\t')) first++;
    const end = logicalLineEnd(text, first);
    const c = text[first];
    if (c !== '\n' && c !== '\r' && c !== '#' && c !== undefined) {
      const indent = first - at;
      while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop()!.to = at;
      HEADER.lastIndex = at;
      const header = c === 'd' || c === 'c' || c === 'a' ? HEADER.exec(text) : null;
      if (header) {
        const block = {
          name: header[3],
          from: at,
          body: end,
          to: text.length,
          indent,
          isClass: header[2] === 'class',
          relevant: false,
        };
        blocks.push(block);
        open.push(block);
      }
    }
    at = end;
  }
  return blocks;
}

/** The start of the next logical line: strings, brackets and backslashes continue a line. */
function logicalLineEnd(text: string, from: number): number {
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
function stringEnd(text: string, from: number, quote: number): number {
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

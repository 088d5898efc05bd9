import { ARGUMENT_NAMES, NAME_PARTS } from '../names.ts';
import { logicalLineEnd } from './lines.ts';
import { slice } from './slice.ts';

/** Texts shorter than this are parsed whole. */
const MASK_FROM = 40_000;
/** What is parsed at most, in characters that are not masked. */
export const PARSE_LIMIT = 1_500_000;

/** Words of optimizers and of statements that any other part can depend on: what holds one has to be read. */
const STRONG = new RegExp(
  `optim|${NAME_PARTS}|FusedL|TrainingArg|(?:SFT|DPO|GRPO|KTO|Reward)Config|\\.compile\\(|add_argument|parse_args|parse_known|DEFINE_|ArgumentParser|tyro|\\bglobal\\b|nonlocal|BASE_LR|hparams|setattr|safe_load|OmegaConf|json\\.load|tomllib|hydra|click\\.|typer|wandb|lr_scheduler|class_name|\\beval\\(|schedule|set_defaults|_learner\\b|\\bLearner\\(|\\.fit\\(|fit_one_cycle|fine_tune|ConfigDict`,
  'gi',
);
/** Names of their arguments. Where one is only a local name, what is around it is read only if something asks for it. */
const WEAK = new RegExp(ARGUMENT_NAMES, 'gi');
/** `args.lr =`, `config['lr'] =` right after the name. */
const STORED = /^\w*['"]?\]?\s*(?:[-+*/]|\/\/|\*\*)?=(?!=)/;

interface Block {
  readonly name: string;
  /** Start of the line of `def` or `class`. */
  readonly from: number;
  /** Start of the body: after the header's line. */
  readonly body: number;
  to: number;
  readonly indent: number;
  readonly isClass: boolean;
  /** The block around it. */
  readonly outer: Block | undefined;
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
  masked = slice(masked, interesting(masked, blocks));
  const end = masked.length > PARSE_LIMIT ? limitOf(masked) : masked.length;
  return end < masked.length ? masked.slice(0, masked.lastIndexOf('\n', end) + 1) : masked;
}

/** Where so much of a text is read that the rest is not: what is masked is blank and costs nothing. */
function limitOf(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== 32 && ++count > PARSE_LIMIT) return i;
  return text.length;
}

/** A body of the same length with one statement, `0`, where the first was, and a comment: cheap to parse. */
function emptyBody(text: string, from: number, to: number): string {
  const body = text.slice(from, to);
  const first = /^[ \t]+(?=[^\s#])/m.exec(body);
  const at = first ? first.index + first[0].length : body.length;
  const filler = body.length - at - 3;
  return filler < 0 ? body : `${body.slice(0, at)}0#${' '.repeat(filler)}\n`;
}

/**
 * A block is relevant if it holds a strong word, or a weak one that can reach an optimizer: in the body of a class, in an
 * assignment to an attribute or an item, in a class with another relevant part, in a call of a relevant function (it
 * decides what the parameters are), or in a function that relevant code calls.
 */
function markRelevant(text: string, blocks: readonly Block[]): void {
  const mark = (around: readonly Block[]) => {
    for (const block of around) block.relevant = true;
  };
  for (const match of text.matchAll(STRONG)) mark(enclosing(blocks, match.index));
  const undecided = new Set<Block>();
  for (const { index, 0: word } of text.matchAll(WEAK)) {
    const [block, ...outer] = enclosing(blocks, index);
    if (!block || block.relevant) continue;
    if (block.isClass || isStored(text, index, word.length)) mark([block, ...outer]);
    else undecided.add(block);
  }
  for (const block of undecided) {
    const around = enclosing(blocks, block.from);
    if (around.some(({ isClass, relevant }) => isClass && relevant)) mark(around);
  }
  const callers = (names: ReadonlySet<string>, before: string, found: (around: Block[], name: string) => void) => {
    if (names.size === 0 || names.size > MOST_NAMES) return;
    for (const match of text.matchAll(new RegExp(`${before}(${[...names].join('|')})\\s*\\(`, 'g')))
      found(enclosing(blocks, match.index), match[1]);
  };
  const long = (list: Iterable<Block>) =>
    new Set([...list].map(({ name }) => name).filter((name) => name.length > 2 && !SPECIAL.test(name)));
  callers(long(blocks.filter(({ relevant }) => relevant)), '\\b', mark);
  const byName = groupByName([...undecided].filter(({ relevant }) => !relevant));
  callers(long([...byName.values()].flat()), '(?<![\\w.]|def )', (around, name) => {
    if (around.every(({ relevant }) => relevant))
      for (const block of byName.get(name) ?? []) mark(enclosing(blocks, block.from));
  });
}

/** Offsets of relevant words and of calls of relevant functions, in ascending order. */
function interesting(masked: string, blocks: readonly Block[]): number[] {
  const names = new Set(blocks.filter(({ relevant, isClass }) => relevant && !isClass).map(({ name }) => name));
  for (const name of names) if (SPECIAL.test(name)) names.delete(name);
  const found = [...masked.matchAll(STRONG), ...masked.matchAll(WEAK)].map(({ index }) => index);
  if (names.size > 0 && names.size <= MOST_NAMES) {
    for (const { index } of masked.matchAll(new RegExp(`\\b(?:${[...names].join('|')})\\s*\\(`, 'g')))
      found.push(index);
  }
  return found.sort((a, b) => a - b);
}

/** Names beyond this number are not looked for. */
const MOST_NAMES = 500;
const SPECIAL = /^(__init__|forward)$/;

/** `other.lr = …` and `other['lr'] = …`, not `self.lr = …`, which only matters with the rest of its class. */
function isStored(text: string, index: number, length: number): boolean {
  const before = text[index - 1];
  if (before !== '.' && before !== "'" && before !== '"') return false;
  return STORED.test(text.slice(index + length, index + length + 24)) && !text.startsWith('self.', index - 5);
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
  for (let block: Block | undefined = blocks[low - 1]; block; block = block.outer)
    if (block.to > offset) around.push(block);
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
          outer: open.at(-1),
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

function groupByName(blocks: readonly Block[]): ReadonlyMap<string, readonly Block[]> {
  const groups = new Map<string, Block[]>();
  for (const block of blocks) {
    const group = groups.get(block.name);
    if (group) group.push(block);
    else groups.set(block.name, [block]);
  }
  return groups;
}

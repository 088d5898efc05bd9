import { type Node, parseTree } from 'jsonc-parser/lib/esm/main.js';
import { tooDeep } from './data/json.ts';
import type { SourceRange } from './source.ts';

/** A code cell: its text, and where each of its characters stands in the .ipynb file. */
export interface NotebookCell {
  readonly text: string;
  /** Offset in the file of the character at `offset` of the cell. */
  locate(offset: number): number;
}

/** The code cells of a notebook in nbformat 4; [] if the text is no Python notebook. */
export function notebookCells(text: string): NotebookCell[] {
  if (tooDeep(text)) return [];
  const root = parseTree(text, [], { allowTrailingComma: true });
  const language = child(child(child(root, 'metadata'), 'kernelspec'), 'language')?.value;
  if (typeof language === 'string' && language.toLowerCase() !== 'python') return [];
  const cells = child(root, 'cells');
  return (cells?.children ?? []).flatMap((cell) => {
    const source = child(cell, 'source');
    return child(cell, 'cell_type')?.value === 'code' && source ? [cellOf(source, text)] : [];
  });
}

function child(node: Node | undefined, key: string): Node | undefined {
  if (node?.type !== 'object') return undefined;
  return node.children?.find((property) => property.children?.[0]?.value === key)?.children?.[1];
}

/** A source is a string or a list of lines, each a JSON string with its own escapes. */
function cellOf(source: Node, file: string): NotebookCell {
  const strings = (source.type === 'array' ? (source.children ?? []) : [source]).filter(
    (node) => node.type === 'string',
  );
  const starts: number[] = [];
  let text = '';
  for (const node of strings) {
    starts.push(text.length);
    text += node.value as string;
  }
  return {
    text,
    locate(offset) {
      let index = starts.length - 1;
      while (index > 0 && starts[index] > offset) index--;
      const node = strings[index];
      return node ? rawOffset(file, node, offset - starts[index]) : source.offset;
    },
  };
}

/** Where decoded character `count` of a JSON string stands: escapes take two or six characters. */
function rawOffset(file: string, node: Node, count: number): number {
  const end = node.offset + node.length - 1;
  let at = node.offset + 1;
  for (let i = 0; i < count && at < end; i++) {
    if (file[at] !== '\\') at++;
    else at += file[at + 1] === 'u' ? 6 : 2;
  }
  return Math.min(at, Math.max(end, node.offset));
}

/** Cells as one Python text, in the order in which they stand, so that imports and names are shared. */
export interface JoinedCells {
  readonly text: string;
  /** The cell of an offset, and the range within it; ranges never span cells. */
  locate(range: SourceRange): SourceRange & { readonly cell: number };
}

/** Joins cells with a line break. IPython's magics and shell lines are blanked. */
export function joinCells(cells: readonly string[]): JoinedCells {
  const starts: number[] = [];
  let text = '';
  for (const cell of cells) {
    starts.push(text.length);
    text += `${withoutMagics(cell)}\n`;
  }
  return {
    text,
    locate({ from, to }) {
      let low = 0;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] <= from) low = middle;
        else high = middle - 1;
      }
      const start = starts[low] ?? 0;
      const length = cells[low]?.length ?? 0;
      return { from: Math.min(from - start, length), to: Math.min(to - start, length), cell: low };
    },
  };
}

/** Cell magics whose cells are written in another language, or are no program. */
const OTHER_LANGUAGES = new Set(
  [
    'bash sh zsh script system sx ! cmd powershell pwsh shell ssh html HTML css javascript js typescript node latex tex',
    'markdown md rst svg SVG perl ruby R r rscript julia octave matlab scala java kotlin csharp fsharp lua go rust haskell',
    'sql SQL bigquery kql sparksql athena duckdb cypher sparql cython cpp c cu cuda fortran f2py asm verilog',
    'mermaid dot graphviz plantuml tikz json yaml toml xml ai ai_prompt chat prompt configure help pip conda mamba docker',
  ].flatMap((line) => line.split(' ')),
);
/** Line magics before a statement that they run. */
const RUNS_ITS_LINE = /^([ \t]*)(%(?:time|timeit|prun|memit|mprun|lprun)\b(?:[ \t]+-\S+(?:[ \t]+\d+)?)*)(.*)$/gm;

/** Cells are Python unless their magic is known to mean something else. */
function withoutMagics(cell: string): string {
  const blank = (line: string) => ' '.repeat(line.length);
  const magic = /^\s*%%(\S+)[ \t]*([^\n\r]*)/.exec(cell);
  if (magic && !isPython(magic[1], magic[2])) return cell.replace(/[^\n\r]+/g, blank);
  if (!/^[ \t]*[%!?]/m.test(cell)) return cell;
  return cell
    .replace(RUNS_ITS_LINE, (_, indent: string, words: string, statement: string) =>
      // `0;` in place of the magic keeps the statement where it is.
      statement.trim() === '' ? blank(indent + words + statement) : `${indent}0;${blank(words).slice(2)}${statement}`,
    )
    .replace(/^[ \t]*[%!?].*$/gm, blank);
}

/** `%%writefile train.py` and `%%script python` are Python, other files and programs are not. */
function isPython(magic: string, rest: string): boolean {
  if (magic === 'writefile' || magic === 'file') return /\.py\s*$/.test(rest);
  if (magic === 'script') return /^\S*(?:python|pypy)/.test(rest.replace(/^(?:-\S+\s+)*/, ''));
  return !OTHER_LANGUAGES.has(magic);
}

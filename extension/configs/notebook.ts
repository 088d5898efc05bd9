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
  locate(range: SourceRange): Required<SourceRange>;
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

function withoutMagics(cell: string): string {
  const blank = (line: string) => ' '.repeat(line.length);
  // `%%time` and `%%capture` run the rest of the cell as Python, other cell magics do not.
  if (/^\s*%%(?!time|capture|prun)/.test(cell)) return cell.replace(/[^\n\r]+/g, blank);
  return /^[ \t]*[%!?]/m.test(cell) ? cell.replace(/^[ \t]*[%!?].*$/gm, blank) : cell;
}

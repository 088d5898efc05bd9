import type { Language } from './config.ts';
import type { SourceRange } from './source.ts';

const COMMENT = /(?:#|\/\/)\s*optimizer-bias:\s*ignore(?:\[([^\]\n]*)\])?/;

/** Whether the line of an offset carries `# optimizer-bias: ignore`, for everything or for this code. */
export function isIgnored(text: string, offset: number, code: string): boolean {
  const match = COMMENT.exec(lineAt(text, offset).text);
  if (!match) return false;
  return match[1] === undefined || match[1].split(',').some((listed) => listed.trim() === code);
}

/** The edit that silences a code on the line of a range; undefined where a comment has no place (JSON, notebooks' files; configparser takes it for a part of the value). */
export function ignoreEdit(
  text: string,
  language: Language,
  range: SourceRange,
  code: string,
): { readonly range: SourceRange; readonly newText: string } | undefined {
  if (language === 'json' || language === 'notebook' || language === 'ini') return undefined;
  const line = lineAt(text, range.from);
  const existing = COMMENT.exec(line.text);
  if (existing?.[1] !== undefined) {
    const at = line.from + existing.index + existing[0].length - 1;
    return { range: { from: at, to: at }, newText: existing[1].trim() === '' ? code : `, ${code}` };
  }
  // A line that goes on after a backslash cannot take a comment.
  if (existing || /\\\s*$/.test(line.text)) return undefined;
  const end = line.from + line.text.trimEnd().length;
  const marker = language === 'jsonc' || language === 'jsonnet' ? '//' : '#';
  return { range: { from: end, to: end }, newText: `  ${marker} optimizer-bias: ignore[${code}]` };
}

/** Lines of generated files have no end: a comment is looked for within so many characters. */
const WINDOW = 4000;

function lineAt(text: string, offset: number): { readonly from: number; readonly text: string } {
  const first = Math.max(0, offset - WINDOW);
  const from = first + text.slice(first, Math.max(offset, 0)).lastIndexOf('\n') + 1;
  const rest = text.slice(Math.max(offset, 0), offset + WINDOW);
  const end = rest.indexOf('\n');
  return { from, text: text.slice(from, end < 0 ? offset + rest.length : offset + end) };
}

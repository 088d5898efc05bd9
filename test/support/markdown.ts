import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that hold no pages of this project. */
const elsewhere = new Set(['node_modules', 'dist', 'runs']);

/** All Markdown files of the project, relative to its folder, with `/`. */
export function markdownFiles(folder = '.'): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return elsewhere.has(entry.name) || entry.name === '.git' ? [] : markdownFiles(path);
    return entry.isFile() && entry.name.endsWith('.md') ? [path] : [];
  });
}

/** A fenced block of code; a first comment that is the name of a file says that it is one. */
export interface Block {
  readonly language: string;
  readonly text: string;
  readonly file?: string;
}

const fence = /^( {0,3})(```+|~~~+)([^\n`]*)\n([\s\S]*?)^\1\2[ \t]*$/gm;
const fileName = /^(?:#|\/\/) ([\w./-]+\.\w+)\n/;

export const blocksOf = (page: string): Block[] =>
  [...readFileSync(page, 'utf8').matchAll(fence)].map(([, , , language, text]) => {
    const file = fileName.exec(text!)?.[1];
    return { language: language!.trim(), text: text!, ...(file !== undefined && { file }) };
  });

/** A page without its code. */
export const proseOf = (page: string): string =>
  readFileSync(page, 'utf8')
    .replace(fence, '')
    .replace(/(?<!`)(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (code) => code.replace(/[^\n]/g, 'x'));

/** Where links of a page go, pictures included, as they are written. */
export function linksOf(page: string): string[] {
  const prose = proseOf(page);
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)];
  const defined = [...prose.matchAll(/^\[[^\]]+\]:\s*<?(\S+?)>?$/gm)];
  const html = [...prose.matchAll(/<[^>]*\s(?:src|href|srcset)="([^"]+)"/g)];
  return [...inline, ...defined, ...html].map(([, target]) => target!);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const found = new Set<string>();
  const text = readFileSync(page, 'utf8').replace(fence, '');
  for (const [, heading] of text.matchAll(/^#{1,6}[ \t]+(.+?)[ \t]*#*$/gm)) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const anchor = words
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    let name = anchor;
    for (let turn = 1; found.has(name); turn++) name = `${anchor}-${turn}`;
    found.add(name);
  }
  for (const [, id] of text.matchAll(/<a\s[^>]*(?:id|name)="([^"]+)"/g)) found.add(id!);
  return found;
}

export const docs = join('media', 'docs');

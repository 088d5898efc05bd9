import { lstat, opendir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TEXT_LIMIT } from './analyse.ts';
import type { Language } from './config.ts';
import { languageNamed } from './languages.ts';

/** Directories of tools and dependencies, whose configurations are not the user's. */
const SKIPPED = new Set([
  'node_modules',
  '.git',
  '.hg',
  '.svn',
  '.venv',
  'venv',
  '__pycache__',
  '.tox',
  '.nox',
  '.mypy_cache',
  '.ruff_cache',
  '.pytest_cache',
  '.ipynb_checkpoints',
  'site-packages',
]);

export interface FoundFile {
  readonly path: string;
  readonly language: Language;
}

/**
 * The files under `path` that may hold configurations, sorted by name within each directory. A path given as such is
 * followed through links; below it, linked directories are not entered, so that loops cannot occur, and a file that is
 * reached twice counts once. `seen` holds the real paths of files already reported.
 */
export async function* walk(
  path: string,
  seen: Set<string>,
  onError: (path: string, error: unknown) => void,
): AsyncGenerator<FoundFile> {
  const stack = [path];
  while (stack.length > 0) {
    const current = stack.pop()!;
    try {
      const info = current === path ? await stat(current) : await lstat(current);
      if (info.isDirectory()) {
        stack.push(...(await children(current)).reverse());
        continue;
      }
      const language = languageNamed(current);
      const target = info.isSymbolicLink() ? await stat(current) : info;
      if (!language || !target.isFile() || target.size > TEXT_LIMIT) continue;
      const real = await realpath(current);
      if (seen.has(real)) continue;
      seen.add(real);
      yield { path: current, language };
    } catch (error) {
      onError(current, error);
    }
  }
}

async function children(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of await opendir(directory)) if (!SKIPPED.has(entry.name)) names.push(entry.name);
  return names.sort().map((name) => join(directory, name));
}

/** The text of a file; undefined if it is binary (a NUL among its first 8 KB) or longer than the limit. */
export async function readText(path: string): Promise<string | undefined> {
  const bytes = await readFile(path);
  if (bytes.length > TEXT_LIMIT || bytes.subarray(0, 8192).includes(0)) return undefined;
  return new TextDecoder('utf-8').decode(bytes);
}

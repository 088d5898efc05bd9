import { extname } from 'node:path';
import type { Language } from './config.ts';

const LANGUAGES: ReadonlyMap<string, Language> = new Map([
  ['.py', 'python'],
  ['.pyi', 'python'],
  ['.ipynb', 'notebook'],
  ['.yaml', 'yaml'],
  ['.yml', 'yaml'],
  ['.json', 'json'],
  ['.jsonc', 'jsonc'],
  ['.toml', 'toml'],
]);

/** The language of a file by its name; undefined for files that hold no configurations. */
export function languageNamed(path: string): Language | undefined {
  return LANGUAGES.get(extname(path).toLowerCase());
}

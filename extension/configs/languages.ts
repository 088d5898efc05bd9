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
  ['.gin', 'gin'],
  ['.config', 'textproto'],
  ['.pbtxt', 'textproto'],
  ['.prototxt', 'textproto'],
  ['.textproto', 'textproto'],
  ['.ini', 'ini'],
  ['.cfg', 'ini'],
  ['.jsonnet', 'jsonnet'],
  ['.libsonnet', 'jsonnet'],
]);
const PROGRAMS: readonly (Language | undefined)[] = ['python', 'notebook', undefined];

/** The endings of files that hold settings and no program, without their dots. */
export const DATA_ENDINGS: readonly string[] = [...LANGUAGES]
  .filter(([, language]) => !PROGRAMS.includes(language))
  .map(([ending]) => ending.slice(1));

/** Whether a file holds settings that a program reads, by its name. */
export const isDataFile = (path: string): boolean => !PROGRAMS.includes(languageNamed(path));

/** The language of a file by its name; undefined for files that hold no configurations. */
export function languageNamed(path: string): Language | undefined {
  return LANGUAGES.get(extname(path).toLowerCase());
}

import type { Language } from '../config.ts';
import { parseIni } from './ini.ts';
import { parseJson } from './json.ts';
import { parseJsonnet } from './jsonnet.ts';
import { parseTextproto } from './textproto.ts';
import type { DataNode } from './tree.ts';

/** The YAML and TOML parsers take about 1.5 ms for 1 KB: longer files are data, not configuration. */
export const DATA_LIMIT = 256 * 1024;

/** Parsers are loaded when a file needs them, so that starting does not wait for them. */
const toml = () => require('./toml.ts') as typeof import('./toml.ts');
const yaml = () => require('./yaml.ts') as typeof import('./yaml.ts');

/** The languages of data trees: all but programs, and Gin, whose bindings make no tree. */
export type DataLanguage = Exclude<Language, 'python' | 'notebook' | 'gin'>;

/** The documents of a text; [] where it is longer than its parser can take. */
export function parseData(language: DataLanguage, text: string): DataNode[] {
  if (language === 'json' || language === 'jsonc') return parseJson(text);
  if (text.length > DATA_LIMIT) return [];
  const one = (root: DataNode | undefined) => (root ? [root] : []);
  switch (language) {
    case 'toml':
      return toml().parseToml(text);
    case 'yaml':
      return yaml().parseYaml(text);
    case 'ini':
      return one(parseIni(text));
    case 'jsonnet':
      return one(parseJsonnet(text));
    case 'textproto':
      return one(parseTextproto(text));
  }
}

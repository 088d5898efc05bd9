import { parseJson } from './json.ts';
import type { DataNode } from './tree.ts';

/** The YAML and TOML parsers take about 1.5 ms for 1 KB: longer files are data, not configuration. */
export const DATA_LIMIT = 256 * 1024;

/** Parsers are loaded when a file needs them, so that starting does not wait for them. */
const toml = () => require('./toml.ts') as typeof import('./toml.ts');
const yaml = () => require('./yaml.ts') as typeof import('./yaml.ts');

/** The documents of a text; [] where it is longer than its parser can take. */
export function parseData(language: 'yaml' | 'json' | 'jsonc' | 'toml', text: string): DataNode[] {
  if (language === 'json' || language === 'jsonc') return parseJson(text);
  if (text.length > DATA_LIMIT) return [];
  return language === 'toml' ? toml().parseToml(text) : yaml().parseYaml(text);
}

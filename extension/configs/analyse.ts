import type { OptimizerConfig, SourceDocument } from './config.ts';
import { mapRanges } from './config.ts';
import { findInData } from './data/find.ts';
import { parseJson } from './data/json.ts';
import type { DataNode } from './data/tree.ts';
import { joinCells, notebookCells } from './notebook.ts';
import type { Parsed } from './python/analyse.ts';

/** Longer texts are not analysed. */
export const TEXT_LIMIT = 5 * 1024 * 1024;
/** The YAML and TOML parsers take about 1.5 ms for 1 KB: longer files are data, not configuration. */
const DATA_LIMIT = 256 * 1024;

/** A configuration file without any of these has no optimizer that the analysis would accept. */
const DATA_HINT = /optim|\bopt\b|class_path|_target_|_component_|SOLVER|learning_rate|adam/i;
const PYTHON_HINT =
  /optim|optax|adam|sgd|keras|TrainingArguments|(?:SFT|DPO|GRPO|KTO|Reward)Config|bitsandbytes|SOLVER|lion/i;

/**
 * The optimizer configurations of a text. Pure; never throws on any text; broken code yields what can be read of it.
 * Offsets count UTF-16 units of `document.text`; for notebooks, of the .ipynb file.
 */
export function analyse(document: SourceDocument): OptimizerConfig[] {
  return new Analyser().analyse(document.path, document);
}

/** The configurations of the code cells of an open notebook; ranges carry their cell and count within it. */
export function analyseCells(cells: readonly string[]): OptimizerConfig[] {
  const joined = joinCells(cells);
  return (python(joined.text, undefined)?.configs ?? []).map((config) => {
    return mapRanges(config, (range) => joined.locate(range), joined.locate(config.range).cell);
  });
}

/** Analyses texts that change: keeps the last syntax tree of each, and parses only around what differs. */
export class Analyser {
  private readonly cache = new Map<
    string,
    { text: string; language: string; parsed?: Parsed; configs: OptimizerConfig[] }
  >();

  /** As `analyse`; `uri` identifies the text across edits. */
  analyse(uri: string, document: Pick<SourceDocument, 'language' | 'text'>): OptimizerConfig[] {
    const { language, text } = document;
    const last = this.cache.get(uri);
    if (last?.text === text && last.language === language) return last.configs;
    const previous = last?.language === language ? last.parsed : undefined;
    const parsed = language === 'python' && text.length <= TEXT_LIMIT ? python(text, previous) : undefined;
    const configs = [...(parsed?.configs ?? otherThanPython(document))];
    this.cache.set(uri, { text, language, configs, ...(parsed && { parsed }) });
    return configs;
  }

  /** Drops what is kept for a text that was closed. */
  forget(uri: string): void {
    this.cache.delete(uri);
  }
}

function python(text: string, previous: Parsed | undefined): Parsed | undefined {
  return PYTHON_HINT.test(text) ? pythonParser().analysePython(text, previous) : undefined;
}

function otherThanPython({ language, text }: Pick<SourceDocument, 'language' | 'text'>): OptimizerConfig[] {
  if (text.length > TEXT_LIMIT || language === 'python') return [];
  if (language === 'notebook') return PYTHON_HINT.test(text) ? notebook(text) : [];
  if (!DATA_HINT.test(text)) return [];
  if (language !== 'json' && language !== 'jsonc' && text.length > DATA_LIMIT) return [];
  return parseData(language, text)
    .flatMap((root) => findInData(root))
    .sort((a, b) => a.range.from - b.range.from);
}

function parseData(language: 'yaml' | 'json' | 'jsonc' | 'toml', text: string): DataNode[] {
  if (language === 'toml') return toml().parseToml(text);
  return language === 'yaml' ? yaml().parseYaml(text) : parseJson(text);
}

/** Parsers are loaded when a file needs them, so that starting does not wait for them. */
const pythonParser = () => require('./python/analyse.ts') as typeof import('./python/analyse.ts');
const toml = () => require('./data/toml.ts') as typeof import('./data/toml.ts');
const yaml = () => require('./data/yaml.ts') as typeof import('./data/yaml.ts');

function notebook(text: string): OptimizerConfig[] {
  const cells = notebookCells(text);
  const joined = joinCells(cells.map((cell) => cell.text));
  return (python(joined.text, undefined)?.configs ?? []).map((config) => {
    const inFile = (range: { from: number; to: number }) => {
      const { from, to, cell } = joined.locate(range);
      return { from: cells[cell].locate(from), to: cells[cell].locate(to) };
    };
    return mapRanges(config, inFile, joined.locate(config.range).cell);
  });
}

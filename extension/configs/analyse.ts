import type { Language, OptimizerConfig, SourceDocument } from './config.ts';
import { mapRanges } from './config.ts';
import { findInGin } from './data/findGin.ts';
import { findInTree } from './data/findInTree.ts';
import { parseData } from './data/parse.ts';
import { ARGUMENT_NAMES, NAME_PARTS, TELLING_PART } from './names.ts';
import { joinCells, notebookCells } from './notebook.ts';
import type { Parsed, Surroundings } from './python/analyse.ts';
import { withoutWords } from './python/lines.ts';

/** Longer texts are not analysed. */
export const TEXT_LIMIT = 5 * 1024 * 1024;

/** A configuration file without any of these has no optimizer that the analysis would accept. */
const DATA_HINT = new RegExp(
  `optim|\\bopt\\b|class_path|_target_|_component_|SOLVER|learning_rate|base_lr|${TELLING_PART}`,
  'i',
);
const PYTHON_HINT = new RegExp(
  `optim|optax|keras|TrainingArguments|(?:SFT|DPO|GRPO|KTO|Reward)Config|bitsandbytes|SOLVER|torchopt|deepspeed|apex|mlx|heavyball|fastai|mxnet|ConfigDict|lr_decay_iters|warmup_iters|decay_lr|${NAME_PARTS}`,
  'i',
);

/** The optimizer configurations of a text. */
export interface Analysis {
  readonly configs: readonly OptimizerConfig[];
  /** Parts of the text were not looked at: statements nested too deeply, texts that are too long. */
  readonly isPartial: boolean;
}

const NOTHING: Analysis = { configs: [], isPartial: false };

/**
 * The optimizer configurations of a text. Never throws on any text; broken code yields what can be read of it. `around`
 * gives the files that the text leads to; without it the text stands alone, and the function is pure. Offsets count UTF-16
 * units of `document.text`; for notebooks, of the .ipynb file.
 */
export function analyse(document: SourceDocument, around?: Surroundings): OptimizerConfig[] {
  return [...new Analyser().analyse(undefined, document, around).configs];
}

/** The configurations of the code cells of an open notebook; ranges carry their cell and count within it. */
export function analyseCells(cells: readonly string[], around?: Surroundings): Analysis {
  const joined = joinCells(cells);
  const parsed = joined.text.length <= TEXT_LIMIT ? python(joined.text, undefined, around) : undefined;
  if (!parsed) return { ...NOTHING, isPartial: joined.text.length > TEXT_LIMIT };
  const configs = parsed.configs.map((config) => {
    return mapRanges(config, (range) => (range.file ? range : joined.locate(range)), joined.locate(config.range).cell);
  });
  return { configs, isPartial: parsed.isPartial };
}

/** Analyses texts that change: keeps the last syntax tree of each, and parses only around what differs. */
export class Analyser {
  private readonly cache = new Map<string, { text: string; language: string; parsed?: Parsed; result: Analysis }>();

  /** As `analyse`; `uri` identifies the text across edits, and nothing is kept of texts that have none. */
  analyse(
    uri: string | undefined,
    document: Pick<SourceDocument, 'language' | 'text'>,
    around?: Surroundings,
  ): Analysis {
    const { language, text } = document;
    const last = uri === undefined ? undefined : this.cache.get(uri);
    // What stands in other files may have changed.
    if (last?.text === text && last.language === language && !around) return last.result;
    const previous = last?.language === language ? last.parsed : undefined;
    const parsed = language === 'python' && text.length <= TEXT_LIMIT ? python(text, previous, around) : undefined;
    const result = parsed
      ? { configs: parsed.configs, isPartial: parsed.isPartial }
      : otherThanPython(document, around);
    if (uri !== undefined) this.cache.set(uri, { text, language, result, ...(parsed && { parsed }) });
    return result;
  }

  /** Drops what is kept for a text that was closed. */
  forget(uri: string): void {
    this.cache.delete(uri);
  }
}

function python(text: string, previous: Parsed | undefined, around: Surroundings | undefined): Parsed | undefined {
  return mayHaveOptimizers(text) ? pythonParser().analysePython(text, previous, around) : undefined;
}

/** Comments and docstrings that speak of optimizers make none: the most of what is long and says nothing else is not parsed. */
function mayHaveOptimizers(text: string): boolean {
  if (!PYTHON_HINT.test(text)) return false;
  const code = withoutWords(text);
  return PYTHON_HINT.test(code) || ARGUMENT_NAMES.test(code);
}

function otherThanPython(
  { language, text }: { readonly language: Language; readonly text: string },
  around: Surroundings | undefined,
): Analysis {
  if (text.length > TEXT_LIMIT) return { configs: [], isPartial: true };
  if (language === 'python') return NOTHING;
  if (language === 'notebook') return PYTHON_HINT.test(text) ? notebook(text, around) : NOTHING;
  if (!(language === 'gin' ? PYTHON_HINT : DATA_HINT).test(text)) return NOTHING;
  const found =
    language === 'gin' ? findInGin(text) : parseData(language, text).flatMap((root) => findInTree(language, root));
  return { configs: found.sort((a, b) => a.range.from - b.range.from), isPartial: false };
}

/** The parser is loaded when a file needs it, so that starting does not wait for it. */
const pythonParser = () => require('./python/analyse.ts') as typeof import('./python/analyse.ts');

function notebook(text: string, around: Surroundings | undefined): Analysis {
  const cells = notebookCells(text);
  const { configs, isPartial } = analyseCells(
    cells.map((cell) => cell.text),
    around,
  );
  return {
    configs: configs.map((config) => {
      const inFile = (range: { from: number; to: number; cell?: number; file?: string }) =>
        range.file === undefined
          ? { from: cells[range.cell ?? 0].locate(range.from), to: cells[range.cell ?? 0].locate(range.to) }
          : range;
      const cellLine = cells[config.cell ?? 0].text.slice(0, config.range.from).split('\n').length - 1;
      return { ...mapRanges(config, inFile, config.cell), cellLine };
    }),
    isPartial,
  };
}

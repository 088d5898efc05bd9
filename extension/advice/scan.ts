import { realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { analyse } from '../configs/analyse.ts';
import { AnalysisCache, type CachedText } from '../configs/cache.ts';
import type { Language, OptimizerConfig, SourceDocument } from '../configs/config.ts';
import { AnalysisPool } from '../configs/pool.ts';
import type { AnalysisResult, Incomplete } from '../configs/protocol.ts';
import type { Surroundings } from '../configs/python/analyse.ts';
import { LineMap } from '../configs/source.ts';
import { readText, walk } from '../configs/walk.ts';
import { systemReason } from '../files/regular.ts';
import { describeError, InspectorError, quoteName } from '../shared/errors.ts';
import type { MeasuredRun } from '../shared/protocol.ts';
import { withoutKnown, writeBaseline } from './baseline.ts';
import { changedSince } from './changedFiles.ts';
import { diagnose } from './diagnostics.ts';
import { renderSarif, renderText, type ScanFinding, toRecord, visible } from './report.ts';
import { SEVERITIES, type Severity } from './rules.ts';

export interface ScanIo {
  /** Directory that relative paths are relative to. */
  readonly cwd: string;
  /** Standard output. */
  write(text: string): void;
  /** Standard error. */
  error(text: string): void;
  /** False for files that are not to be read; all are, where it is left out. */
  accepts?(path: string): boolean;
  /** The latest run with the settings of a configuration in a file. */
  measured?(config: OptimizerConfig, file: string): MeasuredRun | undefined;
  /** The folder that results are kept in where the command line names none; nothing is kept without it. */
  readonly cacheFolder?: string;
}

const HELP = `optimizer-bias scan [PATH…] [--format text|json|sarif] [--fail-on SEVERITY]

Finds optimizer configurations in Python files, notebooks, YAML, JSON, TOML, Gin, INI, Jsonnet and protocol buffers
as text, and says what the latest run with these settings measured (below runs/ of the file's folder or of one above
it) and what theory predicts. Nothing is run. Without PATH the current directory is scanned.

  --format FORMAT     text (default), json, or sarif (2.1.0)
  --json, --sarif     the same as --format json, --format sarif
  --changed-since REF only files that differ from where the branch left REF, as git tells, new ones included
  --baseline FILE     leave out the diagnostics that are in FILE
  --write-baseline FILE
                      write what is found to FILE, for later scans
  --fail-on SEVERITY  exit with 1 if a diagnostic is at least error, warning, information or hint
  --cache DIR         keep what was found in unchanged files in DIR, not in the user's folder for caches
  --no-cache          read every file anew, and keep nothing
  --help              this text

Exit code: 0, 1 as --fail-on says, 2 if the arguments are wrong.
`;

const FORMATS = ['text', 'json', 'sarif'] as const;
type Format = (typeof FORMATS)[number];

interface ScanOptions {
  readonly paths: readonly string[];
  readonly format: Format;
  readonly failOn: Severity | undefined;
  readonly changedSince: string | undefined;
  readonly baseline: string | undefined;
  readonly writeBaseline: string | undefined;
  readonly cache: string | undefined;
  readonly noCache: boolean;
  readonly help: boolean;
}

/** `optimizer-bias scan`: 0, 1 for findings at or above `--fail-on`, 2 for wrong usage (said on standard error). */
export async function runScan(argv: readonly string[], io: ScanIo): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options.help) {
      io.write(HELP);
      return 0;
    }
    const changed = options.changedSince === undefined ? undefined : await changedSince(options.changedSince, io.cwd);
    const accepts = changed && ((path: string) => changed.has(realpathSync(path)));
    const folder = options.cache === undefined ? io.cacheFolder : resolve(io.cwd, options.cache);
    const cache = options.noCache || folder === undefined ? undefined : new AnalysisCache(folder);
    const { findings: found, fileCount } = await scanPaths(
      options.paths,
      { ...io, ...(accepts && { accepts }) },
      cache,
    );
    const { baseline } = options;
    const { findings, known } =
      baseline === undefined ? { findings: found, known: 0 } : withoutKnown(found, resolve(io.cwd, baseline));
    if (known > 0)
      io.error(`${known === 1 ? '1 diagnostic is' : `${known} diagnostics are`} in the baseline and left out.\n`);
    if (options.writeBaseline !== undefined) {
      const count = writeBaseline(found, resolve(io.cwd, options.writeBaseline));
      io.error(`Wrote ${options.writeBaseline} (${count === 1 ? '1 diagnostic' : `${count} diagnostics`}).\n`);
    }
    const shown = findings.map((finding) => {
      const measured = io.measured?.(finding.config, resolve(io.cwd, finding.file));
      return measured ? { ...finding, measured } : finding;
    });
    io.write(render(options.format, shown, fileCount, (path) => relativeName(io.cwd, path)));
    const limit = options.failOn === undefined ? -1 : SEVERITIES.indexOf(options.failOn);
    const fails = findings.some(({ diagnostics }) =>
      diagnostics.some(({ severity }) => SEVERITIES.indexOf(severity) <= limit),
    );
    return fails ? 1 : 0;
  } catch (error) {
    if (!(error instanceof InspectorError)) throw error;
    io.error(`${describeError(error)}\n`);
    return 2;
  }
}

function readOptions(argv: readonly string[]): ScanOptions {
  const { values, positionals } = parse(argv);
  const named = values.json ? 'json' : values.sarif ? 'sarif' : (values.format ?? 'text');
  const format = FORMATS.find((candidate) => candidate === named);
  if (!format)
    throw new InspectorError(`There is no format ${quoteName(named)}.`, `Choose one of ${FORMATS.join(', ')}.`);
  const given = values['fail-on'];
  const failOn = SEVERITIES.find((severity) => severity === given);
  if (given !== undefined && !failOn) {
    throw new InspectorError(`There is no severity ${quoteName(given)}.`, `Choose one of ${SEVERITIES.join(', ')}.`);
  }
  return {
    paths: positionals.length > 0 ? positionals : ['.'],
    format,
    failOn,
    changedSince: values['changed-since'],
    baseline: values.baseline,
    writeBaseline: values['write-baseline'],
    cache: values.cache,
    noCache: values['no-cache'] === true,
    help: values.help === true,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        format: { type: 'string' },
        json: { type: 'boolean' },
        sarif: { type: 'boolean' },
        'fail-on': { type: 'string' },
        'changed-since': { type: 'string' },
        baseline: { type: 'string' },
        'write-baseline': { type: 'string' },
        cache: { type: 'string' },
        'no-cache': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new InspectorError(
      error instanceof Error ? error.message : String(error),
      'See optimizer-bias scan --help.',
      { cause: error },
    );
  }
}

/**
 * All findings under the paths, in the order of the files and of their text. Unreadable files are reported and left out. What `cache`
 * knows is not analysed again.
 */
export async function scanPaths(
  paths: readonly string[],
  io: Pick<ScanIo, 'cwd' | 'error' | 'accepts'>,
  cache?: AnalysisCache,
): Promise<{ findings: ScanFinding[]; fileCount: number }> {
  const waiting: Promise<ScanFinding[]>[] = [];
  const pool = new AnalysisPool(availableParallelism());
  const turns = new Turns(MOST_AT_ONCE);
  const seen = new Set<string>();
  let fileCount = 0;
  for (const path of paths) {
    const root = resolve(io.cwd, path);
    // What a script reads lies in the working folder, or beside what was asked for.
    const folder = isInside(resolve(io.cwd), root) ? resolve(io.cwd) : dirname(root);
    const onError = (at: string, error: unknown) => {
      const message = systemReason(error);
      if (at === root)
        throw new InspectorError(
          `Cannot read ${quoteName(path)}: ${visible(message)}.`,
          'Give an existing file or directory.',
        );
      io.error(`Left out ${visible(relativeName(io.cwd, at))}: ${visible(message)}\n`);
    };
    for await (const file of walk(root, seen, onError)) {
      if (io.accepts && !io.accepts(file.path)) continue;
      const text = await readText(file.path).catch((error: unknown) => onError(file.path, error));
      if (text === undefined) continue;
      fileCount++;
      await turns.enter();
      waiting.push(
        scanFile(
          { pool, ...(cache && { cache }) },
          { text, language: file.language, path: resolve(file.path), root: folder },
          relativeName(io.cwd, file.path),
        ).then((result) => {
          turns.leave();
          if (result.incomplete)
            io.error(`${visible(relativeName(io.cwd, file.path))}: ${INCOMPLETE[result.incomplete]}\n`);
          return result.findings;
        }),
      );
    }
  }
  const findings = (await Promise.all(waiting)).flat();
  pool.dispose();
  cache?.save();
  return { findings, fileCount };
}

/** Texts that are held in memory at a time. */
const MOST_AT_ONCE = 32;

const INCOMPLETE: Readonly<Record<Incomplete, string>> = {
  nested: 'read in part: statements are nested too deeply.',
  many: 'read in part: there are too many optimizers.',
  time: 'left out: it takes too long to analyse.',
  memory: 'left out: it takes too much memory to analyse.',
  failed: 'left out: the analysis failed.',
};

async function scanFile(
  { pool, cache }: { readonly pool: AnalysisPool; readonly cache?: AnalysisCache },
  document: CachedText,
  name: string,
): Promise<{ readonly findings: ScanFinding[]; readonly incomplete?: Incomplete }> {
  const { configs, incomplete } = cache?.find(document) ?? (await analysed(pool, cache, document));
  return { findings: findingsOf(configs, name, document.text), ...(incomplete && { incomplete }) };
}

async function analysed(
  pool: AnalysisPool,
  cache: AnalysisCache | undefined,
  document: CachedText,
): Promise<AnalysisResult> {
  const { path, root, text, language } = document;
  const place = { path, root, open: [] };
  const result = await pool.run({ kind: 'text', language, text, place, tellsSights: cache !== undefined });
  cache?.keep(document, result);
  return result;
}

/** The findings of a text that is in no file, in a thread that is stopped where it takes too long, and what was not looked at. */
export async function scanLoose(
  text: string,
  language: Language,
): Promise<{ readonly findings: ScanFinding[]; readonly incomplete?: string }> {
  const pool = new AnalysisPool(1);
  try {
    const { configs, incomplete } = await pool.run({ kind: 'text', language, text });
    return { findings: findingsOf(configs, 'text', text), ...(incomplete && { incomplete: INCOMPLETE[incomplete] }) };
  } finally {
    pool.dispose();
  }
}

/** So many at a time. */
class Turns {
  private readonly waiting: (() => void)[] = [];
  constructor(private free: number) {}

  async enter(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}

/** The findings of one text. */
export function scanText(document: SourceDocument, around?: Surroundings): ScanFinding[] {
  return findingsOf(analyse(document, around), document.path, document.text);
}

function findingsOf(configs: readonly OptimizerConfig[], file: string, text: string): ScanFinding[] {
  if (configs.length === 0) return [];
  const lines = new LineMap(text);
  return configs.map((config) => ({ file, config, diagnostics: diagnose(config, text), lines, text }));
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function relativeName(cwd: string, path: string): string {
  const name = relative(cwd, path) || path;
  return sep === '/' ? name : name.replaceAll(sep, '/');
}

function render(
  format: Format,
  findings: readonly ScanFinding[],
  fileCount: number,
  nameOf: (path: string) => string,
): string {
  if (format === 'text') return renderText(findings, fileCount);
  if (format === 'sarif') return renderSarif(findings);
  return `${JSON.stringify(
    findings.map((finding) => toRecord(finding, nameOf)),
    null,
    2,
  )}\n`;
}

import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { analyse } from '../configs/analyse.ts';
import type { SourceDocument } from '../configs/config.ts';
import type { Surroundings } from '../configs/python/analyse.ts';
import { LineMap } from '../configs/source.ts';
import { readText, walk } from '../configs/walk.ts';
import { FolderWorkspace } from '../configs/workspace.ts';
import { describeError, InspectorError, quoteName } from '../shared/errors.ts';
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
}

const HELP = `optimizer-bias scan [PATH…] [--format text|json|sarif] [--fail-on SEVERITY]

Finds optimizer configurations in Python files, notebooks, YAML, JSON and TOML, and says what theory predicts of them.
Nothing is run. Without PATH the current directory is scanned.

  --format FORMAT     text (default), json, or sarif (2.1.0)
  --json, --sarif     the same as --format json, --format sarif
  --fail-on SEVERITY  exit with 1 if a diagnostic is at least error, warning, information or hint
  --help              this text

Exit code: 0, 1 as --fail-on says, 2 if the arguments are wrong.
`;

const FORMATS = ['text', 'json', 'sarif'] as const;
type Format = (typeof FORMATS)[number];

interface ScanOptions {
  readonly paths: readonly string[];
  readonly format: Format;
  readonly failOn: Severity | undefined;
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
    const { findings, fileCount } = await scanPaths(options.paths, io);
    io.write(render(options.format, findings, fileCount, (path) => relativeName(io.cwd, path)));
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
  return { paths: positionals.length > 0 ? positionals : ['.'], format, failOn, help: values.help === true };
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

/** All findings under the paths, in the order of the files and of their text. Unreadable files are reported and left out. */
async function scanPaths(
  paths: readonly string[],
  io: ScanIo,
): Promise<{ findings: ScanFinding[]; fileCount: number }> {
  const findings: ScanFinding[] = [];
  const seen = new Set<string>();
  let fileCount = 0;
  for (const path of paths) {
    const root = resolve(io.cwd, path);
    // What a script reads lies in the working folder, or beside what was asked for.
    const folder = isInside(resolve(io.cwd), root) ? resolve(io.cwd) : dirname(root);
    const onError = (at: string, error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (at === root)
        throw new InspectorError(
          `Cannot read ${quoteName(path)}: ${visible(message)}`,
          'Give an existing file or directory.',
        );
      io.error(`Left out ${visible(relativeName(io.cwd, at))}: ${visible(message)}\n`);
    };
    for await (const file of walk(root, seen, onError)) {
      const text = await readText(file.path).catch((error: unknown) => onError(file.path, error));
      if (text === undefined) continue;
      fileCount++;
      const around = { path: resolve(file.path), workspace: new FolderWorkspace(folder) };
      findings.push(...scanText({ path: relativeName(io.cwd, file.path), language: file.language, text }, around));
    }
  }
  return { findings, fileCount };
}

/** The findings of one text. */
export function scanText(document: SourceDocument, around?: Surroundings): ScanFinding[] {
  const configs = analyse(document, around);
  if (configs.length === 0) return [];
  const lines = new LineMap(document.text);
  return configs.map((config) => ({
    file: document.path,
    config,
    diagnostics: diagnose(config, document.text),
    lines,
  }));
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

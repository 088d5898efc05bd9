import type { GroupSelection, HyperparameterValue, OptimizerConfig, Provenance, Scalar } from '../configs/config.ts';
import type { LineMap } from '../configs/source.ts';
import type { MeasuredRun } from '../shared/protocol.ts';
import { Fingerprints } from './baseline.ts';
import type { Diagnostic } from './diagnostics.ts';
import { codeLensText, formatSetting, optimizerTitle } from './hover.ts';
import { dateOf, measuredTitle } from './measured.ts';
import { RULES, type Severity } from './rules.ts';
import { summarize } from './summary.ts';

/** One configuration of one file, with what was found about it. */
export interface ScanFinding {
  /** Relative to the working directory, with `/`. */
  readonly file: string;
  readonly config: OptimizerConfig;
  readonly diagnostics: readonly Diagnostic[];
  readonly lines: LineMap;
  readonly text: string;
  /** The latest run with these settings, where it measured an effect. */
  readonly measured?: MeasuredRun;
}

/** A value, where it comes from, and the file that it was read from where that is another one. */
interface RecordedValue {
  readonly value: Scalar;
  readonly from: Provenance;
  readonly file?: string;
}

/** The shape of one element of the JSON output. Lines and columns count from 1, columns in UTF-16 units. */
export interface ScanRecord {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The code cell of a notebook, from 1, and the line within it. */
  readonly cell?: number;
  readonly cellLine?: number;
  readonly framework: string;
  readonly optimizer: string;
  readonly hyperparameters: Readonly<Record<string, RecordedValue>>;
  /** Further arguments, by their own names. */
  readonly others: Readonly<Record<string, RecordedValue>>;
  readonly schedule: string | null;
  /** What groups of parameters have of their own. */
  readonly groups: readonly {
    readonly parameters: string | null;
    readonly hyperparameters: Readonly<Record<string, RecordedValue>>;
  }[];
  readonly notes: readonly string[];
  /** What the latest run with these settings measured: at its last loss, against what it was held; null where there is none. */
  readonly measured: {
    readonly effect: number;
    readonly against: string;
    readonly loss: number | null;
    readonly date: string;
    readonly run: string;
  } | null;
  /** h·κ for n → ∞ and small ε; null where it is unknown or not defined. */
  readonly hKappa: number | null;
  readonly diagnostics: readonly { code: string; severity: Severity; message: string; line: number }[];
}

/** `nameOf` shortens the paths of files that values come from. */
export function toRecord(
  { file, config, diagnostics, lines, measured }: ScanFinding,
  nameOf: (path: string) => string = (path) => path,
): ScanRecord {
  const recorded = (values: ReadonlyMap<string, HyperparameterValue>) => recordedValues(values, nameOf);
  const { line, column } = lines.position(config.range.from);
  return {
    file,
    line: line + 1,
    column: column + 1,
    ...(config.cell !== undefined && { cell: config.cell + 1 }),
    ...(config.cellLine !== undefined && { cellLine: config.cellLine + 1 }),
    framework: config.framework,
    optimizer: config.optimizer,
    hyperparameters: recorded(config.hyperparameters),
    others: recorded(config.others),
    schedule: config.schedule?.name ?? null,
    groups: (config.groups ?? []).map(({ selection, hyperparameters }) => ({
      parameters: selection ? selectionText(selection) : null,
      hyperparameters: recorded(hyperparameters),
    })),
    notes: (config.notes ?? []).map(({ text }) => text),
    measured: recordedMeasurement(measured, nameOf),
    hKappa: summarize(config).hKappa,
    diagnostics: diagnostics.map(({ code, severity, message, range }) => {
      return { code, severity, message, line: lines.position(range.from).line + 1 };
    }),
  };
}

function recordedMeasurement(run: MeasuredRun | undefined, nameOf: (path: string) => string): ScanRecord['measured'] {
  const { effect, loss } = run?.last ?? {};
  const reference = run?.header.reference;
  // What a reference that has not converged tells is shown nowhere.
  if (!run || typeof effect !== 'number' || !reference?.converged) return null;
  return {
    effect,
    against: reference.label,
    loss: loss ?? null,
    date: dateOf(run.header),
    run: nameOf(run.folder),
  };
}

function recordedValues(
  values: ReadonlyMap<string, HyperparameterValue>,
  nameOf: (path: string) => string,
): Readonly<Record<string, RecordedValue>> {
  const entries = [...values].map(([name, { value, from, sourceRange }]) => {
    return [name, { value, from, ...(sourceRange?.file !== undefined && { file: nameOf(sourceRange.file) }) }] as const;
  });
  // Names of arguments are the file's own: `__proto__` must stay one of them.
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

/** Which tensors a group takes: `*bias*, *norm*`, `all but *bias*`, `2 or more dimensions`. */
export function selectionText(selection: GroupSelection): string {
  if (selection.kind === 'names') return `${selection.except ? 'all but ' : ''}${selection.globs.join(', ')}`;
  const { least, most } = selection;
  if (most === Number.MAX_SAFE_INTEGER) return `${least} or more dimensions`;
  return least === most ? `${least} dimensions` : `${most} dimensions or fewer`;
}

/** For people: one line for each optimizer, one for each diagnostic, and a count. */
export function renderText(findings: readonly ScanFinding[], fileCount: number): string {
  const out: string[] = [];
  for (const finding of findings) {
    const { config, diagnostics, lines } = finding;
    const settings = [...config.hyperparameters]
      .filter(([name, { from }]) => from === 'literal' || from === 'resolved' || name === 'lr' || isTold(name, from))
      .map(([name, value]) => `${name} ${shown(value)}`);
    settings.push(...[...config.others].map(([name, value]) => `${visible(name)} ${shown(value)}`));
    if (config.schedule) settings.push(`schedule ${visible(config.schedule.name)}`);
    const what = `${optimizerTitle(config.optimizer)} (${config.framework})`;
    out.push(`${visible(finding.file)}${placeOf(finding)}  ${[what, ...settings].join(' · ')}`);
    const measured = finding.measured && measuredTitle(finding.measured);
    if (measured !== undefined) out.push(`    ${visible(measured)}`);
    out.push(`    ${codeLensText(config)}`);
    for (const { text } of config.notes ?? []) out.push(`    note: ${visible(text)}`);
    for (const { code, severity, message, range } of diagnostics) {
      const line = lines.position(range.from).line - lines.position(config.range.from).line;
      const at = config.cellLine === undefined ? lines.position(range.from).line : config.cellLine + line;
      out.push(`    ${severity} at ${cellOf(config)}line ${at + 1}: ${message} [${code}]`);
    }
  }
  const configs = findings.length === 1 ? '1 optimizer configuration' : `${findings.length} optimizer configurations`;
  out.push(`${findings.length > 0 ? '\n' : ''}${configs} in ${fileCount === 1 ? '1 file' : `${fileCount} files`}.`);
  return `${out.join('\n')}\n`;
}

const cellOf = ({ cell, cellLine }: OptimizerConfig): string =>
  cell === undefined || cellLine === undefined ? '' : `cell ${cell + 1}, `;

/** `:3:5`, and in notebooks, whose lines nobody sees, ` cell 3, line 2`. */
function placeOf({ config, lines }: ScanFinding): string {
  const { line, column } = lines.position(config.range.from);
  return config.cellLine === undefined ? `:${line + 1}:${column + 1}` : ` ${cellOf(config)}line ${config.cellLine + 1}`;
}

const DECIDING = new Set(['weight_decay', 'eps', 'beta1', 'beta2', 'alpha', 'momentum']);

/** Values that are written but not known here are told of, as the learning rate always is. */
const isTold = (name: string, from: Provenance): boolean => from === 'unknown' && DECIDING.has(name);

function shown({ value, from, sourceRange, place }: HyperparameterValue): string {
  if (from === 'unknown') return '?';
  const text = typeof value === 'number' ? formatSetting(value) : visible(String(value));
  return sourceRange?.file !== undefined && place !== undefined ? `${text} (${visible(place)})` : text;
}

/** File names are anyone's text: control and bidirectional characters are shown as escapes. */
export function visible(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  information: 'note',
  hint: 'note',
};

/** SARIF 2.1.0 with every rule, for code-scanning services. */
export function renderSarif(findings: readonly ScanFinding[]): string {
  const codes = Object.keys(RULES);
  const rules = Object.entries(RULES).map(([id, { title, severity, documentation }]) => ({
    id,
    shortDescription: { text: title },
    fullDescription: { text: documentation.replaceAll('`', '') },
    help: { text: documentation.replaceAll('`', ''), markdown: documentation },
    defaultConfiguration: { level: LEVELS[severity] },
    properties: { severity },
  }));
  const fingerprints = new Fingerprints();
  const results = findings.flatMap((finding) =>
    finding.diagnostics.map((diagnostic) => {
      const { file, lines } = finding;
      const { code, severity, message, range } = diagnostic;
      const start = lines.position(range.from);
      const end = lines.position(range.to);
      const region = {
        startLine: start.line + 1,
        startColumn: start.column + 1,
        endLine: end.line + 1,
        endColumn: end.column + 1,
      };
      const uri = file.split('/').map(encodeURIComponent).join('/');
      return {
        ruleId: code,
        ruleIndex: codes.indexOf(code),
        level: LEVELS[severity],
        message: { text: message },
        locations: [{ physicalLocation: { artifactLocation: { uri }, region } }],
        partialFingerprints: { 'optimizerBias/v1': fingerprints.of(finding, diagnostic) },
        properties: { severity },
      };
    }),
  );
  const tool = { driver: { name: 'Optimizer Bias Inspector', rules } };
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool, columnKind: 'utf16CodeUnits', results }],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

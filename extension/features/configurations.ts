import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { TEXT_LIMIT } from '../configs/analyse.ts';
import type { Language, OptimizerConfig } from '../configs/config.ts';
import { DATA_ENDINGS } from '../configs/languages.ts';
import { AnalysisPool } from '../configs/pool.ts';
import type { AnalysisResult, AnalysisTask, Incomplete, Place } from '../configs/protocol.ts';
import type { SourceRange } from '../configs/source.ts';
import type { TrainingFacts } from '../configs/training.ts';
import { LANGUAGES } from '../contributions.ts';
import { decimals } from '../shared/format.ts';

/** The documents in which configurations are looked for. */
export const SELECTOR: vscode.DocumentSelector = LANGUAGES.map((language) => ({ language }));

const CELL = 'vscode-notebook-cell';
/** More optimizers of one text are not shown. */
const MOST = 500;

/** What stands at a position: a configuration's name, or one of its arguments. */
export interface Target {
  readonly config: OptimizerConfig;
  readonly range: vscode.Range;
  /** Canonical name of the hyper-parameter; absent on the constructor. */
  readonly hyperparameter?: string;
}

/** What is known of one version of a text. */
interface Known {
  readonly version: string;
  readonly ready: Promise<AnalysisResult>;
  result: AnalysisResult | undefined;
}

/**
 * The optimizer configurations of open documents, analysed once for each version of a text and of the files that it leads
 * to, in a thread of its own: nothing that a text says keeps the editor waiting.
 */
export class Configurations implements vscode.Disposable {
  private readonly pool = new AnalysisPool(1);
  private readonly documents = new WeakMap<vscode.TextDocument | vscode.NotebookDocument, Known>();
  /** Documents whose results depend on other files, by the paths of those. */
  private readonly dependents = new Map<string, Set<vscode.TextDocument | vscode.NotebookDocument>>();
  private readonly changed = new vscode.EventEmitter<void>();
  /** Fires when results may differ although their texts have not changed: a file that they come from has. */
  readonly onDidChange = this.changed.event;
  private readonly subscriptions: readonly vscode.Disposable[];

  constructor(private readonly log: vscode.LogOutputChannel) {
    const files = vscode.workspace.createFileSystemWatcher(`**/*.{py,${DATA_ENDINGS.join(',')}}`);
    const touch = ({ fsPath }: vscode.Uri) => this.touched(fsPath);
    this.subscriptions = [
      this.changed,
      files,
      files.onDidChange(touch),
      files.onDidCreate(touch),
      files.onDidDelete(touch),
      vscode.workspace.onDidChangeTextDocument(({ document }) => touch(document.uri)),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => void this.pool.run({ kind: 'forget', uri: uri.toString() })),
    ];
  }

  /** The configurations of a document in the order of its text; [] in languages that are not read. */
  async of(document: vscode.TextDocument): Promise<readonly OptimizerConfig[]> {
    const known = this.analysed(document);
    if (!known) return [];
    await known.ready;
    // While it was analysed the text may have changed again.
    const now = this.analysed(document);
    if (now && now !== known) await now.ready;
    return this.in(document);
  }

  /** What is known of a document so far; asks for the rest. */
  in(document: vscode.TextDocument): readonly OptimizerConfig[] {
    const configs = this.analysed(document)?.result?.configs ?? [];
    const notebook = configs.length > 0 ? notebookOf(document) : undefined;
    if (!notebook) return configs;
    const index = pythonCells(notebook).indexOf(document);
    return configs.filter(({ cell }) => cell === index);
  }

  /** Why only a part of a document was looked at; undefined where all of it was. */
  incomplete(document: vscode.TextDocument): Incomplete | undefined {
    return this.analysed(document)?.result?.incomplete;
  }

  /** Which expressions create the tensors of a model, in a document and in the files that it imports. */
  async lines(
    document: vscode.TextDocument,
    tensors: readonly string[],
    others: readonly string[],
  ): Promise<ReadonlyMap<string, SourceRange>> {
    const place = placeOf(document.uri);
    const { lines } = await this.pool.run({
      kind: 'lines',
      text: document.getText(),
      tensors,
      others,
      ...(place && { place }),
    });
    return lines;
  }

  /** What a training script does beside its optimizer's settings. */
  async training(document: vscode.TextDocument): Promise<TrainingFacts> {
    return (await this.pool.run({ kind: 'training', text: upToLimit(document.getText()) })).training ?? {};
  }

  private analysed(document: vscode.TextDocument): Known | undefined {
    const language = languageOf(document);
    if (!language || document.isClosed) return undefined;
    const notebook = notebookOf(document);
    if (document.uri.scheme === CELL && !notebook) return undefined;
    // Imports and names are shared by the cells of a notebook, so they are analysed as one text.
    const cells = notebook && pythonCells(notebook);
    const place = placeOf((notebook ?? document).uri);
    const common = { most: MOST, ...(place && { place }) };
    // A document can change its language and keep its text.
    const version = cells
      ? cells.map((cell) => `${cell.uri.fragment}:${cell.version}`).join()
      : `${language}:${document.version}`;
    const last = this.documents.get(notebook ?? document);
    if (last?.version === version) return last;
    return this.ask(
      notebook ?? document,
      version,
      cells
        ? { kind: 'cells', cells: cells.map((cell) => cell.getText()), ...common }
        : { kind: 'text', uri: document.uri.toString(), language, text: upToLimit(document.getText()), ...common },
      // Until the new version is analysed, what was known of the last one is better than nothing.
      last?.result,
    );
  }

  private ask(
    subject: vscode.TextDocument | vscode.NotebookDocument,
    version: string,
    task: AnalysisTask,
    before: AnalysisResult | undefined,
  ): Known {
    const start = performance.now();
    const ready = this.pool.run(task).then((result) => {
      known.result = result;
      for (const path of result.asked) {
        const those = this.dependents.get(path);
        if (those) those.add(subject);
        else this.dependents.set(path, new Set([subject]));
      }
      const { configs, incomplete } = result;
      const write = incomplete ? this.log.warn : this.log.trace;
      const part = incomplete ? `, incomplete: ${incomplete}` : '';
      const elapsed = decimals(performance.now() - start, 1);
      write.call(this.log, `${configs.length} configurations in ${subject.uri.path}: ${elapsed} ms${part}`);
      return result;
    });
    const known: Known = { version, ready, result: before };
    this.documents.set(subject, known);
    return known;
  }

  /** A file has changed: what was read from it is read again. */
  private touched(path: string): void {
    const those = this.dependents.get(path);
    if (!those) return;
    this.dependents.delete(path);
    for (const each of those) {
      const known = this.documents.get(each);
      if (known) this.documents.set(each, { ...known, version: 'outdated' });
    }
    this.changed.fire();
  }

  /** What stands at a position, if it is part of a configuration. */
  async at(document: vscode.TextDocument, position: vscode.Position): Promise<Target | undefined> {
    const offset = document.offsetAt(position);
    const covers = (range: SourceRange | undefined) =>
      range !== undefined && range.file === undefined && range.from <= offset && offset <= range.to;
    for (const config of await this.of(document)) {
      if (covers(config.range)) return { config, range: rangeIn(document, config.range) };
      // Of `betas`, the value under the cursor; on the keyword, the second, which decides more.
      const entries = [...config.hyperparameters].filter(([name]) => name !== 'eps_placement').reverse();
      for (const [hyperparameter, { range, keyRange }] of entries) {
        const under = [range, keyRange].find(covers);
        if (under) return { config, hyperparameter, range: rangeIn(document, under) };
      }
    }
    return undefined;
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.pool.dispose();
  }
}

/** Longer texts are not analysed, and what says so need not be sent. */
const upToLimit = (text: string): string => (text.length > TEXT_LIMIT ? text.slice(0, TEXT_LIMIT + 1) : text);

/** Where a file lies in its workspace, and what editors hold of others without having saved it. */
function placeOf(uri: vscode.Uri): Place | undefined {
  if (uri.scheme !== 'file') return undefined;
  const root = vscode.workspace.getWorkspaceFolder(uri)?.uri.fsPath ?? dirname(uri.fsPath);
  const open = vscode.workspace.textDocuments
    .filter((document) => document.isDirty && document.uri.scheme === 'file' && document.uri.fsPath !== uri.fsPath)
    .map((document) => [document.uri.fsPath, document.getText()] as const);
  return { path: uri.fsPath, root, open };
}

/** The language for the analysis, or undefined where there is none. */
export function languageOf(document: vscode.TextDocument): Language | undefined {
  if (document.uri.scheme !== CELL && document.uri.path.endsWith('.ipynb')) return 'notebook';
  const found = LANGUAGES.find((language) => language === document.languageId);
  // The editor's name for some of the files of sections and options.
  return found === 'properties' ? 'ini' : found;
}

export function rangeIn(document: vscode.TextDocument, { from, to }: SourceRange): vscode.Range {
  return new vscode.Range(document.positionAt(from), document.positionAt(to));
}

/** The notebook that a cell is part of; undefined for other documents. */
export function notebookOf(cell: vscode.TextDocument): vscode.NotebookDocument | undefined {
  if (cell.uri.scheme !== CELL) return undefined;
  return vscode.workspace.notebookDocuments.find((notebook) =>
    notebook.getCells().some(({ document }) => document === cell),
  );
}

/** The cells that are analysed together. */
export function pythonCells(notebook: vscode.NotebookDocument): vscode.TextDocument[] {
  return notebook
    .getCells()
    .filter(({ kind, document }) => kind === vscode.NotebookCellKind.Code && document.languageId === 'python')
    .map(({ document }) => document);
}

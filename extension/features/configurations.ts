import * as vscode from 'vscode';
import { Analyser, analyseCells } from '../configs/analyse.ts';
import type { Language, OptimizerConfig } from '../configs/config.ts';
import type { SourceRange } from '../configs/source.ts';
import { LANGUAGES } from '../contributions.ts';

/** The documents in which configurations are looked for. */
export const SELECTOR: vscode.DocumentSelector = LANGUAGES.map((language) => ({ language }));

const CELL = 'vscode-notebook-cell';
/** Longer analyses are noticed by the user as a delay, and logged. */
const SLOW_MS = 50;

/** What stands at a position: a configuration's name, or one of its arguments. */
export interface Target {
  readonly config: OptimizerConfig;
  readonly range: vscode.Range;
  /** Canonical name of the hyper-parameter; absent on the constructor. */
  readonly hyperparameter?: string;
}

/** The optimizer configurations of open documents, analysed once for each version of a text. */
export class Configurations implements vscode.Disposable {
  private readonly log: vscode.LogOutputChannel;
  private readonly analyser = new Analyser();
  private readonly documents = new WeakMap<vscode.TextDocument, { version: string; configs: OptimizerConfig[] }>();
  private readonly notebooks = new WeakMap<
    vscode.NotebookDocument,
    { versions: string; cells: ReadonlyMap<vscode.TextDocument, OptimizerConfig[]> }
  >();
  private readonly subscription = vscode.workspace.onDidCloseTextDocument(({ uri }) => {
    this.analyser.forget(uri.toString());
  });

  constructor(log: vscode.LogOutputChannel) {
    this.log = log;
  }

  /** The configurations of a document in the order of its text; [] in languages that are not read. */
  in(document: vscode.TextDocument): readonly OptimizerConfig[] {
    const language = languageOf(document);
    if (!language || document.isClosed) return [];
    if (document.uri.scheme === CELL) return this.inCell(document);
    // A document can change its language and keep its text.
    const version = `${language}:${document.version}`;
    const last = this.documents.get(document);
    if (last?.version === version) return last.configs;
    const configs = this.timed(document, () => [
      ...this.analyser.analyse(document.uri.toString(), { language, text: document.getText() }).configs,
    ]);
    this.documents.set(document, { version, configs });
    return configs;
  }

  /** Imports and names are shared by the cells of a notebook, so they are analysed as one text. */
  private inCell(document: vscode.TextDocument): readonly OptimizerConfig[] {
    const notebook = notebookOf(document);
    if (!notebook) return [];
    const cells = pythonCells(notebook);
    const versions = cells.map(({ uri, version }) => `${uri.fragment}:${version}`).join();
    const last = this.notebooks.get(notebook);
    if (last?.versions === versions) return last.cells.get(document) ?? [];
    const configs = this.timed(document, () => [...analyseCells(cells.map((cell) => cell.getText())).configs]);
    const byCell = new Map(cells.map((cell, i) => [cell, configs.filter((config) => config.cell === i)]));
    this.notebooks.set(notebook, { versions, cells: byCell });
    return byCell.get(document) ?? [];
  }

  /** What stands at a position, if it is part of a configuration. */
  at(document: vscode.TextDocument, position: vscode.Position): Target | undefined {
    const offset = document.offsetAt(position);
    const covers = (range: SourceRange | undefined) =>
      range !== undefined && range.from <= offset && offset <= range.to;
    for (const config of this.in(document)) {
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
    this.subscription.dispose();
  }

  private timed(document: vscode.TextDocument, analyse: () => OptimizerConfig[]): OptimizerConfig[] {
    const start = performance.now();
    const configs = analyse();
    const elapsed = performance.now() - start;
    const write = elapsed > SLOW_MS ? this.log.warn : this.log.trace;
    write.call(this.log, `${configs.length} configurations in ${document.uri.path}: ${elapsed.toFixed(1)} ms`);
    return configs;
  }
}

/** The language for the analysis, or undefined where there is none. */
export function languageOf(document: vscode.TextDocument): Language | undefined {
  if (document.uri.scheme !== CELL && document.uri.path.endsWith('.ipynb')) return 'notebook';
  return LANGUAGES.find((language) => language === document.languageId);
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

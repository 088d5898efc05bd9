import * as vscode from 'vscode';
import { type Diagnostic, diagnose } from '../../advice/diagnostics.ts';
import type { Severity } from '../../advice/rules.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { type Configurations, languageOf, notebookOf, pythonCells, rangeIn } from '../configurations.ts';
import { Debouncer } from '../debouncer.ts';
import type { Settings } from '../settings.ts';
import { commandUri } from '../typedCommand.ts';

const DELAY_MS = 300;
const SOURCE = 'Optimizer Bias';

const SEVERITY: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
  hint: vscode.DiagnosticSeverity.Hint,
};

/** What can be said about the configurations of open documents, in the Problems view. */
export function registerDiagnostics(configurations: Configurations, settings: Settings): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection('optimizer-bias');
  const pending = new Debouncer(DELAY_MS);
  const publish = async (document: vscode.TextDocument) => {
    const { version } = document;
    const found = isBehindNotebook(document) ? [] : await problems(document, configurations, settings);
    // What is said of an older text has no place in the newer one, which is on its way.
    if (!document.isClosed && document.version === version) collection.set(document.uri, found.map(toEditor));
  };
  const scheduleNotebook = (notebook: vscode.NotebookDocument) => {
    pending.schedule(notebook.uri.toString(), () => {
      for (const cell of pythonCells(notebook)) void publish(cell);
    });
  };
  const schedule = (document: vscode.TextDocument) => {
    if (!languageOf(document) || !isEditable(document)) return;
    const notebook = notebookOf(document);
    if (notebook) scheduleNotebook(notebook);
    else pending.schedule(document.uri.toString(), () => void publish(document));
  };
  const scheduleAll = () => vscode.workspace.textDocuments.forEach(schedule);
  scheduleAll();
  return vscode.Disposable.from(
    collection,
    pending,
    settings.onDidChange(scheduleAll),
    configurations.onDidChange(scheduleAll),
    vscode.workspace.onDidOpenTextDocument(schedule),
    vscode.workspace.onDidChangeTextDocument(({ document }) => schedule(document)),
    // Without a cell its imports are gone, so that the others change too.
    vscode.workspace.onDidChangeNotebookDocument(({ notebook, contentChanges }) => {
      if (contentChanges.length > 0) scheduleNotebook(notebook);
    }),
    vscode.workspace.onDidCloseTextDocument(({ uri }) => {
      pending.cancel(uri.toString());
      collection.delete(uri);
    }),
  );
}

export interface Problem {
  readonly document: vscode.TextDocument;
  readonly config: OptimizerConfig;
  readonly diagnostic: Diagnostic;
  readonly severity: Severity;
}

/** The diagnostics of a document as the user wants them: severities overridden, those turned off left out. */
export async function problems(
  document: vscode.TextDocument,
  configurations: Configurations,
  settings: Settings,
): Promise<Problem[]> {
  if (!settings.get('diagnostics.enabled', document)) return [];
  const configs = await configurations.of(document);
  if (configs.length === 0) return [];
  const overrides = new Map(Object.entries(settings.get('diagnostics.severity', document)));
  const text = document.getText();
  return configs.flatMap((config) =>
    diagnose(config, text).flatMap((diagnostic) => {
      const severity = overrides.get(diagnostic.code) ?? diagnostic.severity;
      return severity === 'off' ? [] : [{ document, config, diagnostic, severity }];
    }),
  );
}

function toEditor({ document, diagnostic, severity }: Problem): vscode.Diagnostic {
  // Values from hand-written settings can be anything.
  const level = SEVERITY[severity] ?? SEVERITY[diagnostic.severity];
  const result = new vscode.Diagnostic(rangeIn(document, diagnostic.range), diagnostic.message, level);
  result.source = SOURCE;
  result.code = { value: diagnostic.code, target: commandUri('optimizerBias.openDocumentation', diagnostic.anchor) };
  return result;
}

/** The text of a notebook's file, of which the notebook's own cells say the same. */
function isBehindNotebook({ uri }: vscode.TextDocument): boolean {
  return vscode.workspace.notebookDocuments.some((notebook) => notebook.uri.toString() === uri.toString());
}

/** Not the old sides of comparisons, outputs, and other texts that nobody can change. */
function isEditable({ uri }: vscode.TextDocument): boolean {
  const { scheme } = uri;
  if (scheme === 'untitled' || scheme === 'vscode-notebook-cell') return true;
  return vscode.workspace.fs.isWritableFileSystem(scheme) === true;
}

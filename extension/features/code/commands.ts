import * as vscode from 'vscode';
import { codeLensText, optimizerTitle } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { type Configurations, notebookOf, pythonCells, rangeIn } from '../configurations.ts';
import type { Settings } from '../settings.ts';
import { registerCommand } from '../typedCommand.ts';

/** The commands that act on the text under the cursor, and on the log. */
export function registerCommands(
  configurations: Configurations,
  settings: Settings,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  return vscode.Disposable.from(
    registerCommand('optimizerBias.explain', async (uri, line, character) => {
      const editor = uri === undefined ? vscode.window.activeTextEditor : visibleEditor(uri);
      const position =
        line === undefined || character === undefined ? editor?.selection.active : new vscode.Position(line, character);
      const config =
        editor && position && nearest(await configurations.of(editor.document), editor.document.offsetAt(position));
      if (!editor || !config) return sayNothingFound();
      return explain(editor, config, settings);
    }),
    registerCommand('optimizerBias.goToOptimizer', async () => {
      const editor = vscode.window.activeTextEditor;
      const found = editor ? await configurations.of(editor.document) : [];
      if (!editor || found.length === 0) return sayNothingFound();
      const config =
        found.length === 1 ? found[0] : await pickConfiguration(editor.document, found, 'Optimizers in this document');
      if (config) reveal(editor, config);
    }),
    registerCommand('optimizerBias.showLog', () => log.show()),
  );
}

/** Puts the cursor on the configuration and shows its hover with the focus in it, so that it can be read without a mouse. */
async function explain(editor: vscode.TextEditor, config: OptimizerConfig, settings: Settings): Promise<void> {
  if (!settings.get('hover.enabled', editor.document)) {
    await vscode.commands.executeCommand('optimizerBias.openDocumentation', 'strength');
    return;
  }
  reveal(editor, config);
  if (editor.document.uri.scheme !== 'vscode-notebook-cell') {
    await vscode.window.showTextDocument(editor.document, { viewColumn: editor.viewColumn, preserveFocus: false });
  }
  await vscode.commands.executeCommand('editor.action.showHover', { focus: 'autoFocusImmediately' });
}

function reveal(editor: vscode.TextEditor, config: OptimizerConfig): void {
  const { start } = rangeIn(editor.document, config.range);
  editor.selection = new vscode.Selection(start, start);
  editor.revealRange(new vscode.Range(start, start), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

/** Asks which of the configurations of a document is meant. */
export async function pickConfiguration(
  document: vscode.TextDocument,
  found: readonly OptimizerConfig[],
  placeHolder: string,
): Promise<OptimizerConfig | undefined> {
  const items = found.map((config) => ({
    label: optimizerTitle(config.optimizer),
    description: placeText(document, document.positionAt(config.range.from).line + 1),
    detail: codeLensText(config),
    config,
  }));
  return (await vscode.window.showQuickPick(items, { placeHolder, matchOnDetail: true }))?.config;
}

/** `line 12`, and in notebooks `cell 3, line 2`, cells counted as those of the analysis are. */
function placeText(document: vscode.TextDocument, line: number): string {
  const notebook = notebookOf(document);
  return notebook ? `cell ${pythonCells(notebook).indexOf(document) + 1}, line ${line}` : `line ${line}`;
}

function visibleEditor(uri: string): vscode.TextEditor | undefined {
  return vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri);
}

/** The configuration around an offset, or else the one whose name is closest to it. */
function nearest(found: readonly OptimizerConfig[], offset: number): OptimizerConfig | undefined {
  const distance = ({ range, callRange }: OptimizerConfig) =>
    callRange.from <= offset && offset <= callRange.to ? 0 : Math.abs(range.from - offset);
  return [...found].sort((a, b) => distance(a) - distance(b))[0];
}

function sayNothingFound(): Thenable<unknown> {
  return vscode.window.showInformationMessage('No optimizer configuration was found in this document.');
}

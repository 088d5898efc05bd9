import * as vscode from 'vscode';
import { isNumbered } from '../../configs/numbered.ts';
import type { SourceRange } from '../../configs/source.ts';
import { effectLineOf } from '../../shared/effectWords.ts';
import { labelOf, shorten } from '../../shared/format.ts';
import type { PanelRun } from '../../shared/panel.ts';
import type { StepLine } from '../../shared/protocol.ts';
import { lastCorrected } from '../../shared/steps.ts';
import { type Configurations, notebookOf, rangeIn } from '../configurations.ts';
import { Debouncer } from '../debouncer.ts';
import { changesSince, Snapshots } from '../inspect/staleness.ts';
import type { Panel } from '../panel/panel.ts';
import type { Settings } from '../settings.ts';
import { lineTable, lineText } from './lineTexts.ts';

const delayMilliseconds = 300;
/** A file that creates fewer of a model's tensors, of those that have names, is not where the model is written. */
const leastShare = 0.5;
const staleMark = ' · stale';

/** What was measured, at the end of each line that creates parameters; and the way from there to the panel and back. */
export class StrengthDecorations implements vscode.Disposable {
  private readonly type = vscode.window.createTextEditorDecorationType({
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
    after: { margin: '0 0 0 3ch', color: new vscode.ThemeColor('descriptionForeground') },
  });
  private readonly staleType = vscode.window.createTextEditorDecorationType({
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
    after: {
      margin: '0 0 0 3ch',
      color: new vscode.ThemeColor('descriptionForeground'),
      textDecoration: 'line-through',
    },
  });
  private readonly snapshots = new Snapshots();
  private readonly pending = new Debouncer(delayMilliseconds);
  private readonly maps = new WeakMap<
    vscode.TextDocument,
    { version: number; folder: string; found: Promise<ReadonlyMap<string, SourceRange>> }
  >();
  /** The lines of a document that were found last. */
  private readonly shown = new WeakMap<vscode.TextDocument, ReadonlyMap<string, vscode.Range>>();
  private reasons: readonly string[] = [];
  private readonly subscriptions: vscode.Disposable[];

  constructor(
    private readonly panel: Panel,
    private readonly configurations: Configurations,
    private readonly settings: Settings,
  ) {
    const soon = () => this.pending.schedule(this, () => void this.update());
    this.subscriptions = [
      panel.onDidChangeRun(soon),
      panel.onReveal((tensor) => void this.reveal(tensor)),
      settings.onDidChange(soon),
      vscode.window.onDidChangeVisibleTextEditors(soon),
      vscode.workspace.onDidChangeTextDocument(soon),
      vscode.workspace.onDidSaveTextDocument(soon),
      vscode.window.onDidChangeWindowState(({ focused }) => focused && soon()),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor, selections }) =>
        this.follow(textEditor, selections[0]),
      ),
    ];
  }

  dispose(): void {
    for (const subscription of [...this.subscriptions, this.pending, this.type, this.staleType]) subscription.dispose();
  }

  private async update(): Promise<void> {
    const { run } = this.panel;
    this.reasons = run && run.header.status !== 'running' ? await changesSince(run, this.configurations) : [];
    if (run !== this.panel.run) return;
    this.panel.setStale(this.reasons);
    for (const editor of vscode.window.visibleTextEditors) await this.decorate(editor, run);
  }

  private async decorate(editor: vscode.TextEditor, run: PanelRun | undefined): Promise<void> {
    const { document } = editor;
    if (document.languageId !== 'python') return;
    const line = run && lastCorrected(run.steps);
    const effectLine = run && effectLineOf(run);
    const found = line ?? effectLine;
    const lines =
      run && found && this.settings.get('decorations.enabled', document)
        ? await this.linesOf(document, run)
        : new Map<string, vscode.Range>();
    if (!run || !found || lines.size === 0) {
      editor.setDecorations(this.type, []);
      editor.setDecorations(this.staleType, []);
      return;
    }
    const stale = this.reasons.length > 0 || (await this.snapshots.isStale(document, run));
    const labels = new Map(run.header.tensors.map((tensor) => [tensor.name, labelOf(tensor)]));
    const decorations = byLine(lines).map(([row, names]) =>
      decoration(document, row, names, labels, { line, effectLine }, stale),
    );
    editor.setDecorations(stale ? this.staleType : this.type, decorations);
    editor.setDecorations(stale ? this.type : this.staleType, []);
  }

  /**
   * Where a document creates the tensors of a run, by itself or as part of a model in another open document; empty where it
   * does not.
   */
  private async linesOf(document: vscode.TextDocument, run: PanelRun): Promise<ReadonlyMap<string, vscode.Range>> {
    const { tensors } = run.header;
    const own = await this.found(document, run);
    const count = tensors.filter((tensor) => !isNumbered(labelOf(tensor))).length;
    const isModel = (found: ReadonlyMap<string, SourceRange>) => found.size >= leastShare * count;
    const lines = new Map<string, vscode.Range>();
    const take = (found: ReadonlyMap<string, SourceRange>, file: string | undefined) => {
      for (const tensor of tensors) {
        const range = found.get(labelOf(tensor));
        if (range && range.file === file) lines.set(tensor.name, rangeIn(document, range));
      }
    };
    if (isModel(own)) take(own, undefined);
    else if (document.uri.scheme === 'file')
      for (const other of vscode.workspace.textDocuments) {
        if (other === document || other.languageId !== 'python' || lines.size > 0) continue;
        const found = await this.found(other, run);
        if (isModel(found)) take(found, document.uri.fsPath);
      }
    this.shown.set(document, lines);
    return lines;
  }

  /** What the text of a document, with the files that it imports, says of the tensors of a run. */
  private found(document: vscode.TextDocument, run: PanelRun): Promise<ReadonlyMap<string, SourceRange>> {
    const known = this.maps.get(document);
    if (known?.version === document.version && known.folder === run.folder) return known.found;
    const others = run.header.notTrained.map(({ name }) => name);
    const found = this.configurations.lines(document, run.header.tensors.map(labelOf), others);
    this.maps.set(document, { version: document.version, folder: run.folder, found });
    return found;
  }

  private follow({ document }: vscode.TextEditor, selection: vscode.Selection | undefined): void {
    const { run } = this.panel;
    if (!run || !selection || document.languageId !== 'python') return;
    const { line } = selection.active;
    const here = [...(this.shown.get(document) ?? [])].filter(
      ([, range]) => range.start.line <= line && line <= range.end.line,
    );
    this.panel.highlight(here.map(([name]) => name));
  }

  /** Shows the line that creates a tensor: in a visible editor, else in an open document, else in a file of the workspace. */
  private async reveal(tensor: string): Promise<void> {
    const { run } = this.panel;
    if (!run) return;
    const visible = vscode.window.visibleTextEditors.map(({ document }) => document);
    const open = vscode.workspace.textDocuments.filter((document) => !visible.includes(document));
    const known = [...visible, ...open].filter(({ languageId }) => languageId === 'python');
    const document = (await this.firstWith(known, run, tensor)) ?? (await this.search(run, tensor));
    const range = document && (await this.linesOf(document, run)).get(tensor);
    if (!document || !range) {
      const label = labelOf(run.header.tensors.find(({ name }) => name === tensor) ?? { name: tensor });
      void vscode.window.setStatusBarMessage(
        `No open file creates ${shorten(label, 60)}: open the file of the model.`,
        5000,
      );
      return;
    }
    await show(document, range);
  }

  private async firstWith(
    documents: readonly vscode.TextDocument[],
    run: PanelRun,
    tensor: string,
  ): Promise<vscode.TextDocument | undefined> {
    for (const document of documents) if ((await this.linesOf(document, run)).has(tensor)) return document;
    return undefined;
  }

  private async search(run: PanelRun, tensor: string): Promise<vscode.TextDocument | undefined> {
    const files = await vscode.workspace.findFiles(
      '**/*.py',
      '{**/.venv/**,**/venv/**,**/site-packages/**,**/node_modules/**}',
      200,
    );
    for (const file of files) {
      const document = await vscode.workspace.openTextDocument(file);
      if ((await this.linesOf(document, run)).has(tensor)) return document;
    }
    return undefined;
  }
}

/** Puts the cursor on a range, in the column where its document is open already; the focus stays where it is. */
async function show(document: vscode.TextDocument, range: vscode.Range): Promise<void> {
  const editorOf = () => vscode.window.visibleTextEditors.find((each) => each.document === document);
  const notebook = notebookOf(document);
  if (notebook) {
    const index = notebook.getCells().findIndex((cell) => cell.document === document);
    const cell = new vscode.NotebookRange(index, index + 1);
    const open = vscode.window.visibleNotebookEditors.find((each) => each.notebook === notebook);
    const viewColumn = open?.viewColumn ?? vscode.ViewColumn.One;
    const shown = await vscode.window.showNotebookDocument(notebook, {
      viewColumn,
      preserveFocus: true,
      selections: [cell],
    });
    shown.revealRange(cell, vscode.NotebookEditorRevealType.InCenterIfOutsideViewport);
  }
  const viewColumn = editorOf()?.viewColumn ?? vscode.ViewColumn.One;
  // A cell far away has an editor only once it has come into view.
  const editor = notebook
    ? editorOf()
    : await vscode.window.showTextDocument(document, { viewColumn, preserveFocus: true });
  if (!editor) return;
  editor.selection = new vscode.Selection(range.start, range.start);
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

/** Names by the line on which their decoration stands: where the expression ends. */
function byLine(lines: ReadonlyMap<string, vscode.Range>): [number, string[]][] {
  const rows = new Map<number, string[]>();
  for (const [name, { start }] of lines) rows.set(start.line, [...(rows.get(start.line) ?? []), name]);
  return [...rows];
}

function decoration(
  document: vscode.TextDocument,
  row: number,
  names: readonly string[],
  labels: ReadonlyMap<string, string>,
  lines: { readonly line: StepLine | undefined; readonly effectLine: StepLine | undefined },
  stale: boolean,
): vscode.DecorationOptions {
  const { line, effectLine } = lines;
  const fields = names.flatMap((name) => (effectLine ?? line)?.tensors[name] ?? []);
  const { end } = document.lineAt(row).range;
  const text = lineText(fields, end.character + (stale ? staleMark.length : 0));
  return {
    range: new vscode.Range(end, end),
    hoverMessage: new vscode.MarkdownString(lineTable(names, labels, lines, stale)),
    renderOptions: { after: { contentText: `◂ ${text}${stale ? staleMark : ''}` } },
  };
}

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import { inEditor } from '../../shared/editorWords.ts';
import { failureOf, InspectorError, messageOf } from '../../shared/errors.ts';
import { type FromExperimentPage, isFromExperimentPage, type ToExperimentPage } from '../../shared/experimentPanel.ts';
import type { ExperimentHeader } from '../../shared/experiments.ts';
import { shorten } from '../../shared/format.ts';
import { pageHtml, pageIcon, pageOptions } from '../panel/page.ts';
import { reader } from '../reading/reader.ts';
import { revealFolder, saveFile } from '../saving.ts';
import { tellFailure } from '../told.ts';
import { typedCommand } from '../typedCommand.ts';

const viewType = 'optimizerBias.experiment';

/** What is to be run for a result that is shown. */
export interface Repeat {
  readonly folder: string;
  readonly header: ExperimentHeader;
  /** Continue it where it is, instead of beginning anew. */
  readonly resume: boolean;
}

/** The pages with results of experiments and sweeps, one for each folder. */
export class ResultPages implements vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  private readonly repeating = new vscode.EventEmitter<Repeat>();
  readonly onRepeat = this.repeating.event;
  private readonly serializer: vscode.Disposable;
  /** What this window works on, by folder. */
  private readonly work = new Map<string, { readonly cancel: () => void; share: number; text: string }>();

  constructor(
    private readonly extension: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.serializer = vscode.window.registerWebviewPanelSerializer(viewType, {
      deserializeWebviewPanel: async (panel) => this.attach(panel, undefined),
    });
  }

  /** Shows what is in a folder now, beside the code. */
  show(folder: string): void {
    const shown = this.panels.get(folder);
    if (shown) {
      shown.reveal(undefined, true);
      void this.post(shown, folder);
      return;
    }
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const title = 'Experiment';
    this.attach(vscode.window.createWebviewPanel(viewType, title, column, pageOptions(this.extension)), folder);
  }

  /** Work on a folder begins: its page opens and follows it. */
  begin(folder: string, cancel: () => void): void {
    this.work.set(folder, { cancel, share: 0, text: '' });
    this.show(folder);
  }

  /** How far the work on a folder is. */
  progress(folder: string, share: number, text: string): void {
    const work = this.work.get(folder);
    if (!work) return;
    Object.assign(work, { share, text });
    void this.panels.get(folder)?.webview.postMessage({ type: 'progress', share, text } satisfies ToExperimentPage);
  }

  /** Shows what is in a folder now, where its page is open. */
  refresh(folder: string): void {
    const panel = this.panels.get(folder);
    if (panel) void this.post(panel, folder);
  }

  /** Work on a folder has ended: its page shows what came of it. */
  end(folder: string): void {
    this.work.delete(folder);
    if (existsSync(folder)) this.show(folder);
  }

  /** Whether the page of a folder is open. */
  isShown(folder: string): boolean {
    return this.panels.has(folder);
  }

  /** Whether this window works on a folder. */
  isWorkedOn(folder: string): boolean {
    return this.work.has(folder);
  }

  /** Runs again what is in a folder, or what is missing of it. Tells why it cannot. */
  async repeat(folder: string, resume: boolean): Promise<void> {
    try {
      const { header } = await reader.ask('result', folder);
      this.repeating.fire({ folder, header, resume });
    } catch (error) {
      this.log.error(error as Error);
      void tellFailure(failureOf(error), { folder });
    }
  }

  /** The folder has another name now: its page shows what is there. */
  move(from: string, to: string): void {
    const panel = this.panels.get(from);
    if (!panel) return;
    panel.dispose();
    this.show(to);
  }

  /** Folders may have been deleted outside of the editor: their pages say so. */
  recheck(): void {
    for (const [folder, panel] of this.panels) if (!existsSync(folder)) void this.post(panel, folder);
  }

  /** The folder is gone. */
  close(folder: string): void {
    this.panels.get(folder)?.dispose();
  }

  dispose(): void {
    this.serializer.dispose();
    this.repeating.dispose();
    for (const panel of this.panels.values()) panel.dispose();
  }

  private attach(panel: vscode.WebviewPanel, folder: string | undefined): void {
    let shown = folder;
    if (shown !== undefined) this.panels.set(shown, panel);
    panel.webview.options = pageOptions(this.extension);
    panel.iconPath = pageIcon(this.extension);
    panel.onDidDispose(() => {
      if (shown !== undefined && this.panels.get(shown) === panel) this.panels.delete(shown);
    });
    panel.webview.onDidReceiveMessage((message: unknown) => {
      if (!isFromExperimentPage(message)) return;
      if (message.type === 'ready') {
        shown ??= message.folder;
        if (shown === undefined) {
          const message = 'The folder of this result is not known any more.';
          const remedy = 'Open it with “Open Experiment Result…” of the command palette.';
          void panel.webview.postMessage({ type: 'failed', message, remedy } satisfies ToExperimentPage);
          return;
        }
        this.panels.set(shown, panel);
        void this.post(panel, shown);
      } else if (message.type === 'do' && message.action === 'showLog') this.log.show();
      else if (shown !== undefined)
        this.receive(message, shown).catch((error: Error) => {
          this.log.error(error);
          void tellFailure(failureOf(error), { folder: shown });
        });
    });
    panel.webview.html = pageHtml(panel.webview, this.extension, 'experiment', 'Experiment');
  }

  private async post(panel: vscode.WebviewPanel, folder: string): Promise<void> {
    let message: ToExperimentPage;
    try {
      if (!existsSync(folder))
        throw new InspectorError(`The folder ${shorten(basename(folder), 80)} has been deleted.`);
      const { header, isWorkedOn, isUnfinished, runs } = await reader.ask('result', folder);
      panel.title = `Experiment: ${header.title}`;
      const here = this.work.get(folder);
      const work = here ? 'here' : isWorkedOn ? 'elsewhere' : 'ended';
      const resumable = work === 'ended' && isUnfinished;
      message = { type: 'show', folder, header, work, resumable, runs: runs.length };
      if (here) {
        void panel.webview.postMessage(message);
        message = { type: 'progress', share: here.share, text: here.text };
      }
    } catch (error) {
      this.log.error(error as Error);
      const { remedy } = failureOf(error);
      message = { type: 'failed', message: inEditor(messageOf(error)), ...(remedy && { remedy: inEditor(remedy) }) };
    }
    void panel.webview.postMessage(message);
  }

  private async receive(message: Exclude<FromExperimentPage, { type: 'ready' }>, folder: string): Promise<void> {
    if (message.type === 'picture') return save(folder, 'png', Buffer.from(message.content, 'base64'));
    switch (message.action) {
      case 'openFolder':
        return revealFolder(folder);
      case 'exportCsv':
        return save(folder, 'csv', await vscode.workspace.fs.readFile(vscode.Uri.file(join(folder, 'series.csv'))));
      case 'compareRuns': {
        const { runs } = await reader.ask('result', folder);
        const [first, ...rest] = runs.map((run) => ({ folder: run }));
        const { command, arguments: given } = typedCommand('', 'optimizerBias.compareRuns', first, [first, ...rest]);
        await vscode.commands.executeCommand(command, ...(given ?? []));
        return;
      }
      case 'cancel':
        this.work.get(folder)?.cancel();
        return;
      case 'resume':
      case 'runAgain':
        await this.repeat(folder, message.action === 'resume');
    }
  }
}

const save = (folder: string, extension: 'png' | 'csv', content: Uint8Array): Promise<void> =>
  saveFile(vscode.Uri.file(join(folder, '..', `${basename(folder)}.${extension}`)), extension, content);

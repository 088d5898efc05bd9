import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { describeError } from '../../shared/errors.ts';
import { shorten } from '../../shared/format.ts';
import {
  type ExportFormat,
  type FromPanel,
  isFromPanel,
  mostRuns,
  type PanelAction,
  type PanelRun,
  type ToPanel,
} from '../../shared/panel.ts';
import type { StepLine } from '../../shared/protocol.ts';
import type { InspectionEvent, Inspections } from '../inspect/inspections.ts';
import { reader } from '../reading/reader.ts';
import { revealFolder, saveFile } from '../saving.ts';
import { openFile } from '../told.ts';
import { registerCommand } from '../typedCommand.ts';
import { pageHtml, pageIcon, pageOptions } from './page.ts';
import { ShownRuns } from './shownRuns.ts';

const viewType = 'optimizerBias.panel';
/** Records reach the panel in parcels, so that a fast run does not flood it. */
const parcelMilliseconds = 100;

/** The panel beside the code, and the run that it is about. There is one for each window. */
export class Panel implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private readonly shown = new ShownRuns(
    (message) => this.post(message),
    (folder) => reader.ask('header', folder).catch(() => undefined),
  );
  private stale: readonly string[] = [];
  /** What finished comparisons beside the run found. */
  private tried: readonly string[] = [];
  /** Why runs that were to be shown are not. */
  private missing: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private sending: NodeJS.Immediate | undefined;
  /** How often runs were asked for: the latest are shown. */
  private loads = 0;
  private readonly subscriptions: vscode.Disposable[];
  private readonly current = new vscode.EventEmitter<PanelRun | undefined>();
  /** The run that the numbers are of is another one, or has got further. */
  readonly onDidChangeRun = this.current.event;
  private readonly revealing = new vscode.EventEmitter<string>();
  /** The user wants to see the line that creates a tensor. */
  readonly onReveal = this.revealing.event;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly inspections: Inspections,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.subscriptions = [
      this.current,
      this.revealing,
      inspections.onEvent((event) => this.follow(event)),
      vscode.window.registerWebviewPanelSerializer(viewType, {
        deserializeWebviewPanel: async (panel) => this.attach(panel),
      }),
      registerCommand('optimizerBias.openPanel', () => this.reveal()),
    ];
  }

  /** The run that the numbers are of. */
  get run(): PanelRun | undefined {
    return this.shown.runs[0];
  }

  /** The folders of the runs that are shown. */
  get folders(): readonly string[] {
    return this.shown.runs.map(({ folder }) => folder);
  }

  get isVisible(): boolean {
    return this.panel?.visible === true;
  }

  /** Shows runs from disk, the first as the one that the numbers are of. */
  show(folders: readonly string[]): void {
    this.reveal();
    void this.load(folders);
  }

  /** Lays further runs over those that are shown. */
  compare(folders: readonly string[]): void {
    this.show([...new Set([...this.folders, ...folders])].slice(0, mostRuns));
  }

  setStale(reasons: readonly string[]): void {
    if (JSON.stringify(reasons) === JSON.stringify(this.stale)) return;
    this.stale = reasons;
    this.post({ type: 'stale', reasons });
  }

  /** Something may have happened to what is shown: it is compared again with what it came from. */
  recheck(): void {
    this.current.fire(this.run);
  }

  highlight(tensors: readonly string[]): void {
    this.post({ type: 'highlight', tensors });
  }

  reveal(): void {
    if (this.panel) {
      this.panel.reveal(undefined, true);
      return;
    }
    void closeUnrestored();
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.attach(vscode.window.createWebviewPanel(viewType, 'Optimizer Bias', column, pageOptions(this.extension)));
  }

  dispose(): void {
    clearTimeout(this.timer);
    clearImmediate(this.sending);
    for (const subscription of this.subscriptions) subscription.dispose();
    this.panel?.dispose();
  }

  private attach(panel: vscode.WebviewPanel): void {
    this.panel?.dispose();
    this.panel = panel;
    panel.webview.options = pageOptions(this.extension);
    panel.iconPath = pageIcon(this.extension);
    panel.onDidDispose(() => {
      if (this.panel === panel) this.panel = undefined;
    });
    panel.webview.onDidReceiveMessage((message: unknown) => {
      if (isFromPanel(message)) void this.receive(message);
    });
    panel.webview.html = pageHtml(panel.webview, this.extension, 'panel', 'Optimizer Bias');
    this.retitle();
  }

  /** What waits to be sent, one message at a time: each takes its time, and the editor's other work comes between. */
  private readonly outbox: ToPanel[] = [];

  private post(message: ToPanel): void {
    this.outbox.push(...inParts(message));
    if (this.outbox.length === 1) this.send();
    else this.sending ??= setImmediate(() => this.sendRest());
  }

  private sendRest(): void {
    this.sending = undefined;
    this.send();
    if (this.outbox.length > 0) this.sending = setImmediate(() => this.sendRest());
  }

  private send(): void {
    const message = this.outbox.shift();
    if (message) void this.panel?.webview.postMessage(message);
  }

  private postAll(): void {
    this.retitle();
    const { runs, activity } = this.shown;
    const { stale, missing, tried } = this;
    this.post({ type: 'show', runs, activity, stale, missing, tried });
    void this.askTried();
  }

  /** What comparisons beside the run found, once it is read. */
  private async askTried(): Promise<void> {
    const { run } = this;
    const found = run ? await reader.ask('tried', run.folder, run.header).catch(() => []) : [];
    if (this.run?.folder !== run?.folder || JSON.stringify(found) === JSON.stringify(this.tried)) return;
    this.tried = found;
    this.postAll();
  }

  private retitle(): void {
    const model = this.run && basename(this.run.header.model.path);
    if (this.panel) this.panel.title = model ? `Optimizer Bias: ${model}` : 'Optimizer Bias';
  }

  private async load(folders: readonly string[]): Promise<void> {
    const turn = ++this.loads;
    const missing: string[] = [];
    const runs: PanelRun[] = [];
    for (const folder of folders.slice(0, mostRuns)) {
      try {
        runs.push(await runFrom(folder));
      } catch (error) {
        // A run may have been deleted since the panel was last open.
        this.log.warn(describeError(error));
        missing.push(`The run ${shorten(basename(folder), 80)} cannot be read any more.`);
      }
    }
    // Meanwhile something else is to be shown.
    if (turn !== this.loads) return;
    this.shown.show(runs);
    this.missing = missing;
    this.stale = [];
    this.postAll();
    this.current.fire(this.run);
  }

  private async receive(message: FromPanel): Promise<void> {
    switch (message.type) {
      case 'ready':
        // After a reload of the window nothing is known here, but the page remembers what it showed.
        if (this.shown.runs.length === 0 && message.folders.length > 0 && this.shown.activity.kind === 'idle')
          await this.load(message.folders);
        else this.postAll();
        return;
      case 'do':
        return this.act(message.action);
      case 'fewerSamples':
        return this.inspections.restart(message.samples);
      case 'removeRun':
        this.shown.remove(message.folder);
        return this.postAll();
      case 'reveal':
        return this.revealing.fire(message.tensor);
      case 'export':
        return this.save(message.format, message.name, message.content);
    }
  }

  private async act(action: PanelAction): Promise<void> {
    const run = (command: string, ...args: unknown[]) => vscode.commands.executeCommand(command, ...args);
    switch (action) {
      case 'inspect':
      case 'change':
        await run('optimizerBias.inspect');
        return;
      case 'trySample':
        await run('optimizerBias.trySample');
        return;
      case 'stop':
        return this.inspections.stop();
      case 'rerun':
        await run('optimizerBias.rerun', this.run?.folder);
        return;
      case 'retryOnCpu':
        await run('optimizerBias.retryOnCpu');
        return;
      case 'showLog':
        return this.log.show();
      case 'openFile': {
        const { activity } = this.shown;
        if (activity.kind === 'failed' && activity.file) await openFile(activity.file);
        return;
      }
      case 'addRun':
        await run('optimizerBias.compareRuns');
        return;
      case 'openRunFolder':
        if (this.run) await revealFolder(this.run.folder);
    }
  }

  private async save(format: ExportFormat, name: string, content: string): Promise<void> {
    const folder = this.run ? dirname(dirname(this.run.folder)) : '.';
    const suggested = vscode.Uri.file(join(folder, `${name}.${format}`));
    await saveFile(suggested, format, Buffer.from(content, format === 'png' ? 'base64' : 'utf8'));
  }

  private follow(event: InspectionEvent): void {
    const anew = this.shown.follow(event);
    if (event.type === 'starting') {
      this.loads++;
      this.stale = [];
      this.missing = [];
      this.reveal();
    }
    if (anew) this.postAll();
    else if (event.type === 'record' || event.type === 'progress')
      this.timer ??= setTimeout(() => this.flush(), parcelMilliseconds);
    else this.flush();
    if (event.type === 'ended') this.current.fire(this.run);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.shown.flush()) this.current.fire(this.run);
  }
}

/** After a reload, a panel in the background is restored only when it comes to the front; a new one takes its place. */
async function closeUnrestored(): Promise<void> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  const ours = tabs.filter(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewType));
  if (ours.length > 0) await vscode.window.tabGroups.close(ours, true);
}

/** A run from disk. Throws an InspectorError where it cannot be read. */
async function runFrom(folder: string): Promise<PanelRun> {
  const { header, interrupted, token, steps: count } = await reader.ask('run', folder);
  const steps: StepLine[] = [];
  while (steps.length < count) {
    const more = await reader.ask('steps', token, steps.length);
    if (more.length === 0) break;
    steps.push(...more);
  }
  return { folder, name: basename(folder), header, steps, interrupted };
}

/** Lines of steps that reach the page in one message, times the tensors of each. */
const mostTensorLines = 1000;

/** A message as several, where it would take long to be sent: the steps of long runs follow the runs. */
function inParts(message: ToPanel): ToPanel[] {
  if (message.type !== 'show') return [message];
  const widthOf = ({ steps }: PanelRun) => Object.keys(steps[0]?.tensors ?? {}).length + 1;
  if (message.runs.reduce((sum, run) => sum + run.steps.length * widthOf(run), 0) <= mostTensorLines) return [message];
  const parts = message.runs.flatMap((run): ToPanel[] => {
    const { folder, steps } = run;
    const most = Math.max(1, Math.floor(mostTensorLines / widthOf(run)));
    const starts = Array.from({ length: Math.ceil(steps.length / most) }, (_, i) => i * most);
    return starts.map((from) => ({ type: 'records', folder, records: steps.slice(from, from + most) }));
  });
  return [{ ...message, runs: message.runs.map((run) => ({ ...run, steps: [] })) }, ...parts];
}

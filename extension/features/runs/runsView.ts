import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { RunItem } from '../../contributions.ts';
import { nameProblem, renameRun } from '../../runStore/list.ts';
import { failureOf } from '../../shared/errors.ts';
import { mostRuns } from '../../shared/panel.ts';
import { Debouncer } from '../debouncer.ts';
import type { ResultPages } from '../experiments/pages.ts';
import type { Inspections } from '../inspect/inspections.ts';
import type { Panel } from '../panel/panel.ts';
import { reader } from '../reading/reader.ts';
import { revealFolder } from '../saving.ts';
import { tellFailure } from '../told.ts';
import { registerCommand } from '../typedCommand.ts';
import { type Entry, stateOf } from './entries.ts';
import { describe, treeItem } from './items.ts';

const delayMilliseconds = 200;
/** How often plans are looked at that are not finished. */
const lookMilliseconds = 5000;

/** What the workspace has measured, in the side bar, and the commands that act on it. */
export function registerRunsView(panel: Panel, pages: ResultPages, inspections: Inspections): vscode.Disposable {
  const provider = new Runs();
  const view = vscode.window.createTreeView('optimizerBias.runs', { treeDataProvider: provider, canSelectMany: true });
  // A folder that is renamed or deleted as a whole is told of by its own name only.
  const watchers = ['**/runs/*', '**/runs/**/{run,sweep,experiment,plan,failure,times}.json'].map((pattern) =>
    vscode.workspace.createFileSystemWatcher(pattern),
  );
  const pending = new Debouncer(delayMilliseconds);
  const refresh = () => pending.schedule(provider, () => provider.refresh());
  const chosen = (item: RunItem | undefined, items?: readonly RunItem[]): readonly RunItem[] =>
    items?.length ? items : item ? [item] : view.selection;
  // Others may work on a plan, on drives that tell of nothing.
  const look = setInterval(() => {
    if (view.visible && provider.hasOpenPlan) refresh();
  }, lookMilliseconds);
  return vscode.Disposable.from(
    provider,
    view,
    pending,
    new vscode.Disposable(() => clearInterval(look)),
    ...watchers.flatMap((watcher) => [
      watcher,
      watcher.onDidCreate(refresh),
      watcher.onDidChange(refresh),
      watcher.onDidDelete(() => {
        refresh();
        panel.recheck();
        pages.recheck();
      }),
    ]),
    vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    inspections.onEvent(({ type }) => {
      if (type === 'started' || type === 'ended') refresh();
    }),
    registerCommand('optimizerBias.openRun', async (item) => {
      const [run] = item ? [item] : await pickRuns(provider, 'Which run?', false);
      if (run) panel.show([run.folder]);
    }),
    registerCommand('optimizerBias.compareRuns', async (item, items) => {
      const given = item ? await provider.runsOf(chosen(item, items)) : [];
      if (given.length > 1) return panel.show(given.slice(0, mostRuns));
      if (given.length === 1 && panel.run && panel.run.folder !== given[0]) return panel.compare(given);
      const title = `Runs to compare (up to ${mostRuns})`;
      const picked = await pickRuns(provider, title, true, [...panel.folders, ...given]);
      if (picked.length > 0) panel.compare([...given, ...picked.map(({ folder }) => folder)]);
    }),
    registerCommand('optimizerBias.renameRun', async (item) => {
      const [{ folder } = { folder: undefined }] = chosen(item);
      if (folder === undefined || (await refuses(provider, folder, 'renamed'))) return;
      const name = await vscode.window.showInputBox({
        title: 'Rename',
        value: basename(folder),
        validateInput: (value) => nameProblem(value),
      });
      if (name === undefined) return;
      try {
        const renamed = renameRun(folder, name);
        if (panel.run?.folder === folder) panel.show([renamed]);
        pages.move(folder, renamed);
      } catch (error) {
        void tellFailure(failureOf(error));
      }
      provider.refresh();
    }),
    registerCommand('optimizerBias.deleteRun', async (item, items) => {
      const folders = chosen(item, items).map(({ folder }) => folder);
      if (folders.length === 0) return;
      for (const folder of folders) if (await refuses(provider, folder, 'deleted')) return;
      const remove = 'Move to Trash';
      const what = folders.length === 1 ? basename(folders[0]) : `${folders.length} entries`;
      const answer = await vscode.window.showWarningMessage(`Delete ${what}?`, { modal: true }, remove);
      if (answer !== remove) return;
      for (const folder of folders) {
        await trash(vscode.Uri.file(folder));
        pages.close(folder);
      }
      provider.refresh();
    }),
    registerCommand('optimizerBias.revealRun', async (item) => {
      const [entry] = chosen(item);
      if (entry) await revealFolder(entry.folder);
    }),
    registerCommand('optimizerBias.resumeSweep', (item) => {
      const [sweep] = chosen(item);
      if (sweep) void pages.repeat(sweep.folder, true);
    }),
  );
}

/** Says why an entry cannot be changed: it is being written, or a sweep counts on it. */
async function refuses(provider: Runs, folder: string, done: string): Promise<boolean> {
  const entry = await provider.entry(folder);
  if (!entry) return true;
  const name = basename(folder);
  const reason =
    stateOf(entry) === 'running'
      ? `${name} is still running. Stop it first; then it can be ${done}.`
      : entry.kind === 'run' && entry.point
        ? `${name} is a point of a sweep, and can only be ${done} with it.`
        : undefined;
  if (reason !== undefined) void vscode.window.showInformationMessage(reason);
  return reason !== undefined;
}

/** To the trash where there is one, as remote machines often have none. */
async function trash(folder: vscode.Uri): Promise<void> {
  try {
    await vscode.workspace.fs.delete(folder, { recursive: true, useTrash: true });
  } catch {
    await vscode.workspace.fs.delete(folder, { recursive: true });
  }
}

/** Inspections, sweeps and experiments, the latest first; below a sweep the runs of its points. */
class Runs implements vscode.TreeDataProvider<Entry>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  /** A plan is shown that is not finished. */
  hasOpenPlan = false;

  refresh(): void {
    this.changed.fire();
  }

  dispose(): void {
    this.changed.dispose();
  }

  async getChildren(parent?: Entry): Promise<Entry[]> {
    if (parent) return parent.kind === 'sweep' ? reader.ask('points', parent.folder) : [];
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    const entries = await reader.ask(
      'entries',
      folders.map(({ uri }) => uri.fsPath),
    );
    this.hasOpenPlan = entries.some((entry) => entry.kind === 'plan' && stateOf(entry) !== 'finished');
    const hasRun = entries.some(({ kind }) => kind === 'run');
    void vscode.commands.executeCommand('setContext', 'optimizerBias.hasRun', hasRun);
    return entries;
  }

  getTreeItem(entry: Entry): vscode.TreeItem {
    return treeItem(entry);
  }

  /** The entry of a folder as it is on disk now. */
  async entry(folder: string): Promise<Entry | undefined> {
    const top = await this.getChildren();
    const below = await Promise.all(top.map((each) => this.getChildren(each)));
    return [...top, ...below.flat()].find((each) => each.folder === folder);
  }

  /** The folders of runs: those of a sweep's points in place of the sweep. */
  async runsOf(items: readonly RunItem[]): Promise<string[]> {
    const found = items.map(async ({ folder }) => {
      const entry = await this.entry(folder);
      return entry?.kind === 'sweep' ? (await this.getChildren(entry)).map((point) => point.folder) : [folder];
    });
    return (await Promise.all(found)).flat();
  }
}

/** Asks for runs, without those in `shown`. */
async function pickRuns(
  provider: Runs,
  title: string,
  several: boolean,
  shown: readonly string[] = [],
): Promise<RunItem[]> {
  const all = (await provider.getChildren()).flatMap((entry) => (entry.kind === 'run' ? [entry] : []));
  const runs = all.filter(({ folder }) => !shown.includes(folder));
  if (runs.length === 0 && all.length > 0) {
    void vscode.window.showInformationMessage('All runs of this workspace are shown already.');
    return [];
  }
  if (runs.length === 0) {
    const inspect = 'Inspect…';
    const answer = await vscode.window.showInformationMessage('There are no runs in this workspace yet.', inspect);
    if (answer === inspect) await vscode.commands.executeCommand('optimizerBias.inspect');
    return [];
  }
  const items = runs.map((entry) => ({
    label: entry.name,
    description: describe(entry),
    detail: basename(entry.run.header.model.path),
    folder: entry.folder,
  }));
  const options = { title, matchOnDescription: true, matchOnDetail: true };
  if (several) return (await vscode.window.showQuickPick(items, { ...options, canPickMany: true })) ?? [];
  const picked = await vscode.window.showQuickPick(items, options);
  return picked ? [picked] : [];
}

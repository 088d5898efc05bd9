import { basename } from 'node:path';
import * as vscode from 'vscode';
import { listRuns, nameProblem, type RunEntry, renameRun } from '../runs/list.ts';
import { describeError } from '../shared/errors.ts';
import { number, setting } from '../shared/format.ts';
import { mostRuns } from '../shared/panel.ts';
import { capitalised, strength } from '../shared/verdict.ts';
import { Debouncer } from './debouncer.ts';
import type { Inspections } from './inspect/inspections.ts';
import type { Panel } from './panel.ts';
import { registerCommand, typedCommand } from './typedCommand.ts';

const delayMilliseconds = 200;

/** The runs of the workspace in the side bar, and the commands that act on them. */
export function registerRunsView(panel: Panel, inspections: Inspections): vscode.Disposable {
  const provider = new Runs();
  const view = vscode.window.createTreeView('optimizerBias.runs', { treeDataProvider: provider, canSelectMany: true });
  const watcher = vscode.workspace.createFileSystemWatcher('**/runs/*/run.json');
  const pending = new Debouncer(delayMilliseconds);
  const refresh = () => pending.schedule(provider, () => provider.refresh());
  const chosen = (item: Item | undefined, items?: readonly Item[]) =>
    items?.length ? items : item ? [item] : view.selection;
  return vscode.Disposable.from(
    provider,
    view,
    watcher,
    pending,
    watcher.onDidCreate(refresh),
    watcher.onDidChange(refresh),
    watcher.onDidDelete(refresh),
    vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    inspections.onEvent(({ type }) => {
      if (type === 'started' || type === 'ended') refresh();
    }),
    registerCommand('optimizerBias.openRun', async (item) => {
      const [run] = item ? [item] : await pickRuns(provider, vscode.l10n.t('Which run?'), false);
      if (run) panel.show([run.folder]);
    }),
    registerCommand('optimizerBias.compareRuns', async (item, items) => {
      const given = item ? chosen(item, items) : [];
      if (given.length > 1) return panel.show(given.map(({ folder }) => folder).slice(0, mostRuns));
      if (given.length === 1 && panel.run && panel.run.folder !== given[0].folder)
        return panel.compare([given[0].folder]);
      const picked = await pickRuns(provider, vscode.l10n.t('Runs to compare (up to {0})', mostRuns), true);
      if (picked.length > 0) panel.compare([...given, ...picked].map(({ folder }) => folder));
    }),
    registerCommand('optimizerBias.renameRun', async (item) => {
      const [run] = chosen(item);
      if (!run) return;
      const name = await vscode.window.showInputBox({
        title: vscode.l10n.t('Rename Run'),
        value: basename(run.folder),
        validateInput: (value) => nameProblem(value),
      });
      if (name === undefined) return;
      try {
        const folder = renameRun(run.folder, name);
        if (panel.run?.folder === run.folder) panel.show([folder]);
      } catch (error) {
        void vscode.window.showErrorMessage(describeError(error));
      }
      provider.refresh();
    }),
    registerCommand('optimizerBias.deleteRun', async (item, items) => {
      const runs = chosen(item, items);
      if (runs.length === 0) return;
      const remove = vscode.l10n.t('Move to Trash');
      const what = runs.length === 1 ? basename(runs[0].folder) : vscode.l10n.t('{0} runs', runs.length);
      const answer = await vscode.window.showWarningMessage(
        vscode.l10n.t('Delete {0}?', what),
        { modal: true },
        remove,
      );
      if (answer !== remove) return;
      for (const { folder } of runs) await trash(vscode.Uri.file(folder));
      provider.refresh();
    }),
    registerCommand('optimizerBias.revealRun', (item) => {
      const [run] = chosen(item);
      return run && vscode.commands.executeCommand('revealFileInOS', vscode.Uri.file(run.folder));
    }),
  );
}

/** To the trash where there is one, as remote machines often have none. */
async function trash(folder: vscode.Uri): Promise<void> {
  try {
    await vscode.workspace.fs.delete(folder, { recursive: true, useTrash: true });
  } catch {
    await vscode.workspace.fs.delete(folder, { recursive: true });
  }
}

interface Item {
  readonly folder: string;
}

class Runs implements vscode.TreeDataProvider<RunEntry>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;

  refresh(): void {
    this.changed.fire();
  }

  dispose(): void {
    this.changed.dispose();
  }

  getChildren(parent?: RunEntry): RunEntry[] {
    if (parent) return [];
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
    const runs = folders.flatMap(({ uri }) => listRuns(uri.fsPath));
    void vscode.commands.executeCommand('setContext', 'optimizerBias.hasRun', runs.length > 0);
    return runs;
  }

  getTreeItem(run: RunEntry): vscode.TreeItem {
    const { name, header, folder } = run;
    const item = new vscode.TreeItem(name);
    item.id = folder;
    item.resourceUri = undefined;
    item.description = describe(run);
    item.iconPath = icon(run);
    item.contextValue = 'run';
    item.tooltip = tooltip(run);
    item.command = typedCommand(vscode.l10n.t('Open'), 'optimizerBias.openRun', { folder });
    item.accessibilityInformation = {
      label: `${name}, ${state(run)}, ${describe(run)}, ${basename(header.model.path)}`,
    };
    return item;
  }
}

const state = ({ header, interrupted }: RunEntry): string => (interrupted ? 'interrupted' : header.status);

function describe({ header }: RunEntry): string {
  const { hyper } = header.optimizer;
  return [
    header.hKappaLimit === null ? header.optimizer.title : strength(header.hKappaLimit),
    hyper.lr !== undefined && `lr ${setting(hyper.lr)}`,
    hyper.beta2 !== undefined && `β₂ ${hyper.beta2}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

function icon(run: RunEntry): vscode.ThemeIcon {
  const names: Readonly<Record<string, string>> = {
    finished: 'pass',
    running: 'sync~spin',
    cancelled: 'circle-slash',
    failed: 'error',
    interrupted: 'warning',
  };
  return new vscode.ThemeIcon(names[state(run)] ?? 'circle-outline');
}

/** Names come from files: plain text, never Markdown. */
function tooltip(run: RunEntry): string {
  const { header } = run;
  const lines = [
    `${header.model.path}`,
    `${header.optimizer.title}: ${Object.entries(header.optimizer.hyper)
      .map(([key, value]) => `${key} ${setting(value)}`)
      .join(', ')}`,
    `${header.data.samples} samples, ${header.loss}, ${header.device}`,
    `${capitalised(state(run))}, ${new Date(header.started).toLocaleString()}`,
    header.hKappaLimit === null ? '' : `h·κ in the limit: ${number(header.hKappaLimit, true)}`,
    header.message ?? '',
  ];
  return lines.filter(Boolean).join('\n');
}

async function pickRuns(provider: Runs, title: string, several: boolean): Promise<Item[]> {
  const runs = provider.getChildren();
  if (runs.length === 0) {
    const inspect = vscode.l10n.t('Inspect…');
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t('There are no runs in this workspace yet.'),
      inspect,
    );
    if (answer === inspect) await vscode.commands.executeCommand('optimizerBias.inspect');
    return [];
  }
  const items = runs.map((run) => ({
    label: run.name,
    description: describe(run),
    detail: basename(run.header.model.path),
    folder: run.folder,
  }));
  const options = { title, matchOnDescription: true, matchOnDetail: true };
  if (several) return (await vscode.window.showQuickPick(items, { ...options, canPickMany: true })) ?? [];
  const picked = await vscode.window.showQuickPick(items, options);
  return picked ? [picked] : [];
}

import { basename, dirname, relative } from 'node:path';
import * as vscode from 'vscode';
import { type ConfiguredOptimizer, configuredOptimizer } from '../../advice/configured.ts';
import { optimizerTitle } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { Address } from '../../contributions.ts';
import { optimizers } from '../../optimizers/registry.ts';
import { describeError, failureOf } from '../../shared/errors.ts';
import { thousands } from '../../shared/format.ts';
import type { InspectRequest } from '../../shared/request.ts';
import { pickConfiguration } from '../code/commands.ts';
import { type Configurations, notebookOf, pythonCells, rangeIn, SELECTOR } from '../configurations.ts';
import { Debouncer } from '../debouncer.ts';
import { isResult } from '../experiments/folders.ts';
import type { ResultPages } from '../experiments/pages.ts';
import type { Panel } from '../panel/panel.ts';
import { reader } from '../reading/reader.ts';
import { opening, tell, tellFailure } from '../told.ts';
import { registerCommand, typedCommand } from '../typedCommand.ts';
import { currentOptimizer } from './current.ts';
import { defaultOptimizer, hyperOf } from './hyper.ts';
import type { Failure, Inspection, Inspections } from './inspections.ts';
import { OwnRuns } from './ownRuns.ts';
import { type Chosen, prepare } from './prepare.ts';

const contextMilliseconds = 300;
/** What is running, in the status bar: where the panel does not show it. */
const statusPriority = 50;

/** The commands that start, repeat and stop inspections, and what tells of them outside the panel. */
export function registerInspect(
  configurations: Configurations,
  inspections: Inspections,
  panel: Panel,
  pages: ResultPages,
  log: vscode.LogOutputChannel,
  memory: vscode.Memento,
): vscode.Disposable {
  const own = new OwnRuns(memory);
  const status = vscode.window.createStatusBarItem(
    'optimizerBias.running',
    vscode.StatusBarAlignment.Left,
    statusPriority,
  );
  status.name = 'Optimizer Bias';
  status.command = 'optimizerBias.openPanel';
  const pending = new Debouncer(contextMilliseconds);
  const updateContext = () =>
    pending.schedule(status, async () => {
      const document = vscode.window.activeTextEditor?.document;
      const found = document !== undefined && (await configurations.of(document)).length > 0;
      void vscode.commands.executeCommand('setContext', 'optimizerBias.hasOptimizer', found);
    });
  updateContext();
  const start = async (inspection: Inspection) => {
    if (await isTrusted()) await inspections.run(inspection);
  };
  return vscode.Disposable.from(
    status,
    pending,
    vscode.window.onDidChangeActiveTextEditor(updateContext),
    vscode.workspace.onDidChangeTextDocument(updateContext),
    vscode.languages.registerCodeActionsProvider(
      SELECTOR,
      { provideCodeActions: (document, range) => actions(configurations, document, range) },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
    panel.onDidChangeRun((run) => run && setCanRepeat()),
    inspections.onEvent((event) => {
      if (event.type === 'ended') setCanRepeat();
      if (event.type === 'started') own.add(event.folder);
      if (event.type === 'starting' || event.type === 'ended')
        void vscode.commands.executeCommand('setContext', 'optimizerBias.running', event.type === 'starting');
      if (event.type === 'starting') {
        status.text = `$(sync~spin) ${event.title}`;
        status.tooltip = 'An inspection is running. Click to see it.';
        status.show();
      } else if (event.type === 'progress' && event.progress.phase === 'running') {
        status.text = `$(sync~spin) ${event.title} ${thousands(event.progress.step)}/${thousands(event.progress.steps)}`;
      } else if (event.type === 'stopping') {
        status.text = `$(sync~spin) Stopping ${event.title}…`;
      } else if (event.type === 'ended') {
        status.hide();
        if (event.failure && !panel.isVisible) void tellEnd(event.failure);
      }
    }),
    registerCommand('optimizerBias.inspect', async (where, line, character) => {
      if (!(await isTrusted())) return;
      const chosen = await chooseConfiguration(configurations, where, line, character);
      if (!chosen) return;
      const prepared = await prepare(chosen, log);
      if (prepared && (await inspections.run(prepared.inspection))) prepared.remember();
    }),
    registerCommand('optimizerBias.rerun', async (folder, agreed) => {
      // From the palette: what the panel shows.
      const place = (typeof folder === 'object' ? folder.folder : folder) ?? panel.run?.folder;
      if (place !== undefined && isResult(place)) return pages.repeat(place, false);
      const last = place === undefined ? inspections.last : await inspectionOf(place, panel, configurations, log);
      if (last && place !== undefined && agreed !== true && !(await own.agrees(place, last.request))) return;
      if (last) await start(last);
      else await vscode.commands.executeCommand('optimizerBias.inspect');
    }),
    registerCommand('optimizerBias.retryOnCpu', async () => {
      const { last } = inspections;
      if (last) await start({ ...last, request: { ...last.request, device: 'cpu' } });
    }),
    registerCommand('optimizerBias.stop', () => inspections.stop()),
  );
}

/** There is something that "Run Again" can repeat. */
function setCanRepeat(): void {
  void vscode.commands.executeCommand('setContext', 'optimizerBias.canRepeat', true);
}

/** "Inspect…" among the quick fixes of what stands at a configuration. */
function actions(
  configurations: Configurations,
  document: vscode.TextDocument,
  range: vscode.Range,
): vscode.CodeAction[] {
  const config = configurations
    .in(document)
    .find((each) => configuredOptimizer(each) && rangeIn(document, each.callRange).intersection(range));
  if (!config) return [];
  const { line, character } = rangeIn(document, config.range).start;
  const title = `Inspect ${optimizerTitle(config.optimizer)} on a model…`;
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.command = typedCommand(title, 'optimizerBias.inspect', document.uri.toString(), line, character);
  return [action];
}

/** Native code runs models; the command may be called where its menu entry is hidden. */
export async function isTrusted(): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const manage = 'Manage Trust';
  const message =
    'Models are only run in workspaces that you trust, since a model can be made to exploit the program that runs it.';
  if ((await vscode.window.showWarningMessage(message, manage)) === manage)
    await vscode.commands.executeCommand('workbench.trust.manage');
  return false;
}

/** Tells how an inspection ended that nobody looks at, with what can be tried. */
function tellEnd({ message, file, remedy, retry }: Failure): Promise<void> {
  const run = (command: string) => () => vscode.commands.executeCommand(command);
  const attempts = {
    cpu: { 'Retry on CPU': run('optimizerBias.retryOnCpu') },
    again: { 'Run Again': run('optimizerBias.rerun') },
    change: { 'Change Settings…': run('optimizerBias.inspect') },
  };
  const text = `${file ? basename(file.path) : ''}${message}`;
  return tell([text, remedy].filter(Boolean).join(' '), {
    ...attempts[retry],
    ...opening(file),
    'Show Log': run('optimizerBias.showLog'),
  });
}

export async function chooseConfiguration(
  configurations: Configurations,
  where: Address | undefined,
  line: number | undefined,
  character: number | undefined,
): Promise<Chosen | undefined> {
  const uri = where === undefined ? undefined : vscode.Uri.parse(where.toString());
  const model = uri?.path.toLowerCase().endsWith('.onnx') ? uri : undefined;
  // With the focus in the panel no editor is active; the one beside it is meant.
  const editor =
    vscode.window.activeTextEditor ??
    vscode.window.visibleTextEditors.find(({ document: shown }) => configurations.in(shown).length > 0);
  const document = uri && !model ? await vscode.workspace.openTextDocument(uri) : editor?.document;
  const found = document && !model ? await configurations.of(document) : [];
  let config: OptimizerConfig | undefined;
  if (document && found.length > 0) {
    const position =
      line !== undefined && character !== undefined ? new vscode.Position(line, character) : editor?.selection.active;
    const offset = position ? document.offsetAt(position) : 0;
    const at = found.find(({ callRange }) => callRange.from <= offset && offset <= callRange.to);
    config =
      at ??
      (found.length === 1 ? found[0] : await pickConfiguration(document, found, 'Which optimizer is to be inspected?'));
    if (!config) return undefined;
  }
  const optimizer = config ? configuredOptimizer(config) : defaultOptimizer;
  if (!optimizer) {
    const known = optimizers.map(({ title }) => title).join(', ');
    void vscode.window.showInformationMessage(
      `${optimizerTitle(config!.optimizer)} cannot be inspected: there is a theory for ${known}.`,
    );
    return undefined;
  }
  const base = model ?? (config && document ? fileOf(document) : undefined);
  const folder = await folderFor(base);
  if (!folder) return undefined;
  const inFolder = (file: vscode.Uri) => relative(folder.path, file.fsPath).replaceAll('\\', '/');
  return {
    folder: folder.path,
    inWorkspace: folder.inWorkspace,
    ...(model && { model: inFolder(model) }),
    ...(config &&
      document && {
        source: {
          path: inFolder(fileOf(document)),
          index: indexOf(config, document, configurations),
          line: document.positionAt(config.range.from).line + 1,
        },
      }),
    optimizer,
    training: {
      ...(document && (await configurations.training(document))),
      ...(optimizer.groups && { groups: optimizer.groups }),
      ...(optimizer.openGroups && { openGroups: optimizer.openGroups }),
      ...(config?.schedule && { schedule: config.schedule.name }),
    },
  };
}

/** Which of the configurations of a file it is; a notebook's are counted over all its cells. */
function indexOf(config: OptimizerConfig, document: vscode.TextDocument, configurations: Configurations): number {
  const notebook = notebookOf(document);
  const cells = notebook ? pythonCells(notebook) : [document];
  const before = cells.slice(0, cells.indexOf(document)).reduce((sum, cell) => sum + configurations.in(cell).length, 0);
  return before + configurations.in(document).indexOf(config);
}

/** The file of a document; of a notebook's cell, the notebook. */
const fileOf = ({ uri }: vscode.TextDocument): vscode.Uri =>
  uri.scheme === 'vscode-notebook-cell' ? vscode.Uri.file(uri.fsPath) : uri;

/** The folder that paths are relative to and that keeps the runs. */
export async function folderFor(
  file: vscode.Uri | undefined,
): Promise<{ path: string; inWorkspace: boolean } | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const own = file && vscode.workspace.getWorkspaceFolder(file);
  if (own) return { path: own.uri.fsPath, inWorkspace: true };
  if (file?.scheme === 'file') return { path: dirname(file.fsPath), inWorkspace: false };
  const folder = folders.length > 1 ? await vscode.window.showWorkspaceFolderPick() : folders[0];
  if (folder?.uri.scheme === 'file') return { path: folder.uri.fsPath, inWorkspace: true };
  const open = 'Open Folder…';
  const sample = 'Try the Sample';
  const answer = await vscode.window.showInformationMessage(
    'Open the folder with your model and data first.',
    open,
    sample,
  );
  if (answer === open) await vscode.commands.executeCommand('workbench.action.files.openFolder');
  if (answer === sample) await vscode.commands.executeCommand('optimizerBias.trySample');
  return undefined;
}

/** What the run was told of hyper-parameters that the text leaves open. */
function openIn(request: InspectRequest, { unknown }: ConfiguredOptimizer): Partial<InspectRequest> {
  const hyper = Object.fromEntries(Object.entries(request.hyper).filter(([name]) => unknown.includes(name)));
  return { optimizer: request.optimizer, hyper, origins: request.origins };
}

/** The groups of the code as it is now, where those of the run came from it. */
function groupsNow({ groups }: InspectRequest, { groups: now }: ConfiguredOptimizer): Partial<InspectRequest> {
  const isOfCode = groups === undefined || (groups.length > 0 && groups.every(({ place }) => place !== undefined));
  return isOfCode ? { groups: now } : {};
}

/** The inspection that a run was made by, with its configuration as it is now. */
async function inspectionOf(
  folder: string,
  panel: Panel,
  configurations: Configurations,
  log: vscode.LogOutputChannel,
): Promise<Inspection | undefined> {
  try {
    // What the panel shows may have been deleted.
    const origin = await reader.ask('origin', folder).catch((error: unknown) => {
      if (panel.run?.folder === folder) return { request: panel.run.header.request, source: undefined };
      throw error;
    });
    const { out: _, ...request } = origin.request;
    const { source } = origin;
    const optimizer = source && (await currentOptimizer(request.directory, source, configurations));
    return {
      request: optimizer
        ? { ...request, ...hyperOf(optimizer, openIn(request, optimizer)), ...groupsNow(request, optimizer) }
        : request,
      source,
    };
  } catch (error) {
    log.warn(describeError(error));
    void tellFailure(failureOf(error));
    return undefined;
  }
}

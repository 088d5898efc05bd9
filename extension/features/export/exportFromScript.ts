import { copyFile, lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { configuredOptimizer } from '../../advice/configured.ts';
import { optimizerTitle } from '../../advice/hover.ts';
import { readTextFile } from '../../files/regular.ts';
import { WritingError } from '../../files/writing.ts';
import { failureOf } from '../../shared/errors.ts';
import { type Configurations, rangeIn } from '../configurations.ts';
import { describeOptimizer, hyperTitle } from '../inspect/hyper.ts';
import { isTrusted } from '../inspect/inspect.ts';
import { tell, tellFailure } from '../told.ts';
import { registerCommand, typedCommand } from '../typedCommand.ts';
import { configuredArguments, isConfiguration, scriptOf } from './configured.ts';
import { interpreterFor } from './interpreter.ts';
import { exportedScript, exportScript } from './script.ts';

const helperName = 'optimizer_bias.py';
const directory = 'optimizer-bias';

/**
 * "Export from This Script…" writes a script beside the user's own, shows it, and runs it in a terminal on a click; when model
 * and data are there, the sheet opens filled in. "Insert Helper" copies the helper for those who would rather add a line.
 */
export function registerExport(
  context: vscode.ExtensionContext,
  configurations: Configurations,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  const helper = join(context.extensionPath, 'media', 'helper', helperName);
  return vscode.Disposable.from(
    registerCommand('optimizerBias.exportFromScript', async (where) => {
      if (!(await isTrusted())) return;
      const given =
        where === undefined ? vscode.window.activeTextEditor?.document.uri : vscode.Uri.parse(where.toString());
      const found = given && isConfiguration(given) ? await scriptOf(given) : undefined;
      const document = found
        ? await vscode.workspace.openTextDocument(found.script)
        : given && isConfiguration(given)
          ? undefined
          : await pythonDocument(given);
      if (!document) return;
      try {
        const commandLine = found?.arguments ?? (await configuredArguments(document, configurations));
        const script = await writeScript(document, helper, configurations, commandLine);
        await vscode.window.showTextDocument(script, { preview: false });
      } catch (error) {
        tellUnwritable(document.uri, error);
      }
    }),
    registerCommand('optimizerBias.runExport', async (where) => {
      const script = where && vscode.Uri.parse(where.toString());
      if (script && (await isTrusted())) await runExport(script, log);
    }),
    vscode.languages.registerCodeLensProvider(
      { language: 'python', scheme: 'file', pattern: '**/export_*.py' },
      { provideCodeLenses: runLens },
    ),
    registerCommand('optimizerBias.insertHelper', async () => {
      const document = await pythonDocument(undefined);
      const folder = document ? dirname(document.uri.fsPath) : vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
      if (folder === undefined) return;
      try {
        await copyHelper(helper, folder);
        await vscode.window.showTextDocument(vscode.Uri.file(join(folder, helperName)), { preview: false });
      } catch (error) {
        tellUnwritable(vscode.Uri.file(folder), error);
      }
    }),
  );
}

/** The script that is meant: of the call, else of the editor; says what to do where there is none. */
async function pythonDocument(uri: vscode.Uri | undefined): Promise<vscode.TextDocument | undefined> {
  const document = uri
    ? await vscode.workspace.openTextDocument(uri)
    : (vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0])?.document;
  if (document?.languageId === 'python' && document.uri.scheme === 'file') {
    if (document.isDirty) await document.save();
    return document;
  }
  void vscode.window.showInformationMessage('Open the Python script that trains your model first.');
  return undefined;
}

/** A file that is there already stays as it is: it may be the user's own version. */
async function copyHelper(helper: string, folder: string): Promise<void> {
  await copyFile(helper, join(folder, helperName), 1).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function writeScript(
  document: vscode.TextDocument,
  helper: string,
  configurations: Configurations,
  commandLine: readonly string[],
): Promise<vscode.Uri> {
  const folder = dirname(document.uri.fsPath);
  const script = basename(document.uri.fsPath);
  const optimizers = (await configurations.of(document)).map((config) => {
    const line = rangeIn(document, config.range).start.line + 1;
    const optimizer = configuredOptimizer(config);
    const unknown =
      optimizer && optimizer.unknown.length > 0 ? `; not known: ${optimizer.unknown.map(hyperTitle).join(', ')}` : '';
    return `line ${line}: ${optimizer ? describeOptimizer(optimizer) : optimizerTitle(config.optimizer)}${unknown}`;
  });
  await copyHelper(helper, folder);
  const text = exportScript({ script, optimizers, directory, arguments: commandLine });
  const stem = `export_${script.replace(/\.py$/, '').replace(/\W/g, '_')}`;
  for (let i = 1; ; i++) {
    const path = join(folder, `${stem}${i === 1 ? '' : `_${i}`}.py`);
    try {
      await writeFile(path, text, { flag: 'wx' });
      return vscode.Uri.file(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      // What is no file of its own, such as a link, is left alone.
      if (!(await lstat(path)).isFile()) continue;
      // The same text again, as when the command is repeated, needs no second file.
      const known = await vscode.workspace.openTextDocument(path);
      if (known.getText() === text) return known.uri;
    }
  }
}

/** The button above a script that was written here. */
async function runLens(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
  const source = sourceOf(document);
  if (!source) return [];
  const title = `$(play) ${'Run in Terminal, Then Inspect'}`;
  const note = `Look it over first: nothing has run yet. It runs with ${await interpreterFor(source)}`;
  const address = document.uri.toString();
  const top = new vscode.Range(0, 0, 0, 0);
  return [
    new vscode.CodeLens(top, typedCommand(title, 'optimizerBias.runExport', address)),
    new vscode.CodeLens(top, { title: note, command: '' }),
  ];
}

/** The training script that such a script exports; undefined for any other. */
function sourceOf(document: vscode.TextDocument): vscode.Uri | undefined {
  const name = exportedScript(document.getText());
  return name === undefined ? undefined : vscode.Uri.file(join(dirname(document.uri.fsPath), name));
}

/** Runs the script as a task: its terminal stays open with what it says. */
async function runExport(script: vscode.Uri, log: vscode.LogOutputChannel): Promise<void> {
  const document = await vscode.workspace.openTextDocument(script);
  if (document.isDirty) await document.save();
  const source = sourceOf(document);
  if (!source) return;
  const python = await interpreterFor(source);
  const cwd = dirname(script.fsPath);
  const folder = vscode.workspace.getWorkspaceFolder(source);
  log.info(`Export: ${python} ${script.fsPath}`);
  const reports = await mkdtemp(join(tmpdir(), 'optimizer-bias-export-'));
  const report = join(reports, 'report.txt');
  const task = new vscode.Task(
    { type: 'process' },
    folder ?? vscode.TaskScope.Workspace,
    `Export ${basename(source.fsPath)}`,
    'Optimizer Bias',
    new vscode.ProcessExecution(python, [script.fsPath], {
      cwd,
      env: { OPTIMIZER_BIAS_PROJECT: folder?.uri.fsPath ?? cwd, OPTIMIZER_BIAS_REPORT: report },
    }),
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
  const execution = await vscode.tasks.executeTask(task);
  const code = await new Promise<number | undefined>((resolve) => {
    const ended = vscode.Disposable.from(
      vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution === execution) finish(event.exitCode);
      }),
      // A process that could not be started ends the task alone.
      vscode.tasks.onDidEndTask((event) => {
        if (event.execution === execution) setTimeout(() => finish(undefined), 500);
      }),
    );
    const finish = (exitCode: number | undefined) => {
      ended.dispose();
      resolve(exitCode);
    };
  });
  const reason = reasonIn(report);
  await rm(reports, { recursive: true, force: true });
  if (code === 0) {
    await vscode.commands.executeCommand('optimizerBias.inspect', source.toString());
    return;
  }
  await tell(failureText(code, { python, script, reason }), {
    'Choose the Interpreter': () =>
      vscode.commands.executeCommand('workbench.action.openSettings', 'optimizerBias.python.interpreter'),
  });
}

/** Why there is no export: what the helper said of it, else what is known from outside. */
function failureText(
  code: number | undefined,
  { python, script, reason }: { python: string; script: vscode.Uri; reason: string },
): string {
  if (code === undefined)
    return `${python} could not be started: there is no such program. Choose the interpreter with which you train; it needs PyTorch, onnx and onnxscript.`;
  if (reason !== '') return `Cannot export: ${reason}`;
  return `The export ended with exit code ${code}; the terminal says why. Modules that are missing belong to another interpreter; arguments of the script stand in ${basename(script.fsPath)}.`;
}

/** What the helper left as the reason; empty where there is none. */
function reasonIn(report: string): string {
  try {
    return readTextFile(report, mostBytesOfReason).trim();
  } catch {
    return '';
  }
}

const mostBytesOfReason = 10_000;

function tellUnwritable(uri: vscode.Uri, error: unknown): void {
  const isOfSystem = typeof (error as NodeJS.ErrnoException).code === 'string';
  const failure = isOfSystem ? new WritingError(dirname(uri.fsPath), error) : error;
  const title = `The export script cannot be written beside ${basename(uri.fsPath)}`;
  void tellFailure(failureOf(failure), { title });
}

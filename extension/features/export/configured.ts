import { relative } from 'node:path';
import * as vscode from 'vscode';
import { DATA_ENDINGS, isDataFile } from '../../configs/languages.ts';
import { readRegularFile } from '../../files/regular.ts';
import type { Configurations } from '../configurations.ts';
import { notLookedAt } from '../inspect/pickFile.ts';
import { argumentsFor, type Script, scriptsFor } from './arguments.ts';

/** More files are not looked at, and none that is larger. */
const mostFiles = 300;
const mostBytes = 300_000;

/** What the way to a model is called beside a file. */
export const exportTitle = (file: { readonly path: string }): string =>
  isConfiguration(file) ? 'Export from Its Script…' : 'Export from This Script…';

/** Is it a file that configures a training, not the training itself? */
export const isConfiguration = ({ path }: { readonly path: string }): boolean => isDataFile(path);

/** A training script, and the command line with which it reads a configuration file. */
interface Configured {
  readonly script: vscode.Uri;
  readonly arguments: readonly string[];
}

/** The script that reads a configuration file; asked for where several may, said where none does. */
export async function scriptOf(config: vscode.Uri): Promise<Configured | undefined> {
  const folder = vscode.workspace.getWorkspaceFolder(config);
  const scripts = scriptsFor(await scriptsIn(folder, config), config.fsPath);
  if (scripts.length === 0) {
    void vscode.window.showInformationMessage(
      'No Python script of this workspace seems to read this file. Open the script that trains your model, and choose "Export from This Script…" there.',
    );
    return undefined;
  }
  const items = scripts.map((script) => ({
    label: folder ? relative(folder.uri.fsPath, script.path) : script.path,
    description: argumentsFor(script, config.fsPath)?.join(' ') ?? '',
    script,
  }));
  const chosen =
    items.length === 1
      ? items[0]
      : await vscode.window.showQuickPick(items, { title: 'Which script trains with this file?' });
  if (!chosen) return undefined;
  const { script } = chosen;
  return { script: vscode.Uri.file(script.path), arguments: argumentsFor(script, config.fsPath) ?? [] };
}

/** What a script's command line is likely to be: the only configuration file with an optimizer that it takes; [] without. */
export async function configuredArguments(
  document: vscode.TextDocument,
  configurations: Configurations,
): Promise<readonly string[]> {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  const script: Script = { path: document.uri.fsPath, text: document.getText() };
  // A script that names its file reads it by itself.
  if (!folder || argumentsFor(script, `${script.path}.yaml`) === undefined) return [];
  const found: string[] = [];
  for (const uri of await filesIn(folder, `**/*.{${DATA_ENDINGS.join(',')}}`)) {
    if ((await textOf(uri.fsPath)) === undefined) continue;
    const text = await vscode.workspace.openTextDocument(uri);
    if ((await configurations.of(text)).length > 0) found.push(uri.fsPath);
  }
  const [only, ...more] = found;
  return only !== undefined && more.length === 0 ? (argumentsFor(script, only) ?? []) : [];
}

async function scriptsIn(folder: vscode.WorkspaceFolder | undefined, near: vscode.Uri): Promise<Script[]> {
  const base = folder ?? vscode.Uri.joinPath(near, '..');
  const found = await filesIn(base, '**/*.py');
  const scripts = await Promise.all(
    found.map(async ({ fsPath }) => ({ path: fsPath, text: (await textOf(fsPath)) ?? '' })),
  );
  return scripts.filter(({ path }) => !/(^|[\\/])(?:export_[^\\/]*|optimizer_bias)\.py$/.test(path));
}

/** A text of the workspace; undefined where it is large, no regular file or cannot be read. */
const textOf = async (path: string): Promise<string | undefined> =>
  readRegularFile(path, { limit: mostBytes, tooLarge: '' }).then(
    (bytes) => Buffer.from(bytes).toString('utf8'),
    () => undefined,
  );

const filesIn = (base: vscode.WorkspaceFolder | vscode.Uri, pattern: string) =>
  vscode.workspace.findFiles(new vscode.RelativePattern(base, pattern), notLookedAt, mostFiles);

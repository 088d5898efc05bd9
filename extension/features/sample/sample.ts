import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { projectFile } from '../../shared/target.ts';
import { registerCommand } from '../typedCommand.ts';

const files = ['train.py', 'config.yaml', 'digits.onnx', 'digits.npz', 'README.md', projectFile];
/** Remembers across the reload that opens the sample which folder it was put into. */
const stateKey = 'openedSample';

/** "Try the Sample": a folder with script, configuration, model and data, opened at its optimizer. */
export function registerSample(context: vscode.ExtensionContext): vscode.Disposable {
  void showOpened(context);
  return registerCommand('optimizerBias.trySample', async () => {
    const folder = await chooseFolder(context);
    if (!folder) return;
    try {
      await mkdir(folder, { recursive: true });
      // What the user has changed in an earlier copy stays.
      for (const file of files)
        await copyFile(join(context.extensionPath, 'media', 'sample', file), join(folder, file), 1).catch(
          ignoreExisting,
        );
    } catch (error) {
      void vscode.window.showErrorMessage(`The sample cannot be written to ${folder}: ${(error as Error).message}`);
      return;
    }
    const uri = vscode.Uri.file(folder);
    await context.globalState.update(stateKey, uri.toString());
    if (vscode.workspace.getWorkspaceFolder(uri)) await showOpened(context);
    else
      await vscode.commands.executeCommand('vscode.openFolder', uri, {
        forceNewWindow: (vscode.workspace.workspaceFolders ?? []).length > 0,
      });
  });
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function chooseFolder(context: vscode.ExtensionContext): Promise<string | undefined> {
  const own = join(context.globalStorageUri.fsPath, 'sample');
  const here = {
    label: `$(folder) Open the sample`,
    description: 'in a folder of this extension',
  };
  const other = { label: `$(folder-opened) Copy it to another folder…`, description: '' };
  const answer = await vscode.window.showQuickPick([here, other], {
    title: 'Try the Sample',
    placeHolder: 'Handwritten digits: training script, configuration, model and data',
  });
  if (answer === here) return own;
  if (answer === undefined) return undefined;
  const [parent] =
    (await vscode.window.showOpenDialog({
      canSelectFolders: true,
      canSelectFiles: false,
      openLabel: 'Copy Here',
    })) ?? [];
  return parent && join(parent.fsPath, 'optimizer-bias-sample');
}

/** Shows the script of the sample in the window that was opened for it. */
async function showOpened(context: vscode.ExtensionContext): Promise<void> {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (!folder || context.globalState.get(stateKey) !== folder.uri.toString()) return;
  await context.globalState.update(stateKey, undefined);
  const script = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, 'train.py'));
  const editor = await vscode.window.showTextDocument(script);
  const position = script.positionAt(script.getText().indexOf('Adam('));
  editor.selection = new vscode.Selection(position, position);
  editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.InCenter);
}

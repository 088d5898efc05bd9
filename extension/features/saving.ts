import { basename } from 'node:path';
import * as vscode from 'vscode';

const kinds = {
  png: 'Picture',
  csv: 'Comma-separated values',
  json: 'JSON',
  md: 'Markdown',
} as const;

/**
 * Asks where a file is to be written, writes it, and offers to open it. `suggested` is the path that the dialog shows first,
 * with one of the extensions above. Errors are told here.
 */
export async function saveFile(
  suggested: vscode.Uri,
  extension: keyof typeof kinds,
  content: Uint8Array,
): Promise<void> {
  const target = await vscode.window.showSaveDialog({
    defaultUri: suggested,
    filters: { [kinds[extension]]: [extension] },
  });
  if (!target) return;
  try {
    await vscode.workspace.fs.writeFile(target, content);
  } catch (error) {
    void vscode.window.showErrorMessage(`Cannot write ${target.fsPath}: ${(error as Error).message}`);
    return;
  }
  void offerToOpen(target);
}

/** Opened at once, it would cover the page that it was made from. */
async function offerToOpen(target: vscode.Uri): Promise<void> {
  const open = 'Open';
  const message = `Wrote ${basename(target.path)}.`;
  if ((await vscode.window.showInformationMessage(message, open)) === open)
    await vscode.commands.executeCommand('vscode.open', target);
}

/** Shows a folder in the system's file manager; in a browser, which has none, in the explorer. */
export async function revealFolder(folder: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  await vscode.commands
    .executeCommand('revealFileInOS', uri)
    .then(undefined, () => vscode.commands.executeCommand('revealInExplorer', uri));
}

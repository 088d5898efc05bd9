import { readdirSync, readFileSync } from 'node:fs';
import * as vscode from 'vscode';

const id = 'optimizer-bias.optimizer-bias-inspector';

/** The extension under test. */
export const extension = (): vscode.Extension<unknown> => {
  const found = vscode.extensions.getExtension(id);
  if (!found) throw new Error(`${id} is not there`);
  return found;
};

interface Witness {
  readonly context: vscode.ExtensionContext;
  /** The providers of its trees, by the ids of their views. */
  readonly trees: ReadonlyMap<string, vscode.TreeDataProvider<unknown>>;
  /** Activates the extension once more. */
  activate(): void;
}

/** What passed between the editor and the extension when it was activated. */
export const witness = (): Witness => (globalThis as unknown as { witness: Witness }).witness;

/** The command lines of the processes that the extension has started and that still run. */
export function processes(): string[] {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    (textOf(`/proc/self/task/${task}/children`) ?? '').split(' ').filter(Boolean),
  );
  return children.flatMap((child) => {
    const line = textOf(`/proc/${child}/cmdline`)?.replaceAll('\0', ' ');
    return line?.includes(extension().extensionPath) ? [line] : [];
  });
}

/** The text of a file about a thread or a process; undefined where it has ended meanwhile. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A file of the workspace. */
export const file = (name: string): vscode.Uri => vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0].uri, name);

/** Shows a file of the workspace. */
export async function open(name: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(file(name));
  await vscode.window.showTextDocument(document);
  return document;
}

/** The position of a text in a document, some characters behind its start. */
export function positionOf(document: vscode.TextDocument, text: string, inside = 1): vscode.Position {
  const at = document.getText().indexOf(text);
  if (at < 0) throw new Error(`${document.uri.path} has no ${text}`);
  return document.positionAt(at + inside);
}

/** Changes a setting of the workspace; undefined removes it. */
export const configure = (key: string, value: unknown): Thenable<void> =>
  vscode.workspace.getConfiguration().update(key, value, vscode.ConfigurationTarget.Workspace);

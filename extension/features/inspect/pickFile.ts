import { relative } from 'node:path';
import * as vscode from 'vscode';
import { dataExtensions } from '../../datasets/formats.ts';
import type { Target } from '../../shared/target.ts';

const dataFiles = `**/*.{${dataExtensions.join(',')}}`;
/** Folders of tools and results, in which no model or data of the user is looked for. */
export const notLookedAt = '{**/node_modules/**,**/.venv/**,**/venv/**,**/.git/**,**/runs/**,**/site-packages/**}';
const mostFiles = 500;

/** Models and data below a folder, relative to it. */
export interface Files {
  readonly models: readonly string[];
  readonly data: readonly string[];
}

export async function findFiles(folder: string): Promise<Files> {
  const find = async (pattern: string) => {
    const found = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, pattern), notLookedAt, mostFiles);
    return found.map((uri) => relative(folder, uri.fsPath).replaceAll('\\', '/')).sort();
  };
  const [models, data] = await Promise.all([find('**/*.onnx'), find(dataFiles)]);
  return { models, data };
}

/** Samples with their labels: in one file, or in one for each; undefined where the user leaves. */
export async function pickData(
  title: string,
  files: readonly string[],
  folder: string,
): Promise<Pick<Partial<Target>, 'data' | 'x' | 'y'> | undefined> {
  const data = await pickFile(title, files, folder);
  if (data === undefined) return undefined;
  // A file with a single array needs a second one with the labels.
  if (!/\.npy(\.gz)?$|ubyte(\.gz)?$/.test(data)) return { data, x: undefined, y: undefined };
  const others = files.filter((file) => file !== data);
  const y = await pickFile('Labels', others, folder);
  return y === undefined ? undefined : { data: undefined, x: data, y };
}

export async function pickFile(
  title: string,
  files: readonly string[],
  folder: string,
  filters?: Record<string, string[]>,
): Promise<string | undefined> {
  const browse = `$(folder-opened) Browse…`;
  const chosen = await vscode.window.showQuickPick([...files, browse], {
    title,
    placeHolder: 'A file of the workspace, or browse',
  });
  if (chosen !== browse) return chosen;
  const [uri] =
    (await vscode.window.showOpenDialog({ title, defaultUri: vscode.Uri.file(folder), ...(filters && { filters }) })) ??
    [];
  if (!uri) return undefined;
  const inside = relative(folder, uri.fsPath).replaceAll('\\', '/');
  return inside.startsWith('../') ? uri.fsPath : inside;
}

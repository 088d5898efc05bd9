import { basename, isAbsolute, join } from 'node:path';
import * as vscode from 'vscode';
import { inEditor, type Place } from '../shared/editorWords.ts';
import { type Failure, failureWords } from '../shared/errors.ts';
import { shorten } from '../shared/format.ts';
import type { ShownFile } from '../shared/panel.ts';

interface Told {
  /** What failed. */
  readonly title?: string;
  readonly place?: Place;
  /** Folder that the path of the file is relative to. */
  readonly folder?: string;
  /** What else can be done, by the text of its button. */
  readonly actions?: Actions;
}

/** Tells in a notification what went wrong; a button opens the file that it is about. */
export async function tellFailure(failure: Failure, { title, place, folder, actions = {} }: Told = {}): Promise<void> {
  const { file, line } = failure.where ?? {};
  const path = file === undefined || isAbsolute(file) || folder === undefined ? file : join(folder, file);
  const shownFile = path !== undefined && isAbsolute(path) ? { path, line } : undefined;
  const text = inEditor(failureWords(failure), place).replaceAll('\n', ' ');
  await tell(title === undefined ? text : `${title}: ${text}`, { ...opening(shownFile), ...actions });
}

type Actions = Readonly<Record<string, () => unknown>>;

/** An error message with buttons. */
export async function tell(text: string, actions: Actions): Promise<void> {
  const answer = await vscode.window.showErrorMessage(text, ...Object.keys(actions));
  if (answer !== undefined) await actions[answer]();
}

/** The button that opens a file. */
export const opening = (file: ShownFile | undefined): Actions =>
  file ? { [`Open ${shorten(basename(file.path))}`]: () => openFile(file) } : {};

/** Opens a file in the editor that is made for it, at its line where there is one. */
export async function openFile({ path, line }: ShownFile): Promise<void> {
  const selection = line === undefined ? undefined : new vscode.Range(line - 1, 0, line - 1, 0);
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(path), { selection });
}

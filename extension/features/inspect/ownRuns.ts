import { resolve } from 'node:path';
import * as vscode from 'vscode';
import { shorten } from '../../shared/format.ts';
import type { InspectRequest } from '../../shared/protocol.ts';

const key = 'ownRuns';
const most = 1000;

/** The runs that were made in this workspace by this editor. Others may have come with the repository, from anybody. */
export class OwnRuns {
  constructor(private readonly memory: vscode.Memento) {}

  add(folder: string): void {
    const others = this.folders().filter((each) => each !== folder);
    void this.memory.update(key, [folder, ...others].slice(0, most));
  }

  /** Whether a run may be made again: one of somebody else's only after the user has seen which files it would read. */
  async agrees(folder: string, request: InspectRequest): Promise<boolean> {
    if (this.folders().includes(folder)) return true;
    const go = 'Run Again';
    const detail = `It would read:\n${filesOf(request).join('\n')}`;
    const message = 'This run was not made by this editor: it may have come with the folder.';
    return (await vscode.window.showWarningMessage(message, { modal: true, detail }, go)) === go;
  }

  private folders(): readonly string[] {
    const saved: unknown = this.memory.get(key);
    return Array.isArray(saved) ? saved.filter((each) => typeof each === 'string') : [];
  }
}

/** Whole paths of everything that a request names. */
export function filesOf(request: InspectRequest): string[] {
  const { directory, model, weights, data, x, y, state, order } = request;
  const files = [model, weights, data, x, y, state, order?.endsWith('.npy') ? order : undefined];
  return files.flatMap((file) => (file === undefined ? [] : [shorten(resolve(directory, file), 300)]));
}

import * as vscode from 'vscode';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { MeasuredRun } from '../../shared/protocol.ts';
import type { Inspections } from '../inspect/inspections.ts';
import type { MeasuredRuns } from './measuredRuns.ts';

/** The latest run with these settings below the document's workspace folder; undefined after `patience` milliseconds. */
export async function measuredFor(
  runs: MeasuredRuns,
  config: OptimizerConfig,
  document: vscode.TextDocument,
  patience: number,
): Promise<MeasuredRun | undefined> {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri;
  if (folder?.scheme !== 'file') return undefined;
  const end = new Promise<undefined>((resolve) => setTimeout(resolve, patience));
  return Promise.race([runs.find(config, folder.fsPath), end]);
}

/** Happens when an inspection has ended: what runs have measured is read anew from then on. */
export const measuredAnew =
  (inspections: Inspections, runs: MeasuredRuns): vscode.Event<void> =>
  (listener, thisArgs, disposables) => {
    const following = inspections.onEvent(({ type }) => {
      if (type !== 'ended') return;
      runs.forget();
      listener.call(thisArgs);
    });
    disposables?.push(following);
    return following;
  };

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type * as vscode from 'vscode';
import { digest as digestOf } from '../../files/digest.ts';
import { readSource } from '../../runStore/source.ts';
import { shorten } from '../../shared/format.ts';
import type { PanelRun } from '../../shared/panel.ts';
import type { Configurations } from '../configurations.ts';
import { currentOptimizer } from './current.ts';
import { hyperChanges } from './hyper.ts';

/** What has changed since a run was made: its model, its data, its configuration. Empty: nothing. */
export async function changesSince(run: PanelRun, configurations: Configurations): Promise<string[]> {
  const { header, folder } = run;
  const reasons: string[] = [];
  if (!existsSync(folder)) reasons.push(`the run ${shorten(basename(folder), 80)} has been renamed or deleted`);
  const started = Date.parse(header.started);
  for (const [files, digest] of [
    [[header.model.path], header.model.sha256],
    [header.data.files, header.data.sha256],
  ] as const) {
    const change = await fileChange(files, digest, started);
    if (change) reasons.push(change);
  }
  const source = readSource(folder);
  if (source) {
    const now = await currentOptimizer(header.request.directory, source, configurations);
    reasons.push(...hyperChanges(header.request, now));
  }
  return reasons;
}

/** Only files that were written after the run are read again. */
async function fileChange(files: readonly string[], digest: string, started: number): Promise<string | undefined> {
  try {
    const times = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    if (times.every((time) => time <= started)) return undefined;
    return (await digestOf(files)) === digest ? undefined : `${basename(files[0])} has changed`;
  } catch {
    return `${basename(files[0] ?? 'a file')} can no longer be read`;
  }
}

/** The texts of documents as they were when a run was first shown beside them. */
export class Snapshots {
  private readonly texts = new WeakMap<vscode.TextDocument, { folder: string; text: string; stale: boolean }>();

  /** Whether a document has changed since the run: since it was made, or since it was first shown beside it. */
  async isStale(document: vscode.TextDocument, { folder, header }: PanelRun): Promise<boolean> {
    const text = document.getText();
    const known = this.texts.get(document);
    if (known?.folder === folder) return known.stale || known.text !== text;
    let stale = false;
    try {
      stale = !document.isUntitled && (await stat(document.uri.fsPath)).mtimeMs > Date.parse(header.started);
    } catch {
      // A document that is no file has no time; its text as it is now counts.
    }
    this.texts.set(document, { folder, text, stale });
    return stale;
  }
}

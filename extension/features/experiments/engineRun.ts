import { join } from 'node:path';
import * as vscode from 'vscode';
import { EngineClient } from '../../engine/client.ts';
import { failureOf, placed } from '../../shared/errors.ts';
import type { ExperimentDescription } from '../../shared/experiments.ts';
import { duration } from '../../shared/format.ts';
import type { EngineRequest, Progress } from '../../shared/protocol.ts';
import { onCommandLine } from '../../shared/words.ts';
import { tellFailure } from '../told.ts';
import type { ResultPages } from './pages.ts';

type Kind = 'experiment' | 'sweep' | 'compare';

const clientFor = (extension: vscode.Uri) => new EngineClient(join(extension.fsPath, 'dist', 'engineProcess.js'));

/** The experiments that there are, from the process that has them: the editor's own does not load native code. */
export async function describeExperiments(extension: vscode.Uri): Promise<readonly ExperimentDescription[]> {
  const client = clientFor(extension);
  try {
    const answer = await client.run({ type: 'describe' }, () => {});
    if (answer.type !== 'experiments') throw new Error(`unexpected event ${answer.type}`);
    return answer.experiments;
  } finally {
    client.dispose();
  }
}

/**
 * Runs an experiment or a sweep in an engine process of its own, with its progress in a notification and on its page, from
 * both of which it can be cancelled. The page opens as soon as there is a folder, and shows what there is in it; errors are
 * told here. True where it did not fail.
 */
export async function runWithProgress(
  extension: vscode.Uri,
  log: vscode.LogOutputChannel,
  title: string,
  request: Extract<EngineRequest, { type: Kind }>,
  pages: ResultPages,
): Promise<boolean> {
  log.info(`${title}: ${JSON.stringify(request)}`);
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  const outcome = await vscode.window.withProgress(options, async (report, token) => {
    const client = clientFor(extension);
    let folder: string | undefined;
    let shown = 0;
    let cancelled = false;
    const cancel = () => {
      cancelled = true;
      client.cancel();
    };
    token.onCancellationRequested(cancel);
    try {
      const last = await client.run(request, (event) => {
        if (event.type === 'opened') {
          folder = event.folder;
          pages.begin(folder, cancel);
        }
        if (event.type === 'updated') pages.refresh(event.folder);
        if (event.type !== 'progress' || cancelled) return;
        const done = (100 * event.progress.step) / Math.max(1, event.progress.steps);
        const message = progressText(request.type, event.progress);
        report.report({ message, increment: Math.max(0, done - shown) });
        shown = Math.max(shown, done);
        if (folder !== undefined) pages.progress(folder, done / 100, message);
      });
      if (last.type === 'finished') return { folder: last.folder, status: last.status };
      if (last.type !== 'failed') throw new Error(`unexpected event ${last.type}`);
      log.error(last.failure.stack ?? onCommandLine(placed(last.failure)));
      return { folder, failure: last.failure };
    } catch (error) {
      // One that does not answer is ended.
      if (cancelled) return { folder, status: 'cancelled' as const };
      log.error(error as Error);
      return { folder, failure: failureOf(error) };
    } finally {
      client.dispose();
    }
  });
  if (outcome.folder !== undefined) pages.end(outcome.folder);
  if (outcome.failure !== undefined) {
    void tellFailure(outcome.failure, {
      title,
      place: request.type === 'experiment' ? 'experiment' : 'sweep',
      folder: 'base' in request.request ? request.request.base.directory : undefined,
      actions: { 'Show Log': () => vscode.commands.executeCommand('optimizerBias.showLog') },
    });
    return false;
  }
  log.info(`${title}: ${outcome.status}, ${outcome.folder}`);
  return true;
}

function progressText(type: Kind, { phase, step, steps, secondsLeft }: Progress): string {
  if (phase !== 'running') return 'reading model and data';
  const left = secondsLeft === undefined ? '' : ` · ${duration(secondsLeft)} left`;
  if (type === 'compare') return `${step} of ${steps} runs${left}`;
  return type === 'sweep' ? `point ${Math.min(steps, Math.floor(step) + 1)} of ${steps}${left}` : `${step} %${left}`;
}

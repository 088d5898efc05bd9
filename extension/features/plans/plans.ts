import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { RunItem } from '../../contributions.ts';
import { EngineClient } from '../../engine/client.ts';
import { WritingError, writeWhole } from '../../files/writing.ts';
import { quoted, tasksOf } from '../../plans/commands.ts';
import { isPlan, readPlan } from '../../plans/plan.ts';
import { newScript } from '../../plans/slurm.ts';
import { runTask } from '../../plans/task.ts';
import { newRunFolder } from '../../runStore/store.ts';
import { errorOf, failureOf, messageOf } from '../../shared/errors.ts';
import type { CompareRequest } from '../../shared/experiments.ts';
import { type PlanStatus, pointExit } from '../../shared/plans.ts';
import type { EngineRequest } from '../../shared/protocol.ts';
import { onCommandLine } from '../../shared/words.ts';
import type { ResultPages } from '../experiments/pages.ts';
import { isTrusted } from '../inspect/inspect.ts';
import { reader } from '../reading/reader.ts';
import { tellFailure } from '../told.ts';
import { registerCommand } from '../typedCommand.ts';

/** How often a plan whose result is shown is looked at: others work on it, and network drives tell of nothing. */
const lookMilliseconds = 5000;
/** How long a step may take to end where the user stops a plan. */
const patienceMilliseconds = 30_000;
/** The batch script beside a plan. */
const scriptName = 'submit.sh';

/** Plans that others run, or this window: their results while they fill, what is missing of them, and new ones. */
export class Plans implements vscode.Disposable {
  /** Points that the shown result of a plan was made of, by folder. */
  private readonly shown = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;
  private looking = false;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly pages: ResultPages,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.timer = setInterval(() => void this.look(), lookMilliseconds);
  }

  dispose(): void {
    clearInterval(this.timer);
  }

  /** Makes the result of what points there are, shows it, and goes on doing so while more come. */
  async collect(folder: string): Promise<void> {
    try {
      const { counts } = await reader.ask('plan', folder);
      if (counts.done === 0) {
        void vscode.window.showInformationMessage(`No point of ${basename(folder)} is there yet.`);
        return;
      }
      await this.make(folder, counts);
      this.pages.show(folder);
    } catch (error) {
      this.tell(error, folder);
    }
  }

  /** Runs here what is missing of a plan. */
  async resume(folder: string): Promise<void> {
    if (this.pages.isWorkedOn(folder) || !(await isTrusted())) return;
    const title = basename(folder);
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    const client = this.client();
    try {
      const { points } = readPlan(folder);
      const outcome = await vscode.window.withProgress(options, async (report, token) => {
        let stopped = false;
        const stop = () => {
          stopped = true;
          client.cancel(patienceMilliseconds);
        };
        token.onCancellationRequested(stop);
        const numbers = points.map(({ number }) => number);
        return runTask(folder, numbers, {
          get stopped() {
            return stopped;
          },
          tell: (text) => this.log.info(`${title}: ${text}`),
          engine: (request, listen) =>
            client.run(request, (event) => {
              if (event.type === 'progress') {
                const { step, steps } = event.progress;
                report.report({ message: `point ${Math.min(steps, Math.floor(step) + 1)} of ${steps}` });
              }
              listen(event);
            }),
        });
      });
      const { counts } = await reader.ask('plan', folder);
      if (counts.done > 0) await this.collect(folder);
      const [failed] = outcome.failures;
      if (outcome.exit !== pointExit.stopped && failed)
        void vscode.window.showErrorMessage(`Point ${failed[0]} of ${title} failed: ${failed[1].message}`);
    } catch (error) {
      this.tell(error, folder);
    } finally {
      client.dispose();
    }
  }

  /** Writes a plan of a comparison and a batch script for SLURM instead of running it; true where it did not fail. */
  async write(request: CompareRequest): Promise<boolean> {
    const { base } = request;
    const folder = newRunFolder(base.directory, basename(base.model), 'compare');
    const cli = join(this.extension.fsPath, 'dist', 'cli.js');
    const program = existsSync(cli) ? `node ${quoted(cli)}` : 'optimizer-bias';
    try {
      await this.ask({
        ...{ type: 'plan', folder, request: { kind: 'compare', request }, group: 1, copyInputs: false, program },
      });
      const plan = readPlan(folder);
      const { script } = newScript({ folder, tasks: tasksOf(plan), group: plan.group, program }, {}, {});
      try {
        writeWhole(join(folder, scriptName), script);
      } catch (error) {
        throw new WritingError(folder, error);
      }
      await vscode.window.showTextDocument(vscode.Uri.file(join(folder, scriptName)), { preview: false });
      const told = `Wrote a plan of ${plan.points.length} points. Submit it with: sbatch ${scriptName}`;
      void vscode.window.showInformationMessage(told);
      return true;
    } catch (error) {
      this.tell(error, folder);
      return false;
    }
  }

  /** Makes the results again that are shown and of which more points have come. */
  private async look(): Promise<void> {
    if (this.looking || this.shown.size === 0) return;
    this.looking = true;
    try {
      for (const [folder, made] of this.shown) {
        if (!this.pages.isShown(folder)) {
          this.shown.delete(folder);
          continue;
        }
        const { counts } = await reader.ask('plan', folder);
        if (counts.done <= made) continue;
        await this.make(folder, counts);
        this.pages.refresh(folder);
      }
    } catch (error) {
      // The next look tells more, or the page that its folder is gone.
      this.log.warn(onCommandLine(messageOf(error)));
    } finally {
      this.looking = false;
    }
  }

  private async make(folder: string, { done }: Pick<PlanStatus['counts'], 'done'>): Promise<void> {
    await this.ask({ type: 'collect', folder });
    this.shown.set(folder, done);
  }

  private async ask(request: Extract<EngineRequest, { type: 'plan' | 'collect' }>): Promise<void> {
    const client = this.client();
    try {
      const last = await client.run(request, () => {});
      if (last.type === 'failed') throw errorOf(last.failure);
    } finally {
      client.dispose();
    }
  }

  private client(): EngineClient {
    return new EngineClient(join(this.extension.fsPath, 'dist', 'engineProcess.js'));
  }

  private tell(error: unknown, folder: string): void {
    this.log.error(error as Error);
    void tellFailure(failureOf(error), { folder });
  }
}

/** The commands of plans. */
export function registerPlans(plans: Plans, pages: ResultPages): vscode.Disposable {
  const on = (act: (folder: string) => Promise<void>) => async (item?: RunItem) => {
    if (item) await act(item.folder);
  };
  return vscode.Disposable.from(
    plans,
    registerCommand(
      'optimizerBias.collectPlan',
      on((folder) => plans.collect(folder)),
    ),
    registerCommand(
      'optimizerBias.resumePlan',
      on((folder) => plans.resume(folder)),
    ),
    pages.onRepeat(({ folder, resume }) => {
      if (resume && isPlan(folder)) void plans.resume(folder);
    }),
  );
}

import { basename, join, resolve } from 'node:path';
import * as vscode from 'vscode';
import { EngineClient } from '../../engine/client.ts';
import { type RunSource, writeSource } from '../../runStore/source.ts';
import { closeStopped } from '../../runStore/store.ts';
import { besideFile, inEditor } from '../../shared/editorWords.ts';
import { type Failure as Failed, failureOf, failureWords, placed } from '../../shared/errors.ts';
import type { ShownFile } from '../../shared/panel.ts';
import type { EngineEvent, InspectRequest, Progress, RunHeader, StepLine } from '../../shared/protocol.ts';
import { mentionsIn, onCommandLine } from '../../shared/words.ts';
import { Pace, type SlowStep } from './pace.ts';

/** Something that is inspected, and where its settings come from. */
export interface Inspection {
  readonly request: InspectRequest;
  readonly source: RunSource | undefined;
}

/** An inspection that failed: cause, remedy, and what can be tried. */
export interface Failure {
  readonly message: string;
  /** What the message is about, and continues the name of. */
  readonly file?: ShownFile;
  readonly remedy: string | undefined;
  readonly retry: 'cpu' | 'again' | 'change';
}

export type InspectionEvent =
  | { readonly type: 'starting'; readonly title: string }
  | { readonly type: 'started'; readonly folder: string; readonly header: RunHeader }
  | { readonly type: 'progress'; readonly progress: Progress; readonly title: string }
  | { readonly type: 'record'; readonly folder: string; readonly record: StepLine }
  /** Its steps are long to wait for. */
  | { readonly type: 'slow'; readonly slow: SlowStep }
  /** The user has asked for its end. */
  | { readonly type: 'stopping'; readonly title: string }
  | {
      readonly type: 'ended';
      readonly folder: string | undefined;
      readonly title: string;
      readonly failure: Failure | undefined;
    };

/** Runs inspections, one at a time for each window, each in an engine process of its own that ends with it. */
export class Inspections implements vscode.Disposable {
  private readonly emitter = new vscode.EventEmitter<InspectionEvent>();
  readonly onEvent = this.emitter.event;
  private running:
    | { readonly client: EngineClient; readonly title: string; folder?: string; stopped: boolean; hasMeasured: boolean }
    | undefined;
  private disposed = false;
  private lastInspection: Inspection | undefined;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** What was run last in this window. */
  get last(): Inspection | undefined {
    return this.lastInspection;
  }

  /**
   * Runs to the end; never throws. Another inspection that still runs is stopped first, if the user agrees. True where it worked:
   * it did not fail, and something was measured.
   */
  async run(inspection: Inspection): Promise<boolean> {
    if (this.running && !(await this.replace())) return false;
    const { request, source } = inspection;
    this.lastInspection = inspection;
    const title = basename(request.model);
    const client = new EngineClient(join(this.extension.fsPath, 'dist', 'engineProcess.js'));
    const running: NonNullable<typeof this.running> = { client, title, stopped: false, hasMeasured: false };
    this.running = running;
    this.log.info(
      `Inspecting ${request.model} with ${request.data ?? request.x ?? 'no data'}: ${JSON.stringify(request)}`,
    );
    this.emitter.fire({ type: 'starting', title });
    let failure: Failure | undefined;
    let pace: Pace | undefined;
    try {
      const last = await client.inspect(request, (event) => {
        if (event.type === 'started') {
          running.folder = event.folder;
          pace = new Pace(event.run.data.samples);
          if (source) this.remember(event.folder, source);
        }
        if (event.type === 'record') {
          running.hasMeasured = true;
          const slow = pace?.add(event.record.step, Date.now());
          if (slow) this.emitter.fire({ type: 'slow', slow });
        }
        this.forward(event, running.folder, title);
      });
      if (last.type === 'failed') {
        this.log.error(last.failure.stack ?? onCommandLine(placed(last.failure)));
        failure = shownFailure(last.failure, request, false);
      }
    } catch (error) {
      if (!running.stopped && !this.disposed) {
        this.log.error(error as Error);
        failure = shownFailure(failureOf(error), request, true);
      }
    } finally {
      // Ends the process: what it held in native memory goes back to the system.
      client.dispose();
      this.running = undefined;
    }
    // The log, and who would listen, are gone.
    if (this.disposed) return false;
    const { folder } = running;
    if (running.stopped) this.close(folder);
    const outcome = running.stopped ? `Stopped by you: ${folder ?? title}` : `Finished: ${folder}`;
    this.log.info(failure ? `Failed: ${failure.file?.path ?? ''}${failure.message}` : outcome);
    this.emitter.fire({ type: 'ended', folder, title, failure });
    return !failure && running.hasMeasured;
  }

  /** Starts the inspection that runs anew with the first `limit` samples only. */
  async restart(limit: number): Promise<void> {
    const { last, running } = this;
    if (!last) return;
    if (running) {
      const ended = this.ended();
      this.stop();
      await ended;
    }
    await this.run({ ...last, request: { ...last.request, limit } });
  }

  /** Stops what is running, after its current step where it still answers. */
  stop(): void {
    if (!this.running || this.running.stopped) return;
    this.running.stopped = true;
    this.running.client.cancel();
    this.emitter.fire({ type: 'stopping', title: this.running.title });
  }

  dispose(): void {
    this.disposed = true;
    this.running?.client.dispose();
    this.close(this.running?.folder);
    this.emitter.dispose();
  }

  private async replace(): Promise<boolean> {
    const stop = 'Stop It and Start';
    const answer = await vscode.window.showInformationMessage('Another inspection is still running.', stop);
    if (answer !== stop) return false;
    if (!this.running) return true;
    const ended = this.ended();
    this.stop();
    await ended;
    return true;
  }

  /** Until what runs has ended. */
  private ended(): Promise<void> {
    return new Promise((resolve) => {
      const subscription = this.onEvent(({ type }) => {
        if (type !== 'ended') return;
        subscription.dispose();
        resolve();
      });
    });
  }

  /** A process that is ended in the middle of a step does not say how its run ended. */
  private close(folder: string | undefined): void {
    try {
      if (folder !== undefined) closeStopped(folder);
    } catch (error) {
      if (!this.disposed) this.log.warn((error as Error).message);
    }
  }

  private remember(folder: string, source: RunSource): void {
    try {
      writeSource(folder, source);
    } catch (error) {
      this.log.warn((error as Error).message);
    }
  }

  private forward(event: EngineEvent, folder: string | undefined, title: string): void {
    if (event.type === 'started') this.emitter.fire({ type: 'started', folder: event.folder, header: event.run });
    else if (event.type === 'progress') this.emitter.fire({ ...event, title });
    else if (event.type === 'record' && folder !== undefined)
      this.emitter.fire({ type: 'record', folder, record: event.record });
  }
}

/** A failure as the panel shows it; what it proposes to set decides what can be tried. */
function shownFailure(failed: Failed, request: InspectRequest, died: boolean): Failure {
  const { kind, remedy, where } = failed;
  const onCpu = mentionsIn(remedy ?? '').some(({ setting, value }) => setting === 'device' && value === 'cpu');
  const retry = request.device !== 'cpu' && (died || onCpu) ? 'cpu' : died ? 'again' : 'change';
  const words = kind === 'defect' ? { message: failureWords(failed) } : failed;
  const file =
    where?.file === undefined ? undefined : { path: resolve(request.directory, where.file), line: where.line };
  return { message: besideFile(words), ...(file && { file }), remedy: remedy && inEditor(remedy), retry };
}

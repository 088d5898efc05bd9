import { basename } from 'node:path';
import type { Activity, PanelRun, ToPanel } from '../../shared/panel.ts';
import type { RunHeader, StepLine } from '../../shared/protocol.ts';
import { grown } from '../../shared/steps.ts';
import type { InspectionEvent } from '../inspect/inspections.ts';

/** Reads the header of a run as it is on disk now; undefined where it cannot be read. Never rejects. */
type ReadHeader = (
  folder: string,
) => Promise<{ readonly header: RunHeader; readonly interrupted: boolean } | undefined>;

/**
 * What the panel shows, and how the inspection that runs in this window changes it. The user may look at any run meanwhile:
 * what is measured belongs to a folder, and reaches only the run of that folder.
 */
export class ShownRuns {
  /** The first is the one that the numbers are of. */
  runs: readonly PanelRun[] = [];
  activity: Activity = { kind: 'idle' };
  /** What was measured since the last parcel, by the folder of its run. */
  private parcels = new Map<string, StepLine[]>();
  /** Another run was opened after the inspection had been started, and before it had a folder. */
  private chosen = false;

  /** `send` tells the page. */
  constructor(
    private readonly send: (message: ToPanel) => void,
    private readonly read: ReadHeader,
  ) {}

  /** The user looks at other runs. */
  show(runs: readonly PanelRun[]): void {
    this.runs = runs;
    this.chosen = true;
    if (this.activity.kind === 'failed') this.activity = { kind: 'idle' };
  }

  /** Takes a run away; the one that the numbers are of stays. */
  remove(folder: string): void {
    this.runs = this.runs.filter((run, i) => i === 0 || run.folder !== folder);
  }

  /** Takes what an inspection tells; true where the page has to be told of everything anew. */
  follow(event: InspectionEvent): boolean {
    switch (event.type) {
      case 'starting':
        this.runs = [];
        this.chosen = false;
        this.activity = { kind: 'running', title: event.title, progress: { phase: 'reading', step: 0, steps: 0 } };
        return true;
      case 'started': {
        const { folder, header } = event;
        if (this.activity.kind === 'running') this.activity = { ...this.activity, folder };
        if (!this.chosen) this.runs = [{ folder, name: basename(folder), header, steps: [], interrupted: false }];
        return true;
      }
      case 'progress':
        if (this.activity.kind === 'running') this.activity = { ...this.activity, progress: event.progress };
        return false;
      case 'slow':
        if (this.activity.kind === 'running') this.activity = { ...this.activity, slow: event.slow };
        return false;
      case 'stopping':
        if (this.activity.kind === 'running') this.activity = { ...this.activity, stopping: true };
        return false;
      case 'record':
        this.parcels.set(event.folder, [...(this.parcels.get(event.folder) ?? []), event.record]);
        return false;
      case 'ended':
        this.end(event);
        return false;
    }
  }

  /** Hands on what has been measured; true where it is of a run that is shown. */
  flush(): boolean {
    const parcels = this.parcels;
    this.parcels = new Map();
    let some = false;
    for (const [folder, records] of parcels) {
      if (!this.change(folder, (run) => ({ ...run, steps: grown(run.header, run.steps, records) }))) continue;
      this.send({ type: 'records', folder, records });
      some = true;
    }
    this.send({ type: 'activity', activity: this.activity });
    return some;
  }

  private end({ folder, title, failure }: Extract<InspectionEvent, { type: 'ended' }>): void {
    const here = folder === undefined ? !this.chosen : this.runs.some((run) => run.folder === folder);
    this.activity = !failure
      ? { kind: 'idle' }
      : {
          kind: 'failed',
          ...failure,
          message: here
            ? failure.message
            : failure.file
              ? ` (${title})${failure.message}`
              : `${title}: ${failure.message}`,
        };
    this.flush();
    if (folder !== undefined) void this.renew(folder);
  }

  /** Shows what the file of a run says in the end. */
  private async renew(folder: string): Promise<void> {
    const now = await this.read(folder);
    if (!now) return;
    const { header, interrupted } = now;
    if (this.change(folder, (run) => ({ ...run, header, interrupted })))
      this.send({ type: 'header', folder, header, interrupted });
  }

  private change(folder: string, replace: (run: PanelRun) => PanelRun): boolean {
    if (!this.runs.some((run) => run.folder === folder)) return false;
    this.runs = this.runs.map((run) => (run.folder === folder ? replace(run) : run));
    return true;
  }
}

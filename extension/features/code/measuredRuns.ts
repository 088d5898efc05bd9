import { join } from 'node:path';
import { isRunOf } from '../../advice/measured.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { MeasuredRun } from '../../shared/protocol.ts';
import { reader } from '../reading/reader.ts';

/** What runs below `runs/` of a workspace folder have measured; read in the background and kept for a short time. */
export class MeasuredRuns {
  private readonly fresh: number;
  private readonly folders = new Map<string, { at: number; runs: Promise<readonly MeasuredRun[]> }>();
  /** What has been read is looked at again after `fresh` milliseconds. */
  constructor(fresh = 2000) {
    this.fresh = fresh;
  }

  /** The latest run with the settings of a configuration; undefined where there is none. Never throws. */
  async find(config: OptimizerConfig, folder: string): Promise<MeasuredRun | undefined> {
    return (await this.in(folder)).find(({ header }) => isRunOf(header, config));
  }

  /** What has been read is looked at again the next time. */
  forget(): void {
    this.folders.clear();
  }

  /** Latest first. */
  private in(folder: string): Promise<readonly MeasuredRun[]> {
    const known = this.folders.get(folder);
    if (known && Date.now() - known.at < this.fresh) return known.runs;
    const runs = reader.ask('measured', join(folder, 'runs')).catch(() => []);
    this.folders.set(folder, { at: Date.now(), runs });
    return runs;
  }
}

import type { Progress, RunHeader, StepLine } from '../shared/protocol.ts';

/** What an inspection reports while it runs. */
export interface Observer {
  started(folder: string, run: RunHeader): void;
  progress(progress: Progress): void;
  record(line: StepLine): void;
  /** True once the user wants it to stop. */
  readonly cancelled: boolean;
}

/** What a job reports that fills a result: an experiment or a sweep. */
export interface ResultObserver {
  started(folder: string): void;
  progress(progress: Progress): void;
  /** What is in the folder has changed while it runs. */
  updated?(folder: string): void;
  readonly cancelled: boolean;
}

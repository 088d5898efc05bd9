import type { Language, OptimizerConfig } from './config.ts';
import type { SourceRange } from './source.ts';
import type { TrainingFacts } from './training.ts';
import type { Sight } from './workspace.ts';

/** Where a text lies: the folder of its workspace, and texts of it that editors hold otherwise than the disk. */
export interface Place {
  readonly path: string;
  readonly root: string;
  readonly open: readonly (readonly [path: string, text: string])[];
}

/** What the thread of the analysis is asked. */
/** `most` is how many configurations an answer may have: taking thousands would keep the caller busy. */
export type AnalysisTask =
  | {
      readonly kind: 'text';
      /** Identifies the text across edits; absent where it is asked for once. */
      readonly uri?: string;
      readonly language: Language;
      readonly text: string;
      readonly place?: Place;
      readonly most?: number;
      /** What is seen of other files is told. */
      readonly tellsSights?: boolean;
    }
  | { readonly kind: 'cells'; readonly cells: readonly string[]; readonly place?: Place; readonly most?: number }
  | {
      readonly kind: 'lines';
      readonly text: string;
      readonly tensors: readonly string[];
      readonly others: readonly string[];
      readonly place?: Place;
    }
  | { readonly kind: 'training'; readonly text: string }
  | { readonly kind: 'forget'; readonly uri: string };

/** Why parts of a text were not looked at. */
export type Incomplete = 'nested' | 'many' | 'time' | 'memory' | 'failed';

export interface AnalysisResult {
  readonly configs: readonly OptimizerConfig[];
  readonly lines: ReadonlyMap<string, SourceRange>;
  /** Of the task `training`. */
  readonly training?: TrainingFacts;
  /** Absent where everything was looked at. */
  readonly incomplete?: Incomplete;
  /** The other files that the result depends on, there or not. */
  readonly asked: readonly string[];
  /** What was seen of them, where the task asks for it. */
  readonly sights?: readonly Sight[];
}

export const NO_RESULT: AnalysisResult = { configs: [], lines: new Map(), asked: [] };

export interface AnalysisRequest {
  readonly id: number;
  readonly task: AnalysisTask;
}

export interface AnalysisAnswer {
  readonly id: number;
  readonly result: AnalysisResult;
}

/** Every message between the processes, as discriminated unions. Plain data only: it crosses process and webview borders. */

import type { ExperimentDescription, ExperimentRequest, SweepRequest } from './experiments.ts';
import type { InspectRequest } from './request.ts';

export type { DeviceChoice, GroupRequest, InspectRequest, ScheduleRequest } from './request.ts';

export type EngineRequest =
  | { readonly type: 'inspect'; readonly request: InspectRequest }
  | { readonly type: 'experiment'; readonly request: ExperimentRequest }
  | { readonly type: 'sweep'; readonly request: SweepRequest }
  /** Asks which experiments there are. */
  | { readonly type: 'describe' }
  | { readonly type: 'cancel' };

/** Where a run stands. */
export interface Progress {
  readonly phase: 'reading' | 'building' | 'running';
  readonly step: number;
  readonly steps: number;
  readonly loss?: number;
  readonly secondsLeft?: number;
}

export type EngineEvent =
  | { readonly type: 'started'; readonly folder: string; readonly run: RunHeader }
  | { readonly type: 'opened'; readonly folder: string }
  /** What is in the folder of an experiment or a sweep has changed. */
  | { readonly type: 'updated'; readonly folder: string }
  | { readonly type: 'experiments'; readonly experiments: readonly ExperimentDescription[] }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'record'; readonly record: StepLine }
  | { readonly type: 'finished'; readonly folder: string; readonly status: RunStatus }
  | { readonly type: 'failed'; readonly message: string; readonly stack?: string; readonly folder?: string };

export type RunStatus = 'running' | 'finished' | 'cancelled' | 'failed';

/** A tensor of parameters that are trained. */
export interface RunTensor {
  /** Of the initializer in the file. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Of what the exporter made it from and renamed it, in the original module. */
  readonly source?: string;
}

/** `run.json`: what was run. */
export interface RunHeader {
  readonly format: 1;
  readonly status: RunStatus;
  /** Why it failed. */
  readonly message?: string;
  readonly started: string;
  readonly finished?: string;
  readonly process: number;
  readonly tool: string;
  readonly runtime: string;
  readonly request: InspectRequest;
  readonly model: {
    readonly path: string;
    readonly sha256: string;
    readonly producer: string;
    readonly parameters: number;
  };
  readonly data: { readonly files: readonly string[]; readonly sha256: string; readonly samples: number };
  readonly loss: string;
  readonly optimizer: {
    readonly name: string;
    readonly title: string;
    readonly framework: string;
    readonly hyper: Readonly<Record<string, number | boolean | string>>;
  };
  /** κ in the limit of small ε and large n, times the step size; null where the optimizer has none. */
  readonly hKappaLimit: number | null;
  /** |g|* below which κ changes sign, in the limit. */
  readonly switchGradient: number | null;
  /** Why no correction is computed. */
  readonly notApplicable?: string;
  readonly dtype: string;
  readonly device: string;
  readonly microBatch: { readonly plain: number; readonly corrected: number };
  /** Mini-batches, where the steps do not see all samples. */
  readonly batches?: {
    readonly size: number;
    readonly order: string;
    readonly seed?: number;
    readonly dropLast: boolean;
    /** Steps of an epoch; not where the order comes from a file. */
    readonly perEpoch?: number;
  };
  readonly tensors: readonly RunTensor[];
  readonly notTrained: readonly { readonly name: string; readonly reason: string }[];
  readonly notes: readonly string[];
  readonly warnings: readonly {
    readonly code: string;
    readonly title: string;
    readonly detail: string;
    readonly remedy: string;
  }[];
}

/** The measures of theory C for a tensor or the model; null where a quotient has no value. */
export interface MeasureFields {
  readonly kappa?: number | null;
  readonly hKappa?: number | null;
  readonly kappaMin?: number | null;
  readonly kappaMax?: number | null;
  readonly negativeShare?: number | null;
  readonly negativeShareWeighted?: number | null;
  readonly belowSwitchShare?: number | null;
  readonly relativeSize?: number | null;
  readonly relativeSizeL1?: number | null;
  readonly relativeVelocity?: number | null;
  readonly cosine?: number | null;
  readonly normRate?: number | null;
  readonly normRateBase?: number | null;
  readonly normRateRatio?: number | null;
  readonly lossRate?: number | null;
  readonly lossRateBase?: number | null;
  readonly net?: number | null;
  readonly validShare?: number | null;
  readonly selfCheck?: number | null;
}

export interface TensorLine extends MeasureFields {
  readonly perturbedNorm: number | null;
  readonly gradientNorm1: number | null;
  readonly gradientNorm2: number | null;
}

/** A line of `steps.jsonl`: what was measured at θ⁽ⁿ⁾. */
export interface StepLine extends TensorLine {
  readonly step: number;
  /** Over all samples. */
  readonly loss: number | null;
  /** In a run on mini-batches: the losses of those since the line before, each at the parameters that its step began with. */
  readonly batchLosses?: readonly (number | null)[];
  readonly correctionNorm?: number | null;
  /** Largest step size at which the theory would hold for nine tenths of the parameters, all else equal. */
  readonly largestValidStepSize?: number | null;
  /** By tensor name. */
  readonly tensors: Readonly<Record<string, TensorLine>>;
}

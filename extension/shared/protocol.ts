/** Every message between the processes, as discriminated unions. Plain data only: it crosses process and webview borders. */

import type { Failure } from './errors.ts';
import type { CompareRequest, ExperimentDescription, ExperimentRequest, SweepRequest } from './experiments.ts';
import type { PlanRequest, PointOutcome } from './plans.ts';
import type { InspectRequest, ReferenceKind } from './request.ts';

import type { Words } from './words.ts';

export type { DeviceChoice, GroupRequest, InspectRequest, ReferenceKind, ScheduleRequest } from './request.ts';

export type EngineRequest =
  | { readonly type: 'inspect'; readonly request: InspectRequest }
  /** Asks what an inspection takes; nothing of it is run. */
  | { readonly type: 'count'; readonly request: InspectRequest }
  | { readonly type: 'experiment'; readonly request: ExperimentRequest }
  | { readonly type: 'sweep'; readonly request: SweepRequest }
  | { readonly type: 'compare'; readonly request: CompareRequest }
  /** Writes a plan, and runs nothing of it. */
  | {
      readonly type: 'plan';
      readonly folder: string;
      readonly request: PlanRequest;
      readonly group: number;
      readonly copyInputs: boolean;
      /** CPU threads of a task, if not those of the request or all of this machine. */
      readonly threads?: number;
      /** The command that starts this program, for a shell. */
      readonly program: string;
    }
  /** Computes points of a plan, each into a folder. */
  | {
      readonly type: 'points';
      readonly folder: string;
      readonly points: readonly { readonly number: number; readonly at: string; readonly saved: string }[];
    }
  /** Makes the result of a plan of the points that are there. */
  | { readonly type: 'collect'; readonly folder: string }
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
  /** When the step was there, by the clock of the process that takes the steps; milliseconds since 1970. */
  readonly at?: number;
}

export type EngineEvent =
  /** The process runs and listens. */
  | { readonly type: 'ready' }
  | { readonly type: 'started'; readonly folder: string; readonly run: RunHeader }
  | { readonly type: 'opened'; readonly folder: string }
  /** What is in the folder of an experiment or a sweep has changed. */
  | { readonly type: 'updated'; readonly folder: string }
  | { readonly type: 'counted'; readonly counts: RunCounts }
  | { readonly type: 'experiments'; readonly experiments: readonly ExperimentDescription[] }
  /** A point of a plan has been computed, or could not be. */
  | { readonly type: 'point'; readonly number: number; readonly outcome: PointOutcome }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'record'; readonly record: StepLine }
  /** `peakMemory`: the most bytes that the process has held so far. */
  | { readonly type: 'finished'; readonly folder: string; readonly status: RunStatus; readonly peakMemory: number }
  /** `useless`: every further attempt would come to the same; of points of a plan. */
  | { readonly type: 'failed'; readonly failure: Failure; readonly folder?: string; readonly useless?: boolean };

/** What an inspection takes, as far as it can be counted. */
export interface RunCounts {
  readonly parameters: number;
  readonly tensors: number;
  readonly samples: number;
  /** Samples of a step; all of them without mini-batches. */
  readonly batch: number;
  /** Samples that are evaluated at once, in steps without and with the correction. */
  readonly chunk: { readonly plain: number; readonly corrected: number };
  /** Floating-point operations of one step over `batch` samples, without and with the correction. */
  readonly flops: { readonly plain: number; readonly corrected: number };
  /** Bytes that the process is expected to take at its peak. */
  readonly memory: number;
}

/** How work stands or has ended; `cancelled`: stopped by the user. */
export type RunStatus = 'running' | 'finished' | 'cancelled' | 'failed';

/** A tensor of parameters that are trained. */
export interface RunTensor {
  /** Of the initializer in the file. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Of what the exporter made it from and renamed it, in the original module. */
  readonly source?: string;
}

/** The reference of a run: which it is and how well it is known. */
export interface RunReference {
  readonly kind: ReferenceKind;
  /** Follows "than", in plain words: "with β₂ = β₁, where the memory has no effect of this kind". Empty where there is none. */
  readonly words: string;
  /** A few characters of it for places without room: "β₂ = β₁", "memoryless flow". */
  readonly label: string;
  /** All hyper-parameters of the twin. */
  readonly hyper?: Readonly<Record<string, number | boolean | string>>;
  /** h of the twin, h/s of Euler's method on the flow; null where there is no reference. */
  readonly stepSize: number | null;
  /** Largest relative change of the norm of the model that halving the flow's step may make; null for a twin. */
  readonly tolerance: number | null;
  /** The same of a tensor's norm: where it moves by more, the tensor's effect is null. For the flow only. */
  readonly tensorTolerance?: number;
  /** The largest change of the model's norm as it was found; for the flow only. */
  readonly moved?: number | null;
  /** False where the flow's numbers still move by more: then no effect is shown. */
  readonly converged: boolean;
  /** Steps that were taken of it, of its finest version. */
  readonly steps?: number;
  /** Steps of all versions of a flow. */
  readonly stepsInAll?: number;
  /** Why there is no reference, or why it is not shown. */
  readonly reason?: string;
}

/** A part of the way down in which the effect has one sign and oscillation is there or not; from high loss to low. */
export interface EffectPart {
  readonly lossFrom: number;
  readonly lossTo: number;
  /** Smallest and largest effect in it. */
  readonly low: number;
  readonly high: number;
  /** Which of the two oscillates there, if one does. */
  readonly oscillating: 'run' | 'reference' | 'both' | null;
}

/** What of the norm of a run is an oscillation over many steps. */
export interface SlowOscillation {
  /** In the order of the steps; in long runs with gaps between them. */
  readonly stretches: readonly SlowStretch[];
  /** Why there are none. */
  readonly reason?: string;
}

/** What the mean of the points of a stretch says, weighted by a Hann window. */
export interface SlowStretch {
  readonly from: number;
  readonly to: number;
  /** The mean of the losses. */
  readonly loss: number;
  /** The loss at the mean of the points. */
  readonly lossAtMean: number | null;
  /** ‖∇E‖₁ at the mean of the points / mean of ‖∇E‖₁ at the points. */
  readonly normAtMean: number | null;
  /** What is missing there of what averaging three neighbouring steps leaves; null where the stretch does not tell. */
  readonly share: number | null;
  /** Why it does not. */
  readonly reason?: string;
  /** By tensor name. */
  readonly tensors: Readonly<Record<string, number | null>>;
}

/** The measured effect of a tensor or the model as a curve over the loss, and what is said of it first. */
export interface EffectCurve {
  /** Near the beginning: at the first loss of the curve that the run has clearly reached; null where undefined. */
  readonly early: number | null;
  /** At the lowest loss that run and reference have both reached: the number that is shown first. */
  readonly late: number | null;
  /** At the losses of `EffectSummary.losses`; null where undefined. */
  readonly effect: readonly (number | null)[];
  /** The same of the norms at averaged points. */
  readonly averaged: readonly (number | null)[];
  /** Share of the run's norm that is oscillation. */
  readonly oscillation: readonly (number | null)[];
}

/** What was measured of the effect over the whole run. */
export interface EffectSummary extends EffectCurve {
  /** In plain words; names its parts where the effect changes sign or oscillation sets in. */
  readonly sentence: string;
  /** The same in a few words: "+12 %", "+18 % early, −22 … −91 % later (oscillation)". */
  readonly headline: string;
  /** How equal loss was found: where the losses fall steadily by the first crossing, else by bins; `both` where each had its part. */
  readonly method: 'crossing' | 'bins' | 'both';
  /** Half width of a bin, relative to the loss. */
  readonly binWidth: number;
  readonly parts: readonly EffectPart[];
  /** Levels of the loss, falling, at which the curves are given. */
  readonly losses: readonly number[];
  /** What the theory predicts for the same quantity, accumulated along the run, at the same losses; null where it has none. */
  readonly predicted: readonly (number | null)[];
  /** Why the effect is null where it is, the commonest reason; not where it is defined everywhere. */
  readonly reason?: string;
  /** Older runs have none. */
  readonly slow?: SlowOscillation;
  /** By tensor name. */
  readonly tensors: Readonly<Record<string, EffectCurve>>;
}

/** `run.json`: what was run. */
export interface RunHeader {
  readonly format: 1;
  /** `interrupted`: found without its process. */
  readonly status: RunStatus | 'interrupted';
  /** Why it failed. */
  readonly message?: Words;
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
    /** What h·κ weighs, in words: "the one-norm of the loss gradient". Runs of earlier versions do not say it. */
    readonly norm?: string;
    /** Why κ has no value without the state of the run, as a clause; only where it has none. */
    readonly condition?: string;
  };
  /** Parameters with hyper-parameters of their own, and the limits of κ that follow from these. */
  readonly groups?: readonly {
    /** Which parameters it takes, in words: the glob, where it is one. */
    readonly glob: string;
    /** The place in the user's code that it was found at. */
    readonly place?: string;
    readonly hyper: Readonly<Record<string, number | boolean | string>>;
    /** Names of the tensors in the file. */
    readonly tensors: readonly string[];
    readonly hKappaLimit: number | null;
    readonly switchGradient: number | null;
  }[];
  /**
   * h·κ in the limit of small ε and many steps: the weight of the norm in the loss that is followed; negative is
   * anti-regularizing. Null where the optimizer has none.
   */
  readonly hKappaLimit: number | null;
  /** |g|* below which κ changes sign, in the limit. */
  readonly switchGradient: number | null;
  /** Why no correction is computed. */
  readonly notApplicable?: string;
  /** What the run is held against; known once it begins, but for how well it converged. */
  readonly reference?: RunReference;
  /** The measured effect; once the run has ended, and not where there is no reference. */
  readonly effect?: EffectSummary;
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
  readonly notTrained: readonly { readonly name: string; readonly reason: Words }[];
  readonly notes: readonly Words[];
  readonly warnings: readonly {
    readonly code: string;
    readonly title: string;
    readonly detail: Words;
    readonly remedy: Words;
  }[];
}

/** The measures of theory C for a tensor or the model; null where a quotient has no value. */
export interface MeasureFields {
  readonly kappa?: number | null;
  readonly hKappa?: number | null;
  readonly kappaMin?: number | null;
  readonly kappaMax?: number | null;
  readonly negativeShare?: number | null;
  readonly belowSwitchShare?: number | null;
  readonly relativeSize?: number | null;
  readonly cosine?: number | null;
  readonly normRate?: number | null;
  readonly normRateBase?: number | null;
  readonly lossRate?: number | null;
  readonly lossRateBase?: number | null;
  readonly net?: number | null;
  readonly validShare?: number | null;
  readonly selfCheck?: number | null;
}

/** The self-check of a run up to a line with a correction. */
export interface SelfCheckFields {
  /** Of all lines with a correction together; null where nothing is predicted that could be checked. */
  readonly selfCheckRun?: number | null;
  /** The same of means of three neighbouring steps, in which an oscillation from step to step cancels; full batch only. */
  readonly selfCheckAveraged?: number | null;
}

/** What was measured at equal loss, at a line with a correction; null where undefined. */
export interface EffectFields {
  /** ‖∇E(run)‖₁/‖∇E(reference)‖₁ − 1 at equal loss: 0.12 where the run's one-norm is 12 % larger. */
  readonly effect?: number | null;
  /** Why `effect` is null, where it is. */
  readonly effectReason?: string;
  /** The same of the norms at averaged points, (θ⁽ⁿ⁻¹⁾ + 2θ⁽ⁿ⁾ + θ⁽ⁿ⁺¹⁾)/4; once the run has ended. */
  readonly effectAveraged?: number | null;
  /** Share of the run's norm that is oscillation: 1 − ‖∇E‖₁ at the averaged point / ‖∇E‖₁ at θ⁽ⁿ⁾; once the run has ended. */
  readonly oscillation?: number | null;
  /** Share of the norm that is an oscillation over many steps, of the stretch that the line lies in; once the run has ended. */
  readonly slowOscillation?: number | null;
  /** What the theory predicts for `effect`: the predicted change of the norm at equal loss, accumulated along the run. */
  readonly effectPredicted?: number | null;
}

export interface TensorLine extends MeasureFields, SelfCheckFields, EffectFields {
  readonly perturbedNorm: number | null;
  readonly gradientNorm1: number | null;
  readonly gradientNorm2: number | null;
}

/** How near to the edge of stability the step is that is taken from a line; see `edge.ts` of the jobs. */
export interface EdgeFields {
  /**
   * ζ = 1 + ΔE/(h·g·u), the realized edge: near 0 the loss falls as the gradient says, at 1 the step gains nothing, above it
   * loses. On every line from which a full-batch step is taken.
   */
  readonly zeta?: number | null;
  /** Largest eigenvalue of D^{-1/2} H D^{-1/2}, D the denominator of that step; at some lines only. */
  readonly preconditionedSharpness?: number | null;
  /** The same over the optimizer's threshold 2/(h·Γ): from 1 on a mode oscillates without end. */
  readonly edge?: number | null;
  /** Residual of that eigenvalue, relative to it. */
  readonly edgeResidual?: number | null;
  /** Share of the coordinates with v̂ > 10 g²; full batch, at the same lines. */
  readonly staleShare?: number | null;
  /** Curvature along the preconditioned gradient over 2/h, at the same lines: before a spike it passes 1. */
  readonly gradientCurvature?: number | null;
}

/** A line of `steps.jsonl`: what was measured at θ⁽ⁿ⁾. */
export interface StepLine extends TensorLine, EdgeFields {
  readonly step: number;
  /** Over all samples. */
  readonly loss: number | null;
  /** In a run on mini-batches: the losses of those since the line before, each at the parameters that its step began with. */
  readonly batchLosses?: readonly (number | null)[];
  readonly correctionNorm?: number | null;
  /** Why there is no averaged point, where `oscillation` is null. */
  readonly averagedReason?: string;
  /** Why `slowOscillation` is null, where it is. */
  readonly slowReason?: string;
  /** How equal loss was found for `effect`; lines of a run that goes on may change from `crossing` to `bins`. */
  readonly effectMethod?: 'crossing' | 'bins';
  /** By tensor name. */
  readonly tensors: Readonly<Record<string, TensorLine>>;
}

/** What a run has measured, without its tensors. */
export interface MeasuredRun {
  readonly folder: string;
  readonly header: RunHeader;
  /** The last line with an effect, else the last one with a correction. */
  readonly last: StepLine;
}

/** What experiments are and what they give, as plain data: the command line, the palette and the panel are made from it. */

import type { Verdict } from './experimentVerdict.ts';
import type { RunStatus } from './protocol.ts';
import type { InspectRequest } from './request.ts';
import type { Words } from './words.ts';

export type ParameterValue = number | boolean | string | readonly number[] | undefined;

/** One parameter; the key under which an experiment has it, in kebab case, is its option on the command line. */
export interface ParameterSpec<T extends ParameterValue = ParameterValue> {
  readonly kind: 'number' | 'count' | 'numbers' | 'choice' | 'switch' | 'file' | 'text';
  /** Undefined where it may be left out. */
  readonly default: T;
  readonly help: Words;
  readonly choices?: readonly string[];
  /** Bounds of a number, or of each number of a list. */
  readonly min?: number;
  readonly max?: number;
  readonly minExclusive?: boolean;
  readonly maxExclusive?: boolean;
  /** Each number of a list is whole. */
  readonly whole?: boolean;
}

export interface Axis {
  readonly label: string;
  readonly scale?: 'linear' | 'log';
}

/** The frame of a picture, known before an experiment runs. */
export interface ChartFrame {
  readonly id: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
}

/** Points (x_i, y_i); null and values that are not finite are gaps. */
export interface Series {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** `reference` is drawn thin and grey and is not in the legend unless it has a label. */
  readonly style?: 'line' | 'dashed' | 'points' | 'reference';
  /** Index of the colour; the position among the series where not given. */
  readonly color?: number;
}

export interface Chart extends ChartFrame {
  readonly series: readonly Series[];
  /** Where the axes end; from the data where not given. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
}

export interface ResultTable {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** A mean of paired differences with its 95 % interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
  /** Further pairs that would settle the sign, if they scatter as those so far; 0 where it is settled, null where no number would. */
  readonly more: number | null;
}

/** How settings differ from the user's own: 0.1 for 10 %, or for ten percentage points of what is a share itself. */
export interface Differences {
  /** What is compared: in words, and whether it is counted in percentage points. */
  readonly quantities: readonly { readonly title: string; readonly points: boolean }[];
  readonly rows: readonly {
    readonly label: string;
    /** One for each quantity; null where there are too few runs. */
    readonly intervals: readonly (Interval | null)[];
  }[];
  /** What further pairs are. */
  readonly pairs: 'orders' | 'initial weights';
}

export interface ExperimentResult extends Verdict {
  /** The numbers behind it, by name. */
  readonly numbers: Readonly<Record<string, number | null>>;
  readonly tables: readonly ResultTable[];
  /** Of a comparison. */
  readonly differences?: Differences;
  readonly charts: readonly Chart[];
  readonly notes: readonly Words[];
}

/** An experiment without what runs it: what forms are made from. */
export interface ExperimentDescription {
  readonly name: string;
  readonly title: string;
  readonly figure: string;
  readonly summary: string;
  readonly parameters: Readonly<Record<string, ParameterSpec>>;
}

/** What to run. */
export interface ExperimentRequest {
  readonly name: string;
  /** Relative paths are relative to it. */
  readonly directory: string;
  /** Values that differ from the defaults. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly threads?: number;
  readonly out?: string;
}

/** Values of one hyper-parameter, by canonical name. */
export interface SweepAxis {
  readonly name: string;
  readonly values: readonly (number | boolean | string)[];
}

/** Runs of one model and data at several hyper-parameters. */
export interface SweepRequest {
  /** What all points have in common; `out` is not used. */
  readonly base: InspectRequest;
  readonly axes: readonly SweepAxis[];
  /** The axes are walked together, the k-th value of each, instead of in all combinations. */
  readonly together: boolean;
  /** 0: the model's own weights; others: weights drawn anew. */
  readonly seeds: readonly number[];
  readonly test?: { readonly data?: string; readonly x?: string; readonly y?: string };
  /** How often the test set is evaluated, in steps. */
  readonly testEvery?: number;
  /** Folder of the sweep; finished points of the same sweep in it are kept. */
  readonly out?: string;
}

/** What a point of a sweep came to. */
export interface SweepPoint {
  readonly index: number;
  /** `beta2=0.99 seed=0`. */
  readonly label: string;
  readonly values: Readonly<Record<string, number | boolean | string>>;
  readonly seed: number;
  /** Folder of its run, relative to the sweep. */
  readonly folder: string;
  readonly status: 'waiting' | 'running' | 'finished' | 'cancelled' | 'failed';
  readonly message?: string;
  readonly finalLoss?: number | null;
  /** The measured effect of the model at the lowest loss that run and reference have both reached. */
  readonly effect?: number | null;
  /** Largest norm after its initial fall, above the floor p·√ε; null where it only falls. */
  readonly peakNorm?: number | null;
  readonly finalNorm?: number | null;
  /** The norm where the loss first reaches the level that every point reaches. */
  readonly normAtEqualLoss?: number | null;
  readonly finalAccuracy?: number | null;
  readonly bestAccuracy?: number | null;
  readonly finalTestLoss?: number | null;
  readonly kappa?: number | null;
  readonly hKappa?: number | null;
  readonly validShare?: number | null;
  readonly selfCheck?: number | null;
  readonly selfCheckRun?: number | null;
  readonly selfCheckAveraged?: number | null;
}

/** Settings that are compared with the user's own, on the same orders of mini-batches, or from the same initial weights. */
export interface CompareRequest {
  /** The user's own setting; what all have in common. `out` is not used. */
  readonly base: InspectRequest;
  /** What each other setting changes, by canonical name. */
  readonly settings: readonly Readonly<Record<string, number | boolean | string>>[];
  /** On mini-batches of the order; else 0: the model's own weights, others: weights drawn anew. */
  readonly seeds: readonly number[];
  /** Every setting has seeds of its own instead of the same: comparisons are not paired, and need more of them. */
  readonly unpaired?: boolean;
  readonly test?: { readonly data?: string; readonly x?: string; readonly y?: string };
  /** How often the test set is evaluated, in steps. */
  readonly testEvery?: number;
  /** Folder of the comparison; what was finished there is kept. */
  readonly out?: string;
}

/** SHA-256 of the files that runs are made of. */
export interface Digests {
  readonly model: string;
  readonly data: string;
}

/** `compare.json`: what is compared. */
export interface CompareHeader {
  readonly request: CompareRequest;
  readonly digests: Digests;
}

/** `sweep.json`: what is swept, and how far it is. */
export interface SweepHeader {
  readonly format: 1;
  readonly status: RunStatus | 'interrupted';
  /** As `times.json` has it; files of earlier versions have it themselves. */
  readonly started?: string;
  readonly request: SweepRequest;
  readonly digests: Digests;
  readonly points: readonly SweepPoint[];
}

/** `times.json`: what differs from one making of the same result to the next. */
export interface Times {
  readonly started: string;
  readonly finished?: string;
  /** The process that works on it, or that has ended it. */
  readonly process: number;
}

/** `experiment.json` and `times.json`. */
export interface ExperimentHeader extends Times {
  readonly format: 1;
  readonly status: RunStatus | 'interrupted';
  readonly message?: Words;
  readonly tool: string;
  readonly name: string;
  readonly title: string;
  readonly figure: string;
  /** Relative paths among the parameters are relative to it. */
  readonly directory?: string;
  /** SHA-256 of the files that the parameters name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** What there is so far, while it runs or where it was stopped. */
  readonly result?: ExperimentResult;
}

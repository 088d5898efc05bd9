/** Plans: sweeps, comparisons and experiments as files, whose points any program can start, in any order and place. */

import type { Failure } from './errors.ts';
import type { CompareRequest, ExperimentRequest, SweepRequest } from './experiments.ts';

/** What a plan is of. */
export type PlanKind = 'sweep' | 'compare' | 'experiment';

export type PlanRequest =
  | { readonly kind: 'sweep'; readonly request: SweepRequest }
  | { readonly kind: 'compare'; readonly request: CompareRequest }
  | { readonly kind: 'experiment'; readonly request: ExperimentRequest };

/** A file that the points read. */
export interface PlanInput {
  /** Which part of the request names it: `model`, `data`, `test.x`, or a parameter of an experiment. */
  readonly role: string;
  /** Where it was when the plan was made: absolute. */
  readonly path: string;
  readonly sha256: string;
  /** Of a copy, relative to the plan. */
  readonly copy?: string;
}

/** A unit of work, which does not depend on the others. */
export interface PlanPoint {
  readonly number: number;
  /** `beta2=0.99 seed=0`. */
  readonly label: string;
  /** Of its result, relative to the plan; there whole or not at all. */
  readonly folder: string;
}

/** What numbers depend on beside the request: the same on every machine. */
export interface PlanNumerics {
  readonly device: 'cpu' | 'cuda' | 'webgpu';
  /** CPU threads of the runtime, which divides sums among them. */
  readonly threads: number;
  /** Most parts of a large data set that are summed side by side. */
  readonly lanes: number;
  /** Bytes that a program may take, by which samples are divided. */
  readonly memory: number;
}

/** `plan.json`. */
export type Plan = PlanRequest & {
  readonly format: 1;
  /** Name and version of the program that made it, which alone may run it. */
  readonly tool: string;
  readonly numerics: PlanNumerics;
  readonly inputs: readonly PlanInput[];
  /** SHA-256 of model and data, as results tell them; not of experiments. */
  readonly digests?: { readonly model: string; readonly data: string };
  /** Points of one task. */
  readonly group: number;
  readonly points: readonly PlanPoint[];
};

/** How a program ended that was to run points. */
export const pointExit = {
  /** All points are there. */
  done: 0,
  /** Something went wrong that another attempt may get over. */
  failed: 1,
  /** Every further attempt would come to the same. */
  useless: 2,
  /** It was told to stop; what was finished is kept, and it can go on. */
  stopped: 75,
} as const;

/** Why a point has no result yet. */
export interface PointFailure {
  readonly exit: (typeof pointExit)['failed' | 'useless'];
  readonly message: string;
  readonly host: string;
  /** ISO 8601. */
  readonly time: string;
}

/** `failed`: its last attempt failed; `queued`: the scheduler has it. */
export type PointState = 'done' | 'running' | 'queued' | 'waiting' | 'failed';

export interface PointStatus extends PlanPoint {
  readonly state: PointState;
  /** Of one that runs. */
  readonly runner?: { readonly host: string; readonly process: number; readonly started: string };
  readonly failure?: PointFailure;
}

/** How far a plan is. */
export interface PlanStatus {
  readonly kind: PlanKind;
  readonly folder: string;
  readonly counts: Readonly<Record<PointState, number>>;
  readonly points: readonly PointStatus[];
}

/** How a point went, as the engine says. */
export type PointOutcome =
  | { readonly status: 'finished' | 'cancelled' }
  | { readonly status: 'failed'; readonly failure: Failure; readonly useless: boolean };

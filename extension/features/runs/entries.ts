import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readJsonFile } from '../../files/regular.ts';
import { isExperimentHeader, withTimes } from '../../jobs/store.ts';
import { isPlan, readPlan } from '../../plans/plan.ts';
import { planTitle, statusOf } from '../../plans/status.ts';
import { type RunEntry, runIn } from '../../runStore/list.ts';
import { isAlive } from '../../runStore/store.ts';
import type { ExperimentHeader, SweepHeader } from '../../shared/experiments.ts';
import type { PlanStatus } from '../../shared/plans.ts';
import { sweepIn } from '../experiments/folders.ts';

/** A larger experiment.json is not one of ours: the points of its pictures are in a file of their own. */
const largestHeader = 4 * 2 ** 20;

/** What lies below `runs/` of a folder: an inspection, a sweep with the runs of its points, or an experiment. */
export type Entry =
  | {
      readonly kind: 'run';
      readonly folder: string;
      readonly name: string;
      readonly started: string;
      readonly run: RunEntry;
      /** It belongs to a sweep, which counts on its folder. */
      readonly point: boolean;
    }
  | {
      readonly kind: 'sweep';
      readonly folder: string;
      readonly name: string;
      readonly started: string;
      readonly sweep: SweepHeader;
      /** Points that have an outcome. */
      readonly done: number;
    }
  | {
      readonly kind: 'experiment';
      readonly folder: string;
      readonly name: string;
      readonly started: string;
      readonly experiment: ExperimentHeader;
    }
  | {
      readonly kind: 'plan';
      readonly folder: string;
      readonly name: string;
      readonly started: string;
      /** What it is of. */
      readonly of: string;
      /** Its points by how they stand. */
      readonly counts: PlanStatus['counts'];
      readonly points: number;
    }
  /** It is meant to be one of these, but cannot be read. */
  | { readonly kind: 'damaged'; readonly folder: string; readonly name: string; readonly started: string };

/** Everything below `runs/` of a directory, the latest first. */
export function entriesIn(directory: string): Entry[] {
  const parent = join(directory, 'runs');
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => entryIn(join(parent, name)) ?? [])
    .sort((a, b) => b.started.localeCompare(a.started));
}

function entryIn(folder: string): Entry | undefined {
  const result = isPlan(folder) ? planEntry(folder) : resultEntry(folder);
  if (result) return result;
  const run = runIn(folder);
  return run ? runEntry(run, false) : damagedEntry(folder);
}

/** Undefined where a folder is none of ours. */
function damagedEntry(folder: string): Entry | undefined {
  const file = ['run.json', 'sweep.json', 'experiment.json', 'plan.json']
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  return { kind: 'damaged', folder, name: basename(folder), started: statSync(file).mtime.toISOString() };
}

/** How far a plan is; undefined where it cannot be read. */
function planEntry(folder: string): Entry | undefined {
  try {
    const { counts, points } = statusOf(folder);
    const made = statSync(join(folder, 'plan.json')).mtime.toISOString();
    const of = planTitle(readPlan(folder));
    return { kind: 'plan', folder, name: basename(folder), started: made, of, counts, points: points.length };
  } catch {
    return undefined;
  }
}

/** The runs of a sweep's points, in the order of the sweep. */
export function pointEntries(folder: string, { points }: SweepHeader): Entry[] {
  return points.flatMap((point) => {
    const run = runIn(join(folder, point.folder));
    return run ? [{ ...runEntry(run, true), name: point.label }] : [];
  });
}

const runEntry = (run: RunEntry, point: boolean) =>
  ({ kind: 'run', folder: run.folder, name: run.name, started: run.header.started, run, point }) as const;

function resultEntry(folder: string): Entry | undefined {
  const name = basename(folder);
  const sweep = sweepIn(folder);
  if (sweep) {
    const done = sweep.points.filter(({ status }) => status === 'finished' || status === 'failed').length;
    return { kind: 'sweep', folder, name, started: sweep.started, sweep, done };
  }
  const experiment = experimentIn(folder);
  return experiment && { kind: 'experiment', folder, name, started: experiment.started, experiment };
}

/** Without the points of its pictures, which lists do not need. */
function experimentIn(folder: string): ExperimentHeader | undefined {
  try {
    const path = join(folder, 'experiment.json');
    const header = withTimes(folder, readJsonFile(path, largestHeader));
    return isExperimentHeader(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

export type State = 'waiting' | 'running' | 'finished' | 'cancelled' | 'failed' | 'interrupted' | 'damaged';

function planState({ done, running, queued, failed }: PlanStatus['counts'], points: number): State {
  if (done === points) return 'finished';
  if (running + queued > 0) return 'running';
  return failed > 0 ? 'failed' : 'waiting';
}

/** How far an entry has come; what claims to run but has no process is interrupted. */
export function stateOf(entry: Entry): State {
  if (entry.kind === 'damaged') return 'damaged';
  if (entry.kind === 'plan') return planState(entry.counts, entry.points);
  if (entry.kind === 'run') return entry.run.interrupted ? 'interrupted' : entry.run.header.status;
  if (entry.kind === 'experiment') {
    const { status, process } = entry.experiment;
    return status === 'running' && !isAlive(process) ? 'interrupted' : status;
  }
  if (entry.sweep.status !== 'running') return entry.sweep.status;
  const running = pointEntries(entry.folder, entry.sweep).some((point) => stateOf(point) === 'running');
  return running ? 'running' : 'interrupted';
}

import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import type { Plan, PlanStatus, PointFailure, PointState, PointStatus } from '../shared/plans.ts';
import { pointExit } from '../shared/plans.ts';
import { ownerOf } from './claims.ts';
import { readPlan, taskFolder } from './plan.ts';

/** What a scheduler knows of points that the folder says nothing of, by number. */
export type Scheduled = ReadonlyMap<number, Extract<PointState, 'queued' | 'running'>>;

/** The file with why the last attempt at a point failed. */
export const failureFile = 'failure.json';

/**
 * How far a plan is, from its folder alone. Throws an InspectorError where it cannot be read.
 *
 * @param scheduled what a scheduler adds, where one answers
 */
export function statusOf(folder: string, scheduled: Scheduled = new Map()): PlanStatus {
  const plan = readPlan(folder);
  const results = namesIn(join(folder, 'points'));
  const tasks = namesIn(join(folder, 'tasks'));
  const points = plan.points.map((point): PointStatus => {
    if (
      dirname(point.folder) === 'points' ? results.has(basename(point.folder)) : existsSync(join(folder, point.folder))
    )
      return { ...point, state: 'done' };
    const task = taskFolder(folder, plan, point.number);
    const owner = tasks.has(basename(task)) ? ownerOf(task) : undefined;
    if (owner) {
      const { host, process, started } = owner;
      return { ...point, state: 'running', runner: { host, process, started } };
    }
    const known = scheduled.get(point.number);
    const failure = tasks.has(basename(task)) ? failureIn(task) : undefined;
    return { ...point, state: known ?? (failure ? 'failed' : 'waiting'), ...(failure && { failure }) };
  });
  return { kind: plan.kind, folder, counts: countsOf(points), points };
}

/** How many points there are of each state. */
export function countsOf(points: readonly PointStatus[]): PlanStatus['counts'] {
  const counts = { done: 0, running: 0, queued: 0, waiting: 0, failed: 0 };
  for (const { state } of points) counts[state]++;
  return counts;
}

function namesIn(folder: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(folder));
  } catch {
    return new Set();
  }
}

/** Why the last attempt at a point failed; undefined where none has. */
export function failureIn(task: string): PointFailure | undefined {
  try {
    const { exit, message, host, time } = readJsonFile(join(task, failureFile), 2 ** 20) as PointFailure;
    const useless = exit === pointExit.useless;
    return {
      exit: useless ? pointExit.useless : pointExit.failed,
      ...{ message: String(message), host: String(host), time: String(time) },
    };
  } catch {
    return undefined;
  }
}

/** Numbers of the points that nobody works on and that have no result: what is to be run to complete the plan. */
export const missingPoints = ({ points }: PlanStatus): readonly number[] =>
  points.flatMap(({ number, state }) => (state === 'waiting' || state === 'failed' ? [number] : []));

/** What a plan is of, in a few words. */
export const planTitle = ({ kind, request }: Pick<Plan, 'kind' | 'request'>): string => {
  if (kind === 'sweep') return 'sweep';
  return kind === 'compare' ? 'comparison' : `experiment ${'name' in request ? request.name : ''}`.trim();
};

import { basename, join } from 'node:path';
import { readEnd } from '../files/regular.ts';
import { type Plan, type PlanStatus, type PointFailure, type PointStatus, pointExit } from '../shared/plans.ts';
import { numbersOf } from './arrays.ts';
import { kubernetesQueue } from './kubernetes.ts';
import { slurmQueue } from './slurm.ts';
import { logFolder } from './slurmScript.ts';
import { countsOf, missingPoints, type Scheduled, statusOf } from './status.ts';
import { type QueuedTask, type Scheduler, type Submission, submissionsOf } from './submissions.ts';

/** How far a plan is, with what the schedulers know that have its tasks. */
export interface ScheduledStatus {
  readonly status: PlanStatus;
  /** What they have, one line for each task. */
  readonly queued: readonly QueuedTask[];
  /** Those of whom nothing could be learned. */
  readonly silent: readonly Scheduler[];
}

/**
 * How far a plan is, from its folder and from the schedulers that were given tasks of it, where they answer. What a scheduler
 * has no more, and what has neither a result nor a reason, was ended from outside: the end of its log may say why. Throws an
 * InspectorError where the plan cannot be read.
 */
export function scheduledStatus(folder: string, plan: Plan): ScheduledStatus {
  const submissions = submissionsOf(folder);
  const queues = { slurm: slurmQueue(submissions), kubernetes: kubernetesQueue(submissions) };
  const silent = (Object.keys(queues) as Scheduler[]).filter((scheduler) => queues[scheduler] === undefined);
  const queued = Object.values(queues).flatMap((queue) => queue ?? []);
  const status = statusOf(folder, statesOf(queued, plan));
  if (queues.slurm === undefined) return { status, queued, silent };
  const points = status.points.map((point) => lostPoint(point, folder, submissions));
  return { status: { ...status, points, counts: countsOf(points) }, queued, silent };
}

/** A task runs one of its points at a time; which it is, the folder tells. */
function statesOf(queued: readonly QueuedTask[], { points }: Plan): Scheduled {
  return new Map(
    queued.flatMap(({ task, group, state }) =>
      points
        .slice(task * group, (task + 1) * group)
        .map(({ number }) => [number, state === 'RUNNING' && group === 1 ? 'running' : 'queued'] as const),
    ),
  );
}

/** A point whose task SLURM has no more, and of which nothing is known. */
function lostPoint(point: PointStatus, folder: string, submissions: readonly Submission[]): PointStatus {
  if (point.state !== 'waiting') return point;
  const taskOf = ({ group }: Submission) => Math.floor(point.number / group);
  const last = submissions.findLast(
    (each) => each.scheduler === 'slurm' && numbersOf(each.tasks).includes(taskOf(each)),
  );
  if (last?.job === undefined) return point;
  const task = taskOf(last);
  const log = join(logFolder, `${last.job}_${task}.log`);
  const end = endOf(join(folder, log));
  const failure: PointFailure = {
    exit: pointExit.failed,
    message:
      end === ''
        ? `Task ${basename(log, '.log')} of SLURM ended without a word: it was cancelled or killed (memory, time, or its node).`
        : `Task ${basename(log, '.log')} of SLURM ended without a result. The end of ${log}:\n${end}`,
    host: 'SLURM',
    time: last.at,
  };
  return { ...point, state: 'failed', failure };
}

/** The last lines that a task printed. */
function endOf(path: string): string {
  try {
    return readEnd(path, 2000).bytes.toString('utf8').trim().split('\n').slice(-3).join('\n').trim();
  } catch {
    return '';
  }
}

/** Numbers of the tasks with a point that has no result, that nobody works on, and that no scheduler has. */
export const tasksToSubmit = (status: PlanStatus, group: number): readonly number[] => [
  ...new Set(missingPoints(status).map((number) => Math.floor(number / group))),
];

import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf } from '../files/regular.ts';
import { WritingError } from '../files/writing.ts';
import { rangesOf } from './arrays.ts';

export type Scheduler = 'slurm' | 'kubernetes';

/** What was handed to a scheduler: a line of `submissions.jsonl` before, and a second one with its answer. */
export interface Submission {
  readonly scheduler: Scheduler;
  /** Its name there, which nothing else has. */
  readonly name: string;
  readonly at: string;
  /** Numbers of the tasks, as `0-11,14`; where the scheduler counts from 0 itself, in its order. */
  readonly tasks: string;
  /** Points of a task: task k has those from k times this number. */
  readonly group: number;
  /** What was asked of the scheduler. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The scheduler's number for it; missing where the submitting program ended before it was known. */
  readonly job?: string;
  /** Why the scheduler did not take it. */
  readonly refused?: string;
}

/** A task that a scheduler has: waiting, running, or ending. */
export interface QueuedTask {
  readonly task: number;
  /** Points of a task. */
  readonly group: number;
  /** The scheduler's number or name of the whole submission. */
  readonly job: string;
  /** In the scheduler's words, such as PENDING. */
  readonly state: string;
  /** Why it waits, in the scheduler's words; empty where it does not. */
  readonly reason: string;
  /** Where it runs, as far as that is told. */
  readonly node: string;
}

const file = 'submissions.jsonl';

/** A name for a new submission. */
export const newName = (): string => `optimizer-bias-${randomUUID().slice(0, 8)}`;

/**
 * Notes down that tasks are about to be submitted. It stands there before the scheduler has them: where the program ends in
 * between, they are found again by their name. Throws a WritingError.
 */
export function noteSubmission(
  folder: string,
  scheduler: Scheduler,
  name: string,
  { tasks, group }: { readonly tasks: readonly number[]; readonly group: number },
  options: Submission['options'],
): void {
  append(folder, { scheduler, name, at: new Date().toISOString(), tasks: rangesOf(tasks), group, options });
}

/** Notes down what the scheduler answered. Throws a WritingError. */
export const noteAnswer = (folder: string, name: string, answer: Pick<Submission, 'job' | 'refused'>): void =>
  append(folder, { name, ...answer });

function append(folder: string, line: Partial<Submission>): void {
  try {
    appendFileSync(join(folder, file), `${JSON.stringify(line)}\n`);
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

/** What was submitted of a plan, the oldest first; without what was refused. Lines that are damaged are passed over. */
export function submissionsOf(folder: string): readonly Submission[] {
  const found = new Map<string, Submission>();
  for (const line of linesOf(join(folder, file))) {
    const { name, ...rest } = parsed(line.toString('utf8'));
    if (typeof name !== 'string') continue;
    const before = found.get(name);
    if (before) found.set(name, { ...before, ...answerOf(rest) });
    else if (isSubmission(rest)) found.set(name, { ...rest, name });
  }
  return [...found.values()].filter(({ refused }) => refused === undefined);
}

function parsed(line: string): Partial<Submission> {
  try {
    return (JSON.parse(line) ?? {}) as Partial<Submission>;
  } catch {
    return {};
  }
}

const answerOf = ({ job, refused }: Partial<Submission>): Pick<Submission, 'job' | 'refused'> => ({
  ...(typeof job === 'string' && { job }),
  ...(typeof refused === 'string' && { refused }),
});

const isSubmission = (value: Partial<Submission>): value is Omit<Submission, 'name'> =>
  (value.scheduler === 'slurm' || value.scheduler === 'kubernetes') &&
  typeof value.at === 'string' &&
  typeof value.tasks === 'string' &&
  Number.isSafeInteger(value.group) &&
  typeof value.options === 'object' &&
  value.options !== null;

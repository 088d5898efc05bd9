import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { WritingError, writeWhole } from '../files/writing.ts';
import { type Failure, failureOf, failureWords, StoppedError } from '../shared/errors.ts';
import { type Plan, type PointFailure, type PointOutcome, pointExit } from '../shared/plans.ts';
import type { EngineEvent, EngineRequest } from '../shared/protocol.ts';
import { onCommandLine } from '../shared/words.ts';
import { Claim, ownerOf, ownName, type Sightings } from './claims.ts';
import type { PointTimes } from './collect.ts';
import { isUseless } from './outcome.ts';
import { checkVersion, isDone, readPlan, resultFolder, taskFolder } from './plan.ts';
import { failureFile } from './status.ts';

/** What runs points, and what is told meanwhile. */
export interface TaskRunner {
  /** Runs a request in an engine's process; rejects where the process ends before its answer. */
  engine(request: EngineRequest & { type: 'points' }, listen: (event: EngineEvent) => void): Promise<EngineEvent>;
  /** True once it is told to stop. */
  readonly stopped: boolean;
  /** Something of which people may want to know. */
  tell(text: string): void;
}

/** How a task ended: the code with which its program ends, and why points failed. */
export interface TaskOutcome {
  readonly exit: (typeof pointExit)[keyof typeof pointExit];
  readonly failures: ReadonlyMap<number, PointFailure>;
}

/** How often a task looks whether another one has done with a point. */
const waitMilliseconds = 500;

/**
 * Runs the points of a task that have no result yet. A point that another process works on is waited for, and taken over where
 * that one has ended. A result appears whole under its name or not at all. Throws an InspectorError where the plan cannot be read
 * or is of another version.
 */
export async function runTask(folder: string, numbers: readonly number[], runner: TaskRunner): Promise<TaskOutcome> {
  const plan = readPlan(folder);
  checkVersion(folder, plan);
  return new Task(folder, plan, runner).run(numbers);
}

class Task {
  private readonly failures = new Map<number, PointFailure>();
  private readonly seen: Sightings = new Map();
  private told = false;

  constructor(
    private readonly folder: string,
    private readonly plan: Plan,
    private readonly runner: TaskRunner,
  ) {}

  async run(numbers: readonly number[]): Promise<TaskOutcome> {
    const { runner, failures } = this;
    for (;;) {
      const open = numbers.filter((number) => !failures.has(number) && !this.isDone(number));
      if (open.length === 0) return { exit: exitOf([...failures.values()]), failures };
      if (runner.stopped) return { exit: pointExit.stopped, failures };
      const attempts = open.flatMap((number) => this.attempt(number) ?? []);
      if (attempts.length > 0) {
        if (await this.compute(attempts)) continue;
        return { exit: pointExit.stopped, failures };
      }
      this.tellWaiting(open);
      await wait(waitMilliseconds);
    }
  }

  private isDone(number: number): boolean {
    return isDone(this.folder, this.plan.points[number]);
  }

  private tellWaiting(open: readonly number[]): void {
    if (this.told) return;
    this.told = true;
    const owner = ownerOf(taskFolder(this.folder, this.plan, open[0]));
    const who = owner ? `process ${owner.process} of ${owner.host}` : 'another process';
    this.runner.tell(`Point ${open[0]} is being computed by ${who}; waiting for its result.`);
  }

  /** A claim on a point, and an empty folder for its result; undefined where another process works on it, or has ended with it. */
  private attempt(number: number): Attempt | undefined {
    const task = taskFolder(this.folder, this.plan, number);
    try {
      const claim = Claim.take(task, this.seen);
      if (!claim) return undefined;
      // Between the look at the result and the claim, somebody may have ended.
      if (this.isDone(number)) {
        claim.release();
        return undefined;
      }
      return new Attempt(number, task, claim);
    } catch (error) {
      this.fail(number, error);
      return undefined;
    }
  }

  /** Computes points that were claimed; false where the task was told to stop. */
  private async compute(attempts: readonly Attempt[]): Promise<boolean> {
    const { folder, runner } = this;
    const open = new Map(attempts.map((attempt) => [attempt.number, attempt]));
    try {
      const points = attempts.map(({ number, at, saved }) => ({ number, at, saved }));
      const request = { type: 'points', folder, points } as const;
      const last = await runner.engine(request, (event) => {
        if (event.type !== 'point') return;
        const attempt = open.get(event.number);
        if (attempt) this.end(attempt, event.outcome);
        if (event.outcome.status !== 'cancelled') open.delete(event.number);
      });
      // Of what none of them can be computed for.
      if (last.type === 'failed')
        for (const number of open.keys()) this.failed(number, last.failure, last.useless === true);
      return last.type === 'failed' || (last.type === 'finished' && last.status === 'finished');
    } catch (error) {
      if (error instanceof StoppedError || runner.stopped) return false;
      // The process ended at the first that is open; the others have another one.
      const [number] = open.keys();
      if (number !== undefined) this.fail(number, error);
      return true;
    } finally {
      for (const attempt of attempts) attempt.release();
    }
  }

  private end(attempt: Attempt, outcome: PointOutcome): void {
    const { number } = attempt;
    if (outcome.status === 'failed') this.failed(number, outcome.failure, outcome.useless);
    if (outcome.status !== 'finished') return;
    try {
      attempt.publish(resultFolder(this.folder, this.plan.points[number]));
    } catch (error) {
      this.fail(number, new WritingError(this.folder, error));
    }
  }

  private fail(number: number, error: unknown): void {
    this.failed(number, failureOf(error), isUseless(error));
  }

  /** Notes why a point has no result, beside it too, as far as that can be written. */
  private failed(number: number, failure: Failure, useless: boolean): void {
    const noted: PointFailure = {
      exit: useless ? pointExit.useless : pointExit.failed,
      message: onCommandLine(failureWords(failure)),
      ...{ host: hostname(), time: new Date().toISOString() },
    };
    this.failures.set(number, noted);
    this.runner.tell(`Point ${number} failed: ${noted.message}`);
    try {
      const task = taskFolder(this.folder, this.plan, number);
      mkdirSync(task, { recursive: true });
      writeWhole(join(task, failureFile), `${JSON.stringify(noted)}\n`);
    } catch {
      // The exit code and the output say it.
    }
  }
}

/** Trying again is useless where it is so for all that failed. */
function exitOf(failures: readonly PointFailure[]): TaskOutcome['exit'] {
  if (failures.length === 0) return pointExit.done;
  return failures.every(({ exit }) => exit === pointExit.useless) ? pointExit.useless : pointExit.failed;
}

const attemptName = /^made-/;

/** A point that this process works on. */
class Attempt {
  /** Gets the result; then it gets the result's name. */
  readonly at: string;
  /** Gets what the point needs to go on in another process. */
  readonly saved: string;
  private readonly started = new Date().toISOString();

  constructor(
    readonly number: number,
    private readonly task: string,
    private readonly claim: Claim,
  ) {
    // Nobody else works on this point: what lies there is of processes that have ended.
    for (const name of readdirSync(task)) if (attemptName.test(name)) discard(join(task, name));
    this.at = join(task, `made-${ownName()}`);
    this.saved = join(task, 'saved');
  }

  /** Gives the result its name, once all of it is on the disk. Throws the system's error. */
  publish(target: string): void {
    const times: PointTimes = { started: this.started, finished: new Date().toISOString(), host: hostname() };
    writeWhole(join(this.task, 'times.json'), `${JSON.stringify(times)}\n`);
    synchronise(this.at);
    mkdirSync(dirname(target), { recursive: true });
    try {
      renameSync(this.at, target);
    } catch (error) {
      // Somebody who took this process for ended was first: the results are the same.
      if (!['ENOTEMPTY', 'EEXIST'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
    }
    synchroniseFolder(dirname(target));
    rmSync(join(this.task, failureFile), { force: true });
    discard(this.saved);
  }

  release(): void {
    discard(this.at);
    this.claim.release();
  }
}

function discard(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Whoever comes next removes it.
  }
}

/** Brings everything below a folder to the disk. */
function synchronise(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) synchronise(path);
    else if (entry.isFile()) flush(path, 'r+');
  }
  synchroniseFolder(folder);
}

/** Brings the names in a folder to the disk, where the system can. */
function synchroniseFolder(folder: string): void {
  if (process.platform !== 'win32' && statSync(folder).isDirectory()) flush(folder, 'r');
}

function flush(path: string, flags: 'r' | 'r+'): void {
  const file = openSync(path, flags);
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

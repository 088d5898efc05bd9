import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WritingError, writeWhole } from '../files/writing.ts';
import { InspectorError } from '../shared/errors.ts';
import { anotherFolder, words } from '../shared/words.ts';

/** Level by level: Node's own recursion never ends where a file system that allows no new folders says "not found". */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another run may have made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

const lockName = /^\.lock-(\d+)$/;

/**
 * What keeps two processes from writing to one folder: a file for each that wants to, named after the process. Whoever sees
 * that of another living process gives way, so that there is no moment in which two could believe that they are alone.
 */
export class FolderLock {
  private constructor(private readonly path: string) {}

  /**
   * Makes the folder where it does not exist and takes it; files of processes that have ended are removed. Throws an
   * InspectorError where another process has it, a WritingError where it cannot be written to.
   */
  static take(folder: string): FolderLock {
    const lock = new FolderLock(join(folder, `.lock-${process.pid}`));
    try {
      makeFolder(folder);
      writeWhole(lock.path, processToken(process.pid));
    } catch (error) {
      throw new WritingError(folder, error);
    }
    for (const name of readdirSync(folder)) {
      const [, other] = lockName.exec(name) ?? [];
      if (other === undefined || Number(other) === process.pid) continue;
      if (!holds(join(folder, name), Number(other))) {
        rmSync(join(folder, name), { force: true });
        continue;
      }
      lock.release();
      throw new InspectorError(
        `Process ${other} is writing to ${folder}.`,
        words`Wait until it has ended, or stop it. ${anotherFolder}.`,
      );
    }
    return lock;
  }

  /** Takes a folder while something works on it; see `take`. */
  static async hold<T>(folder: string, work: () => Promise<T>): Promise<T> {
    const lock = FolderLock.take(folder);
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

/** Whether a living process, this one included, has a folder. */
export function isHeld(folder: string): boolean {
  return readdirSync(folder).some((name) => {
    const [, owner] = lockName.exec(name) ?? [];
    return owner !== undefined && holds(join(folder, name), Number(owner));
  });
}

function holds(path: string, process_: number): boolean {
  if (!isAlive(process_)) return false;
  try {
    return readFileSync(path, 'utf8') === processToken(process_);
  } catch {
    return false;
  }
}

/** Whether a process of this machine still runs. Numbers that are not positive stand for groups of processes, and name none. */
export function isAlive(process_: number): boolean {
  try {
    return process_ > 0 && process.kill(process_, 0) && !hasEnded(process_);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a process has ended and only waits for its parent to be told, as where nothing in a container collects orphans. */
function hasEnded(process_: number): boolean {
  try {
    const stat = readFileSync(`/proc/${process_}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z';
  } catch {
    // Other systems do not say.
    return false;
  }
}

/** When a process began, where the system tells: numbers of processes are given again. */
export function processToken(process_: number): string {
  try {
    // The name, which may hold anything, ends at the last parenthesis; the 20th word after it is the time of the start.
    return readFileSync(`/proc/${process_}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19];
  } catch {
    return '';
  }
}

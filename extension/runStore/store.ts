import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { writeNpzFile } from '../datasets/npz.ts';
import { linesOf, readJsonFile } from '../files/regular.ts';
import { createFresh, WritingError, writeOver, writeWhole } from '../files/writing.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import type { RunHeader, RunStatus, StepLine } from '../shared/protocol.ts';
import type { Words } from '../shared/words.ts';
import { isRunHeader } from './header.ts';
import { FolderLock, isAlive } from './lock.ts';
import { readHeldSteps, readSteps } from './steps.ts';

export { isAlive };

/**
 * A run on disk: `run.json` (what was run), `steps.jsonl` (one line per step, appended as it happens) and, where asked for,
 * `arrays.npz`. A crash at any moment leaves readable what was measured.
 */
export class RunWriter {
  private readonly lines: number;
  /** Where the next line begins. */
  private end = 0;

  private constructor(
    readonly folder: string,
    private header: RunHeader,
    private readonly lock: FolderLock,
  ) {
    writeHeader(folder, header);
    this.lines = createFresh(join(folder, 'steps.jsonl'));
  }

  /**
   * Creates the folder where it does not exist. A folder that holds another run's results is overwritten. Throws an
   * InspectorError where another process writes to it, a WritingError where it cannot be written to, as all methods do.
   */
  static create(folder: string, header: RunHeader): RunWriter {
    const lock = FolderLock.take(resolve(folder));
    try {
      return new RunWriter(folder, header, lock);
    } catch (error) {
      lock.release();
      throw new WritingError(folder, error);
    }
  }

  /** The same with the lines that an earlier process has written. */
  static resume(folder: string, header: RunHeader, lines: string): RunWriter {
    const writer = RunWriter.create(folder, header);
    try {
      for (const line of linesOf(lines)) writer.put(`${line.toString('utf8')}\n`, writer.end);
      return writer;
    } catch (error) {
      writer.fail('cancelled', 'What was measured before cannot be taken over.');
      throw new WritingError(folder, error);
    }
  }

  append(line: StepLine): void {
    this.writing(() => {
      this.put(`${JSON.stringify(line)}\n`, this.end);
      // What is written to a file that was deleted is lost without an error.
      if (fstatSync(this.lines).nlink === 0) throw new Error('it was deleted while the run was writing to it');
    });
  }

  /** Adds fields to the last line, in one write: whatever happens meanwhile, the line is there without them or with them. */
  amend(fields: Partial<StepLine>): void {
    const [, added] = /^\{(.+)$/.exec(JSON.stringify(fields)) ?? [];
    if (added === '}' || added === undefined) return;
    this.writing(() => {
      this.put(`,${added}\n`, this.end - '}\n'.length);
    });
  }

  /** Writes to the end of the lines. */
  private put(text: string, from: number): void {
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.lines, bytes, done, bytes.length - done, from + done);
    this.end = from + bytes.length;
  }

  /** Replaces every line by what it is settled to. Whatever happens meanwhile, the file holds the old lines or the new ones. */
  settle(settled: (line: StepLine) => StepLine): void {
    const path = join(this.folder, 'steps.jsonl');
    const temporary = `${path}.settled`;
    let file: number | undefined;
    try {
      file = createFresh(temporary);
      for (const line of readSteps(this.folder)) writeSync(file, `${JSON.stringify(settled(line))}\n`);
      fsyncSync(file);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new WritingError(this.folder, error);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  /** Adds to the header what has become known since it was written. */
  complete(known: Partial<RunHeader>): void {
    this.header = { ...this.header, ...known };
    this.writing(() => writeHeader(this.folder, this.header));
  }

  async writeArrays(arrays: ReadonlyMap<string, Tensor>): Promise<void> {
    try {
      await writeNpzFile(join(this.folder, 'arrays.npz'), arrays);
    } catch (error) {
      throw error instanceof InspectorError ? error : new WritingError(this.folder, error);
    }
  }

  /** Closes the run with its outcome. */
  finish(status: RunStatus, message?: Words): RunHeader {
    this.header = { ...this.header, status, message, finished: new Date().toISOString() };
    try {
      this.writing(() => {
        fsyncSync(this.lines);
        closeSync(this.lines);
        writeHeader(this.folder, this.header);
      });
    } finally {
      this.lock.release();
    }
    return this.header;
  }

  /** Closes a run that failed: its header is written in place where there is no space for a new one. Never throws. */
  fail(status: RunStatus, message: Words): void {
    try {
      this.finish(status, message);
    } catch {
      try {
        writeOver(join(this.folder, 'run.json'), `${JSON.stringify(this.header, undefined, 2)}\n`);
      } catch {
        // It stays "running" without a process, which says that it was interrupted.
      }
    }
  }

  private writing(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw new WritingError(this.folder, error);
    }
  }
}

/** Space in the header of a running run for what is said at its end, which is then written even on a full disk. */
const reserve = ' '.repeat(4096);

function writeHeader(folder: string, header: RunHeader): void {
  const text = `${JSON.stringify(header, undefined, 2)}\n`;
  writeWhole(join(folder, 'run.json'), header.status === 'running' ? `${text}${reserve}\n` : text);
}

/**
 * Says in a run that the user stopped it, where its process was ended in the middle of a step and could not. What the run says
 * of itself stays. Throws where it cannot be read or written.
 */
export function closeStopped(folder: string): void {
  const { header } = readHeader(folder);
  if (header.status === 'running')
    writeHeader(folder, { ...header, status: 'cancelled', finished: new Date().toISOString() });
}

export interface Run {
  readonly folder: string;
  readonly header: RunHeader;
  /** Of a long run not all: see `isHeld`. */
  readonly steps: readonly StepLine[];
  /** True for a run whose process ended without closing it. */
  readonly interrupted: boolean;
}

/** A larger run.json is not one of ours. */
const largestHeader = 16 * 2 ** 20;

/** Reads what was run, without its steps. Throws an InspectorError where that is not possible. */
export function readHeader(folder: string): Pick<Run, 'folder' | 'header' | 'interrupted'> {
  const path = join(folder, 'run.json');
  let header: unknown;
  try {
    header = readJsonFile(path, largestHeader);
  } catch (error) {
    throw new InspectorError(
      `${folder} holds no readable run: ${(error as Error).message}.`,
      'A run is a folder with run.json and steps.jsonl.',
      { cause: error },
    );
  }
  if (!isRunHeader(header))
    throw new InspectorError(
      `${folder} holds no readable run: run.json is incomplete.`,
      'It was damaged or written by another version.',
    );
  const interrupted = header.status === 'interrupted' || (header.status === 'running' && !isAlive(header.process));
  return { folder, header, interrupted };
}

/** Reads a run, with those of its steps that are held in memory. Throws an InspectorError where that is not possible. */
export function readRun(folder: string): Run {
  const run = readHeader(folder);
  return { ...run, steps: readHeldSteps(folder, run.header) };
}

/** Most folders that are looked at for runs that have ended without saying so. */
const mostNeighbours = 5000;

/** Marks the runs in a folder whose process has ended as interrupted, so that its number may be given again. Never throws. */
export function markInterrupted(parent: string): void {
  try {
    for (const name of readdirSync(parent).slice(0, mostNeighbours)) {
      const folder = join(parent, name);
      if (!existsSync(join(folder, 'run.json'))) continue;
      try {
        const { header, interrupted } = readHeader(folder);
        if (interrupted && header.status === 'running') writeHeader(folder, { ...header, status: 'interrupted' });
      } catch {
        // What is damaged or not ours stays as it is.
      }
    }
  } catch {
    // A folder that cannot be listed holds no run of ours that could be marked.
  }
}

/**
 * Creates a folder below `runs/` of `directory`: date, model and optimizer, numbered where needed. Two processes never get the
 * same one. Where nothing can be created, the name alone is returned, and writing the run says why.
 */
export function newRunFolder(directory: string, model: string, optimizer: string, now = new Date()): string {
  const day = now.toISOString().slice(0, 10);
  const name =
    model
      .replace(/\.onnx$/i, '')
      .replace(/[^\w.-]+/g, '-')
      .slice(0, 60) || 'model';
  const parent = join(directory, 'runs');
  const base = join(parent, `${day}-${name}-${optimizer}`);
  try {
    mkdirSync(parent, { recursive: true });
  } catch {
    // Whoever writes there says what is in the way.
    return base;
  }
  for (let i = 1; ; i++) {
    const folder = i === 1 ? base : `${base}-${i}`;
    try {
      mkdirSync(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return folder;
    }
  }
}

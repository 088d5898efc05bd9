import { closeSync, existsSync, fsyncSync, mkdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { writeNpzFile } from '../datasets/npz.ts';
import { readJsonFile } from '../files/regular.ts';
import { createFresh, writeWhole } from '../files/writing.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { InspectorError } from '../shared/errors.ts';
import type { RunHeader, RunStatus, StepLine } from '../shared/protocol.ts';
import { anotherFolder, type Words, words } from '../shared/words.ts';
import { isRunHeader } from './header.ts';
import { readHeldSteps, readSteps } from './steps.ts';

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

/**
 * A run on disk: `run.json` (what was run), `steps.jsonl` (one line per step, appended as it happens) and, where asked for,
 * `arrays.npz`. A crash at any moment leaves readable what was measured.
 */
export class RunWriter {
  private readonly lines: number;
  private header: RunHeader;

  private constructor(
    readonly folder: string,
    header: RunHeader,
  ) {
    this.header = header;
    this.writeHeader();
    this.lines = createFresh(join(folder, 'steps.jsonl'));
  }

  /** Creates the folder where it does not exist. A folder that holds another run's results is overwritten. */
  static create(folder: string, header: RunHeader): RunWriter {
    try {
      makeFolder(resolve(folder));
      return new RunWriter(folder, header);
    } catch (error) {
      throw new InspectorError(
        `Cannot write the run to ${folder}: ${(error as Error).message}.`,
        words`${anotherFolder}.`,
        { cause: error },
      );
    }
  }

  append(line: StepLine): void {
    writeSync(this.lines, `${JSON.stringify(line)}\n`);
  }

  /** Replaces every line by what it is settled to. Whatever happens meanwhile, the file holds the old lines or the new ones. */
  settle(settled: (line: StepLine) => StepLine): void {
    const path = join(this.folder, 'steps.jsonl');
    const temporary = `${path}.settled`;
    const file = createFresh(temporary);
    try {
      for (const line of readSteps(this.folder)) writeSync(file, `${JSON.stringify(settled(line))}\n`);
      fsyncSync(file);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Adds to the header what has become known since it was written. */
  complete(known: Partial<RunHeader>): void {
    this.header = { ...this.header, ...known };
    this.writeHeader();
  }

  async writeArrays(arrays: ReadonlyMap<string, Tensor>): Promise<void> {
    await writeNpzFile(join(this.folder, 'arrays.npz'), arrays);
  }

  /** Closes the run with its outcome. */
  finish(status: RunStatus, message?: Words): RunHeader {
    fsyncSync(this.lines);
    closeSync(this.lines);
    this.header = { ...this.header, status, message, finished: new Date().toISOString() };
    this.writeHeader();
    return this.header;
  }

  private writeHeader(): void {
    writeHeader(this.folder, this.header);
  }
}

function writeHeader(folder: string, header: RunHeader): void {
  writeWhole(join(folder, 'run.json'), `${JSON.stringify(header, undefined, 2)}\n`);
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
  return { folder, header, interrupted: header.status === 'running' && !isAlive(header.process) };
}

/** Reads a run, with those of its steps that are held in memory. Throws an InspectorError where that is not possible. */
export function readRun(folder: string): Run {
  const run = readHeader(folder);
  return { ...run, steps: readHeldSteps(folder, run.header) };
}

/** Whether a process of this machine still runs. Numbers that are not positive stand for groups of processes, and name none. */
export function isAlive(process_: number): boolean {
  try {
    return process_ > 0 && process.kill(process_, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
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

import { Worker } from 'node:worker_threads';
import { fail, type InputFile } from '../files/files.ts';
import { ownScript } from '../files/ownScript.ts';
import { type ErrorWords, errorOf } from '../shared/errors.ts';
import { type DataFormat, samplesAndLabels } from './format.ts';
import type { Table } from './table.ts';

/** What the thread that reads is given. */
export interface ParquetTask {
  readonly path: string;
  readonly label: string | undefined;
}

/** What it answers: that it has begun, which column comes next, then the table or what is wrong. */
export type ParquetAnswer =
  | { readonly type: 'begun' }
  | { readonly type: 'column'; readonly bytes: number }
  | { readonly type: 'table'; readonly table: Table }
  | { readonly type: 'refused'; readonly words: ErrorWords };

/** What the start of the thread may take, which depends on the machine alone. */
const startMilliseconds = 20_000;
/** The least that a column of a row group may take of the processor; more for large ones, at this speed. */
const leastMilliseconds = 1000;
/** How many times as long it may take by the clock, on a busy machine or a slow disk. */
const mostWaiting = 60;
const slowestBytesPerMillisecond = 2000;

/**
 * By how many bytes the process may grow while a file is read: a damaged page can announce more values than there are. Pages of
 * one value repeated expand most, rarely above a thousand times.
 */
export const mostGrowth = (fileBytes: number): number => 256 * 2 ** 20 + 1000 * fileBytes;
/** How often that is looked at. A limit of the thread's own heap would end the process where one array exceeds it. */
export const growthMilliseconds = 25;

/** So much of the processor's time, from now on; other work on the machine does not spend it. */
export class Allowance {
  private readonly processor = process.cpuUsage();
  private readonly start = performance.now();

  /** `waiting`: by the clock. */
  constructor(
    private readonly milliseconds: number,
    private readonly waiting = mostWaiting * milliseconds,
  ) {}

  isSpent(): boolean {
    const waited = performance.now() - this.start;
    if (waited < this.milliseconds) return false;
    const { user, system } = process.cpuUsage(this.processor);
    return (user + system) / 1000 > this.milliseconds || waited > this.waiting;
  }
}

/**
 * Reads a Parquet file in a thread of its own, which is ended where a column makes no progress: one changed byte is enough
 * for the library to read the same page for ever.
 */
function readInThread(file: InputFile, label: string | undefined): Promise<Table> {
  const task: ParquetTask = { path: file.path, label };
  const worker = new Worker(ownScript('parquetWorker.js'), { workerData: task });
  const most = process.memoryUsage.rss() + mostGrowth(file.size);
  let growth: NodeJS.Timeout | undefined;
  let allowance = new Allowance(startMilliseconds, 3 * startMilliseconds);
  let doing = 'the thread that reads it does not start';
  return new Promise<Table>((resolve, reject) => {
    const damaged = (how: string) => {
      try {
        fail(file.where, `cannot be read as Parquet: ${how}.`, 'Save it again, or as .npz.');
      } catch (error) {
        reject(error);
      }
    };
    const allow = (bytes: number) => {
      allowance = new Allowance(leastMilliseconds + bytes / slowestBytesPerMillisecond);
      doing = 'it is damaged so that reading it does not come to an end';
    };
    growth = setInterval(() => {
      if (process.memoryUsage.rss() > most)
        damaged('it is damaged so that it has more values than a file of its size can hold');
      if (allowance.isSpent()) damaged(doing);
    }, growthMilliseconds);
    worker.on('message', (answer: ParquetAnswer) => {
      // The metadata are read first.
      if (answer.type === 'begun') allow(file.size);
      else if (answer.type === 'column') allow(answer.bytes);
      else if (answer.type === 'table') resolve(answer.table);
      else reject(errorOf({ kind: 'refusal', ...answer.words }));
    });
    worker.on('error', (error) => damaged(error.message));
    worker.on('exit', () => damaged('reading it ended early'));
  }).finally(() => {
    clearInterval(growth);
    return worker.terminate();
  });
}

/** Flat columns of numbers; several files are joined. */
export const parquet: DataFormat = {
  name: 'parquet',
  description: 'Parquet file',
  extensions: ['parquet'],
  gzip: false,
  holds: 'samples and labels',
  joins: true,
  recognises: (prefix) => Buffer.from(prefix.subarray(0, 4)).toString('latin1') === 'PAR1',
  read: async ({ file, label }) => samplesAndLabels(await readInThread(file, label)),
};

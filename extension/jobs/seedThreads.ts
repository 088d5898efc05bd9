import { Worker } from 'node:worker_threads';
import { lanesFor } from '../engine/chunks.ts';
import { turnOffTelemetry } from '../engine/runtime.ts';
import type { Device } from '../engine/session.ts';
import { ownScript } from '../files/ownScript.ts';
import { errorOf, type Failure } from '../shared/errors.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import { batchesOf } from './batchOrder.ts';
import type { SeedNumbers } from './heldRuns.ts';
import { Cancelled, type Laboratory } from './laboratory.ts';
import { chunksFor } from './setup.ts';

/** What a thread is made with. */
export interface SeedThreadData {
  readonly request: CompareRequest;
  /** Not 0 once the work is to be stopped. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

export type SeedThreadRequest = { readonly seed: number };

export type SeedThreadAnswer =
  | { readonly runs: number }
  | { readonly found: SeedNumbers }
  | { readonly cancelled: true }
  | { readonly failure: Failure };

/** Where the numbers of a seed come from. */
export interface SeedSource {
  /** Throws `Cancelled` where the work is stopped. */
  seed(seed: number, told: (runs: number) => void): Promise<SeedNumbers>;
  release(): Promise<void>;
}

/** A data set up to this size is held once by each thread. */
const mostBytes = 2 ** 28;

/**
 * How many seeds are worked on at a time, each on a thread of its own: as many as there are cores where a step is so little
 * work that one core does it best, else one at a time on all cores.
 */
export async function seedsAtOnce({ base, seeds }: CompareRequest, lab: Laboratory, device: Device): Promise<number> {
  const { problem } = lab.subject;
  const bytes = problem.feeds.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  const chunks = chunksFor(problem, base, device, await batchesOf(base, problem));
  const isLarge = (chunks.lanes?.length ?? 1) > 1 || bytes > mostBytes;
  return isLarge ? 1 : Math.min(seeds.length, lanesFor(device, base.threads));
}

/** Works on seeds in this thread, with programs that belong to who opened the laboratory. */
export const inThisThread = (lab: Laboratory, cancelled: () => boolean): SeedSource => ({
  seed: (seed, told) => lab.seed(seed, told, cancelled),
  release: async () => {},
});

/** Works on seeds in a thread of its own, which reads model and data itself. */
export class SeedThread implements SeedSource {
  private readonly worker: Worker;
  private readonly stop = new Int32Array(new SharedArrayBuffer(4));
  private waiting: { answer(given: SeedThreadAnswer): void; fail(error: Error): void } | undefined;
  private failure: Error | undefined;

  /**
   * @param cancelled is asked whenever the thread says something
   * @param script the bundled program of a thread; the one beside this program, if not given
   */
  constructor(
    request: CompareRequest,
    private readonly cancelled: () => boolean,
    script = ownScript('compareWorker.js'),
  ) {
    turnOffTelemetry();
    const single: CompareRequest = { ...request, base: { ...request.base, threads: 1 } };
    this.worker = new Worker(script, { workerData: { request: single, stop: this.stop } satisfies SeedThreadData });
    this.worker.on('message', (given: SeedThreadAnswer) => this.waiting?.answer(given));
    const fail = (error: Error) => {
      this.failure ??= error;
      this.waiting?.fail(this.failure);
    };
    this.worker.on('error', (error) => fail(error as Error));
    this.worker.on('exit', (code) => fail(new Error(`a thread ended with code ${code}`)));
  }

  async seed(seed: number, told: (runs: number) => void): Promise<SeedNumbers> {
    const watch = setInterval(() => {
      if (this.cancelled()) Atomics.store(this.stop, 0, 1);
    }, stopMilliseconds);
    try {
      return await new Promise<SeedNumbers>((resolve, reject) => {
        if (this.failure) throw this.failure;
        this.waiting = {
          fail: reject,
          answer(given) {
            if ('runs' in given) told(given.runs);
            else if ('found' in given) resolve(given.found);
            else reject('cancelled' in given ? new Cancelled() : errorOf(given.failure));
          },
        };
        this.worker.postMessage({ seed } satisfies SeedThreadRequest);
      });
    } finally {
      clearInterval(watch);
    }
  }

  async release(): Promise<void> {
    this.waiting = undefined;
    await this.worker.terminate();
  }
}

/** How often a thread is told that the user wants it to stop. */
const stopMilliseconds = 50;

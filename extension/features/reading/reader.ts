import { Worker } from 'node:worker_threads';
import { ownScript } from '../../files/ownScript.ts';
import { errorOf, type Failure, InspectorError } from '../../shared/errors.ts';
import type { Readings } from './readings.ts';

export interface ReadingRequest {
  readonly id: number;
  readonly name: keyof Readings;
  readonly given: readonly unknown[];
}

export type ReadingAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure };

/** For one reading. */
const mostMilliseconds = 60_000;
const mebibytes = 1024;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Has files of runs read and parsed by a thread, so that whatever lies in a workspace keeps nobody waiting. */
class Reader {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  /** Carries out one of the `readings`. Rejects with what it throws, and where the thread had to be ended. */
  ask<K extends keyof Readings>(name: K, ...given: Parameters<Readings[K]>): Promise<ReturnType<Readings[K]>> {
    const worker = this.started();
    return new Promise((resolve, reject) => {
      const id = ++this.count;
      const timer = setTimeout(() => this.end('it takes too long'), mostMilliseconds);
      this.waiting.set(id, { resolve, reject, timer });
      worker.ref();
      worker.postMessage({ id, name, given } satisfies ReadingRequest);
    });
  }

  dispose(): void {
    this.end('the editor closes');
  }

  private started(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(ownScript('readerWorker.js'), {
      resourceLimits: { maxOldGenerationSizeMb: mebibytes, maxYoungGenerationSizeMb: 64 },
    });
    worker.on('message', (answer: ReadingAnswer) => {
      const waiting = this.waiting.get(answer.id);
      if (!waiting) return;
      this.waiting.delete(answer.id);
      clearTimeout(waiting.timer);
      if (this.waiting.size === 0) worker.unref();
      if ('failure' in answer) waiting.reject(errorOf(answer.failure));
      else waiting.resolve(answer.value as never);
    });
    worker.on('error', (error) => this.end(error.message, worker));
    worker.on('exit', () => this.end('its thread ended', worker));
    this.worker = worker;
    return worker;
  }

  private end(reason: string, worker = this.worker): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    void worker?.terminate();
    for (const [id, { reject, timer }] of this.waiting) {
      this.waiting.delete(id);
      clearTimeout(timer);
      reject(
        new InspectorError(`What was measured cannot be read: ${reason}.`, 'Move damaged or very large runs away.'),
      );
    }
  }
}

export const reader = new Reader();

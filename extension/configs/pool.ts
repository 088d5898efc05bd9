import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { ownScript } from '../files/ownScript.ts';
import {
  type AnalysisAnswer,
  type AnalysisRequest,
  type AnalysisResult,
  type AnalysisTask,
  type Incomplete,
  NO_RESULT,
} from './protocol.ts';

export interface PoolLimits {
  /** For one task. */
  readonly milliseconds: number;
  /** Of each thread. */
  readonly mebibytes: number;
}

const LIMITS: PoolLimits = { milliseconds: 10_000, mebibytes: 512 };
/** Results that are kept by the content that they belong to. */
const MOST_KEPT = 2000;

interface Waiting {
  readonly task: AnalysisTask;
  readonly settle: (result: AnalysisResult) => void;
}

/**
 * Threads that analyse texts, so that no text can keep the caller from its work: each task has a limit on time, each thread
 * one on memory. What goes beyond is ended, and its result says so.
 */
export class AnalysisPool {
  private readonly lanes: Lane[] = [];
  private readonly queue: Waiting[] = [];
  /** By content: of texts that look at no other files, wherever they lie. */
  private readonly kept = new Map<string, AnalysisResult>();

  constructor(
    private readonly size: number,
    private readonly limits: PoolLimits = LIMITS,
    private readonly script: string = ownScript('analysisWorker.js'),
  ) {}

  /** Never rejects: what went wrong is told by `incomplete`. */
  run(task: AnalysisTask): Promise<AnalysisResult> {
    const key = contentOf(task);
    const before = key === undefined ? undefined : this.kept.get(key);
    if (before) return Promise.resolve(before);
    return new Promise<AnalysisResult>((resolve) => {
      const settle = (result: AnalysisResult) => {
        if (key !== undefined && result.asked.length === 0 && result.incomplete === undefined) this.keep(key, result);
        resolve(result);
      };
      this.queue.push({ task, settle });
      this.next();
    });
  }

  private keep(key: string, result: AnalysisResult): void {
    if (this.kept.size >= MOST_KEPT) this.kept.delete(this.kept.keys().next().value!);
    this.kept.set(key, result);
  }

  /** Ends the threads; what waits is answered as incomplete. */
  dispose(): void {
    for (const { settle } of this.queue.splice(0)) settle({ ...NO_RESULT, incomplete: 'failed' });
    for (const lane of this.lanes.splice(0)) lane.end();
  }

  private next(): void {
    let lane = this.lanes.find(({ isFree }) => isFree);
    if (!lane && this.lanes.length < this.size && this.queue.length > 0) {
      lane = new Lane(this.script, this.limits, (gone) => {
        const at = this.lanes.indexOf(gone);
        if (at >= 0) this.lanes.splice(at, 1);
      });
      this.lanes.push(lane);
    }
    const waiting = lane && this.queue.shift();
    if (!lane || !waiting) return;
    void lane.run(waiting.task).then((result) => {
      waiting.settle(result);
      this.next();
    });
  }
}

/** Equal texts that stand alone have equal results. */
function contentOf(task: AnalysisTask): string | undefined {
  if (task.kind !== 'text') return undefined;
  return createHash('sha1').update(`${task.language}\n${task.text}`).digest('base64');
}

/** One thread. */
class Lane {
  private readonly worker: Worker;
  private current: { readonly id: number; readonly settle: (result: AnalysisResult) => void } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private count = 0;

  constructor(
    script: string,
    private readonly limits: PoolLimits,
    private readonly onGone: (lane: Lane) => void,
  ) {
    this.worker = new Worker(script, {
      resourceLimits: { maxOldGenerationSizeMb: limits.mebibytes, maxYoungGenerationSizeMb: 64, stackSizeMb: 4 },
      // Tests and the command line have nothing more to wait for.
      stdout: false,
    });
    this.worker.unref();
    this.worker.on('message', ({ id, result }: AnalysisAnswer) => {
      if (id === this.current?.id) this.settle(result);
    });
    this.worker.on('error', (error) =>
      this.fail('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'failed'),
    );
    this.worker.on('exit', () => this.fail('failed'));
  }

  get isFree(): boolean {
    return this.current === undefined;
  }

  run(task: AnalysisTask): Promise<AnalysisResult> {
    return new Promise((settle) => {
      const id = ++this.count;
      this.current = { id, settle };
      // While something is asked, the process waits for the answer.
      this.worker.ref();
      this.timer = setTimeout(() => this.fail('time'), this.limits.milliseconds);
      this.worker.postMessage({ id, task } satisfies AnalysisRequest);
    });
  }

  end(): void {
    this.fail('failed');
  }

  private fail(incomplete: Incomplete): void {
    this.onGone(this);
    void this.worker.terminate();
    this.settle({ ...NO_RESULT, incomplete });
  }

  private settle(result: AnalysisResult): void {
    clearTimeout(this.timer);
    this.worker.unref();
    const { current } = this;
    this.current = undefined;
    current?.settle(result);
  }
}

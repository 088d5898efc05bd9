import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { allocate, type ElementType, elementCount, type Shape, type Tensor } from '../onnx/tensor.ts';
import type { Lane } from './chunks.ts';
import type { Problem } from './problem.ts';
import { turnOffTelemetry } from './runtime.ts';

/** A tensor in the memory of a lane. */
export interface Place {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A tensor of a lane that is part of its data: `feed` from the element `from` on. */
export interface DataPlace extends Place {
  readonly feed: string;
  readonly from: number;
}

/** A program of a lane: it takes and leaves tensors in the lane's memory. */
export interface LaneProgram {
  readonly bytes: Uint8Array;
  readonly optimise: boolean;
  readonly inputs: readonly Place[];
  readonly outputs: readonly Place[];
}

/** Programs that run one after the other on the same memory. */
export interface LanePhases {
  readonly phases: readonly LaneProgram[];
  readonly data: readonly DataPlace[];
  /** Memory that all threads see, by name. */
  readonly shared: ReadonlyMap<string, SharedArray>;
}

export type SharedArray = Float32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer>;

/** Loads phases, or runs one: that of the number `phase` among those that were loaded as number `group`. */
export type LaneRequest = { readonly load: LanePhases } | { readonly group: number; readonly phase: number };

/** How a request ended. */
export interface LaneAnswer {
  readonly error?: string;
}

/** A tensor of zeros. */
export const tensorFor = ({ type, shape }: Place): Tensor =>
  ({ type, shape, data: allocate(type, elementCount(shape)) }) as Tensor;

/** Threads that each hold a part of the data and run programs on it. */
export class LanePool {
  private readonly threads: readonly LaneThread[];
  private readonly shared = new Map<string, SharedArray>();
  private groups = 0;

  /** @param script the bundled program of a thread; the one beside this program, if not given */
  constructor(
    problem: Problem,
    readonly lanes: readonly Lane[],
    script = join(__dirname, 'laneWorker.js'),
  ) {
    turnOffTelemetry();
    this.threads = lanes.map((lane) => new LaneThread(script, laneData(problem, lane)));
  }

  /** Memory that all threads see. Numbers only. */
  sharedArray({ name, type, shape }: Place): SharedArray {
    const known = this.shared.get(name);
    if (known) return known;
    const count = elementCount(shape);
    const made =
      type === 'float64'
        ? new Float64Array(new SharedArrayBuffer(8 * count))
        : new Float32Array(new SharedArrayBuffer(4 * count));
    this.shared.set(name, made);
    return made;
  }

  /** Loads programs, those of the k-th lane into the k-th thread; returns their number. Throws what the runtime throws. */
  async load(lanes: readonly LanePhases[]): Promise<number> {
    await Promise.all(this.threads.map((thread, k) => thread.ask({ load: lanes[k] })));
    return this.groups++;
  }

  /** Runs one phase in all threads. Throws what the runtime throws. */
  async run(group: number, phase: number): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.ask({ group, phase })));
  }

  async end(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.end()));
  }
}

/** A lane's part of the data, as copies. */
function laneData({ feeds, samples }: Problem, lane: Lane): Map<string, Tensor> {
  return new Map(
    feeds.map(({ name, tensor, perSample }) => {
      const each = perSample ? tensor.data.length / samples : 0;
      const end = perSample ? (lane.first + lane.samples) * each : tensor.data.length;
      return [name, { ...tensor, data: tensor.data.slice(lane.first * each, end) as never }];
    }),
  );
}

class LaneThread {
  private readonly worker: Worker;
  private settle: { resolve(): void; reject(error: Error): void } | undefined;
  /** Why the thread is no more, if so. */
  private failure: Error | undefined;
  private ending = false;

  constructor(script: string, data: ReadonlyMap<string, Tensor>) {
    this.worker = new Worker(script, {
      workerData: data,
      transferList: [...data.values()].map((tensor) => tensor.data.buffer as ArrayBuffer),
    });
    this.worker.on('message', ({ error }: LaneAnswer) => {
      if (error === undefined) this.settle?.resolve();
      else this.settle?.reject(new Error(error));
    });
    const fail = (error: Error) => {
      this.failure ??= error;
      this.settle?.reject(this.failure);
    };
    this.worker.on('error', (error) => fail(error as Error));
    this.worker.on('exit', (code) => fail(new Error(`a thread ended with code ${code}`)));
  }

  async ask(request: LaneRequest): Promise<void> {
    this.worker.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        if (this.failure) throw this.failure;
        this.settle = { resolve, reject };
        this.worker.postMessage(request);
      });
    } finally {
      // A thread at rest does not keep the process; one that is being ended does until it has.
      if (!this.ending) this.worker.unref();
    }
  }

  async end(): Promise<void> {
    this.ending = true;
    await this.worker.terminate();
  }
}

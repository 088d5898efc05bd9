import { availableParallelism } from 'node:os';
import type { InferenceSession, OnnxValue } from 'onnxruntime-node';
import { findBlock } from '../autodiff/lowering/blockProbe.ts';
import type { ElementType, Tensor } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { loadRuntime } from './runtime.ts';

export type Device = 'cpu' | 'cuda' | 'webgpu';
export type Feeds = ReadonlyMap<string, Tensor>;

/**
 * Whether idle threads of a session wait busily, which saves the moments that waking takes but keeps others from the cores: not
 * where there are more threads than cores, nor where OMP_WAIT_POLICY, as OpenMP has it, says that the cores are shared.
 */
export const waitsBusily = (threads: number, policy = process.env.OMP_WAIT_POLICY): boolean =>
  threads <= availableParallelism() && policy?.trim().toLowerCase() !== 'passive';

/** A loaded program. Runs block the thread, so sessions belong into the engine process. */
export class Session {
  private constructor(
    private readonly session: InferenceSession,
    private readonly ort: typeof import('onnxruntime-node'),
  ) {}

  /**
   * Loads an encoded model. Without `spin`, idle threads of the session sleep instead of waiting busily, for others to
   * have the cores between runs. With `plan`, the memory of a whole run is taken at once: a quarter less time where nodes are
   * tiny, but twice the memory. Without `arena`, memory goes back to the system as soon as it is free: for large models, of
   * which several programs are loaded. Throws what the runtime throws.
   */
  static async create(
    bytes: Uint8Array,
    device: Device = 'cpu',
    threads = availableParallelism(),
    { optimise = true, spin = waitsBusily(threads), plan = false, arena = true } = {},
  ): Promise<Session> {
    const ort = await loadRuntime();
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
      graphOptimizationLevel: optimise ? 'all' : 'disabled',
      enableMemPattern: plan,
      enableCpuMemArena: arena,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      extra: {
        session: { intra_op: { allow_spinning: spin ? '1' : '0' } },
        // The first keeps the factors of a product of matrices in single precision, whatever their type; the second makes an
        // operator that has no kernel in double precision.
        optimization: { disable_specified_optimizers: 'MatMulScaleFusion;QuickGeluFusion' },
      },
    });
    return new Session(session, ort);
  }

  /** Runs the program once. Inputs are not copied; outputs are, so only those in `wanted` (all, if not given) are fetched. */
  async run(feeds: Feeds, wanted?: readonly string[]): Promise<Map<string, Tensor>> {
    const results = await this.session.run(this.values(feeds), wanted ?? this.session.outputNames);
    return new Map(
      Object.entries(results).map(([name, value]) => [
        name,
        { type: value.type as ElementType, shape: value.dims, data: value.data as never },
      ]),
    );
  }

  /** Runs the program once; its outputs are written into the given arrays. */
  async runInto(feeds: Feeds, results: Feeds): Promise<void> {
    await this.session.run(this.values(feeds), this.values(results));
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /** Tensors of the runtime on the same arrays. */
  private values(tensors: Feeds): Record<string, OnnxValue> {
    const values: Record<string, OnnxValue> = Object.create(null);
    for (const [name, { type, data, shape }] of tensors)
      values[name] = new this.ort.Tensor(type as 'float32', data as Float32Array, shape);
    return values;
  }
}

let blockSize: Promise<number | undefined> | undefined;

/** Channels in a block of the CPU provider's own image layout; undefined where it has none. Found once per process. */
export function imageBlock(): Promise<number | undefined> {
  blockSize ??= findBlock(async (graph) => {
    const session = await Session.create(encodeModel(graph), 'cpu', 1);
    try {
      return (await session.run(new Map())).get('y')!;
    } finally {
      await session.release();
    }
  });
  return blockSize;
}

/** Version of the runtime. */
export async function runtimeVersion(): Promise<string> {
  const { env } = await loadRuntime();
  return env.versions.node ?? env.versions.common;
}

/** The runtime's message without the place in its source code. */
export function plainReason(message: string): string {
  const [line] = message.split('\n');
  const told = line
    .replace(/^.*Status Message: /, '')
    .replace(/^.*\.(cc|h|cpp):\d+ .*? was false\. /, '')
    .replace(/^\S*\.(cc|h|cpp):\d+ .*?\) (?=[A-Z])/, '');
  return told.endsWith('.') ? told : `${told}.`;
}

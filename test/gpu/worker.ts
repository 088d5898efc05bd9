import { readdirSync, readFileSync, rmSync } from 'node:fs';
import type { InferenceSession } from 'onnxruntime-node';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { type Position, Runner } from '../../extension/engine/runner.ts';
import { loadRuntime } from '../../extension/engine/runtime.ts';
import type { Device } from '../../extension/engine/session.ts';
import type { Tensor } from '../../extension/onnx/tensor.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { describeError } from '../../extension/shared/errors.ts';
import { caseFolders, problemOf } from '../support/cases.ts';
import { cnn, mlp, samples } from '../support/models.ts';

/**
 * One piece of the verification in a process of its own, which native code may end: `node worker.js TASK DEVICE …` prints a line of
 * JSON. Tasks: `cases`; `equality FOLDER`; `placement NETWORK PREFIX`; `memory SAMPLES MICROBATCH`.
 */
const steps = 5;

function runnerOf(problem: Problem, device: Device, size = problem.samples): Runner {
  const hyper = completeHyperparameters(adam, 'pytorch', {});
  const chunks = chunksOf(problem.samples, size);
  return new Runner(problem, {
    optimizer: adam,
    hyper,
    stage: 'step',
    device,
    chunks: { plain: chunks, corrected: chunks },
  });
}

/** Gradient, q and correction at θ⁽⁰⁾, and the way of some steps, plain and corrected. */
async function numbers(problem: Problem, device: Device): Promise<Record<string, Float64Array>> {
  const runner = runnerOf(problem, device);
  try {
    const start = runner.start();
    const { arrays } = await runner.correctedSteps(start, 1, true);
    const flat = (tensor: Tensor) => Float64Array.from(tensor.data as Float32Array);
    const found: Record<string, Float64Array> = {};
    for (const name of ['gradient', 'normGradient', 'correction'] as const) found[name] = flat(arrays![name]);
    for (const corrected of [false, true]) {
      let position: Position = start;
      const losses: number[] = [];
      while (position.step < start.step + steps) {
        const most = start.step + steps - position.step;
        const advance = corrected
          ? await runner.correctedSteps(position, most)
          : await runner.plainSteps(position, most);
        losses.push(...advance.records.map(({ loss }) => loss));
        position = advance.position;
      }
      const kind = corrected ? 'corrected' : 'plain';
      found[`theta ${kind}`] = flat(position.theta);
      found[`loss ${kind}`] = Float64Array.from(losses);
    }
    return found;
  } finally {
    await runner.release();
  }
}

const length = (x: Float64Array): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));

/** ‖x − y‖/‖y‖ of each of those numbers, on a device against the processor, both in single precision. */
async function equality(device: Device, folder: string): Promise<Record<string, number>> {
  const problem = await problemOf(folder, 'float32');
  const [own, other] = [await numbers(problem, 'cpu'), await numbers(problem, device)];
  return Object.fromEntries(
    Object.entries(own).map(([name, x]) => {
      const difference = length(x.map((value, i) => value - other[name]![i]!));
      return [name, difference === 0 ? 0 : difference / (length(x) || 1)];
    }),
  );
}

/** Where the runtime has put the nodes of corrected steps, by its own profile. */
async function placement(device: Device, network: string, prefix: string): Promise<object> {
  const ort = await loadRuntime();
  let count = 0;
  const create = ort.InferenceSession.create.bind(ort.InferenceSession) as (
    ...given: readonly unknown[]
  ) => Promise<InferenceSession>;
  (ort.InferenceSession as { create: unknown }).create = async (bytes: unknown, options: object) => {
    const session = await create(bytes, {
      ...options,
      enableProfiling: true,
      profileFilePrefix: `${prefix}-${count}`,
    });
    count++;
    // The profile is written before a session goes: some are there for a moment only.
    const release = session.release.bind(session);
    session.release = () => {
      session.endProfiling();
      return release();
    };
    return session;
  };
  const [model, shape] = network === 'mlp' ? [mlp([64, 32, 10]), [64]] : [cnn(), [3, 32, 32]];
  const runner = runnerOf(
    createProblem(model, samples(64, shape), { loss: 'cross-entropy', dtype: 'float32' }),
    device,
  );
  await runner.correctedSteps(runner.start(), steps);
  await runner.release();
  const folder = prefix.slice(0, prefix.lastIndexOf('/'));
  const own = prefix.slice(folder.length + 1);
  const providers: Record<string, number> = {};
  const beside: Record<string, number> = {};
  let copies = 0;
  for (const name of readdirSync(folder).filter((each) => each.startsWith(own))) {
    const events = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as readonly {
      readonly cat: string;
      readonly name: string;
      readonly args?: { readonly provider?: string; readonly op_name?: string };
    }[];
    rmSync(`${folder}/${name}`);
    for (const { cat, name: event, args } of events) {
      if (cat !== 'Node' || !event.endsWith('_kernel_time') || !args?.provider) continue;
      const { provider, op_name: op = '' } = args;
      if (/^Memcpy/.test(op)) copies++;
      providers[provider] = (providers[provider] ?? 0) + 1;
      if (device !== 'cpu' && provider === 'CPUExecutionProvider') beside[op] = (beside[op] ?? 0) + 1;
    }
  }
  return { steps, providers, beside, copies };
}

/** A corrected step of a wide network on so many samples at a time; says how it fails. */
async function memory(device: Device, count: number, microBatch: number): Promise<object> {
  const problem = createProblem(mlp([1024, 4096, 4096, 10]), samples(count, [1024]), {
    loss: 'cross-entropy',
    dtype: 'float32',
  });
  const runner = runnerOf(problem, device, microBatch);
  try {
    const { records } = await runner.correctedSteps(runner.start(), 1);
    return { loss: records[0]!.loss };
  } catch (error) {
    return { problem: describeError(error as Error) };
  }
}

async function main(): Promise<void> {
  const [task, device, ...rest] = process.argv.slice(2) as [string, Device, ...string[]];
  const result =
    task === 'cases'
      ? caseFolders()
      : task === 'equality'
        ? await equality(device, rest[0]!)
        : task === 'placement'
          ? await placement(device, rest[0]!, rest[1]!)
          : await memory(device, Number(rest[0]), Number(rest[1]));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
});

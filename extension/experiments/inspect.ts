import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { freemem } from 'node:os';
import { basename, resolve } from 'node:path';
import { loadDataset } from '../datasets/dataset.ts';
import { limitSamples } from '../datasets/samples.ts';
import { chooseChunks } from '../engine/chunks.ts';
import { exportWarnings } from '../engine/exportWarnings.ts';
import type { LossName } from '../engine/loss.ts';
import { createProblem, type Problem } from '../engine/problem.ts';
import { type Advance, isFiniteRecord, type Position, Runner, type StepRecord } from '../engine/runner.ts';
import { type Device, runtimeVersion } from '../engine/session.ts';
import { applyWeights, readWeights } from '../engine/weights.ts';
import { readModel } from '../onnx/read.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { completeHyperparameters } from '../optimizers/hyperparameters.ts';
import { numeric, numericCoefficients } from '../optimizers/numeric.ts';
import type { Framework, Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { type Schedule, stepSizesOf } from '../optimizers/schedules.ts';
import { newRunFolder, RunWriter } from '../runs/store.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { InspectRequest, Progress, RunHeader, RunStatus, ScheduleRequest, StepLine } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { stepLine } from './records.ts';

/** What an experiment reports while it runs. */
export interface Observer {
  started(folder: string, run: RunHeader): void;
  progress(progress: Progress): void;
  record(line: StepLine): void;
  /** True once the user wants it to stop. */
  readonly cancelled: boolean;
}

export interface Outcome {
  readonly folder: string;
  readonly status: RunStatus;
}

/**
 * Inspects a model: takes `steps` full-batch steps of an optimizer and measures loss, gradient norms and, at every K-th
 * step, the correction; writes a run. Throws an InspectorError for anything that does not fit, and for numbers that stop
 * being finite, after what was measured has been written.
 */
export async function inspect(request: InspectRequest, device: Device, observer: Observer): Promise<Outcome> {
  observer.progress({ phase: 'reading', step: 0, steps: request.steps });
  const at = (path: string) => resolve(request.directory, path);
  const original = await readModel(at(request.model));
  const weighted =
    request.weights === undefined ? undefined : applyWeights(original, await readWeights(at(request.weights)));
  const model = weighted?.model ?? original;
  const spec = {
    ...request,
    data: request.data && at(request.data),
    x: request.x && at(request.x),
    y: request.y && at(request.y),
  };
  const whole = await loadDataset(spec);
  const dataset = request.limit === undefined ? whole : limitSamples(whole, request.limit);
  observer.progress({ phase: 'building', step: 0, steps: request.steps });
  const problem = createProblem(model, dataset, {
    loss: request.loss as LossName | undefined,
    dtype: request.dtype,
    filter: request,
    normalisation: { scale: request.scale, mean: request.mean, std: request.std },
    batchStatistics: request.batchStatistics,
  });
  const optimizer = optimizerNamed(request.optimizer);
  const hyper = completeHyperparameters(optimizer, request.framework as Framework, request.hyper);
  const stepSizes = request.schedule && stepSizesOf(scheduleOf(request.schedule, hyper.lr, request.steps));
  const notApplicable = optimizer.notApplicable(hyper);
  const chunks = chooseChunks(problem, { microBatch: request.microBatch, memoryBudget: memoryBudget() });
  const folder =
    request.out === undefined
      ? newRunFolder(request.directory, basename(request.model), optimizer.name)
      : at(request.out);
  const names = problem.layout.segments.map(({ name }) => name);
  const header: RunHeader = {
    format: 1,
    status: 'running',
    started: new Date().toISOString(),
    process: process.pid,
    tool: toolVersion,
    runtime: `onnxruntime ${await runtimeVersion()}, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    request,
    model: {
      path: at(request.model),
      sha256: await digest([at(request.model)]),
      producer: model.producer,
      parameters: problem.layout.count,
    },
    data: { files: dataset.files, sha256: await digest(dataset.files), samples: problem.samples },
    loss: problem.loss,
    optimizer: { name: optimizer.name, title: optimizer.title, framework: request.framework, hyper },
    hKappaLimit: notApplicable ? null : limitingHKappa(optimizer, hyper),
    switchGradient: notApplicable ? null : (optimizer.signChange(hyper, Number.POSITIVE_INFINITY) ?? null),
    notApplicable,
    dtype: problem.floatType,
    device,
    microBatch: { plain: chunks.plain.size, corrected: chunks.corrected.size },
    tensors: problem.layout.segments.map(({ name, shape }) => ({ name, shape })),
    notTrained: problem.choices.filter(({ trained }) => !trained).map(({ name, reason }) => ({ name, reason })),
    notes: [...(weighted?.notes ?? []), ...problem.notes],
    warnings: exportWarnings(model, problem.loss),
  };
  const writer = RunWriter.create(folder, header);
  observer.started(folder, header);
  const runner = new Runner(problem, {
    optimizer,
    hyper,
    stepSizes,
    stage: request.stage,
    device,
    chunks,
    threads: request.threads,
  });
  const arrays = new Map<string, Tensor>();
  try {
    const status = await run({
      request,
      runner,
      problem,
      observer,
      arrays,
      corrected: notApplicable === undefined,
      append: (record) => {
        const line = stepLine(record, names);
        writer.append(line);
        observer.record(line);
      },
    });
    if (arrays.size > 0) await writer.writeArrays(arrays);
    writer.finish(status);
    return { folder, status };
  } catch (error) {
    writer.finish('failed', (error as Error).message);
    throw error;
  } finally {
    await runner.release();
  }
}

interface RunParts {
  readonly request: InspectRequest;
  readonly runner: Runner;
  readonly problem: Problem;
  readonly observer: Observer;
  readonly arrays: Map<string, Tensor>;
  /** False where the optimizer has no correction at these settings. */
  readonly corrected: boolean;
  append(record: StepRecord): void;
}

/** Takes the steps, with the correction where it is due, and one more evaluation at θ⁽ᴺ⁾ whose step is thrown away. */
async function run(parts: RunParts): Promise<RunStatus> {
  const { request, runner, problem, observer, arrays } = parts;
  const { steps, every } = request;
  const started = performance.now();
  let position = runner.start();
  const keep = (when: 'initial' | 'final', advance: Advance) => {
    if (!advance.arrays) return;
    for (const [kind, vector] of Object.entries(advance.arrays)) {
      for (const [name, tensor] of problem.layout.unpack(vector as Tensor))
        arrays.set(`${when}/${kind}/${name}`, tensor);
    }
  };
  while (position.step < steps) {
    if (observer.cancelled) break;
    const { step } = position;
    const due = parts.corrected && step % every === 0;
    const wanted = request.arrays && step === 0;
    // With the correction at every step, steps are taken together; otherwise up to the next one that is due.
    const most = wanted
      ? 1
      : due
        ? every === 1
          ? steps - step
          : 1
        : Math.min(steps, parts.corrected ? step + every - (step % every) : steps) - step;
    const advance = due ? await runner.correctedSteps(position, most, wanted) : await runner.plainSteps(position, most);
    for (const record of advance.records) parts.append(record);
    if (wanted) keep('initial', advance);
    checkFinite(advance, problem);
    position = advance.position;
    const seconds = (performance.now() - started) / 1000;
    observer.progress({
      phase: 'running',
      step: position.step,
      steps,
      loss: advance.records.at(-1)!.loss,
      secondsLeft: (seconds / position.step) * (steps - position.step),
    });
    await breathe();
  }
  await finalRecord(parts, position, keep);
  return observer.cancelled && position.step < steps ? 'cancelled' : 'finished';
}

/** What holds at the last θ, and the arrays of it. */
async function finalRecord(
  parts: RunParts,
  position: Position,
  keep: (when: 'initial' | 'final', advance: Advance) => void,
): Promise<void> {
  const { request, runner, problem, arrays } = parts;
  const due = parts.corrected && (request.arrays || position.step % request.every === 0);
  const advance = due ? await runner.correctedSteps(position, 1, request.arrays) : await runner.plainSteps(position, 1);
  parts.append(advance.records[0]);
  if (request.arrays) {
    if (position.step === 0) keep('initial', advance);
    keep('final', advance);
    for (const [name, tensor] of problem.layout.unpack(position.theta)) arrays.set(`final/parameters/${name}`, tensor);
  }
  checkFinite(advance, problem);
}

/** Lets messages of the parent process in. */
const breathe = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Stops a run whose numbers are no longer finite, naming where that showed first. */
function checkFinite(advance: Advance, problem: Problem): void {
  const last = advance.records.at(-1)!;
  if (isFiniteRecord(last)) return;
  const { segments } = problem.layout;
  const parameters = [...problem.layout.unpack(advance.position.theta)].find(
    ([, tensor]) => !(tensor.data as Float32Array).every(Number.isFinite),
  );
  const gradient = segments[last.tensors.findIndex(({ gradientNorm1 }) => !Number.isFinite(gradientNorm1))]?.name;
  const what = parameters
    ? `Parameter ${quoteName(parameters[0])} is no longer finite`
    : Number.isFinite(last.loss)
      ? `The gradient of ${quoteName(gradient)} is no longer finite`
      : `The loss is no longer finite${gradient === undefined ? '' : `; its gradient is lost first in ${quoteName(gradient)}`}`;
  throw new InspectorError(
    `${what} at step ${last.step}.`,
    'What was measured until then is kept. A smaller learning rate, or --dtype float64 to tell overflow from divergence, may help.',
  );
}

/** A schedule with what was left out: it spans the run, ends at 0, and steps by a factor of ten three times. */
function scheduleOf(
  { kind, warmup, steps, final, every, factor }: ScheduleRequest,
  lr: number,
  runSteps: number,
): Schedule {
  if (kind === 'constant') return { kind, lr, warmup };
  if (kind === 'step')
    return { kind, lr, warmup, every: every ?? Math.max(1, Math.floor(runSteps / 3)), factor: factor ?? 0.1 };
  return { kind, lr, warmup, steps: steps ?? Math.max(1, runSteps), final };
}

/** h·κ where |g| is large against ε, after many steps. */
export function limitingHKappa(optimizer: Optimizer, hyper: Hyperparameters): number | null {
  const one = Float64Array.of(1);
  const large = Float64Array.of(1e12);
  const coefficients = numericCoefficients(optimizer.correctionCoefficients(hyper, Number.POSITIVE_INFINITY));
  const state = Object.fromEntries(optimizer.stateNames(hyper).map((name) => [name, large]));
  const inputs = { theta: Float64Array.of(0), gradient: large, state };
  const directions = optimizer.hessianDirections(numeric, hyper, coefficients, inputs);
  const { kappa } = optimizer.correction(
    numeric,
    hyper,
    coefficients,
    inputs,
    directions.map(() => one),
  );
  return Number.isFinite(kappa[0]) ? hyper.lr * kappa[0] : null;
}

/** What one program may take: 1.25 GiB, or half of what is free where that is less. */
const memoryBudget = (): number => Math.min(1.25 * 2 ** 30, Math.max(2 ** 28, 0.5 * freemem()));

async function digest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

import { basename, resolve } from 'node:path';
import type { Problem } from '../engine/problem.ts';
import { type Advance, isFiniteRecord, type Position, Runner, type StepRecord } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { newRunFolder, RunWriter } from '../runStore/store.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { InspectRequest, RunStatus } from '../shared/protocol.ts';
import { checkRequest } from '../shared/request.ts';
import type { Observer } from './observer.ts';
import { stepLine } from './records.ts';
import { chunksFor, readSubject, runHeader, settingsOf } from './setup.ts';

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
  checkRequest(request);
  observer.progress({ phase: 'reading', step: 0, steps: request.steps });
  const subject = await readSubject(request);
  const { problem } = subject;
  observer.progress({ phase: 'building', step: 0, steps: request.steps });
  const settings = settingsOf(request);
  const { optimizer, hyper, stepSizes, notApplicable } = settings;
  const chunks = chunksFor(problem, request, device);
  const folder =
    request.out === undefined
      ? newRunFolder(request.directory, basename(request.model), optimizer.name)
      : resolve(request.directory, request.out);
  const names = problem.layout.segments.map(({ name }) => name);
  const header = await runHeader(request, subject, settings, chunks, device);
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
    const status = await takeSteps({
      request,
      runner,
      problem,
      start: runner.start(),
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

/** What `takeSteps` needs. */
export interface RunParts {
  readonly request: InspectRequest;
  readonly runner: Runner;
  readonly problem: Problem;
  readonly start: Position;
  readonly observer: Pick<Observer, 'progress' | 'cancelled'>;
  readonly arrays: Map<string, Tensor>;
  /** False where the optimizer has no correction at these settings. */
  readonly corrected: boolean;
  append(record: StepRecord): void;
  /** Called at θ of every step that is a multiple of `every`, the first and the last included. */
  readonly visit?: { readonly every: number; at(position: Position): Promise<void> };
}

/** Takes the steps, with the correction where it is due, and one more evaluation at θ⁽ᴺ⁾ whose step is thrown away. */
export async function takeSteps(parts: RunParts): Promise<RunStatus> {
  const { request, runner, problem, observer, arrays, visit } = parts;
  const { steps, every } = request;
  const started = performance.now();
  let position = parts.start;
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
    const free = wanted
      ? 1
      : due
        ? every === 1
          ? steps - step
          : 1
        : Math.min(steps, parts.corrected ? step + every - (step % every) : steps) - step;
    if (visit && step % visit.every === 0) await visit.at(position);
    const most = visit ? Math.min(free, visit.every - (step % visit.every)) : free;
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
  await visit?.at(position);
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
    last.step === 0
      ? 'It is so before any step: check the data and its scale (--scale, --mean, --std), and the weights; --dtype float64 tells overflow from a division by zero.'
      : 'What was measured until then is kept. A smaller learning rate, or --dtype float64 to tell overflow from divergence, may help.',
  );
}

import { freemem } from 'node:os';
import { resolve } from 'node:path';
import { type Dataset, loadDataset } from '../datasets/dataset.ts';
import { limitSamples } from '../datasets/samples.ts';
import type { Batches } from '../engine/batches.ts';
import { batchPlan, chooseChunks, lanesFor, type Plan } from '../engine/chunks.ts';
import type { Groups } from '../engine/coefficients.ts';
import { type Problem, prepareProblem } from '../engine/problem.ts';
import { type Device, runtimeVersion } from '../engine/session.ts';
import { applyWeights, readWeights } from '../engine/weights.ts';
import { exportWarnings } from '../exports/exportWarnings.ts';
import { inOrderOfUse, sourceNames } from '../exports/sourceNames.ts';
import { digest } from '../files/digest.ts';
import type { Model } from '../onnx/model.ts';
import { readModel } from '../onnx/read.ts';
import { completeHyperparameters } from '../optimizers/hyperparameters.ts';
import { limitingKappa } from '../optimizers/limit.ts';
import type { Framework, Hyperparameters, Optimizer, StepSizes } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { type Schedule, stepSizesOf } from '../optimizers/schedules.ts';
import { groupLabel } from '../shared/groupLabel.ts';
import type { LossName } from '../shared/losses.ts';
import type { InspectRequest, RunHeader, ScheduleRequest } from '../shared/protocol.ts';
import type { GroupRequest } from '../shared/request.ts';
import { toolVersion } from '../shared/version.ts';
import type { Words } from '../shared/words.ts';

import type { OrderedBatches } from './batchOrder.ts';
import { groupsFor } from './groups.ts';

/** Model and data of a request, brought together. */
export interface Subject {
  readonly model: Model;
  readonly problem: Problem;
  /** What `problem` was made with, for further data of the same kind. */
  readonly options: Parameters<typeof prepareProblem>[2];
  readonly dataset: Dataset;
  readonly digests: { readonly model: string; readonly data: string };
  readonly notes: readonly Words[];
}

/** Reads model and data. Throws an InspectorError for anything that does not fit. */
export async function readSubject(request: InspectRequest): Promise<Subject> {
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
  const options = {
    loss: request.loss as LossName | undefined,
    output: request.output,
    dtype: request.dtype,
    filter: request,
    normalisation: { scale: request.scale, mean: request.mean, std: request.std },
    batchStatistics: request.batchStatistics,
    batchAxes: request.batchAxes,
  };
  const problem = await prepareProblem(model, dataset, options);
  return {
    model,
    problem,
    options,
    dataset,
    digests: { model: await digest([at(request.model)]), data: await digest(dataset.files) },
    notes: [...(weighted?.notes ?? []), ...problem.notes],
  };
}

/** The optimizer of a request with all its numbers. */
export interface Settings {
  readonly optimizer: Optimizer;
  readonly hyper: Hyperparameters;
  readonly stepSizes: StepSizes | undefined;
  /** Parameters with numbers of their own. */
  readonly groups: Groups | undefined;
  /** What was asked for of each of them. */
  readonly groupRequests: readonly GroupRequest[];
  /** What is to be told of the settings. */
  readonly notes: readonly string[];
  /** Largest two-norm of the gradient that the optimizer sees. */
  readonly clipNorm: number | undefined;
  /** Why no correction exists, if so. */
  readonly notApplicable: string | undefined;
}

/**
 * Completes the hyper-parameters of a request. Throws an InspectorError for values that are not possible.
 *
 * @param last the step behind the last one that is taken, up to which a schedule goes that does not say how far
 */
export function settingsOf(
  request: InspectRequest,
  subject: Pick<Subject, 'model' | 'problem'>,
  last = request.steps,
): Settings {
  const { schedule, clipNorm, groups: requested = [] } = request;
  const optimizer = optimizerNamed(request.optimizer);
  const complete = (own: InspectRequest['hyper']) => {
    const given = { ...request.hyper, ...own };
    const hyper = completeHyperparameters(optimizer, request.framework as Framework, given);
    return { hyper, stepSizes: schedule && stepSizesOf(scheduleOf(schedule, hyper.lr, last)) };
  };
  const { hyper, stepSizes } = complete({});
  const found = requested.length > 0 ? groupsFor(requested, subject, optimizer, complete) : undefined;
  const notApplicable = optimizer.notApplicable(hyper) ?? found?.notApplicable;
  const of = { groupRequests: found?.requests ?? [], notes: found?.notes ?? [] };
  const groups = found && found.requests.length > 0 ? found.groups : undefined;
  return { optimizer, hyper, stepSizes, groups, clipNorm, notApplicable, ...of };
}

/** The chunks in which a request's data is evaluated, and its mini-batches, if there are any. */
export function chunksFor(
  problem: Problem,
  { microBatch, threads, lanes, memory = memoryBudget() }: InspectRequest,
  device: Device,
  batches?: Batches,
): Plan {
  const options = { microBatch, memoryBudget: memory };
  const plan = chooseChunks(problem, { ...options, lanes: lanes ?? lanesFor(device, threads) });
  return batches ? { ...plan, batch: batchPlan(problem, batches.size, options) } : plan;
}

/** `run.json` of a run that begins now. */
export async function runHeader(
  request: InspectRequest,
  { model, problem, dataset, digests, notes }: Subject,
  { optimizer, hyper, groups, groupRequests, notApplicable, notes: told }: Settings,
  chunks: Plan,
  device: Device,
  batches?: OrderedBatches,
): Promise<RunHeader> {
  const sources = sourceNames(model);
  return {
    format: 1,
    status: 'running',
    started: new Date().toISOString(),
    process: process.pid,
    tool: toolVersion,
    runtime: `onnxruntime ${await runtimeVersion()}, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    request,
    model: {
      path: resolve(request.directory, request.model),
      sha256: digests.model,
      producer: model.producer,
      parameters: problem.layout.count,
    },
    data: { files: dataset.files, sha256: digests.data, samples: problem.samples },
    loss: problem.loss,
    optimizer: {
      name: optimizer.name,
      title: optimizer.title,
      framework: request.framework,
      hyper,
      norm: optimizer.norm(hyper).words,
      condition: optimizer.stateDependent(hyper),
    },
    groups: groups?.numbers.map(({ hyper: own }, k) => ({
      ...{ glob: groupLabel(groupRequests[k]), place: groupRequests[k].place, hyper: own },
      tensors: problem.layout.segments.filter((_, i) => groups.of[i] === k + 1).map(({ name }) => name),
      ...limitsOf(optimizer, own),
    })),
    ...limitsOf(optimizer, hyper),
    notApplicable,
    dtype: problem.floatType,
    device,
    microBatch: { plain: chunks.plain.size, corrected: chunks.corrected.size },
    batches: batches && {
      size: batches.size,
      order: batches.order,
      seed: batches.seed,
      dropLast: batches.dropLast,
      perEpoch: batches.perEpoch,
    },
    tensors: inOrderOfUse(
      model,
      problem.layout.segments.map(({ name, shape }) => ({ name, shape, source: sources.get(name) })),
    ),
    notTrained: problem.choices
      .filter(({ trained }) => !trained)
      .map(({ name, reason }) => ({ name: sources.get(name) ?? name, reason })),
    notes: [...notes, ...told],
    warnings: [...problem.warnings, ...exportWarnings(model, problem.loss, request.batchStatistics)],
  };
}

/** What holds of a run with these settings in the limit of many steps and small ε. */
export function limitsOf(
  optimizer: Optimizer,
  hyper: Hyperparameters,
): Pick<RunHeader, 'hKappaLimit' | 'switchGradient'> {
  const limit = limitingKappa(optimizer, hyper);
  const applies = optimizer.notApplicable(hyper) === undefined;
  return {
    hKappaLimit: typeof limit === 'number' ? hyper.lr * limit : null,
    switchGradient: applies ? (optimizer.signChange(hyper, Number.POSITIVE_INFINITY) ?? null) : null,
  };
}

/** A schedule with what was left out: it spans the run, ends at 0, and steps by a factor of ten three times. */
function scheduleOf(
  { kind, warmup, steps, final, every, factor, factors = [] }: ScheduleRequest,
  lr: number,
  runSteps: number,
): Schedule {
  if (kind === 'constant') return { kind, lr, warmup };
  if (kind === 'step')
    return { kind, lr, warmup, every: every ?? Math.max(1, Math.floor(runSteps / 3)), factor: factor ?? 0.1 };
  if (kind === 'table') return { kind, lr, warmup, factors };
  return { kind, lr, warmup, steps: steps ?? Math.max(1, runSteps), final };
}

/** Bytes that one program may take: 1.25 GiB, or half of what is free where that is less. */
export const memoryBudget = (): number => Math.min(1.25 * 2 ** 30, Math.max(2 ** 28, 0.5 * freemem()));

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { completeParameters, type Experiment } from '../experiments/experiment.ts';
import { fromPieces } from '../experiments/pieces.ts';
import { experimentNamed } from '../experiments/registry.ts';
import { headerOf } from '../experiments/run.ts';
import { readJsonFile } from '../files/regular.ts';
import { WritingError } from '../files/writing.ts';
import { writeCompareHeader, writeComparison } from '../jobs/compareFolder.ts';
import { type HeldRun, type SeedNumbers, seedNumbers } from '../jobs/heldRuns.ts';
import { readPiece } from '../jobs/parts.ts';
import { writeExperiment } from '../jobs/store.ts';
import { foundPoints, writeSweep } from '../jobs/sweepFolder.ts';
import { sweepPlan } from '../jobs/sweepPoints.ts';
import { completeHyperparameters } from '../optimizers/hyperparameters.ts';
import type { Framework } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { InspectorError } from '../shared/errors.ts';
import type { Plan } from '../shared/plans.ts';
import { locate } from './inputs.ts';
import { checkVersion, isDone, readPlan, resultFolder, taskFolder } from './plan.ts';
import { pieceFile } from './work.ts';

/** What a result was made of. */
export interface Collected {
  /** Numbers of the points that are missing. */
  readonly missing: readonly number[];
}

/** When a point was worked on, as `tasks/…/times.json` has it. */
export interface PointTimes {
  readonly started: string;
  readonly finished: string;
  readonly host: string;
}

type Points<K extends Plan['kind']> = Extract<Plan, { kind: K }>;

/**
 * Makes the result of a plan of what points there are, in its folder: what a run on one machine would have written, byte for
 * byte, once none is missing. Throws an InspectorError where there are none, and where the plan cannot be read or is of another
 * version.
 *
 * @param samples folder of the bundled sample
 */
export async function collect(folder: string, samples: string): Promise<Collected> {
  const plan = readPlan(folder);
  checkVersion(folder, plan);
  const missing = plan.points.filter((point) => !isDone(folder, point)).map(({ number }) => number);
  if (missing.length === plan.points.length)
    throw new InspectorError(
      `None of the ${plan.points.length} points of the plan in ${folder} is there yet.`,
      'See how far it is with --status, or run what is missing with --resume.',
    );
  const state = stateOf(folder, plan, missing.length === 0);
  if (plan.kind === 'sweep') return { missing: collectSweep(folder, plan, state, missing) };
  if (plan.kind === 'compare') return { missing: collectComparison(folder, plan, state, missing) };
  return { missing: await collectExperiment(folder, plan, state, samples, missing) };
}

/** Status and times of a result: those of its points. */
function stateOf(folder: string, plan: Plan, whole: boolean) {
  const times = plan.points.flatMap(({ number }) => timesOf(taskFolder(folder, plan, number)) ?? []);
  const now = new Date().toISOString();
  const started = times.reduce(
    (first, each) => (each.started < first ? each.started : first),
    times[0]?.started ?? now,
  );
  const finished = times.reduce((last, each) => (each.finished > last ? each.finished : last), started);
  return whole ? ({ status: 'finished', started, finished } as const) : ({ status: 'cancelled', started } as const);
}

function timesOf(task: string): PointTimes | undefined {
  try {
    const { started, finished, host } = readJsonFile(join(task, 'times.json'), 2 ** 16) as PointTimes;
    return { started: String(started), finished: String(finished), host: String(host) };
  } catch {
    return undefined;
  }
}

type State = ReturnType<typeof stateOf>;
type Missing = readonly number[];

function collectSweep(folder: string, { request, digests, points }: Points<'sweep'>, state: State, missing: Missing) {
  const planned = sweepPlan(request).map(({ point }) => point);
  const found = foundPoints(folder, planned);
  writeSweep(folder, { request, digests: digests!, points: found, finished: new Map() }, state);
  return points.map(({ number }) => number).filter((n) => missing.includes(n) || found[n].status === 'waiting');
}

/** What lies in the folder of a point. Throws an InspectorError where it cannot be read. */
function pieceOf(folder: string, { points }: Plan, number: number): unknown {
  const at = resultFolder(folder, points[number]);
  try {
    return readPiece(join(at, pieceFile), points[number].label);
  } catch (error) {
    throw new InspectorError(
      `The result of point ${number} in ${at} cannot be read: ${(error as Error).message}.`,
      'It was damaged or changed: remove this folder, and run the point again with --resume.',
      { cause: error },
    );
  }
}

function collectComparison(folder: string, plan: Points<'compare'>, state: State, missing: Missing): Missing {
  const { request, digests } = plan;
  const count = request.settings.length + 1;
  const found = request.seeds.map((_, k): SeedNumbers | undefined => {
    const numbers = Array.from({ length: count }, (_, i) => k * count + i);
    if (numbers.some((number) => missing.includes(number))) return undefined;
    return seedNumbers(numbers.map((number) => pieceOf(folder, plan, number) as HeldRun));
  });
  const { optimizer, framework, hyper } = request.base;
  const own = completeHyperparameters(optimizerNamed(optimizer), framework as Framework, hyper);
  try {
    writeCompareHeader(folder, { request, digests: digests! });
  } catch (error) {
    throw new WritingError(folder, error);
  }
  writeComparison(folder, { request, hyper: own, found }, state);
  return missing;
}

async function collectExperiment(
  folder: string,
  plan: Points<'experiment'>,
  state: State,
  samples: string,
  missing: Missing,
): Promise<Missing> {
  const { numerics, inputs } = plan;
  const { directory, name, parameters } = plan.request;
  const experiment: Experiment = experimentNamed(name);
  const located = await locate(folder, plan);
  if (located.kind !== 'experiment') throw new Error('a plan of an experiment is one of an experiment');
  const around = { directory, samples, lanes: numerics.lanes, progress: async () => {} };
  const values = completeParameters(experiment, located.request.parameters);
  const kept = (number: number) => (missing.includes(number) ? undefined : { value: pieceOf(folder, plan, number) });
  const { result } = await fromPieces(experiment, values, around, kept);
  const header = await headerOf(experiment, completeParameters(experiment, parameters), directory);
  const files = Object.fromEntries(inputs.map(({ role, sha256 }) => [role, sha256]));
  writeExperiment(folder, { ...header, files, ...state, result });
  return missing;
}

/** Whether a folder has a result that was collected. */
export const hasResult = (folder: string): boolean => existsSync(join(folder, 'experiment.json'));

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lanesFor } from '../engine/chunks.ts';
import type { Device } from '../engine/session.ts';
import { completeParameters } from '../experiments/experiment.ts';
import { pieceNames } from '../experiments/pieces.ts';
import { experimentNamed } from '../experiments/registry.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { labelOf } from '../jobs/compareResult.ts';
import { Laboratory } from '../jobs/laboratory.ts';
import { seedsAtOnce } from '../jobs/seedThreads.ts';
import { memoryBudget } from '../jobs/setup.ts';
import { SweepPoints } from '../jobs/sweepPoints.ts';
import { InspectorError } from '../shared/errors.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import type { Plan, PlanPoint, PlanRequest } from '../shared/plans.ts';
import { toolVersion } from '../shared/version.ts';
import { taskCommands } from './commands.ts';
import { inputsOf } from './inputs.ts';
import { writePlan } from './plan.ts';

/** How a plan is made. */
export interface PlanOptions {
  /** Points of one task. */
  readonly group: number;
  /** Copy model and data into the plan. */
  readonly copyInputs: boolean;
  readonly device: Device;
  /** CPU threads of a task. */
  readonly threads: number;
  /** Folder of the bundled sample. */
  readonly samples: string;
  /** The command that starts this program. */
  readonly program: string;
}

/** What a request comes to without being run. */
interface Checked {
  readonly points: readonly PlanPoint[];
  readonly digests?: Plan['digests'];
  /** Further files of the model. */
  readonly beside: ReadonlyMap<string, string>;
  /** CPU threads on which each point is computed. */
  readonly threads: number;
}

/**
 * Writes a plan, and runs nothing of it: `plan.json`, and `commands.txt` with one command for each task. Throws an InspectorError
 * for what does not fit, as running would, and where the folder holds something already.
 */
export async function makePlan(folder: string, given: PlanRequest, options: PlanOptions): Promise<Plan> {
  const asked = withoutFolder(given);
  refuseUsed(folder);
  const { points, digests, beside, threads } = await checked(asked, options);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new WritingError(folder, error);
  }
  const { device, group, copyInputs } = options;
  const plan: Plan = {
    ...asked,
    ...{ format: 1, tool: toolVersion },
    numerics: { device, threads, lanes: lanesFor(device, threads), memory: memoryBudget() },
    inputs: await inputsOf(folder, asked, beside, copyInputs),
    ...{ digests, group, points },
  };
  writeCommands(folder, plan, options.program);
  // Last, since it says that the rest is there.
  writePlan(folder, plan);
  return plan;
}

/** Results lie in the folder of the plan. */
function withoutFolder(given: PlanRequest): PlanRequest {
  const { out: _, ...request } = given.request;
  return { ...given, request } as PlanRequest;
}

function refuseUsed(folder: string): void {
  if (!existsSync(folder)) return;
  if (readdirSync(folder).length === 0) return;
  throw new InspectorError(
    `${folder} is not empty.`,
    'Choose another folder for the plan, or go on with the one in it: --status, --resume or --collect.',
  );
}

async function checked(asked: PlanRequest, options: PlanOptions): Promise<Checked> {
  if (asked.kind === 'experiment') {
    const { name, directory, parameters } = asked.request;
    const experiment = experimentNamed(name);
    const values = completeParameters(experiment, parameters);
    const { samples, threads } = options;
    const names = await pieceNames(experiment, values, { directory, samples, threads, progress: async () => {} });
    return { points: pointsNamed(names), beside: new Map(), threads };
  }
  if (asked.kind === 'sweep') {
    const all = await SweepPoints.open(asked.request, 'cpu');
    await all.release();
    const points = all.planned.map(({ point: { index, label, folder } }) => ({ number: index, label, folder }));
    const { digests, model } = all.subject;
    return { points, digests, beside: model.beside ?? new Map(), threads: options.threads };
  }
  const { base } = asked.request;
  const request = { ...asked.request, base: { ...base, threads: options.threads } };
  const lab = await Laboratory.open(request, 'cpu');
  // On one machine, runs that are small are taken side by side, each on one thread.
  const threads = (await seedsAtOnce(request, lab, options.device)) > 1 ? 1 : options.threads;
  await lab.release();
  const { digests, model } = lab.subject;
  return { points: pointsNamed(runsOf(asked.request)), digests, beside: model.beside ?? new Map(), threads };
}

/** The runs of a comparison: of each seed that of the user's own setting, then those of the others. */
const runsOf = ({ seeds, settings }: CompareRequest): readonly string[] =>
  seeds.flatMap((seed) => ['own setting', ...settings.map(labelOf)].map((label) => `${label}, seed ${seed}`));

function pointsNamed(names: readonly string[]): PlanPoint[] {
  const digits = String(names.length).length;
  return names.map((label, number) => {
    const name = label.replace(/[^\w.=-]+/g, '_').slice(0, 80);
    return { number, label, folder: `points/${String(number).padStart(digits, '0')}-${name}` };
  });
}

function writeCommands(folder: string, plan: Plan, program: string): void {
  try {
    const lines = taskCommands(plan, program).map((line) => `${line}\n`);
    writeWhole(join(folder, 'commands.txt'), lines.join(''));
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

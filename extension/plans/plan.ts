import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { checkCompare, checkSweep } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { ExperimentRequest } from '../shared/experiments.ts';
import type { Plan, PlanPoint } from '../shared/plans.ts';
import { toolVersion } from '../shared/version.ts';

/** A larger file is no plan. */
const largestPlan = 2 ** 28;

/** Whether a folder holds a plan, or what is meant to be one. */
export const isPlan = (folder: string): boolean => existsSync(join(folder, 'plan.json'));

/** Reads `plan.json` of a folder. Throws an InspectorError where that is not possible. */
export function readPlan(folder: string): Plan {
  let plan: Partial<Plan> | null;
  try {
    plan = readJsonFile(join(folder, 'plan.json'), largestPlan) as Partial<Plan> | null;
  } catch (error) {
    throw new InspectorError(
      `${folder} holds no readable plan: plan.json cannot be read: ${(error as Error).message}.`,
      'A plan is a folder that --plan DIR has made.',
      { cause: error },
    );
  }
  if (!isWhole(plan))
    throw new InspectorError(
      `${folder} holds no readable plan: plan.json is incomplete.`,
      'It was damaged or written by another version; make the plan anew with --plan in another folder.',
    );
  if (plan.kind === 'sweep') checkSweep(plan.request);
  if (plan.kind === 'compare') checkCompare(plan.request);
  return plan;
}

function isWhole(plan: Partial<Plan> | null): plan is Plan {
  if (typeof plan !== 'object' || plan === null) return false;
  const { format, tool, kind, request, numerics, inputs, group, points } = plan;
  const isPoint = ({ number, label, folder }: Partial<PlanPoint> = {}) =>
    Number.isSafeInteger(number) && typeof label === 'string' && isInside(folder);
  const { name, directory, parameters } = (request ?? {}) as Partial<ExperimentRequest>;
  const isExperiment = typeof name === 'string' && typeof directory === 'string' && typeof parameters === 'object';
  return (
    format === 1 &&
    typeof tool === 'string' &&
    (kind === 'sweep' || kind === 'compare' || (kind === 'experiment' && isExperiment)) &&
    typeof numerics?.device === 'string' &&
    [numerics.threads, numerics.lanes, numerics.memory].every((each) => Number.isSafeInteger(each) && each > 0) &&
    Number.isSafeInteger(group) &&
    Array.isArray(inputs) &&
    inputs.every(
      (input) =>
        typeof input?.role === 'string' &&
        typeof input.path === 'string' &&
        typeof input.sha256 === 'string' &&
        (input.copy === undefined || isInside(input.copy)),
    ) &&
    Array.isArray(points) &&
    points.every((point, i) => isPoint(point ?? {}) && point.number === i)
  );
}

/** Whether a path stays below the folder that it is relative to. */
const isInside = (path: unknown): boolean =>
  typeof path === 'string' && path !== '' && !/^[/\\]|^[a-z]:/i.test(path) && !path.split(/[/\\]/).includes('..');

/** Writes `plan.json`. Throws a WritingError. */
export function writePlan(folder: string, plan: Plan): void {
  try {
    writeWhole(join(folder, 'plan.json'), `${JSON.stringify(plan, undefined, 2)}\n`);
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

/** Refuses a plan of another version of this program: its points would not be those of one and the same result. */
export function checkVersion(folder: string, { tool }: Plan): void {
  if (tool === toolVersion) return;
  throw new InspectorError(
    `The plan in ${folder} was made by ${tool}, and this is ${toolVersion}.`,
    'Install that version on every machine that runs its points, or make the plan anew.',
  );
}

/** The numbers of the points of a task: `group` of them, from the first. Throws an InspectorError where there is no such point. */
export function pointsOfTask(folder: string, { points }: Plan, first: number, group: number): readonly number[] {
  if (first >= points.length)
    throw new InspectorError(
      `The plan in ${folder} has no point ${first}.`,
      `It has ${points.length}, counted from 0.`,
    );
  return points.slice(first, first + group).map(({ number }) => number);
}

/** The folder of the result of a point. */
export const resultFolder = (folder: string, { folder: own }: PlanPoint): string => resolve(folder, own);

/** The folder in which attempts at a point leave what is not its result. */
export const taskFolder = (folder: string, { points }: Plan, number: number): string =>
  join(folder, 'tasks', String(number).padStart(String(points.length).length, '0'));

/** Whether the result of a point is there. */
export const isDone = (folder: string, point: PlanPoint): boolean => existsSync(resultFolder(folder, point));

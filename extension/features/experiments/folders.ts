import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../../files/regular.ts';
import { readExperiment, withTimes } from '../../jobs/store.ts';
import { isAlive as isProcessAlive, readHeader } from '../../runStore/store.ts';
import type { CompareRequest, ExperimentHeader, SweepHeader } from '../../shared/experiments.ts';

/** What a half-finished sweep has left. */
export interface Unfinished {
  readonly folder: string;
  readonly header: SweepHeader;
  readonly done: number;
}

/** The sweep in a folder; undefined where there is none that can be read. */
export function sweepIn(folder: string): (SweepHeader & { readonly started: string }) | undefined {
  try {
    const header = withTimes(folder, readJsonFile(join(folder, 'sweep.json'))) as SweepHeader & { started: string };
    const { base, axes } = header.request;
    const whole =
      header.format === 1 &&
      typeof header.started === 'string' &&
      typeof base.model === 'string' &&
      axes.every(({ name, values }) => typeof name === 'string' && Array.isArray(values)) &&
      header.points.every((point) => typeof point.folder === 'string');
    return whole ? header : undefined;
  } catch {
    return undefined;
  }
}

/** What the comparison in a folder was asked for; undefined where there is none that can be read. */
export function comparisonIn(folder: string): CompareRequest | undefined {
  try {
    const { request } = readJsonFile(join(folder, 'compare.json')) as { readonly request: CompareRequest };
    return typeof request.base.model === 'string' && Array.isArray(request.settings) ? request : undefined;
  } catch {
    return undefined;
  }
}

const isDone = (status: string) => status === 'finished' || status === 'failed';

/** The sweep of a folder where points are missing and no process works on it; undefined otherwise. */
export function unfinishedSweep(folder: string): Unfinished | undefined {
  const header = sweepIn(folder);
  if (!header) return undefined;
  const done = header.points.filter(({ status }) => isDone(status)).length;
  if (done === header.points.length) return undefined;
  const worked = header.status === 'running' && header.points.some((point) => isAlive(join(folder, point.folder)));
  return worked ? undefined : { folder, header, done };
}

/** A process is writing this run. */
function isAlive(folder: string): boolean {
  try {
    const { header, interrupted } = readHeader(folder);
    return header.status === 'running' && !interrupted;
  } catch {
    return false;
  }
}

/** Whether the process that writes a result is still at it. */
export const isWorkedOn = ({ status, process }: ExperimentHeader): boolean =>
  status === 'running' && Number.isSafeInteger(process) && process > 0 && isProcessAlive(process);

/** Whether what nobody works on any more could be continued. */
export const isUnfinished = (folder: string, { status, name }: ExperimentHeader): boolean =>
  name === 'sweep' ? unfinishedSweep(folder) !== undefined : ['cancelled', 'interrupted', 'running'].includes(status);

/** A comparison that was stopped, or whose process ended, before all runs were taken. */
export interface UnfinishedComparison {
  readonly folder: string;
  readonly request: CompareRequest;
}

/** The half-finished comparisons below `runs/` of a directory, the latest first. */
export const unfinishedComparisons = (directory: string): UnfinishedComparison[] =>
  results(directory).flatMap(({ folder, header }) => {
    if (header.name !== 'compare' || !isUnfinished(folder, header) || isWorkedOn(header)) return [];
    const request = comparisonIn(folder);
    return request ? [{ folder, request }] : [];
  });

/**
 * What an experiment or a sweep came to; of a sweep whose process ended before it could say so, what it was. Throws an
 * InspectorError where the folder holds neither.
 */
export function resultIn(folder: string): ExperimentHeader {
  const sweep = sweepIn(folder);
  if (!sweep || existsSync(join(folder, 'experiment.json'))) return readExperiment(folder);
  const { axes } = sweep.request;
  return {
    format: 1,
    status: 'cancelled',
    started: sweep.started,
    process: 0,
    tool: '',
    name: 'sweep',
    title: `Sweep over ${axes.map(({ name }) => name).join(', ')}`,
    figure: sweep.request.base.model,
    parameters: Object.fromEntries(axes.map(({ name, values }) => [name, values.join(',')])),
  };
}

/** Whether a folder holds a sweep or the result of an experiment, other than a run. */
export const isResult = (folder: string): boolean =>
  ['sweep.json', 'experiment.json'].some((file) => existsSync(join(folder, file)));

/** The folders of the runs of a sweep's points that have something to show. */
export function pointRuns(folder: string): string[] {
  const points = sweepIn(folder)?.points ?? [];
  return points.filter(({ status }) => isDone(status)).map((point) => join(folder, point.folder));
}

/** The results below `runs/` of a directory, the latest first. */
export function results(directory: string): { readonly folder: string; readonly header: ExperimentHeader }[] {
  const runs = join(directory, 'runs');
  if (!existsSync(runs)) return [];
  return readdirSync(runs)
    .map((name) => join(runs, name))
    .filter((folder) => existsSync(join(folder, 'experiment.json')))
    .flatMap((folder) => {
      try {
        return [{ folder, header: readExperiment(folder) }];
      } catch {
        return [];
      }
    })
    .sort((a, b) => b.header.started.localeCompare(a.header.started));
}

import { basename, join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { writeWhole } from '../files/writing.ts';
import type { Hyperparameters } from '../optimizers/optimizer.ts';
import { checkCompare } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { CompareHeader, CompareRequest, ExperimentHeader } from '../shared/experiments.ts';
import { toolVersion } from '../shared/version.ts';
import { type CompareNumbers, compareResult } from './compareResult.ts';
import type { SeedNumbers } from './heldRuns.ts';
import { writeExperiment } from './store.ts';

/** Reads what a folder compares. Throws an InspectorError where that is not possible. */
export function readCompare(folder: string): CompareHeader {
  try {
    const header = readJsonFile(join(folder, 'compare.json')) as CompareHeader | null;
    const { base, settings, seeds } = header?.request ?? {};
    if (!header || typeof base !== 'object' || !Array.isArray(settings) || !Array.isArray(seeds))
      throw new Error('compare.json is incomplete');
    checkCompare(header.request);
    return header;
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(
      `${folder} holds no readable comparison: ${(error as Error).message}.`,
      'A comparison is a folder with compare.json and experiment.json.',
      { cause: error },
    );
  }
}

/** Writes what a folder compares. Throws the system's error. */
export function writeCompareHeader(folder: string, { request: { out: _, ...request }, digests }: CompareHeader): void {
  writeWhole(join(folder, 'compare.json'), `${JSON.stringify({ request, digests }, undefined, 2)}\n`);
}

/** What is compared, and what the seeds came to that have finished. */
interface Contents {
  readonly request: CompareRequest;
  /** Of the user's own setting. */
  readonly hyper: Hyperparameters;
  /** By place of the seed. */
  readonly found: readonly (SeedNumbers | undefined)[];
}

/** Writes what the finished runs of a comparison say together. */
export function writeComparison(
  folder: string,
  { request, hyper, found }: Contents,
  { started, finished, ...state }: Pick<ExperimentHeader, 'status' | 'message' | 'started' | 'finished'>,
): void {
  const numbers = Array.from({ length: request.settings.length + 1 }, (_, i) =>
    found.map((each): CompareNumbers | undefined => each?.numbers[i]),
  );
  const changed = new Set(request.settings.flatMap(Object.keys));
  const own = Object.fromEntries(Object.entries(hyper).filter(([name]) => changed.has(name)));
  writeExperiment(folder, {
    ...{ format: 1, ...state, started, process: process.pid, tool: toolVersion, finished },
    name: 'compare',
    title: 'Comparison of settings',
    figure: `${basename(request.base.model)}, ${request.base.steps} steps`,
    parameters: parametersOf(request),
    result: compareResult(request, numbers, { loss: found.find((each) => each)?.loss ?? null, own }),
  });
}

/** What was asked for, in a few lines. */
const parametersOf = ({ base, settings, seeds, test }: CompareRequest): ExperimentHeader['parameters'] => ({
  model: base.model,
  data: base.data ?? base.x,
  optimizer: base.optimizer,
  settings: settings.map((each) => Object.entries(each).map(([name, value]) => `${name}=${value}`).join('+')).join(', '), // biome-ignore format: one line
  batchSize: base.batchSize,
  order: base.order,
  schedule: base.schedule?.kind,
  clipNorm: base.clipNorm,
  steps: base.steps,
  seeds,
  testData: test?.data ?? test?.x,
});

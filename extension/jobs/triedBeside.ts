import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { completeHyperparameters } from '../optimizers/hyperparameters.ts';
import type { Framework } from '../optimizers/optimizer.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { isSettled } from '../shared/differences.ts';
import type { CompareHeader, ExperimentResult } from '../shared/experiments.ts';
import { finePercent } from '../shared/format.ts';
import type { RunHeader } from '../shared/protocol.ts';
import type { InspectRequest } from '../shared/request.ts';
import { readCompare } from './compareFolder.ts';
import { readExperiment } from './store.ts';

/** What makes a training another one, beside model, data and the optimizer's numbers. */
const told = ({ optimizer, loss, batchSize, order, schedule, clipNorm, groups, limit, dropLast }: InspectRequest) => [
  ...[optimizer, loss ?? null, batchSize ?? null, order ?? null, schedule ?? null, clipNorm ?? null],
  ...[(groups ?? []).map(({ place: _, ...group }) => group), limit ?? null, dropLast ?? false],
];

/**
 * What finished comparisons beside a run, of the same training, found: a sentence for each, the latest first. Nothing is said
 * from the theory.
 */
export function triedBeside(folder: string, header: RunHeader): string[] {
  const parent = dirname(folder);
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((each) => existsSync(join(each, 'compare.json')))
    .flatMap((each) => {
      try {
        const { status, result, started } = readExperiment(each);
        return status === 'finished' && result?.differences && isSame(readCompare(each), header)
          ? [{ started, text: sentenceOf(result, result.differences) }]
          : [];
      } catch {
        // A damaged one has found nothing.
        return [];
      }
    })
    .sort((a, b) => b.started.localeCompare(a.started))
    .map(({ text }) => text);
}

/** Whether a comparison's own setting is the training of a run. */
function isSame(
  { request: { base }, digests }: CompareHeader,
  { request, model, data, optimizer }: RunHeader,
): boolean {
  if (digests.model !== model.sha256 || digests.data !== data.sha256) return false;
  if (JSON.stringify(told(base)) !== JSON.stringify(told(request))) return false;
  const own = completeHyperparameters(optimizerNamed(base.optimizer), base.framework as Framework, base.hyper);
  return Object.entries(optimizer.hyper).every(([name, value]) => own[name] === value);
}

/** The comparison's own sentence, and which settings reach the loss in fewer or more steps. */
function sentenceOf(
  { sentence }: ExperimentResult,
  { quantities, rows, pairs }: NonNullable<ExperimentResult['differences']>,
): string {
  const steps = quantities.findIndex(({ title }) => title === 'steps to this loss');
  const reached = rows.flatMap(({ label, intervals }) => {
    const interval = intervals[steps];
    if (!interval || !isSettled(interval)) return [];
    return [`${finePercent(Math.abs(interval.mean))} ${interval.mean < 0 ? 'fewer' : 'more'} steps with ${label}`];
  });
  const count = Math.max(...rows.flatMap(({ intervals }) => intervals.map((each) => each?.pairs ?? 0)));
  const loss = reached.length > 0 ? ` This loss is reached in ${reached.join(', ')}.` : '';
  return `Tried beside it (${count} ${pairs}): ${sentence}${loss}`;
}

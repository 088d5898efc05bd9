import { join } from 'node:path';
import type { Runner } from '../engine/runner.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { isAbsent } from '../optimizers/optimizer.ts';
import { RunWriter } from '../runStore/store.ts';
import { InspectorError, messageOf } from '../shared/errors.ts';
import type { SweepPoint } from '../shared/experiments.ts';
import type { InspectRequest, RunReference } from '../shared/protocol.ts';
import type { OrderedBatches } from './batchOrder.ts';
import { drawnAnew } from './drawnAnew.ts';
import type { Evaluator } from './evaluator.ts';
import { type EffectParts, measureEffect, type SavedEffect } from './measureEffect.ts';
import { Paused, type Saving } from './saving.ts';
import { type SavedChecks, SelfChecks } from './selfChecks.ts';
import type { Settings, Subject } from './setup.ts';
import type { TestLine } from './sweepResult.ts';
import { type SavedSteps, takeSteps } from './takeSteps.ts';
import type { Trails } from './trails.ts';

/** Whether settings have a twin to be held against. */
export const hasTwin = ({ optimizer, hyper }: Settings): boolean => !isAbsent(optimizer.twin(hyper));

/** What a point needs. */
export interface PointParts {
  readonly asked: InspectRequest & { readonly every: number };
  readonly options: EffectParts['options'];
  readonly shared: Trails;
  readonly subject: Subject;
  readonly settings: Settings;
  readonly runner: Runner;
  readonly batches: OrderedBatches | undefined;
  readonly evaluator: Evaluator | undefined;
  readonly point: SweepPoint;
  readonly header: Parameters<typeof RunWriter.create>[1] & { readonly reference: RunReference };
  readonly at: string;
  readonly testEvery: number;
}

/** How far a point was: plain data. */
export interface SavedPoint {
  readonly steps: SavedSteps;
  /** All steps were taken, and their last line written. */
  readonly ended: boolean;
  readonly checks: SavedChecks;
  readonly effect: SavedEffect | undefined;
  readonly tests: readonly TestLine[];
}

/**
 * Runs one point and writes its run, and `test.jsonl` where there is a test set. Numbers that stop being finite are a result;
 * throws what else goes wrong.
 *
 * @param saving keeps what the point needs to go on in another process; then `Paused` is thrown where it is to end
 */
export async function runPoint(
  { asked, options, shared, subject, settings, runner, batches, evaluator, point, header, at, testEvery }: PointParts,
  progress: (share: number) => void,
  cancelled: () => boolean,
  saving?: Saving<SavedPoint>,
): Promise<Pick<SweepPoint, 'status' | 'message'>> {
  const { problem } = subject;
  const saved = saving?.saved?.lines === undefined ? undefined : saving.saved;
  const writer = saved ? RunWriter.resume(at, header, saved.lines!) : RunWriter.create(at, header);
  const checks = new SelfChecks(runner, 0, asked.steps);
  const tests: TestLine[] = [...(saved?.state.tests ?? [])];
  const names = problem.layout.segments.map(({ name }) => name);
  const start = runner.start(point.seed === 0 ? problem.theta : drawnAnew(problem, point.seed));
  let steps: SavedSteps = saved?.state.steps ?? { position: start, batches: undefined };
  let ended = saved?.state.ended === true;
  /** A line with a reference that has not come as far would be another one: only between lines a run is left to go on later. */
  const between = () =>
    saving?.between(() => ({
      state: { steps, ended, checks: checks.saved, effect: effect?.saved, tests },
      lines: join(at, 'steps.jsonl'),
    }));
  const isCancelled = () => {
    if (!saving) return cancelled();
    if (ended) between();
    return false;
  };
  const effect = measureEffect(header.reference, {
    ...{ request: asked, settings, problem, runner, options, start, names, shared, cancelled: isCancelled },
  });
  try {
    if (saved) {
      // In the programs that a run loads which begins here, whatever the next step asks for first.
      if (settings.notApplicable === undefined) await runner.prepare();
      checks.restore(saved.state.checks);
      if (saved.state.effect) effect?.restore(saved.state.effect);
    }
    const status = ended
      ? 'finished'
      : await takeSteps({
          request: { ...asked, arrays: false },
          runner,
          batches,
          problem,
          start,
          resumed: saved && steps,
          between(state) {
            steps = state;
            between();
          },
          watch: effect?.meter,
          observer: {
            progress: ({ step, steps }) => progress(step / Math.max(1, steps)),
            get cancelled() {
              return isCancelled();
            },
          },
          arrays: new Map(),
          corrected: settings.notApplicable === undefined,
          async append(record, arrays) {
            const line = checks.line(record, arrays);
            writer.append(effect ? await effect.line(line, record) : line);
          },
          ...(!batches && { checks }),
          visit: evaluator && {
            every: testEvery,
            at: async (position) => {
              tests.push({ step: position.step, ...(await evaluator.evaluate(position.theta)) });
            },
          },
        });
    ended = status === 'finished';
    if (evaluator) writeWhole(join(at, 'test.jsonl'), tests.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await effect?.finish(writer);
    writer.finish(status);
    return { status };
  } catch (error) {
    if (error instanceof Paused) {
      writer.finish('cancelled');
      throw error;
    }
    await effect?.finish(writer).catch(() => {});
    // Numbers that stop being finite are a result; anything else is to be tried again.
    const diverged = error instanceof InspectorError && !(error instanceof WritingError);
    writer.fail(diverged ? 'failed' : 'cancelled', messageOf(error));
    if (!diverged) throw error;
    return { status: 'failed', message: error.message };
  }
}

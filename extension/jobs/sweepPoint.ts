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
import { type EffectParts, measureEffect } from './measureEffect.ts';
import type { Trails } from './references.ts';
import { SelfChecks } from './selfChecks.ts';
import type { Settings, Subject } from './setup.ts';
import type { TestLine } from './sweepResult.ts';
import { takeSteps } from './takeSteps.ts';

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

/** Runs one point and writes its run, and `test.jsonl` where there is a test set. */
export async function runPoint(
  { asked, options, shared, subject, settings, runner, batches, evaluator, point, header, at, testEvery }: PointParts,
  progress: (share: number) => void,
  cancelled: () => boolean,
): Promise<Pick<SweepPoint, 'status' | 'message'>> {
  const { problem } = subject;
  const writer = RunWriter.create(at, header);
  const checks = new SelfChecks(runner, 0, asked.steps);
  const tests: TestLine[] = [];
  const names = problem.layout.segments.map(({ name }) => name);
  const start = runner.start(point.seed === 0 ? problem.theta : drawnAnew(problem, point.seed));
  const effect = measureEffect(header.reference, {
    ...{ request: asked, settings, problem, runner, options, start, names, shared, cancelled },
  });
  try {
    const status = await takeSteps({
      request: { ...asked, arrays: false },
      runner,
      batches,
      problem,
      start,
      watch: effect?.meter,
      observer: {
        progress: ({ step, steps }) => progress(step / Math.max(1, steps)),
        get cancelled() {
          return cancelled();
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
    if (evaluator) writeWhole(join(at, 'test.jsonl'), tests.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await effect?.finish(writer);
    writer.finish(status);
    return { status };
  } catch (error) {
    await effect?.finish(writer).catch(() => {});
    // Numbers that stop being finite are a result; anything else is to be tried again.
    const diverged = error instanceof InspectorError && !(error instanceof WritingError);
    writer.fail(diverged ? 'failed' : 'cancelled', messageOf(error));
    if (!diverged) throw error;
    return { status: 'failed', message: error.message };
  }
}

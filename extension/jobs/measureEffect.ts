import type { StepRecord } from '../engine/stepRecord.ts';
import type { RunWriter } from '../runStore/store.ts';
import type { RunReference, StepLine } from '../shared/protocol.ts';
import { EffectMeter } from './effect.ts';
import { memoryPart, PredictedEffect } from './predictedEffect.ts';
import { openReference, type Reference, type ReferenceParts, referenceKey } from './references.ts';

export interface EffectParts extends Omit<ReferenceParts, 'averagingPeriod'> {
  readonly names: readonly string[];
  /** References of runs from the same point, by `referenceKey`; whoever made the map releases them. */
  readonly shared?: Map<string, Reference>;
  cancelled(): boolean;
}

/** A meter on the reference of a run, and how its results get into the run; undefined where there is no reference. */
export function measureEffect(plan: RunReference, parts: EffectParts) {
  const { request, settings, runner, start, names, shared, cancelled } = parts;
  const period = request.every ?? 1;
  const key = referenceKey(plan, settings);
  const reference = shared?.get(key) ?? openReference(plan, { ...parts, averagingPeriod: period });
  if (!reference) return undefined;
  shared?.set(key, reference);
  const { optimizer, hyper, stepSizes, notApplicable } = settings;
  const twin = plan.hyper && ({ ...hyper, ...plan.hyper } as typeof hyper);
  const meter = new EffectMeter({
    ...{ runner, reference, names, cancelled },
    first: start.step,
    averagingPeriod: period,
    predicted: new PredictedEffect(stepSizes ?? (() => hyper.lr), memoryPart(optimizer, hyper, twin)),
  });
  return {
    meter,
    /** The line of a record with the effect, where the correction stands or would stand. */
    async line(line: StepLine, record: StepRecord): Promise<StepLine> {
      meter.add(record);
      const due = record.measures !== undefined || (notApplicable !== undefined && record.step % period === 0);
      return due ? await meter.measured(line) : line;
    },
    /** Settles the lines of the run and says in its header what was measured. */
    async finish(writer: RunWriter): Promise<void> {
      const { reference: found, effect, settle } = await meter.finish(request.steps);
      writer.settle(settle);
      writer.complete({ reference: found, effect });
    },
    release: async () => {
      if (!shared) await reference.release();
    },
  };
}

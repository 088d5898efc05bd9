import type { StepRecord } from '../engine/stepRecord.ts';
import type { RunWriter } from '../runStore/store.ts';
import type { RunReference, StepLine } from '../shared/protocol.ts';
import { EffectMeter, type SavedMeter } from './effect.ts';
import { memoryPart, PredictedEffect } from './predictedEffect.ts';
import { openReference, type ReferenceParts, type SavedReference } from './references.ts';
import { noStretches, stretchesOf } from './slowOscillation.ts';
import { Trails } from './trails.ts';

export interface EffectParts extends Omit<ReferenceParts, 'averagingPeriod' | 'trails'> {
  readonly names: readonly string[];
  /** Of runs from the same point; whoever made them releases them. */
  readonly shared?: Trails;
  cancelled(): boolean;
}

/** How far the effect of a run was measured: plain data. */
export interface SavedEffect {
  readonly meter: SavedMeter;
  readonly reference: SavedReference;
}

/** A meter on the reference of a run, and how its results get into the run; undefined where there is no reference. */
export function measureEffect(plan: RunReference, parts: EffectParts) {
  const { request, settings, runner, start, names, shared, cancelled } = parts;
  const period = request.every ?? 1;
  const trails = shared ?? new Trails(true);
  const reference = openReference(plan, { ...parts, trails, averagingPeriod: period });
  if (!reference) return undefined;
  const { optimizer, hyper, stepSizes, notApplicable } = settings;
  const length = { first: start.step, steps: request.steps, dense: period === 1 };
  const stretches = parts.options.batches
    ? noStretches.batches
    : (stretchesOf({ ...length, optimizer, hyper }) ?? noStretches.short);
  const twin = plan.hyper && ({ ...hyper, ...plan.hyper } as typeof hyper);
  const meter = new EffectMeter({
    ...{ runner, reference, names, cancelled },
    first: start.step,
    averagingPeriod: period,
    stretches,
    predicted: new PredictedEffect(stepSizes ?? (() => hyper.lr), memoryPart(optimizer, hyper, twin)),
  });
  return {
    meter,
    get saved(): SavedEffect {
      return { meter: meter.saved, reference: reference.saved };
    },
    /** Goes on where the same was. */
    restore(saved: SavedEffect): void {
      meter.restore(saved.meter);
      reference.restore(saved.reference);
    },
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
      if (!shared) await trails.release();
    },
  };
}

import type { RunWriter } from '../runStore/store.ts';
import type { RunReference } from '../shared/protocol.ts';
import { EffectMeter } from './effect.ts';
import { memoryShare, PredictedEffect } from './predictedEffect.ts';
import { openReference, type ReferenceParts } from './references.ts';

/** A meter on the reference of a run, and how its results get into the run; undefined where there is no reference. */
export function measureEffect(
  plan: RunReference,
  parts: Omit<ReferenceParts, 'averagingPeriod'> & { readonly names: readonly string[]; cancelled(): boolean },
) {
  const { request, settings, runner, start, names, cancelled } = parts;
  const period = request.every ?? 1;
  const reference = openReference(plan, { ...parts, averagingPeriod: period });
  if (!reference) return undefined;
  const { optimizer, hyper, stepSizes } = settings;
  const twin = plan.hyper && ({ ...hyper, ...plan.hyper } as typeof hyper);
  const meter = new EffectMeter({
    ...{ runner, reference, names, cancelled },
    first: start.step,
    averagingPeriod: period,
    predicted: new PredictedEffect(stepSizes ?? (() => hyper.lr), memoryShare(optimizer, hyper, twin)),
  });
  return {
    meter,
    /** Settles the lines of the run and says in its header what was measured. */
    async finish(writer: RunWriter): Promise<void> {
      const { reference: found, effect, settle } = await meter.finish(request.steps);
      writer.settle(settle);
      writer.complete({ reference: found, effect });
    },
    release: () => reference.release(),
  };
}

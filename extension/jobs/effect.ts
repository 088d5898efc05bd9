import { Averaging, type Passed } from '../engine/averaging.ts';
import { normsOf, Path, type SavedPath, type Stretch } from '../engine/path.ts';
import type { Position, Runner } from '../engine/runner.ts';
import type { StepRecord } from '../engine/stepRecord.ts';
import { type SavedStretches, Stretches, type StretchPlan } from '../engine/stretches.ts';
import type { EffectSummary, RunReference, StepLine } from '../shared/protocol.ts';
import { Comparison, type Found, found, type Unknown } from './comparison.ts';
import { effectSummary, type PredictedPoint } from './effectSummary.ts';
import type { PredictedEffect, SavedPrediction } from './predictedEffect.ts';
import { withFields } from './records.ts';
import type { Reference } from './references.ts';
import { oscillationOf, slowDoubt, slowShares, stretchAt } from './slowOscillation.ts';

export interface MeterParts {
  readonly runner: Runner;
  readonly reference: Reference;
  /** Of the tensors, in the order of the layout. */
  readonly names: readonly string[];
  /** Step at which the run begins. */
  readonly first: number;
  readonly averagingPeriod: number;
  /** Of the run; or why it has none. */
  readonly stretches: StretchPlan | string;
  readonly predicted: PredictedEffect;
  cancelled(): boolean;
}

/** What a meter that is gone on with needs: plain data. */
export interface SavedMeter {
  readonly averaging: readonly Passed[];
  readonly stretches: SavedStretches;
  readonly path: SavedPath;
  readonly curve: readonly PredictedPoint[];
  readonly recent: readonly StepRecord[];
  readonly predicted: SavedPrediction;
}

/** What is known once a run has ended. */
export interface Ending {
  readonly reference: RunReference;
  readonly effect: EffectSummary;
  /** A line with what only both whole runs tell. */
  settle(line: StepLine): StepLine;
}

/**
 * Measures the effect of a run while it goes on: how much larger its gradient's one-norm is than the reference's at equal loss.
 * Lines are measured by the first crossing as they come; once the run has ended, those among them where a loss oscillates are
 * measured by bins of the loss, which need both runs to their ends.
 */
export class EffectMeter {
  private readonly averaging: Averaging;
  private readonly stretches: Stretches | undefined;
  private readonly path = new Path();
  private readonly curve: PredictedPoint[] = [];
  /** The last records, for the averaged point in their middle. */
  private recent: StepRecord[] = [];

  constructor(private readonly parts: MeterParts) {
    const { runner, averagingPeriod, stretches } = parts;
    this.averaging = new Averaging(runner, averagingPeriod);
    this.stretches = typeof stretches === 'string' ? undefined : new Stretches(runner, stretches);
  }

  /** What it has taken notice of. */
  get saved(): SavedMeter {
    const { averaging, stretches, path, curve, recent } = this;
    const { predicted } = this.parts;
    return {
      ...{ averaging: averaging.saved, stretches: stretches?.saved, path: path.saved, curve, recent },
      predicted: predicted.saved,
    };
  }

  restore({ averaging, stretches, path, curve, recent, predicted }: SavedMeter): void {
    this.averaging.restore(averaging);
    this.stretches?.restore(stretches);
    this.path.restore(path);
    this.curve.push(...curve);
    this.recent = [...recent];
    this.parts.predicted.restore(predicted);
  }

  /** Takes notice of a record. */
  add(record: StepRecord): void {
    this.path.push({ loss: record.loss, norms: normsOf(record) });
    this.parts.predicted.add(record);
    this.stretches?.add(record);
    this.recent = [...this.recent.slice(-2), record];
  }

  /** Steps that the run may take from `step` on without passing one whose θ must be shown. */
  stride(step: number): number {
    return Math.min(this.averaging.stride(step), this.stretches?.stride(step) ?? Number.POSITIVE_INFINITY);
  }

  /** Takes notice of θ⁽ⁿ⁾, for averaged points and means of stretches. */
  async show(position: Position): Promise<void> {
    await this.averaging.show(position, this.path, (step) => {
      const record = this.recent.find((each) => each.step === step);
      return record && { loss: record.loss, norms: normsOf(record) };
    });
    await this.stretches?.show(position, this.path);
  }

  /** The line of the last record with the effect at it: the reference goes on until it has come as far down. */
  async measured(line: StepLine): Promise<StepLine> {
    const { reference, first, cancelled, predicted, names } = this.parts;
    if (line.loss === null) return withEffect(line, names, { reason: 'the loss is not finite' });
    await reference.reach(line.loss, line.step - first, cancelled);
    this.curve.push({ loss: line.loss, predicted: predicted.value ?? null });
    const known = reference.crossing(line.loss);
    const here = 'reason' in known ? known : found('crossing', normsIn(line, names), known.norms);
    return withFields(withEffect(line, names, here), names, (t) =>
      t > 0 ? {} : { effectPredicted: predicted.value ?? null },
    );
  }

  /** Lets the reference come as far as the run, and says what was measured. */
  async finish(steps: number): Promise<Ending> {
    const { reference, cancelled, names, first, stretches } = this.parts;
    await reference.reach(this.path.lowest, steps, cancelled);
    const comparison = new Comparison(this.path, reference);
    const averages = new Map(this.path.averages.map((point) => [point.step, point.ratios]));
    const header = reference.header;
    const shares = new Map(this.path.stretches.map((each) => [each, slowShares(this.path.averages, each)]));
    const last = this.recent.at(-1)?.step;
    return {
      reference: header,
      effect: effectSummary(comparison, this.path, {
        ...{ names, curve: this.curve, reference: header, last },
        ...(typeof stretches === 'string' && { noStretches: stretches }),
      }),
      settle: (line) => {
        if (line.effect === undefined || line.loss === null) return line;
        const here = comparison.at(line.loss, normsIn(line, names));
        const settled = this.withSlow(withEffect(line, names, here), shares);
        const kept = averages.get(line.step);
        if (!kept) {
          const averagedReason = whyNotAveraged(line.step, first, last);
          return { ...withFields(settled, names, () => ({ effectAveraged: null, oscillation: null })), averagedReason };
        }
        const averaged = 'reason' in here ? [] : comparison.averaged(line.loss, here, kept);
        return withFields(settled, names, (t) => ({
          effectAveraged: averaged[t] ?? null,
          oscillation: oscillationOf(kept[t]),
        }));
      },
    };
  }

  /** A line with the share of slow oscillation in the stretch that it lies in, or why it is not known. */
  private withSlow(line: StepLine, known: ReadonlyMap<Stretch, readonly (number | null)[]>): StepLine {
    const { stretches, names } = this.parts;
    const stretch = stretchAt(this.path.stretches, line.step);
    const none = typeof stretches === 'string' ? stretches : 'the step lies in no stretch that was averaged';
    const reason = stretch ? slowDoubt(stretch) : none;
    const shares = stretch && known.get(stretch);
    const told = withFields(line, names, (t) => ({ slowOscillation: shares?.[t] ?? null }));
    return reason === undefined ? told : { ...told, slowReason: reason };
  }
}

function whyNotAveraged(step: number, first: number, last: number | undefined): string {
  if (step === first) return 'it needs the step before, and the run begins here';
  if (step === last) return 'it needs the step after, and the run ends here';
  return 'a run of this length keeps a part of its averaged points';
}

/** The one-norms of a line, of the model first. */
const normsIn = (line: StepLine, names: readonly string[]): number[] =>
  [line.gradientNorm1, ...names.map((name) => line.tensors[name]?.gradientNorm1)].map((norm) => norm ?? Number.NaN);

function withEffect(line: StepLine, names: readonly string[], here: Found | Unknown): StepLine {
  const { effectMethod: _method, ...rest } = line;
  if ('reason' in here) return withFields(rest, names, () => ({ effect: null, effectReason: here.reason }));
  const { effect, reasons, method } = here;
  return { ...withFields(rest, names, (t) => ({ effect: effect[t], effectReason: reasons[t] })), effectMethod: method };
}

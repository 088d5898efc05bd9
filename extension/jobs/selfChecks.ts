import { isLarge } from '../engine/memory.ts';
import type { Arrays, Runner } from '../engine/runner.ts';
import type { StepRecord } from '../engine/stepRecord.ts';
import type { SelfCheckTerms } from '../optimizers/measures.ts';
import type { SelfCheckFields, StepLine } from '../shared/protocol.ts';
import { stepLine, withFields } from './records.ts';

/** Averaged self-checks of a run, about. */
const triples = 8;

type Vectors = Pick<Arrays, 'deviation' | 'memory'>;

interface SavedSums {
  readonly count: number;
  readonly sums: readonly { withMemory: number; withoutMemory: number }[];
}

/** What self-checks that are gone on with need: plain data. */
export interface SavedChecks {
  readonly plain: SavedSums;
  readonly averaged: SavedSums;
  readonly recent: readonly { readonly step: number; readonly vectors: Vectors }[];
}

/**
 * The self-check of a run so far (theory C7): squared errors with and without the memory's term, summed over the lines with a
 * correction; and the same of the mean of three neighbouring steps, (n−1) + 2n + (n+1) over 4, in which an oscillation from step
 * to step cancels. The latter needs vectors of some steps, those that it `wants`: none of large models.
 */
export class SelfChecks {
  private readonly plain: Sums;
  private readonly averaged: Sums;
  private readonly period: number;
  private recent: { readonly step: number; readonly vectors: Vectors }[] = [];

  /**
   * @param first step at which the run begins
   * @param steps that it takes
   */
  constructor(
    private readonly runner: Runner,
    private readonly first: number,
    steps: number,
  ) {
    const { segments } = runner.problem.layout;
    this.plain = new Sums(segments.length);
    this.averaged = new Sums(segments.length);
    this.period = Math.max(4, Math.ceil(steps / triples));
  }

  /** True where the vectors of the step from here are asked for: around every multiple of the period. */
  wants(step: number): boolean {
    if (isLarge(this.runner.problem)) return false;
    const phase = (step - this.first) % this.period;
    return phase === this.period - 1 || (step > this.first + 1 && phase < 2);
  }

  /** Steps that the run may take from `step` on without passing one whose vectors are asked for. */
  stride(step: number): number {
    if (isLarge(this.runner.problem)) return Number.POSITIVE_INFINITY;
    let length = 1;
    while (!this.wants(step) && !this.wants(step + length)) length++;
    return length;
  }

  /** What was summed, and the vectors that are still needed. */
  get saved(): SavedChecks {
    const { plain, averaged, recent } = this;
    return { plain: plain.saved, averaged: averaged.saved, recent };
  }

  restore({ plain, averaged, recent }: SavedChecks): void {
    this.plain.restore(plain);
    this.averaged.restore(averaged);
    this.recent = [...recent];
  }

  /** The line of a step, with what holds of the run up to it. */
  line(record: StepRecord, vectors: Vectors | undefined): StepLine {
    this.add(record, vectors);
    const names = this.runner.problem.layout.segments.map(({ name }) => name);
    const line = stepLine(record, names);
    if (line.selfCheck === undefined) return line;
    const fields = (t: number): SelfCheckFields => ({
      selfCheckRun: this.plain.ratio(t),
      ...(this.averaged.count > 0 && { selfCheckAveraged: this.averaged.ratio(t) }),
    });
    return withFields(line, names, fields);
  }

  private add(record: StepRecord, vectors: Vectors | undefined): void {
    const { measures } = record;
    if (measures)
      this.plain.add(
        record.tensors.map((tensor) => tensor.measures!.selfCheckErrors),
        measures.selfCheckErrors !== null,
      );
    if (!vectors) return;
    this.recent = [...this.recent.filter(({ step }) => step >= record.step - 2), { step: record.step, vectors }];
    if (this.recent.length < 3) return;
    this.averaged.add(this.meanErrors(record.step - 1), true);
  }

  private meanErrors(step: number): SelfCheckTerms<number>[] {
    const { layout } = this.runner.problem;
    const relative = this.runner.relativeSteps(step);
    const data = (key: keyof Vectors) => this.recent.map(({ vectors }) => vectors[key].data as Float64Array);
    const [deviations, memories] = [data('deviation'), data('memory')];
    const mean = ([a, b, c]: readonly Float64Array[], j: number) => (a[j] + 2 * b[j] + c[j]) / 4;
    return layout.segments.map(({ offset, size }, t) => {
      let [withMemory, withoutMemory] = [0, 0];
      for (let j = offset; j < offset + size; j++) {
        const deviation = mean(deviations, j);
        withoutMemory += deviation ** 2;
        withMemory += (deviation - mean(memories, j)) ** 2;
      }
      const weight = (relative?.[t] ?? 1) ** 2;
      return { withMemory: weight * withMemory, withoutMemory: weight * withoutMemory };
    });
  }
}

/** Squared errors, of the model first and then of each tensor. */
class Sums {
  count = 0;
  private sums: { withMemory: number; withoutMemory: number }[];

  constructor(tensors: number) {
    this.sums = Array.from({ length: tensors + 1 }, () => ({ withMemory: 0, withoutMemory: 0 }));
  }

  add(errors: readonly (SelfCheckTerms<number> | null)[], counts: boolean): void {
    if (!counts) return;
    this.count++;
    for (const [t, found] of errors.entries()) {
      if (!found) continue;
      for (const sum of [this.sums[0], this.sums[t + 1]]) {
        sum.withMemory += found.withMemory;
        sum.withoutMemory += found.withoutMemory;
      }
    }
  }

  get saved(): SavedSums {
    const { count, sums } = this;
    return { count, sums };
  }

  restore({ count, sums }: SavedSums): void {
    this.count = count;
    this.sums = [...sums];
  }

  ratio(t: number): number | null {
    const ratio = Math.sqrt(this.sums[t].withMemory / this.sums[t].withoutMemory);
    return Number.isFinite(ratio) ? ratio : null;
  }
}

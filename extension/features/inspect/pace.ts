import { mostSeconds, roundDown } from '../../jobs/timing.ts';

/** The first steps of a run, which also load the program, tell nothing. */
const skippedRecords = 1;

export interface SlowStep {
  /** That a step takes. */
  readonly seconds: number;
  /** With so many of them a step would take two seconds. */
  readonly samples: number;
}

/** Watches how long the first steps of a run take. */
export class Pace {
  private readonly times: { readonly step: number; readonly at: number }[] = [];
  private isTold = false;

  constructor(private readonly samples: number) {}

  /** Takes a record of step `step` that came at `at` milliseconds; tells once that the steps are slow, where they are. */
  add(step: number, at: number): SlowStep | undefined {
    if (this.isTold) return undefined;
    this.times.push({ step, at });
    const first = this.times[skippedRecords];
    if (!first || step <= first.step) return undefined;
    this.isTold = true;
    const seconds = (at - first.at) / 1000 / (step - first.step);
    const samples = roundDown((this.samples * mostSeconds) / seconds);
    return seconds > mostSeconds && samples < this.samples ? { seconds, samples } : undefined;
  }
}

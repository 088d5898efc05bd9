import { Averaging, type Measured } from './averaging.ts';
import { normsOf, Path } from './path.ts';
import type { Position, Runner } from './runner.ts';
import type { StepRecord } from './stepRecord.ts';

/** How a reference goes. */
export interface WalkOptions {
  readonly runner: Runner;
  readonly start: Position;
  /** Most steps that it takes. */
  readonly most: number;
  /** Steps from one averaged point to the next; none are measured where not given. */
  readonly averagingPeriod?: number;
  /** On mini-batches: steps between measurements on all samples. Undefined where every step sees all samples. */
  readonly every?: number;
  /** Called at θ of every step that is a multiple of `every`; on mini-batches a multiple of that `every`, too. */
  readonly visit?: { readonly every: number; at(position: Position): Promise<void> };
  /** Is told of every record. */
  record?(record: StepRecord): void;
}

/** A run that is only followed as far as others need it to be held against it. Whoever asks first makes it go on. */
export class Walk {
  readonly path = new Path();
  private position: Position;
  private readonly averaging: Averaging | undefined;
  /** The last records, for the averaged point in their middle. */
  private readonly recent = new Map<number, Measured>();
  private ended = false;

  constructor(private readonly options: WalkOptions) {
    const { runner, start, averagingPeriod: period } = options;
    this.position = start;
    this.averaging = period === undefined ? undefined : new Averaging(runner, period);
  }

  /** Steps that were taken. */
  get steps(): number {
    return this.position.step - this.options.start.step;
  }

  /** True where it goes no further: it has taken all steps, or its numbers have stopped being finite. */
  get done(): boolean {
    return this.ended || this.steps >= this.options.most;
  }

  /** True where numbers have stopped being finite. */
  get broken(): boolean {
    return this.ended;
  }

  /** Goes on until a loss is reached, and at least `steps` steps were taken, as far as it may. */
  async reach(loss: number, steps: number, cancelled: () => boolean): Promise<void> {
    while (!this.done && (this.path.lowest > loss || this.steps < steps)) {
      if (cancelled()) return;
      await this.advance();
    }
  }

  /** Measures where it stands. */
  async measure(): Promise<void> {
    const { visit, runner } = this.options;
    if (this.ended) return;
    await visit?.at(this.position);
    this.keep((await runner.plainSteps(this.position, 1)).records[0]);
  }

  /** One call of the runtime. */
  private async advance(): Promise<void> {
    const { runner, start, most, every } = this.options;
    const { step } = this.position;
    await this.averaging?.show(this.position, this.path, (n) => this.recent.get(n));
    const { visit } = this.options;
    if (visit && step % visit.every === 0) await visit.at(this.position);
    const untilVisit = visit ? visit.every - (step % visit.every) : most;
    const free = Math.min(most - this.steps, untilVisit, this.averaging?.stride(step) ?? most);
    const before = this.position;
    if (every === undefined) {
      const { records, position } = await runner.plainSteps(this.position, free);
      for (const record of records) this.keep(record);
      this.position = position;
    } else {
      if (step % every === 0 || step === start.step) this.keep((await runner.plainSteps(this.position, 1)).records[0]);
      this.position = (await runner.batchSteps(this.position, Math.min(free, every - (step % every)))).position;
    }
    // A runner that meets numbers that are not finite stays where it is.
    this.ended ||= this.position === before;
  }

  private keep(record: StepRecord): void {
    this.path.push(record);
    this.options.record?.(record);
    this.ended ||= !Number.isFinite(record.loss) || !Number.isFinite(record.gradientNorm1);
    this.recent.set(record.step, { loss: record.loss, norms: normsOf(record) });
    for (const step of this.recent.keys()) if (step < record.step - 3) this.recent.delete(step);
  }
}

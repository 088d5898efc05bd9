import { Averaging, type Measured, type Passed } from './averaging.ts';
import { type AveragedPoint, normsOf, Path, type SavedPath, type Stretch } from './path.ts';
import type { Position, Runner } from './runner.ts';
import type { StepRecord } from './stepRecord.ts';
import { type SavedStretches, Stretches, type StretchPlan } from './stretches.ts';

/** How a reference goes. */
export interface WalkOptions {
  readonly runner: Runner;
  readonly start: Position;
  /** Most steps that it takes. */
  readonly most: number;
  /** Steps from one averaged point to the next; none are measured where not given. */
  readonly averagingPeriod?: number;
  /** Its stretches of many steps, where every step sees all samples; none are measured where not given. */
  readonly stretches?: StretchPlan;
  /** On mini-batches: steps between measurements on all samples. Undefined where every step sees all samples. */
  readonly every?: number;
  /** Called at θ of every step that is a multiple of `every`; on mini-batches a multiple of that `every`, too. */
  readonly visit?: { readonly every: number; at(position: Position): Promise<void> };
  /** Is told of every record. */
  record?(record: StepRecord): void;
}

/** What lies on a trail: a measurement, an averaged point, a stretch, steps without a measurement, or its end. */
type Mark = { readonly steps: number; readonly ended: boolean } & (
  | { readonly record: Measured }
  | { readonly average: AveragedPoint }
  | { readonly stretch: Stretch }
  | { readonly moved: true }
);

/** What a trail that is gone on with needs: plain data. */
export interface SavedTrail {
  readonly position: Position;
  readonly averaging: readonly Passed[];
  readonly stretches: SavedStretches;
  readonly recent: ReadonlyMap<number, Measured>;
  readonly ended: boolean;
}

/** How far a walk was: plain data. */
export interface SavedWalk {
  readonly path: SavedPath;
  readonly steps: number;
  readonly ended: boolean;
  /** Those of its trail that it had not come to. */
  readonly marks: readonly Mark[];
  readonly trail: SavedTrail;
}

/** Numbers that a trail keeps for those who follow it, about. */
const mostNumbers = 8_000_000;

/**
 * The course of a run, mark by mark. Several may follow it, each as far as it needs: whoever is first makes it go on. How many
 * steps one call of the runtime takes depends on time; the marks do not.
 */
export class Trail {
  readonly marks: Mark[] = [];
  private position: Position;
  private readonly averaging: Averaging | undefined;
  private readonly stretches: Stretches | undefined;
  /** The last records, for the averaged point in their middle. */
  private recent = new Map<number, Measured>();
  private ended = false;
  private numbers = 0;

  constructor(private readonly options: WalkOptions) {
    const { runner, start, averagingPeriod: period, stretches } = options;
    this.position = start;
    this.averaging = period === undefined ? undefined : new Averaging(runner, period);
    this.stretches = stretches && new Stretches(runner, stretches);
  }

  /** No more marks are added: who goes on does so on a trail of its own. */
  get full(): boolean {
    return this.numbers > mostNumbers;
  }

  /** Where it ends, and what it needs to go on. */
  get saved(): SavedTrail {
    const { position, recent, ended, averaging, stretches } = this;
    return { position, averaging: averaging?.saved ?? [], stretches: stretches?.saved, recent: new Map(recent), ended };
  }

  /** A trail that begins where another one has ended. */
  static after({ position, averaging, stretches, recent, ended }: SavedTrail, options: WalkOptions): Trail {
    const trail = new Trail(options);
    trail.position = position;
    trail.averaging?.restore(averaging);
    trail.stretches?.restore(stretches);
    trail.recent = new Map(recent);
    trail.ended = ended;
    return trail;
  }

  /** Adds the marks of one call of the runtime. */
  async extend(): Promise<void> {
    const { runner, start, most, every, visit } = this.options;
    const { step } = this.position;
    const average = (point: AveragedPoint) => this.add({ average: point }, step);
    await this.averaging?.show(this.position, { average }, (n) => this.recent.get(n));
    await this.stretches?.show(this.position, { stretch: (stretch) => this.add({ stretch }, step) });
    if (visit && step % visit.every === 0) await visit.at(this.position);
    const untilVisit = visit ? visit.every - (step % visit.every) : most;
    const strides = [this.averaging, this.stretches].map((each) => each?.stride(step) ?? most);
    const free = Math.min(most - (step - start.step), untilVisit, ...strides);
    const before = this.position;
    if (every === undefined) {
      const { records, position } = await runner.plainSteps(this.position, free);
      this.position = position;
      for (const record of records) this.keep(record, Math.min(record.step + 1, position.step));
    } else {
      if (step % every === 0 || step === start.step)
        this.keep((await runner.plainSteps(this.position, 1)).records[0], step);
      this.position = (await runner.batchSteps(this.position, Math.min(free, every - (step % every)))).position;
    }
    // A runner that meets numbers that are not finite stays where it is.
    this.ended ||= this.position === before;
    this.add({ moved: true }, this.position.step);
  }

  /** Measures where it ends. */
  async measure(): Promise<void> {
    const { visit, runner } = this.options;
    if (this.ended) return;
    await visit?.at(this.position);
    this.keep((await runner.plainSteps(this.position, 1)).records[0], this.position.step);
  }

  private keep(record: StepRecord, step: number): void {
    const known = { loss: record.loss, norms: normsOf(record) };
    this.options.record?.(record);
    this.stretches?.add(record);
    this.ended ||= !Number.isFinite(record.loss) || !Number.isFinite(record.gradientNorm1);
    this.recent.set(record.step, known);
    for (const kept of this.recent.keys()) if (kept < record.step - 3) this.recent.delete(kept);
    this.add({ record: known }, step);
    this.numbers += known.norms.length;
  }

  private add(
    mark: { record: Measured } | { average: AveragedPoint } | { stretch: Stretch } | { moved: true },
    step: number,
  ): void {
    this.marks.push({ ...mark, steps: step - this.options.start.step, ended: this.ended });
  }
}

/**
 * A run that is only followed as far as others need it to be held against it, to the very step: what it says does not depend
 * on who else follows the same trail.
 */
export class Walk {
  readonly path = new Path();
  /** Steps that were taken. */
  steps = 0;
  private trail: Trail;
  private next = 0;
  private ended = false;

  /** @param trail one that others follow, too; one of its own, if not given */
  constructor(
    private readonly options: WalkOptions,
    private readonly shared?: Trail,
  ) {
    this.trail = shared ?? new Trail(options);
  }

  /** How far it is, and what it needs to go on. */
  get saved(): SavedWalk {
    const { path, steps, ended, trail, next } = this;
    return { path: path.saved, steps, ended, marks: trail.marks.slice(next), trail: trail.saved };
  }

  /** Goes on where another one was. */
  restore({ path, steps, ended, marks, trail }: SavedWalk): void {
    this.path.restore(path);
    this.steps = steps;
    this.ended = ended;
    // Others begin where this one began.
    this.trail = Trail.after(trail, this.options);
    this.trail.marks.push(...marks);
    this.next = 0;
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
    const arrived = () => this.path.lowest <= loss && this.steps >= steps;
    while (!this.done && !arrived()) {
      const mark = this.trail.marks[this.next];
      if (mark) this.follow(mark, this.path.lowest <= loss ? steps : undefined);
      else {
        if (cancelled()) return;
        await this.goOn();
      }
    }
  }

  /** Measures where it stands, at the end of its trail. */
  async measure(): Promise<void> {
    await this.trail.measure();
    for (const mark of this.trail.marks.slice(this.next)) this.follow(mark);
  }

  private async goOn(): Promise<void> {
    if (this.trail === this.shared && this.trail.full) {
      this.trail = Trail.after(this.trail.saved, this.options);
      this.next = 0;
    }
    // What nobody else follows need not be kept.
    if (this.trail !== this.shared) {
      this.trail.marks.length = 0;
      this.next = 0;
    }
    await this.trail.extend();
  }

  /** Takes notice of a mark; where only steps are missing, of as many of its steps as were asked for. */
  private follow(mark: Mark, asked?: number): void {
    if ('record' in mark) this.path.push(mark.record);
    if ('average' in mark) this.path.average(mark.average);
    if ('stretch' in mark) this.path.stretch(mark.stretch);
    const part = 'moved' in mark && asked !== undefined && asked < mark.steps;
    this.steps = part ? Math.max(this.steps, asked) : mark.steps;
    if (part) return;
    this.next++;
    this.ended = mark.ended;
  }
}

import type { Tensor } from '../onnx/tensor.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { InspectorError } from '../shared/errors.ts';
import { at, words } from '../shared/words.ts';
import { type Batches, BatchProgram } from './batches.ts';
import { chunksOf, type Plan } from './chunks.ts';
import { type GroupNumbers, type Numbers, type Stage, structureOf } from './coefficients.ts';
import { LanePool } from './lanePool.ts';
import { Gathered, LaneSession } from './lanes.ts';
import { isLarge } from './memory.ts';
import { dataTensors } from './objective.ts';
import type { Problem } from './problem.ts';
import { arrayNames, encode, mostSteps, Program } from './program.ts';
import { outOfThreads, scarce } from './scarce.ts';
import { type Device, imageBlock, plainReason, Session } from './session.ts';
import { isFiniteRecord, type NamedSums, recordOf, type StepRecord } from './stepRecord.ts';

/** The vectors of a step with a correction, each in the layout of θ. */
export type Arrays = Readonly<Record<(typeof arrayNames)[number], Tensor>>;

export interface RunnerOptions extends Numbers {
  readonly optimizer: Optimizer;
  readonly stage: Stage;
  /** The mini-batches of `batchSteps`. */
  readonly batches?: Batches;
  readonly device: Device;
  readonly chunks: Plan;
  readonly threads?: number;
  /** The bundled program of a lane's thread; the one beside this program, if not given. */
  readonly laneScript?: string;
}

/** How long one call of the runtime should take: long enough to cost nothing, short enough to answer a cancel. */
const callMilliseconds = 150;

/** Programs with more nodes are loaded as they are: optimising them would take longer than it saves. */
const mostOptimised = 6000;

interface Loaded {
  readonly program: Program;
  readonly session: Pick<Session, 'run' | 'release'>;
  readonly data: ReadonlyMap<string, Tensor>;
  /** Most steps of one call. */
  readonly mostSteps: number;
  /** Duration of one step, from the last call. */
  milliseconds: number | undefined;
}

/** A program of steps on mini-batches of one size. */
interface LoadedBatches {
  readonly program: BatchProgram;
  readonly session: Session;
  /** Duration of one step, from the last call. */
  milliseconds: number | undefined;
}

/** The programs of a runner, shared by those that differ in numbers only. */
interface Programs {
  plain?: Loaded;
  corrected?: Loaded;
  /** With the vectors of the last step among its outputs: it serves where the one without does, but takes more memory. */
  withArrays?: Loaded;
  /** By size of the mini-batch. */
  readonly batches: Map<number, LoadedBatches>;
  pool?: LanePool;
}

/** Where an optimizer stands: θ⁽ⁿ⁾ and its state before step n. */
export interface Position {
  readonly step: number;
  readonly theta: Tensor;
  readonly state: ReadonlyMap<string, Tensor>;
}

/** Result of one call: the records of the steps it took, and where it ended. */
export interface Advance {
  readonly records: readonly StepRecord[];
  readonly position: Position;
  readonly arrays?: Arrays;
}

/** Result of one call on mini-batches. */
export interface BatchAdvance {
  /** Of each step's mini-batch, at the parameters that the step began with. */
  readonly losses: readonly number[];
  readonly position: Position;
}

/** Runs an optimizer on a problem: loads programs when they are first needed and keeps θ and state between calls. */
export class Runner {
  constructor(
    readonly problem: Problem,
    private readonly options: RunnerOptions,
    private readonly programs: Programs = { batches: new Map() },
  ) {}

  /**
   * A runner of the same optimizer with other numbers, on the same loaded programs; releasing one releases both. The
   * numbers must have the same `structureOf`.
   */
  with(numbers: Numbers, batches = this.options.batches): Runner {
    const { hyper, stepSizes, groups, clipNorm } = numbers;
    const { optimizer } = this.options;
    if (structureOf(optimizer, numbers) !== structureOf(optimizer, this.options))
      throw new Error(`${optimizer.name} needs another program for these hyper-parameters`);
    const options = { ...this.options, hyper, stepSizes, groups, clipNorm, batches };
    return new Runner(this.problem, options, this.programs);
  }

  /** θ⁽⁰⁾ (the problem's, unless another is given) and zero state. */
  start(theta: Tensor = this.problem.theta): Position {
    const { layout, floatType } = this.problem;
    const names = this.options.optimizer.stateNames(this.options.hyper);
    return { step: 0, theta, state: new Map(names.map((name) => [name, layout.zeros(floatType)])) };
  }

  /** Builds and loads both programs now instead of when they are first needed. */
  async prepare(): Promise<void> {
    this.programs.plain ??= await this.load('plain');
    this.programs.corrected ??= await this.load('corrected');
  }

  /** Takes up to `most` plain steps from a position, as many as fit a short call. */
  async plainSteps(from: Position, most: number): Promise<Advance> {
    this.programs.plain ??= await this.load('plain');
    return this.advance(this.programs.plain, from, most, false);
  }

  /** Takes up to `most` steps from a position, with the correction at each; `arrays` returns those of the last. */
  async correctedSteps(from: Position, most: number, arrays = false): Promise<Advance> {
    const { programs } = this;
    if (arrays) programs.withArrays ??= await this.load('withArrays');
    else programs.corrected ??= programs.withArrays ?? (await this.load('corrected'));
    return this.advance((arrays ? programs.withArrays : programs.corrected)!, from, most, arrays);
  }

  /** Takes up to `most` steps on mini-batches from a position, as many as fit a short call. */
  async batchSteps(from: Position, most: number): Promise<BatchAdvance> {
    const { batches } = this.options;
    if (!batches) throw new Error('this runner has no mini-batches');
    const size = batches.sizeAt(from.step);
    const loaded = this.programs.batches.get(size) ?? (await this.loadBatches(size));
    this.programs.batches.set(size, loaded);
    const { program, milliseconds } = loaded;
    const fitting = milliseconds === undefined ? 1 : Math.max(1, Math.floor(callMilliseconds / milliseconds));
    const allowed = Math.min(most, fitting, program.mostSteps);
    let steps = 1;
    while (steps < allowed && batches.sizeAt(from.step + steps) === size) steps++;
    const started = performance.now();
    const results = await this.callBatches(loaded, from, steps);
    loaded.milliseconds = (performance.now() - started) / steps;
    const losses = [...(results.get('statistics/loss')!.data as Float64Array)];
    const finite = Number.isFinite(losses.at(-1));
    if (finite) return { losses, position: this.position(from.step + steps, results) };
    if (losses.length === 1) return { losses, position: from };
    // The parameters after a step that is not finite are lost: go back to the last that were good.
    const good = await this.callBatches(loaded, from, losses.length - 1);
    return { losses, position: this.position(from.step + losses.length - 1, good) };
  }

  async release(): Promise<void> {
    const { plain, corrected, withArrays, batches } = this.programs;
    for (const loaded of new Set([plain, corrected, withArrays, ...batches.values()])) await loaded?.session.release();
    await this.programs.pool?.end();
  }

  private async load(kind: 'plain' | 'corrected' | 'withArrays'): Promise<Loaded> {
    const { device, chunks: plan, threads } = this.options;
    const corrected = kind !== 'plain';
    const chunks = corrected ? plan.corrected : plan.plain;
    const options = { ...this.options, corrected, arrays: kind === 'withArrays', chunks };
    const lanes = plan.lanes ?? [];
    const block = device === 'cpu' && convolves(this.problem) ? await imageBlock() : undefined;
    if (lanes.length > 1) {
      this.programs.pool ??= new LanePool(this.problem, lanes, this.options.laneScript);
      const { pool } = this.programs;
      const program = new Program(this.problem, options, (b) => new Gathered(this.problem, lanes.length, b));
      const session = await this.session(block, (form) =>
        LaneSession.create(program, pool, { block: form, threads, mostOptimised }),
      );
      return { program, session, data: new Map(), mostSteps: 1, milliseconds: undefined };
    }
    const program = new Program(this.problem, options);
    const session = await this.session(block, (form) => {
      const { bytes, nodes } = encode(program.graph, device, form);
      const arena = !isLarge(this.problem);
      return Session.create(bytes, device, threads, { optimise: nodes <= mostOptimised, arena });
    });
    return { program, session, data: dataTensors(this.problem, chunks), mostSteps, milliseconds: undefined };
  }

  private async loadBatches(size: number): Promise<LoadedBatches> {
    const { device, threads, chunks } = this.options;
    const { pass, small } = chunks.batch ?? { pass: size, small: false };
    const options = { ...this.options, size, chunks: chunksOf(size, pass) };
    const program = new BatchProgram(this.problem, options);
    const block = device === 'cpu' && convolves(this.problem) ? await imageBlock() : undefined;
    const session = await this.session(block, (form) => {
      const { bytes, nodes } = encode(program.graph, device, form);
      return Session.create(bytes, device, small ? 1 : threads, {
        ...{ optimise: nodes <= mostOptimised, plan: small, arena: !isLarge(this.problem) },
      });
    });
    return { program, session, milliseconds: undefined };
  }

  private async callBatches(
    { program, session }: LoadedBatches,
    from: Position,
    steps: number,
  ): Promise<Map<string, Tensor>> {
    const feeds = new Map([...program.data, ...program.inputs(from.step, steps, this.options.batches!, this.options)]);
    feeds.set('theta', from.theta);
    for (const [name, tensor] of from.state) feeds.set(`state/${name}`, tensor);
    try {
      return await session.run(feeds);
    } catch (error) {
      throw runtimeFailure(`take step ${from.step}`, this.options.device, error);
    }
  }

  /** Loads a program; in the runtime's image layout where that works, in the general one else. */
  private async session<T>(block: number | undefined, create: (block: number | undefined) => Promise<T>): Promise<T> {
    if (block !== undefined) {
      try {
        return await create(block);
      } catch {
        // The general layout says what is wrong, if anything is.
      }
    }
    try {
      return await create(undefined);
    } catch (error) {
      throw runtimeFailure('load the program', this.options.device, error);
    }
  }

  private async advance(loaded: Loaded, from: Position, most: number, arrays: boolean): Promise<Advance> {
    const fitting =
      loaded.milliseconds === undefined ? 1 : Math.max(1, Math.floor(callMilliseconds / loaded.milliseconds));
    const steps = Math.min(most, fitting, loaded.mostSteps);
    const started = performance.now();
    const results = await this.call(loaded, from, steps, arrays);
    const records = this.records(loaded, from.step, results);
    loaded.milliseconds = (performance.now() - started) / records.length;
    const last = records.at(-1)!;
    if (!isFiniteRecord(last) && records.length > 1) {
      // The parameters after a step that is not finite are lost: go back to the last that were good.
      const good = await this.call(loaded, from, records.length - 1, false);
      return { records, position: this.position(from.step + records.length - 1, good) };
    }
    return {
      records,
      position: isFiniteRecord(last) ? this.position(from.step + records.length, results) : from,
      arrays: arrays
        ? (Object.fromEntries(arrayNames.map((name) => [name, this.vector(results, name)])) as Arrays)
        : undefined,
    };
  }

  private async call(loaded: Loaded, from: Position, steps: number, arrays: boolean): Promise<Map<string, Tensor>> {
    const feeds = new Map<string, Tensor>(loaded.data);
    feeds.set('steps', { type: 'int64', shape: [], data: BigInt64Array.of(BigInt(steps)) });
    feeds.set('coefficients', loaded.program.coefficients(from.step, steps, this.options));
    feeds.set('theta', from.theta);
    for (const [name, tensor] of from.state) feeds.set(`state/${name}`, tensor);
    const { corrected } = loaded.program.options;
    const wanted = [
      'next/theta',
      ...loaded.program.stateNames.map((name) => `next/state/${name}`),
      'statistics/loss',
      'statistics/sums',
      ...(corrected ? ['statistics/low', 'statistics/high'] : []),
      ...(arrays ? arrayNames.map((name) => `next/${name}`) : []),
    ];
    try {
      return await loaded.session.run(feeds, wanted);
    } catch (error) {
      throw runtimeFailure(`take step ${from.step}`, this.options.device, error);
    }
  }

  private position(step: number, results: ReadonlyMap<string, Tensor>): Position {
    const names = this.options.optimizer.stateNames(this.options.hyper);
    return {
      step,
      theta: this.vector(results, 'theta'),
      state: new Map(names.map((name) => [name, this.vector(results, `state/${name}`)])),
    };
  }

  /** What a program leaves of the layout of θ, whatever form it had there. */
  private vector(results: ReadonlyMap<string, Tensor>, name: string): Tensor {
    return { ...results.get(`next/${name}`)!, shape: [this.problem.layout.length] } as Tensor;
  }

  /** The statistics of a call as one record for each step. */
  private records(loaded: Loaded, first: number, results: ReadonlyMap<string, Tensor>): StepRecord[] {
    const losses = results.get('statistics/loss')!.data as Float64Array;
    const sums = results.get('statistics/sums')!.data as Float64Array;
    const low = results.get('statistics/low')?.data as Float64Array | undefined;
    const high = results.get('statistics/high')?.data as Float64Array | undefined;
    const { segments } = this.problem.layout;
    const columns = loaded.program.columns.sums;
    return Array.from(losses, (loss, i) => {
      const relative = loaded.program.options.corrected ? this.relativeSteps(first + i) : undefined;
      const tensors = segments.map(({ size }, t): NamedSums => {
        const at = (i * segments.length + t) * columns.length;
        const named = Object.fromEntries(columns.map((name, c) => [name, sums[at + c]]));
        const place = i * segments.length + t;
        return { size, named, low: low?.[place] ?? 0, high: high?.[place] ?? 0, relativeStep: relative?.[t] };
      });
      const stepSize = loaded.program.options.corrected ? this.stepSizeAt(first + i, this.options) : undefined;
      return recordOf(first + i, loss, tensors, stepSize);
    });
  }

  /** For each tensor its step size in units of the model's, where groups have their own; undefined where all have one. */
  relativeSteps(step: number): number[] | undefined {
    const { groups, ...own } = this.options;
    if (!groups) return undefined;
    const base = this.stepSizeAt(step, own);
    const ratios = groups.numbers.map((numbers) =>
      // Where nothing moves, the learning rates say how the groups would.
      base > 0 ? this.stepSizeAt(step, numbers) / base : own.hyper.lr > 0 ? numbers.hyper.lr / own.hyper.lr : 1,
    );
    return groups.of.map((group) => (group === 0 ? 1 : ratios[group - 1]));
  }

  private stepSizeAt(step: number, { hyper, stepSizes }: GroupNumbers): number {
    return this.options.optimizer.updateCoefficients(hyper, step, stepSizes).stepSize;
  }
}

/** True where the program convolves images, for which the runtime has a faster layout. */
const convolves = ({ floatType, model }: Problem): boolean =>
  floatType === 'float32' && model.graph.nodes.some(({ opType }) => opType === 'Conv');

/** What the runtime refuses or lacks memory for, in the words of this program; its own words are the reason. */
function runtimeFailure(what: string, device: Device, error: unknown): InspectorError {
  const reason = plainReason((error as Error).message);
  const memory = /alloc|memory/i.test(reason);
  const remedy = outOfThreads.test(reason)
    ? scarce
    : memory
      ? words`Try a smaller ${at('microBatch')}.`
      : /out of (data )?bounds|out of range/i.test(reason)
        ? 'An index in the data, such as that of a token, lies outside the table that it points into; check the inputs.'
        : device === 'cpu'
          ? 'This should not happen; please report it with the model.'
          : words`Try again with ${at('device', 'cpu')}.`;
  return new InspectorError(`ONNX Runtime could not ${what} on ${device.toUpperCase()}: ${reason}`, remedy, {
    cause: error,
  });
}

import { structureOf } from '../engine/coefficients.ts';
import { type SavedWalk, Walk } from '../engine/reference.ts';
import { Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import { isAbsent } from '../optimizers/optimizer.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import type { InspectRequest } from '../shared/protocol.ts';
import { batchesOf } from './batchOrder.ts';
import { drawnAnew } from './drawnAnew.ts';
import type { Evaluator } from './evaluator.ts';
import { type HeldRun, type SeedNumbers, seedNumbers, type TestPoint } from './heldRuns.ts';
import { openReference, planReference, type SavedReference } from './references.ts';
import type { Saving } from './saving.ts';
import { chunksFor, readSubject, type Settings, type Subject, settingsOf } from './setup.ts';
import { testEvaluator } from './testSet.ts';
import { Trails } from './trails.ts';

/** How often a run on mini-batches is measured on all samples, where it is not said. */
const measurements = 50;

/** How far a run was: plain data. */
export interface SavedRun {
  readonly walk: SavedWalk;
  readonly reference: SavedReference | undefined;
  /** All steps were taken, and what holds after them was measured. */
  readonly measured: boolean;
  readonly tests: readonly TestPoint[];
  readonly losses: HeldRun['losses'];
  /** Of the test set, where the loss over all samples is not known yet; by step. */
  readonly waiting: ReadonlyMap<number, Omit<TestPoint, 'trainLoss'>>;
}

interface RunWatch {
  cancelled(): boolean;
  told?(share: number): void;
  readonly saving?: Saving<SavedRun>;
}

/** Ends the work on a seed that nobody waits for. */
export class Cancelled extends Error {}

/** The settings of a comparison on their model and data, with programs that its runs share. */
export class Laboratory {
  private readonly runners = new Map<string, Runner>();
  private trails: { readonly seed: number; readonly of: Trails } | undefined;

  private constructor(
    private readonly request: CompareRequest,
    readonly subject: Subject,
    private readonly device: Device,
    /** The user's own setting, then the others. */
    private readonly requests: readonly InspectRequest[],
    readonly settings: readonly Settings[],
    private readonly evaluator: Evaluator | undefined,
  ) {}

  /** Reads model and data. Throws an InspectorError for anything that does not fit. */
  static async open(request: CompareRequest, device: Device): Promise<Laboratory> {
    const { base } = request;
    const subject = await readSubject(base);
    const own = [{}, ...request.settings].map((changed) => ({ ...base, hyper: { ...base.hyper, ...changed } }));
    const settings = own.map((each) => settingsOf(each, subject, each.steps));
    // One kind of reference for all: twins where one of the settings has one.
    const twins = settings.some(({ optimizer, hyper }) => !isAbsent(optimizer.twin(hyper)));
    const reference = base.reference ?? (twins ? 'twin' : 'flow');
    const requests = own.map((each): InspectRequest => ({ ...each, reference }));
    const evaluator = await testEvaluator(request, subject, device);
    return new Laboratory(request, subject, device, requests, settings, evaluator);
  }

  /** Runs of one seed. */
  get count(): number {
    return this.requests.length;
  }

  /** The numbers of every setting at one seed. */
  async seed(seed: number, told: (runs: number) => void, cancelled: () => boolean): Promise<SeedNumbers> {
    const held: HeldRun[] = [];
    for (const i of this.requests.keys()) {
      held.push(await this.held(seed, i, cancelled));
      told(i + 1);
    }
    return seedNumbers(held);
  }

  /**
   * The run of one setting at one seed with its reference; those of one seed share the trails of their references. Throws
   * `Cancelled` where the work is stopped.
   *
   * @param setting 0: the user's own
   * @param told is called with the share of its steps that was taken
   * @param saving keeps what the run needs to go on in another process; then `Paused` is thrown where it is to end
   */
  async held(
    seed: number,
    setting: number,
    cancelled: () => boolean,
    told?: (share: number) => void,
    saving?: Saving<SavedRun>,
  ): Promise<HeldRun> {
    const own = { ...this.requests[setting], seed: this.request.unpaired ? seed + setting * 1_000_003 : seed };
    const trails = await this.trailsOf(own.seed);
    const held = await this.run(own, this.settings[setting], trails, { cancelled, told, saving });
    if (!saving && cancelled()) throw new Cancelled();
    return held;
  }

  /** Seeds come one after the other: the trails of another one are not needed any more. */
  private async trailsOf(seed: number): Promise<Trails> {
    if (this.trails?.seed !== seed) {
      await this.trails?.of.release();
      this.trails = { seed, of: new Trails() };
    }
    return this.trails.of;
  }

  async release(): Promise<void> {
    await this.trails?.of.release();
    for (const runner of this.runners.values()) await runner.release();
    await this.evaluator?.release();
  }

  private async run(
    own: InspectRequest,
    settings: Settings,
    trails: Trails,
    { cancelled, told, saving }: RunWatch,
  ): Promise<HeldRun> {
    const { problem } = this.subject;
    const whole = own.batchSize === undefined && own.order === undefined;
    const batches = whole ? undefined : await batchesOf(own, problem);
    const every = batches ? (own.every ?? Math.max(1, Math.floor(own.steps / measurements))) : 1;
    const request = { ...own, every };
    const chunks = chunksFor(problem, request, this.device, batches);
    const options = { batches, stage: 'step' as const, device: this.device, chunks, threads: own.threads };
    const key = structureOf(settings.optimizer, settings);
    const loaded = this.runners.get(key) ?? new Runner(problem, { ...settings, ...options });
    this.runners.set(key, loaded);
    const runner = loaded.with(settings, batches);
    const start = runner.start(whole && own.seed ? drawnAnew(problem, own.seed) : undefined);
    const saved = saving?.saved?.state;
    const tests: TestPoint[] = [...(saved?.tests ?? [])];
    const losses: { step: number; loss: number }[] = [...(saved?.losses ?? [])];
    const waiting = new Map(saved?.waiting);
    const period = this.request.testEvery ?? Math.ceil(own.steps / 20);
    const visits = every * Math.max(1, Math.ceil(period / every));
    const { evaluator } = this;
    const walk = new Walk({
      ...{ runner, start, most: own.steps, every: batches && every },
      visit: evaluator && {
        every: visits,
        async at({ step, theta }) {
          const { loss, accuracy } = await evaluator.evaluate(theta);
          waiting.set(step, { loss, accuracy: accuracy ?? null });
        },
      },
      record({ step, loss }) {
        losses.push({ step, loss });
        told?.(step / Math.max(1, own.steps));
        const test = waiting.get(step);
        if (test) tests.push({ ...test, trainLoss: loss });
      },
    });
    const plan = planReference(request, settings);
    const reference = openReference(plan, { request, settings, problem, runner, options, start, trails });
    let measured = saved?.measured === true;
    if (saved) walk.restore(saved.walk);
    if (saved?.reference) reference?.restore(saved.reference);
    const isCancelled = () => {
      saving?.between(() => ({
        state: { walk: walk.saved, reference: reference?.saved, measured, tests, losses, waiting },
      }));
      return !saving && cancelled();
    };
    if (!measured) {
      await walk.reach(Number.NEGATIVE_INFINITY, own.steps, isCancelled);
      await walk.measure();
      measured = true;
    }
    await reference?.reach(walk.path.lowest, 0, isCancelled);
    const ownTwin = plan.kind === 'none' && request.reference === 'twin';
    return { path: walk.path.kept, reference: reference?.kept, ownTwin, tests, losses };
  }
}

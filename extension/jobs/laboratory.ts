import { structureOf } from '../engine/coefficients.ts';
import { Walk } from '../engine/reference.ts';
import { Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import { isAbsent } from '../optimizers/optimizer.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import type { InspectRequest } from '../shared/protocol.ts';
import { batchesOf } from './batchOrder.ts';
import type { CompareNumbers } from './compareResult.ts';
import { Comparison } from './comparison.ts';
import { drawnAnew } from './drawnAnew.ts';
import { binWidth, crossing, LossIndex } from './equalLoss.ts';
import type { Evaluator } from './evaluator.ts';
import { openReference, planReference, type Reference, referenceKey } from './references.ts';
import { chunksFor, readSubject, type Settings, type Subject, settingsOf } from './setup.ts';
import { testEvaluator } from './sweep.ts';

/** How often a run on mini-batches is measured on all samples, where it is not said. */
const measurements = 50;

interface TestPoint {
  readonly trainLoss: number;
  readonly loss: number;
  readonly accuracy: number | null;
}

/** One run of a comparison while all runs of its seed are held. */
interface Held {
  readonly walk: Walk;
  readonly reference: Reference | undefined;
  /** Nothing of its memory could be switched off: it does not differ from its twin. */
  readonly ownTwin: boolean;
  readonly tests: readonly TestPoint[];
  /** Step and loss of every record. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
}

/** What all runs of one seed came to: the loss at which they are compared, and the numbers of each setting there. */
export interface SeedNumbers {
  readonly loss: number;
  readonly numbers: readonly CompareNumbers[];
}

/** Ends the work on a seed that nobody waits for. */
export class Cancelled extends Error {}

/** The settings of a comparison on their model and data, with programs that its runs share. */
export class Laboratory {
  private readonly runners = new Map<string, Runner>();

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

  /** The numbers of every setting at one seed, at the lowest loss that all of them come clearly below. */
  async seed(seed: number, told: (runs: number) => void, cancelled: () => boolean): Promise<SeedNumbers> {
    const references = new Map<string, Reference>();
    try {
      const held: Held[] = [];
      for (const [i, own] of this.requests.entries()) {
        const seedOf = this.request.unpaired ? seed + i * 1_000_003 : seed;
        held.push(await this.run({ ...own, seed: seedOf }, this.settings[i], references, cancelled));
        if (cancelled()) throw new Cancelled();
        told(i + 1);
      }
      const reached = Math.max(...held.map(({ walk }) => walk.path.lowest));
      // Half way down where a bin would reach above the start.
      const loss = Math.min(
        reached * (1 + binWidth),
        Math.sqrt(reached * Math.max(reached, held[0].walk.path.losses[0])),
      );
      // Where the loss of one of them does not fall steadily, all are measured by bins, so that like is compared with like.
      const binned = held.some(({ walk }) => new LossIndex(walk.path).oscillates(loss));
      return { loss, numbers: held.map((each) => numbersOf(each, loss, binned)) };
    } finally {
      for (const reference of references.values()) await reference.release();
    }
  }

  async release(): Promise<void> {
    for (const runner of this.runners.values()) await runner.release();
    await this.evaluator?.release();
  }

  private async run(
    own: InspectRequest,
    settings: Settings,
    references: Map<string, Reference>,
    cancelled: () => boolean,
  ): Promise<Held> {
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
    const tests: TestPoint[] = [];
    const losses: { step: number; loss: number }[] = [];
    const waiting = new Map<number, Omit<TestPoint, 'trainLoss'>>();
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
        const test = waiting.get(step);
        if (test) tests.push({ ...test, trainLoss: loss });
      },
    });
    await walk.reach(Number.NEGATIVE_INFINITY, own.steps, cancelled);
    await walk.measure();
    const plan = planReference(request, settings);
    const name = `${own.seed} ${referenceKey(plan, settings)}`;
    const reference =
      references.get(name) ?? openReference(plan, { ...{ request, settings, problem, runner, options, start } });
    if (reference) {
      references.set(name, reference);
      await reference.reach(walk.path.lowest, 0, cancelled);
    }
    const ownTwin = plan.kind === 'none' && request.reference === 'twin';
    return { walk, reference, ownTwin, tests, losses };
  }
}

function numbersOf({ walk, reference, ownTwin, tests, losses }: Held, loss: number, binned: boolean): CompareNumbers {
  const index = new LossIndex(walk.path);
  const found = reference && new Comparison(walk.path, reference).at(loss, undefined, binned);
  const norms = binned ? index.bin(loss) : crossing(walk.path, loss);
  const tested = (read: (point: TestPoint) => number | null) =>
    whereFirst(tests, loss, ({ trainLoss }) => trainLoss, read);
  return {
    effect: ownTwin ? 0 : found && !('reason' in found) ? found.effect[0] : null,
    norm: norms?.[0] ?? null,
    steps: whereFirst(
      losses,
      loss,
      (record) => record.loss,
      ({ step }) => step,
    ),
    trainLoss: walk.path.losses.at(-1) ?? null,
    testLoss: tested((point) => point.loss),
    accuracy: tested((point) => point.accuracy),
  };
}

/** What is read of a list where its loss first comes down to `loss`, linear in it between two entries; null where it does not. */
function whereFirst<T>(
  list: readonly T[],
  loss: number,
  lossOf: (entry: T) => number,
  read: (entry: T) => number | null,
): number | null {
  const after = list.findIndex((entry) => lossOf(entry) <= loss);
  if (after < 0) return null;
  const [a, b] = [list[Math.max(0, after - 1)], list[after]];
  const [from, to] = [read(a), read(b)];
  if (from === null || to === null) return null;
  const share = lossOf(a) === lossOf(b) ? 1 : (lossOf(a) - loss) / (lossOf(a) - lossOf(b));
  return from + share * (to - from);
}

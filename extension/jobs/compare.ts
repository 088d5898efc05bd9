import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { structureOf } from '../engine/coefficients.ts';
import { Walk } from '../engine/reference.ts';
import { Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import { readJsonFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { limitingKappa } from '../optimizers/limit.ts';
import { isAbsent } from '../optimizers/optimizer.ts';
import { FolderLock } from '../runStore/lock.ts';
import { newRunFolder } from '../runStore/store.ts';
import { checkCompare } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import type { InspectRequest, RunStatus } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { anotherFolder, mention, type Words, words } from '../shared/words.ts';
import { batchesOf } from './batchOrder.ts';
import { type CompareNumbers, compareResult } from './compareResult.ts';
import { Comparison } from './comparison.ts';
import { drawnAnew } from './drawnAnew.ts';
import { binWidth, crossing, LossIndex } from './equalLoss.ts';
import type { Evaluator } from './evaluator.ts';
import { markAllInterrupted } from './interrupted.ts';
import type { ResultObserver } from './observer.ts';
import { Parts } from './parts.ts';
import { openReference, planReference, type Reference } from './references.ts';
import { chunksFor, readSubject, type Settings, type Subject, settingsOf } from './setup.ts';
import { failedWith, writeExperiment } from './store.ts';
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
}

/** `compare.json`: what is compared. */
interface CompareHeader {
  readonly request: CompareRequest;
  readonly digests: Subject['digests'];
}

/** What decides the numbers of a comparison. */
const identity = ({ request, digests }: CompareHeader): string => {
  const { out: _out, base, ...rest } = request;
  const { out: _folder, threads: _threads, device: _device, directory: _directory, ...settings } = base;
  return JSON.stringify({ ...rest, base: settings, digests });
};

/**
 * Runs the user's setting and others from the same point on the same orders of mini-batches (with all samples in every step:
 * from the same initial weights), seed by seed, and says how they differ at equal loss, with 95 % intervals from the pairs.
 * What was finished in the folder is kept.
 */
export async function compare(
  asked: CompareRequest,
  device: Device,
  observer: ResultObserver,
): Promise<{ folder: string; status: RunStatus }> {
  const request = checkCompare(asked);
  const { base, seeds } = request;
  if (request.settings.length === 0 || seeds.length === 0)
    throw new InspectorError(
      'Nothing is compared.',
      words`Give ${mention('try', 'beta2=0.9,0.95')}, or other hyper-parameters with the values to be compared.`,
    );
  const total = (request.settings.length + 1) * seeds.length;
  observer.progress({ phase: 'reading', step: 0, steps: total });
  const subject = await readSubject(base);
  const own = [{}, ...request.settings].map((changed) => ({ ...base, hyper: { ...base.hyper, ...changed } }));
  const settings = own.map((each) => settingsOf(each, subject, each.steps));
  // One kind of reference for all: twins where one of the settings has one.
  const twins = settings.some(({ optimizer, hyper }) => !isAbsent(optimizer.twin(hyper)));
  const reference = base.reference ?? (twins ? 'twin' : 'flow');
  const requests = own.map((each): InspectRequest => ({ ...each, reference }));
  const folder =
    request.out === undefined
      ? newRunFolder(base.directory, basename(base.model), 'compare')
      : resolve(base.directory, request.out);
  markAllInterrupted(dirname(folder));
  return FolderLock.hold(folder, () => compareIn(folder, { request, subject, settings, requests }, device, observer));
}

/** What a comparison is made of, before anything has run. */
interface Planned {
  readonly request: CompareRequest;
  readonly subject: Subject;
  readonly settings: readonly Settings[];
  readonly requests: readonly InspectRequest[];
}

/** Runs a comparison in a folder that no other process writes to. */
async function compareIn(
  folder: string,
  { request, subject, settings, requests }: Planned,
  device: Device,
  observer: ResultObserver,
): Promise<{ folder: string; status: RunStatus }> {
  const { seeds } = request;
  const total = requests.length * seeds.length;
  keepHeader(folder, { request, digests: subject.digests });
  const started = new Date().toISOString();
  const strengths = settings.map(({ optimizer, hyper }) => {
    const limit = limitingKappa(optimizer, hyper);
    return typeof limit === 'number' ? hyper.lr * limit : null;
  });
  const numbers: (CompareNumbers | undefined)[][] = requests.map(() => seeds.map(() => undefined));
  let loss: number | null = null;
  const write = (status: RunStatus, message?: Words) => {
    writeExperiment(folder, {
      ...{ format: 1, status, started, process: process.pid, tool: toolVersion },
      ...(status !== 'running' && { finished: new Date().toISOString() }),
      ...(message !== undefined && { message }),
      name: 'compare',
      title: 'Comparison of settings',
      figure: 'The measured effect, norms and losses of settings on the same orders',
      parameters: { seeds: seeds.join(',') },
      result: compareResult(request, numbers, { loss, strengths }),
    });
    observer.updated?.(folder);
  };
  write('running');
  observer.started(folder);
  observer.progress({ phase: 'building', step: 0, steps: total });
  const evaluator = await testEvaluator(request, subject, device);
  const lab = new Laboratory(request, subject, device, evaluator);
  const parts = new Parts(folder);
  const begun = performance.now();
  let computed = 0;
  try {
    for (const [k, seed] of seeds.entries()) {
      if (observer.cancelled) break;
      const told = (share: number) => {
        const done = computed + share;
        const left = total - k * requests.length - share * 1;
        const seconds = (performance.now() - begun) / 1000;
        observer.progress({
          ...{ phase: 'running', step: k * requests.length + share, steps: total },
          secondsLeft: done > 0 ? (seconds / done) * Math.max(0, left) : undefined,
        });
      };
      const found = await parts
        .get(`seed ${seed}`, () => {
          return lab.seed(seed, requests, settings, told, () => observer.cancelled);
        })
        .catch((error: unknown) => {
          if (error instanceof Cancelled) return undefined;
          throw error;
        });
      if (!found) break;
      computed += requests.length;
      loss ??= found.loss;
      found.numbers.forEach((each, i) => {
        numbers[i][k] = each;
      });
      write('running');
    }
  } catch (error) {
    throw failedWith(error, (message) => write('failed', message));
  } finally {
    await lab.release();
    await evaluator?.release();
  }
  const status = numbers[0].every((each) => each !== undefined) ? 'finished' : 'cancelled';
  write(status);
  return { folder, status };
}

/** Ends the work on a seed that nobody waits for. */
class Cancelled extends Error {}

/** Keeps what is compared, so that it can be continued. Throws an InspectorError where the folder holds another comparison. */
function keepHeader(folder: string, header: CompareHeader): void {
  const path = join(folder, 'compare.json');
  if (existsSync(path)) {
    if (identity(readCompare(folder)) !== identity(JSON.parse(JSON.stringify(header)) as CompareHeader))
      throw new InspectorError(
        `${folder} holds another comparison.`,
        words`${anotherFolder}, or continue that comparison with ${mention('resume')}.`,
      );
    return;
  }
  try {
    writeWhole(path, `${JSON.stringify(header, undefined, 2)}\n`);
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

/** Reads what a folder compares. Throws an InspectorError where that is not possible. */
export function readCompare(folder: string): CompareHeader {
  try {
    const header = readJsonFile(join(folder, 'compare.json')) as CompareHeader | null;
    const { base, settings, seeds } = header?.request ?? {};
    if (!header || typeof base !== 'object' || !Array.isArray(settings) || !Array.isArray(seeds))
      throw new Error('compare.json is incomplete');
    checkCompare(header.request);
    return header;
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(
      `${folder} holds no readable comparison: ${(error as Error).message}.`,
      'A comparison is a folder with compare.json and experiment.json.',
      { cause: error },
    );
  }
}

/** Loaded programs that the runs of a comparison share. */
class Laboratory {
  private readonly runners = new Map<string, Runner>();

  constructor(
    private readonly request: CompareRequest,
    private readonly subject: Subject,
    private readonly device: Device,
    private readonly evaluator: Evaluator | undefined,
  ) {}

  /** The numbers of every setting at one seed, at the lowest loss that all of them come clearly below. */
  async seed(
    seed: number,
    requests: readonly InspectRequest[],
    settings: readonly Settings[],
    told: (share: number) => void,
    cancelled: () => boolean,
  ): Promise<{ loss: number; numbers: CompareNumbers[] }> {
    const references = new Map<string, Reference>();
    try {
      const held: Held[] = [];
      for (const [i, own] of requests.entries()) {
        const seedOf = this.request.unpaired ? seed + i * 1_000_003 : seed;
        held.push(await this.run({ ...own, seed: seedOf }, settings[i], references, cancelled));
        if (cancelled()) throw new Cancelled();
        told(i + 1);
      }
      const reached = Math.max(...held.map(({ walk }) => walk.path.lowest));
      // Half way down where a bin would reach above the start.
      const loss = Math.min(
        reached * (1 + binWidth),
        Math.sqrt(reached * Math.max(reached, held[0].walk.path.losses[0])),
      );
      const numbers: CompareNumbers[] = [];
      // Where the loss of one of them does not fall steadily, all are measured by bins, so that like is compared with like.
      const binned = held.some(({ walk }) => new LossIndex(walk.path).oscillates(loss));
      for (const each of held) numbers.push(numbersOf(each, loss, binned));
      return { loss, numbers };
    } finally {
      for (const reference of references.values()) await reference.release();
    }
  }

  async release(): Promise<void> {
    for (const runner of this.runners.values()) await runner.release();
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
        const test = waiting.get(step);
        if (test) tests.push({ ...test, trainLoss: loss });
      },
    });
    await walk.reach(Number.NEGATIVE_INFINITY, own.steps, cancelled);
    await walk.measure();
    const plan = planReference(request, settings);
    const name = JSON.stringify([plan.kind, plan.hyper ?? settings.hyper, own.seed]);
    const reference =
      references.get(name) ?? openReference(plan, { ...{ request, settings, problem, runner, options, start } });
    if (reference) {
      references.set(name, reference);
      await reference.reach(walk.path.lowest, 0, cancelled);
    }
    const ownTwin = plan.kind === 'none' && request.reference === 'twin';
    return { walk, reference, ownTwin, tests };
  }
}

function numbersOf({ walk, reference, ownTwin, tests }: Held, loss: number, binned: boolean): CompareNumbers {
  const index = new LossIndex(walk.path);
  const found = reference && new Comparison(walk.path, reference).at(loss, undefined, binned);
  const norms = binned ? index.bin(loss) : crossing(walk.path, loss);
  const after = tests.findIndex((point) => point.trainLoss <= loss);
  const at = (read: (point: TestPoint) => number | null): number | null => {
    if (after < 0) return null;
    const [a, b] = [tests[Math.max(0, after - 1)], tests[after]];
    const [from, to] = [read(a), read(b)];
    if (from === null || to === null) return null;
    const share = a.trainLoss === b.trainLoss ? 1 : (a.trainLoss - loss) / (a.trainLoss - b.trainLoss);
    return from + share * (to - from);
  };
  return {
    effect: ownTwin ? 0 : found && !('reason' in found) ? found.effect[0] : null,
    norm: norms?.[0] ?? null,
    trainLoss: walk.path.losses.at(-1) ?? null,
    testLoss: at((point) => point.loss),
    accuracy: at((point) => point.accuracy),
  };
}

import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Device } from '../engine/session.ts';
import { WritingError } from '../files/writing.ts';
import { FolderLock } from '../runStore/lock.ts';
import { newRunFolder } from '../runStore/store.ts';
import { checkCompare } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { CompareHeader, CompareRequest, ExperimentHeader } from '../shared/experiments.ts';
import type { RunStatus } from '../shared/protocol.ts';
import { anotherFolder, mention, words } from '../shared/words.ts';
import { readCompare, writeCompareHeader, writeComparison } from './compareFolder.ts';
import type { SeedNumbers } from './heldRuns.ts';
import { markAllInterrupted } from './interrupted.ts';
import { Cancelled, Laboratory } from './laboratory.ts';
import type { ResultObserver } from './observer.ts';
import { Parts } from './parts.ts';
import { inThisThread, type SeedSource, SeedThread, seedsAtOnce } from './seedThreads.ts';
import { failedWith, readExperiment } from './store.ts';

/** What decides the numbers of a comparison. */
const identity = ({ request, digests }: CompareHeader): string => {
  const { out: _out, base, ...rest } = request;
  const { out: _folder, threads: _threads, device: _device, directory: _directory, ...settings } = base;
  return JSON.stringify({ ...rest, base: settings, digests });
};

/**
 * Runs the user's setting and others from the same point on the same orders of mini-batches (with all samples in every step:
 * from the same initial weights), several seeds at a time, and says how they differ at equal loss, with 95 % intervals from
 * the pairs. What was finished in the folder is kept.
 *
 * @param script the bundled program of a thread; the one beside this program, if not given
 */
export async function compare(
  asked: CompareRequest,
  device: Device,
  observer: ResultObserver,
  script?: string,
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
  const lab = await Laboratory.open(request, device);
  const folder =
    request.out === undefined
      ? newRunFolder(base.directory, basename(base.model), 'compare')
      : resolve(base.directory, request.out);
  markAllInterrupted(dirname(folder));
  return FolderLock.hold(folder, async () => {
    try {
      const before = keepHeader(folder, { request, digests: lab.subject.digests });
      return await new Course(request, lab, device, observer, folder, before?.started, script).run();
    } finally {
      await lab.release();
    }
  });
}

/** A comparison on its way. */
class Course {
  private readonly found: (SeedNumbers | undefined)[];
  /** Runs of the seeds that are worked on. */
  private readonly running = new Map<number, number>();
  private readonly begun = performance.now();
  /** Runs that were taken now, not before. */
  private taken = 0;
  private failed = false;

  constructor(
    private readonly request: CompareRequest,
    private readonly lab: Laboratory,
    private readonly device: Device,
    private readonly observer: ResultObserver,
    private readonly folder: string,
    private readonly started = new Date().toISOString(),
    private readonly script?: string,
  ) {
    this.found = request.seeds.map(() => undefined);
  }

  async run(): Promise<{ folder: string; status: RunStatus }> {
    const { request, lab, observer, folder, device } = this;
    this.write({ status: 'running' });
    observer.started(folder);
    observer.progress({ phase: 'building', step: 0, steps: lab.count * request.seeds.length });
    const stopped = () => observer.cancelled || this.failed;
    const threads = await seedsAtOnce(request, lab, device);
    const sources =
      threads > 1
        ? Array.from({ length: threads }, () => new SeedThread(request, stopped, this.script))
        : [inThisThread(lab, stopped)];
    try {
      const waiting = [...request.seeds.keys()];
      const ends = await Promise.allSettled(sources.map((source) => this.work(source, waiting, stopped)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } catch (error) {
      throw failedWith(error, (message) => this.write({ status: 'failed', message }));
    } finally {
      for (const source of sources) await source.release();
    }
    const status = this.found.includes(undefined) ? 'cancelled' : 'finished';
    this.write({ status });
    return { folder, status };
  }

  /** Takes seeds until none is waiting. */
  private async work(source: SeedSource, waiting: number[], stopped: () => boolean): Promise<void> {
    const { request, lab, folder } = this;
    const parts = new Parts(folder);
    for (let k = waiting.shift(); k !== undefined && !stopped(); k = waiting.shift()) {
      const place = k;
      const seed = request.seeds[place];
      let computed = false;
      try {
        this.found[place] = await parts.get(`seed ${seed}`, () => {
          computed = true;
          return source.seed(seed, (runs) => {
            this.running.set(place, runs);
            this.tell();
          });
        });
      } catch (error) {
        if (error instanceof Cancelled) return;
        this.failed = true;
        throw error;
      } finally {
        this.running.delete(place);
      }
      if (computed) this.taken += lab.count;
      this.write({ status: 'running' });
      this.tell();
    }
  }

  private tell(): void {
    const { lab, request, observer, found } = this;
    const total = lab.count * request.seeds.length;
    const running = [...this.running.values()].reduce((sum, runs) => sum + runs, 0);
    const step = lab.count * found.filter((each) => each !== undefined).length + running;
    const done = this.taken + running;
    const seconds = (performance.now() - this.begun) / 1000;
    observer.progress({
      ...{ phase: 'running', step, steps: total },
      secondsLeft: done > 0 ? (seconds / done) * (total - step) : undefined,
    });
  }

  private write(state: Pick<ExperimentHeader, 'status' | 'message'>): void {
    const { request, lab, found, folder, started, observer } = this;
    const finished = state.status === 'running' ? undefined : new Date().toISOString();
    writeComparison(folder, { request, hyper: lab.settings[0].hyper, found }, { ...state, started, finished });
    observer.updated?.(folder);
  }
}

/**
 * Keeps what is compared, so that it can be continued; of one that was begun before, what it said. Throws an InspectorError
 * where the folder holds another comparison.
 */
function keepHeader(folder: string, header: CompareHeader): ExperimentHeader | undefined {
  const path = join(folder, 'compare.json');
  if (existsSync(path)) {
    if (identity(readCompare(folder)) !== identity(JSON.parse(JSON.stringify(header)) as CompareHeader))
      throw new InspectorError(
        `${folder} holds another comparison.`,
        words`${anotherFolder}, or continue that comparison with ${mention('resume')}.`,
      );
    return existsSync(join(folder, 'experiment.json')) ? readExperiment(folder) : undefined;
  }
  try {
    writeCompareHeader(folder, header);
  } catch (error) {
    throw new WritingError(folder, error);
  }
  return undefined;
}

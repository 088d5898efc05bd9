import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../engine/session.ts';
import { completeParameters, Cancelled as ExperimentCancelled } from '../experiments/experiment.ts';
import { computePieces } from '../experiments/pieces.ts';
import { experimentNamed } from '../experiments/registry.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { Laboratory, type SavedRun } from '../jobs/laboratory.ts';
import { pieceText } from '../jobs/parts.ts';
import { Paused, type Saving } from '../jobs/saving.ts';
import type { SavedPoint } from '../jobs/sweepPoint.ts';
import { SweepPoints } from '../jobs/sweepPoints.ts';
import { failureOf } from '../shared/errors.ts';
import type { CompareRequest, ExperimentRequest, SweepRequest } from '../shared/experiments.ts';
import type { Plan, PlanNumerics, PlanPoint, PointOutcome } from '../shared/plans.ts';
import { locate } from './inputs.ts';
import { isUseless } from './outcome.ts';
import { checkVersion, readPlan, resultFolder } from './plan.ts';
import { SavedFolder } from './saved.ts';

/** The file with what a point of a comparison or an experiment came to. */
export const pieceFile = 'piece.json';

/** Where a point is to be written to: a folder that gets the name of its result once it is there. */
export interface PointPlace {
  readonly number: number;
  readonly at: string;
  /** A folder for what it needs to go on in another process. */
  readonly saved: string;
}

/** What the machine gives, and who watches. */
export interface PointWatch {
  /** Folder of the bundled sample. */
  readonly samples: string;
  /** The device of the plan, if it can be used here; throws an InspectorError where it cannot. */
  device(wanted: PlanNumerics['device']): Promise<Device>;
  ended(number: number, outcome: PointOutcome): void;
  /** @param share of all points that were asked for */
  progress(share: number): void;
  readonly cancelled: boolean;
}

/**
 * Computes points of a plan, one after the other, each into its folder. What goes wrong with one is told and does not keep the
 * others from being computed. Throws an InspectorError where none can be: for a plan that cannot be read or is of another version,
 * for files that are not there or have changed.
 */
export async function computePoints(folder: string, places: readonly PointPlace[], watch: PointWatch): Promise<void> {
  const plan = readPlan(folder);
  checkVersion(folder, plan);
  const located = await locate(folder, plan);
  const device = await watch.device(plan.numerics.device);
  const queue = new Queue(places, plan, folder, watch);
  if (located.kind === 'sweep') await sweepPoints(withNumerics(located.request, plan), device, queue);
  else if (located.kind === 'compare') await comparePoints(withNumerics(located.request, plan), device, queue);
  else await experimentPoints(located.request, plan, queue);
}

/** A request as every machine computes it. */
const withNumerics = <T extends SweepRequest | CompareRequest>(request: T, { numerics }: Plan): T => ({
  ...request,
  base: { ...request.base, ...numerics },
});

/** The points that are to be computed, with their folders. */
class Queue {
  private done = 0;

  constructor(
    private readonly places: readonly PointPlace[],
    readonly plan: Plan,
    private readonly folder: string,
    readonly watch: PointWatch,
  ) {}

  get remaining(): readonly PointPlace[] {
    return this.places.slice(this.done);
  }

  get stopped(): boolean {
    return this.watch.cancelled;
  }

  /** Where the result of a point will lie. */
  out({ number }: PointPlace): string {
    return resultFolder(this.folder, this.plan.points[number]);
  }

  point({ number }: PointPlace): PlanPoint {
    return this.plan.points[number];
  }

  progress(share: number): void {
    this.watch.progress((this.done + share) / this.places.length);
  }

  end(outcome: PointOutcome): void {
    this.watch.ended(this.places[this.done].number, outcome);
    this.done++;
  }

  fail(error: unknown): void {
    this.end({ status: 'failed', failure: failureOf(error), useless: isUseless(error) });
  }

  /** Computes what remains, one after the other. */
  async each<T>(compute: (place: PointPlace, saving: Saving<T>) => Promise<void>): Promise<void> {
    for (const place of this.remaining) {
      if (this.stopped) return;
      try {
        await compute(place, new SavedFolder<T>(place.saved, () => this.stopped));
        this.end({ status: 'finished' });
      } catch (error) {
        if (error instanceof Paused) return this.end({ status: 'cancelled' });
        this.fail(error);
      }
    }
  }
}

async function sweepPoints(request: SweepRequest, device: Device, queue: Queue): Promise<void> {
  const all = await SweepPoints.open(request, device);
  try {
    await queue.each<SavedPoint>(async (place, saving) => {
      const told = (share: number) => queue.progress(share);
      const to = { at: place.at, out: queue.out(place) };
      await all.run(place.number, to, told, () => queue.stopped, saving);
    });
  } finally {
    await all.release();
  }
}

async function comparePoints(request: CompareRequest, device: Device, queue: Queue): Promise<void> {
  const lab = await Laboratory.open(request, device);
  try {
    await queue.each<SavedRun>(async (place, saving) => {
      const setting = place.number % lab.count;
      const seed = request.seeds[Math.floor(place.number / lab.count)];
      const told = (share: number) => queue.progress(share);
      writePiece(place.at, queue.point(place), await lab.held(seed, setting, () => queue.stopped, told, saving));
    });
  } finally {
    await lab.release();
  }
}

async function experimentPoints(request: ExperimentRequest, plan: Plan, queue: Queue): Promise<void> {
  const experiment = experimentNamed(request.name);
  const values = completeParameters(experiment, request.parameters);
  const { samples } = queue.watch;
  const { threads, lanes } = plan.numerics;
  /** Lets messages of the parent process in. */
  const pause = async () => {
    await new Promise((done) => setImmediate(done));
    if (queue.stopped) throw new ExperimentCancelled();
  };
  const around = {
    ...{ directory: request.directory, samples, threads, lanes },
    progress: (_share: number) => pause(),
  };
  while (queue.remaining.length > 0 && !queue.stopped) {
    const wanted = queue.remaining.map(({ number }) => number);
    try {
      await computePieces(experiment, values, around, wanted, async (value) => {
        const [place] = queue.remaining;
        writePiece(place.at, queue.point(place), value);
        queue.end({ status: 'finished' });
        queue.progress(0);
      });
    } catch (error) {
      if (error instanceof ExperimentCancelled) return queue.end({ status: 'cancelled' });
      // The others are computed without the one that failed.
      queue.fail(error);
    }
  }
}

function writePiece(at: string, { label }: PlanPoint, value: unknown): void {
  try {
    mkdirSync(at, { recursive: true });
    writeWhole(join(at, pieceFile), pieceText(label, value));
  } catch (error) {
    throw new WritingError(at, error);
  }
}

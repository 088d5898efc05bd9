import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Device } from '../engine/session.ts';
import { FolderLock } from '../runStore/lock.ts';
import { newRunFolder } from '../runStore/store.ts';
import { InspectorError } from '../shared/errors.ts';
import type { SweepHeader, SweepRequest } from '../shared/experiments.ts';
import type { RunStatus } from '../shared/protocol.ts';
import { anotherFolder, either, type Words, words } from '../shared/words.ts';
import { markAllInterrupted } from './interrupted.ts';
import type { ResultObserver } from './observer.ts';
import { failedWith } from './store.ts';
import { foundPoints, isDone, readSweep, writeSweep } from './sweepFolder.ts';
import { SweepPoints } from './sweepPoints.ts';
import type { PointData } from './sweepResult.ts';

/**
 * Runs every point of a sweep that is not finished yet; each is a run in a folder of its own. A point whose numbers stop being
 * finite is a result, not the end.
 */
export async function sweep(
  request: SweepRequest,
  device: Device,
  observer: ResultObserver,
): Promise<{ folder: string; status: RunStatus }> {
  observer.progress({ phase: 'reading', step: 0, steps: 1 });
  const all = await SweepPoints.open(request, device);
  try {
    return await sweepOf(all, request, observer);
  } finally {
    await all.release();
  }
}

async function sweepOf(
  all: SweepPoints,
  request: SweepRequest,
  observer: ResultObserver,
): Promise<{ folder: string; status: RunStatus }> {
  const { base } = request;
  const { planned, subject } = all;
  const folder =
    request.out === undefined
      ? newRunFolder(base.directory, basename(base.model), `sweep-${request.axes.map(({ name }) => name).join('-')}`)
      : resolve(base.directory, request.out);
  markAllInterrupted(dirname(folder));
  return FolderLock.hold(folder, async () => {
    const before = previous(folder, request, subject.digests);
    const started = before?.started ?? new Date().toISOString();
    const points = planned.map(({ point }) => before?.points[point.index] ?? point);
    const contents = { request, digests: subject.digests, points, finished: new Map<number, PointData>() };
    const write = (status: RunStatus, ended?: string, message?: Words) => {
      const state = { status, started, ...(ended && { finished: ended }), ...(message !== undefined && { message }) };
      writeSweep(folder, contents, state);
      observer.updated?.(folder);
    };
    write('running');
    observer.started(folder);
    const steps = planned.length;
    observer.progress({ phase: 'building', step: 0, steps });
    const clock = new Clock(points.filter(({ status }) => !isDone(status)).length);
    try {
      for (const { point } of planned) {
        if (observer.cancelled) break;
        if (isDone(points[point.index].status)) continue;
        points[point.index] = { ...point, status: 'running' };
        write('running');
        const at = join(folder, point.folder);
        rmSync(at, { recursive: true, force: true });
        const told = (share: number) =>
          observer.progress({ phase: 'running', step: point.index + share, steps, secondsLeft: clock.left(share) });
        const outcome = await all.run(point.index, { at }, told, () => observer.cancelled);
        points[point.index] = { ...point, ...outcome };
        if (isDone(outcome.status)) clock.finished();
        write('running');
      }
    } catch (error) {
      throw failedWith(error, (message) => write('failed', new Date().toISOString(), message));
    }
    const status = points.every((point) => isDone(point.status)) ? 'finished' : 'cancelled';
    write(status, new Date().toISOString());
    return { folder, status };
  });
}

/** Time left, from the points and the part of a point that are done. */
class Clock {
  private readonly started = performance.now();
  private done = 0;
  constructor(private readonly points: number) {}

  finished(): void {
    this.done++;
  }

  left(share: number): number {
    const part = this.done + share;
    const seconds = (performance.now() - this.started) / 1000;
    return part > 0 ? (seconds / part) * (this.points - part) : 0;
  }
}

/** What decides the numbers of a sweep. */
const identity = ({ base, axes, together, seeds, test, testEvery }: SweepRequest): string => {
  const { out: _out, threads: _threads, device: _device, directory: _directory, lanes: _lanes, memory: _memory, ...rest } = base; // biome-ignore format: one line
  return JSON.stringify({ base: rest, axes, together, seeds, test: test ?? null, testEvery: testEvery ?? null });
};

/** The finished points of the same sweep in the folder. Throws an InspectorError where it holds another. */
function previous(folder: string, request: SweepRequest, digests: SweepHeader['digests']): SweepHeader | undefined {
  if (!existsSync(join(folder, 'sweep.json'))) return undefined;
  const header = readSweep(folder);
  const same = identity(JSON.parse(JSON.stringify(header.request))) === identity(JSON.parse(JSON.stringify(request)));
  if (!same || JSON.stringify(header.digests) !== JSON.stringify(digests))
    throw new InspectorError(
      `${folder} holds another sweep: ${same ? 'model or data have changed since' : 'its settings differ'}.`,
      words`${anotherFolder}${either(', or continue that sweep with --resume', ', or resume that sweep from the Runs view')}.`,
    );
  return { ...header, points: foundPoints(folder, header.points) };
}

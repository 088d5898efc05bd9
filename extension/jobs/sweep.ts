import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadDataset } from '../datasets/dataset.ts';
import { structureOf } from '../engine/coefficients.ts';
import { prepareProblem } from '../engine/problem.ts';
import { Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import { linesOf, readJsonFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { FolderLock } from '../runStore/lock.ts';
import { readSteps } from '../runStore/steps.ts';
import { newRunFolder, readHeader } from '../runStore/store.ts';
import { checkSweep } from '../shared/checkRequest.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { SweepHeader, SweepPoint, SweepRequest } from '../shared/experiments.ts';
import type { InspectRequest, RunStatus } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { anotherFolder, at, either, mention, onCommandLine, type Words, words } from '../shared/words.ts';
import { batchesOf, withEvery } from './batchOrder.ts';
import { Evaluator } from './evaluator.ts';
import { markAllInterrupted } from './interrupted.ts';
import type { ResultObserver } from './observer.ts';
import { planReference } from './references.ts';
import { inferenceForm, RunningStatistics } from './runningStatistics.ts';
import { chunksFor, readSubject, runHeader, type Subject, settingsOf } from './setup.ts';
import { failedWith, writeExperiment } from './store.ts';
import { hasTwin, References, runPoint } from './sweepPoint.ts';
import { type PointData, summarise, type TestLine } from './sweepResult.ts';

export type { SweepHeader };

/**
 * Runs every point of a sweep that is not finished yet; each is a run in a folder of its own. Points whose optimizer has
 * the same structure share one loaded program. A point whose numbers stop being finite is a result, not the end.
 */
export async function sweep(
  request: SweepRequest,
  device: Device,
  observer: ResultObserver,
): Promise<{ folder: string; status: RunStatus }> {
  const { base } = checkSweep(request);
  if (base.stage !== 'step')
    throw new InspectorError('A sweep takes the correction at the run’s own step.', words`Leave ${at('stage')} out.`);
  if (base.state !== undefined || base.saveState !== undefined)
    throw new InspectorError(
      'The points of a sweep begin without a state.',
      words`Leave ${at('state')} and ${at('saveState')} out.`,
    );
  const plans = plan(request);
  observer.progress({ phase: 'reading', step: 0, steps: plans.length });
  const subject = await readSubject(base);
  const settings = plans.map(({ request: each }) => settingsOf(each, subject));
  const batches = await batchesOf(base, subject.problem);
  const folder =
    request.out === undefined
      ? newRunFolder(base.directory, basename(base.model), `sweep-${request.axes.map(({ name }) => name).join('-')}`)
      : resolve(base.directory, request.out);
  markAllInterrupted(dirname(folder));
  return FolderLock.hold(folder, async () => {
    const started = new Date().toISOString();
    const before = previous(folder, request, subject);
    const points = plans.map(({ point }) => before?.points[point.index] ?? point);
    const finished = new Map<number, PointData>();
    /** Writes what there is: the state of the points, and what the finished ones say together. */
    const write = (status: RunStatus, ended?: string, message?: Words) => {
      for (const point of points)
        if (isDone(point.status) && !finished.has(point.index))
          for (const data of dataOf(folder, point)) finished.set(point.index, data);
      const data = points.flatMap(({ index }) => finished.get(index) ?? []);
      const summary = summarise(request, data, subject.problem.layout.count, points.length - data.length);
      for (const point of summary.points) points[point.index] = point;
      writeHeader(folder, {
        ...{ format: 1, status, request, digests: subject.digests, points },
        started: before?.started ?? started,
      });
      writeExperiment(folder, {
        ...{ format: 1, status, started: before?.started ?? started, process: process.pid, tool: toolVersion },
        ...(ended && { finished: ended }),
        ...(message !== undefined && { message }),
        name: 'sweep',
        title: `Sweep over ${request.axes.map(({ name }) => name).join(', ') || 'seeds'}`,
        figure: 'Figures 4–12 of "On the Implicit Bias of Adam", on other models and data',
        parameters: Object.fromEntries(request.axes.map(({ name, values }) => [name, values.join(',')])),
        result: summary.result,
      });
      observer.updated?.(folder);
    };
    write('running');
    observer.started(folder);
    observer.progress({ phase: 'building', step: 0, steps: plans.length });
    const testEvery = Math.max(1, request.testEvery ?? Math.ceil(base.steps / 20));
    const runners = new Map<string, Runner>();
    const references = new References();
    // One kind of reference for all: twins where one of the points has one.
    const reference = base.reference ?? (settings.some(hasTwin) ? 'twin' : 'flow');
    const evaluator = await testEvaluator(request, subject, device);
    const clock = new Clock(points.filter(({ status }) => !isDone(status)).length);
    try {
      for (const { point, request: own } of plans) {
        if (observer.cancelled) break;
        if (isDone(points[point.index].status)) continue;
        points[point.index] = { ...point, status: 'running' };
        write('running');
        const setting = settings[point.index];
        const chunks = chunksFor(subject.problem, own, device, batches);
        const key = structureOf(setting.optimizer, setting);
        const runner =
          runners.get(key)?.with(setting) ??
          new Runner(subject.problem, {
            ...setting,
            batches,
            stage: 'step',
            device,
            chunks,
            threads: own.threads,
          });
        if (!runners.has(key)) runners.set(key, runner);
        const at = join(folder, point.folder);
        rmSync(at, { recursive: true, force: true });
        const asked = { ...withEvery(own, batches), reference, out: at };
        const header = {
          ...(await runHeader(asked, subject, setting, chunks, device, batches)),
          reference: planReference(asked, setting),
        };
        const options = { batches, stage: 'step' as const, device, chunks, threads: own.threads };
        const shared = references.ofSeed(point.seed);
        const outcome = await runPoint(
          {
            asked,
            options,
            shared,
            subject,
            settings: setting,
            runner,
            batches,
            evaluator,
            point,
            header,
            at,
            testEvery,
          },
          (share) =>
            observer.progress({
              phase: 'running',
              step: point.index + share,
              steps: plans.length,
              secondsLeft: clock.left(share),
            }),
          () => observer.cancelled,
        );
        points[point.index] = { ...point, ...outcome };
        if (isDone(outcome.status)) clock.finished();
        write('running');
      }
    } catch (error) {
      throw failedWith(error, (message) => write('failed', new Date().toISOString(), message));
    } finally {
      await references.release();
      for (const runner of runners.values()) await runner.release();
      await evaluator?.release();
    }
    const status = points.every((point) => isDone(point.status)) ? 'finished' : 'cancelled';
    write(status, new Date().toISOString());
    return { folder, status };
  });
}

const isDone = (status: string): status is 'finished' | 'failed' => status === 'finished' || status === 'failed';

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

interface Planned {
  readonly point: SweepPoint;
  readonly request: InspectRequest;
}

/** The points in order: every combination of the axes (or their k-th values together), for every seed. */
export function plan({ base, axes, together, seeds }: SweepRequest): Planned[] {
  if (axes.length === 0 && seeds.length < 2)
    throw new InspectorError(
      'Nothing is swept.',
      words`${either('Give --sweep NAME=VALUE,VALUE…, for example --sweep beta2=0.9,0.99', 'Give a hyper-parameter several values')}.`,
    );
  const lengths = new Set(axes.map(({ values }) => values.length));
  if (together && lengths.size > 1)
    throw new InspectorError(
      `The lists have different lengths: ${axes.map(({ name, values }) => `${quoteName(name)} ${values.length}`).join(', ')}.`,
      words`Give lists of equal length with ${mention('together')}.`,
    );
  let settings: Record<string, number | boolean | string>[] = [{}];
  if (together && axes.length > 0)
    settings = axes[0].values.map((_, i) => Object.fromEntries(axes.map(({ name, values }) => [name, values[i]])));
  else
    for (const { name, values } of axes)
      settings = settings.flatMap((setting) => values.map((value) => ({ ...setting, [name]: value })));
  const combined = settings.flatMap((values) => seeds.map((seed) => ({ values, seed })));
  const digits = String(combined.length).length;
  return combined.map(({ values, seed }, index) => {
    const label = [
      ...Object.entries(values).map(([name, value]) => `${name}=${value}`),
      ...(seeds.length > 1 ? [`seed=${seed}`] : []),
    ].join(' ');
    const folder = `points/${String(index).padStart(digits, '0')}-${label.replace(/[^\w.=-]+/g, '_').slice(0, 80)}`;
    return {
      point: { index, label, values, seed, folder, status: 'waiting' },
      request: { ...base, hyper: { ...base.hyper, ...values } },
    };
  });
}

/** What decides the numbers of a sweep. */
const identity = ({ base, axes, together, seeds, test, testEvery }: SweepRequest): string => {
  const { out: _out, threads: _threads, device: _device, directory: _directory, ...rest } = base;
  return JSON.stringify({ base: rest, axes, together, seeds, test: test ?? null, testEvery: testEvery ?? null });
};

/** The finished points of the same sweep in the folder. Throws an InspectorError where it holds another. */
function previous(folder: string, request: SweepRequest, { digests }: Subject): SweepHeader | undefined {
  if (!existsSync(join(folder, 'sweep.json'))) return undefined;
  const header = readSweep(folder);
  const same = identity(JSON.parse(JSON.stringify(header.request))) === identity(JSON.parse(JSON.stringify(request)));
  if (!same || JSON.stringify(header.digests) !== JSON.stringify(digests))
    throw new InspectorError(
      `${folder} holds another sweep: ${same ? 'model or data have changed since' : 'its settings differ'}.`,
      words`${anotherFolder}${either(', or continue that sweep with --resume', ', or resume that sweep from the Runs view')}.`,
    );
  // A point counts as finished where its run says so, whatever the sweep's own file had time to say.
  const points = header.points.map((point): SweepPoint => {
    const path = join(folder, point.folder, 'run.json');
    if (!existsSync(path)) return { ...point, status: 'waiting' };
    try {
      const { status, message } = readHeader(join(folder, point.folder)).header;
      return { ...point, status: isDone(status) ? status : 'waiting', message: message && onCommandLine(message) };
    } catch {
      // A point that was damaged is run again.
      return { ...point, status: 'waiting', message: undefined };
    }
  });
  return { ...header, points };
}

/** Reads `sweep.json`. Throws an InspectorError where that is not possible. */
export function readSweep(folder: string): SweepHeader {
  const path = join(folder, 'sweep.json');
  let header: unknown;
  try {
    header = readJsonFile(path);
  } catch (error) {
    throw new InspectorError(
      `${folder} holds no readable sweep: sweep.json cannot be read: ${(error as Error).message}.`,
      'A sweep is a folder with sweep.json and one folder per point; one that is damaged begins anew in another folder.',
      { cause: error },
    );
  }
  const { format, status, request, digests, points } = (header ?? {}) as Partial<SweepHeader>;
  const isPoint = (point: Partial<SweepPoint> | null) =>
    typeof point?.index === 'number' && typeof point.folder === 'string' && typeof point.status === 'string';
  if (format !== 1 || !status || !request || !digests || !Array.isArray(points) || !points.every(isPoint))
    throw new InspectorError(
      `${folder} holds no readable sweep: sweep.json is incomplete.`,
      'It was damaged or written by another version; begin the sweep anew in another folder.',
    );
  checkSweep(request);
  return header as SweepHeader;
}

function writeHeader(folder: string, header: SweepHeader): void {
  try {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'sweep.json');
    writeWhole(path, `${JSON.stringify(header, undefined, 2)}\n`);
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

/** What evaluates the test set of a sweep or a comparison; undefined where it has none. */
export async function testEvaluator(
  { base, test }: Pick<SweepRequest, 'base' | 'test'>,
  { model, options, problem }: Subject,
  device: Device,
): Promise<Evaluator | undefined> {
  if (!test) return undefined;
  const at = (path: string | undefined) => path && resolve(base.directory, path);
  const dataset = await loadDataset({
    data: at(test.data),
    x: at(test.x),
    y: at(test.y),
    xKey: base.xKey,
    yKey: base.yKey,
    label: base.label,
  });
  const same = { ...options, loss: problem.loss, dtype: problem.floatType };
  const { size } = chunksFor(problem, base, device).plain;
  const statistics = await RunningStatistics.load(problem, size, device, base.threads);
  const other = statistics
    ? await prepareProblem(inferenceForm(model), dataset, { ...same, batchStatistics: false })
    : await prepareProblem(model, dataset, same);
  return Evaluator.load(other, device, base.threads, statistics);
}

/** What a finished point left in its folder. */
function dataOf(folder: string, point: SweepPoint): PointData[] {
  const at = join(folder, point.folder);
  if (!isDone(point.status) || !existsSync(join(at, 'run.json'))) return [];
  const { header } = readHeader(at);
  // Of a sweep's points only the whole model is compared.
  const steps = Array.from(readSteps(at), ({ tensors: _, ...line }) => line);
  const tests = Array.from(linesOf(join(at, 'test.jsonl')), (line) => JSON.parse(line.toString('utf8')) as TestLine);
  return [{ point, run: { header, steps }, tests }];
}

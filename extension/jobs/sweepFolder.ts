import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf, readJsonFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { readSteps } from '../runStore/steps.ts';
import { readHeader } from '../runStore/store.ts';
import { checkSweep } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { ExperimentHeader, SweepHeader, SweepPoint, SweepRequest } from '../shared/experiments.ts';
import { toolVersion } from '../shared/version.ts';
import { onCommandLine } from '../shared/words.ts';
import { withTimes, writeExperiment } from './store.ts';
import { type PointData, summarise, type TestLine } from './sweepResult.ts';

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
  return withTimes(folder, header) as SweepHeader;
}

/** Whether a point has an outcome. */
export const isDone = (status: string): status is 'finished' | 'failed' => status === 'finished' || status === 'failed';

/** What is swept, and what is known of its points. */
export interface SweepContents {
  readonly request: SweepRequest;
  readonly digests: SweepHeader['digests'];
  /** Completed by what the finished ones have measured. */
  readonly points: SweepPoint[];
  /** Of the finished ones, what was read already. */
  readonly finished: Map<number, PointData>;
}

/** Points as their folders have them: one counts as done where its run says so, whatever was said of it before. */
export const foundPoints = (folder: string, points: readonly SweepPoint[]): SweepPoint[] =>
  points.map((point): SweepPoint => {
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

type State = Pick<ExperimentHeader, 'status' | 'started' | 'finished' | 'message'>;

/** Writes what there is of a sweep: the state of the points, and what the finished ones say together. */
export function writeSweep(folder: string, { request, digests, points, finished }: SweepContents, state: State): void {
  for (const point of points)
    if (isDone(point.status) && !finished.has(point.index))
      for (const data of dataOf(folder, point)) finished.set(point.index, data);
  const data = points.flatMap(({ index }) => finished.get(index) ?? []);
  const parameters = data[0]?.run.header.model.parameters ?? 0;
  const summary = summarise(request, data, parameters, points.length - data.length);
  for (const point of summary.points) points[point.index] = point;
  const { out: _, ...asked } = request;
  const { started, finished: ended, ...told } = state;
  const axes = request.axes.map(({ name }) => name).join(', ');
  writeHeader(folder, { format: 1, status: told.status, request: asked, digests, points });
  writeExperiment(folder, {
    ...{ format: 1, ...told, started, process: process.pid, tool: toolVersion },
    ...(ended !== undefined && { finished: ended }),
    name: 'sweep',
    title: `Sweep over ${axes || 'seeds'}`,
    figure: 'Figures 4–12 of "On the Implicit Bias of Adam", on other models and data',
    parameters: Object.fromEntries(request.axes.map(({ name, values }) => [name, values.join(',')])),
    result: summary.result,
  });
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

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';
import { InspectorError, messageOf } from '../shared/errors.ts';
import type { Chart, ExperimentHeader, ResultTable, Times } from '../shared/experiments.ts';
import type { Words } from '../shared/words.ts';
import { renderSvg } from './svg.ts';

/**
 * Results on disk: `experiment.json` (parameters, sentence, numbers, tables and the frames of the pictures), `series.csv`
 * (every point that is drawn; of a comparison every run), `series.json` and one `ID.svg` for each picture. When and by which
 * process is in `times.json`, so that equal results are equal files.
 */
export function writeExperiment(folder: string, { started, finished, process, ...header }: ExperimentHeader): void {
  try {
    mkdirSync(folder, { recursive: true });
    const times: Times = { started, finished, process };
    writeWhole(join(folder, 'times.json'), `${JSON.stringify(times)}\n`);
    const charts = header.result?.charts ?? [];
    if (header.result) {
      for (const chart of charts) writeWhole(join(folder, `${chart.id}.svg`), renderSvg(chart));
      const { differences, tables } = header.result;
      writeWhole(join(folder, 'series.csv'), differences ? tableCsv(tables.at(-1)!) : seriesCsv(charts));
      writeWhole(join(folder, 'series.json'), `${JSON.stringify(charts)}\n`);
    }
    const frames = charts.map((chart) => ({ ...chart, series: [] }));
    const written = header.result ? { ...header, result: { ...header.result, charts: frames } } : header;
    writeWhole(join(folder, 'experiment.json'), `${JSON.stringify(written, undefined, 2)}\n`);
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

/**
 * Writes into a result why it failed, and returns the error to be thrown. Where this cannot be written either, the result stays
 * "running" without a process, which says that it was interrupted.
 */
export function failedWith(error: unknown, write: (message: Words) => void): unknown {
  try {
    write(messageOf(error));
  } catch {
    // The first error says more.
  }
  return error;
}

/** Pictures of long runs have many points. */
const longestResult = 2 ** 29;

/** What a file of a result says, with the times that lie beside it. Earlier versions wrote them into the file itself. */
export function withTimes(folder: string, header: unknown): unknown {
  if (typeof header !== 'object' || header === null) return header;
  try {
    return { ...(readJsonFile(join(folder, 'times.json'), 2 ** 16) as Partial<Times>), ...header };
  } catch {
    return header;
  }
}

/** Reads what `writeExperiment` wrote, with the points of the pictures. Throws an InspectorError where that is not readable. */
export function readExperiment(folder: string): ExperimentHeader {
  try {
    const header: unknown = withTimes(folder, readJsonFile(join(folder, 'experiment.json'), longestResult));
    if (!isExperimentHeader(header)) throw new Error('experiment.json is incomplete');
    if (!header.result) return header;
    const charts = readJsonFile(join(folder, 'series.json'), longestResult) as Chart[];
    return { ...header, result: { ...header.result, charts } };
  } catch (error) {
    throw new InspectorError(
      `${folder} holds no readable experiment: ${(error as Error).message}.`,
      'It is a folder with experiment.json and series.json.',
      { cause: error },
    );
  }
}

/** Whether what an experiment.json holds has everything that is shown of it: it may be damaged, or somebody else's. */
export function isExperimentHeader(value: unknown): value is ExperimentHeader {
  const { format, status, started, name, title, figure, parameters, result } = (value ?? {}) as Record<string, unknown>;
  const texts = [status, started, name, title, figure].every((each) => typeof each === 'string');
  if (format !== 1 || !texts || typeof parameters !== 'object' || parameters === null) return false;
  if (result === undefined) return true;
  const { sentence, agreement, claim, tables, notes } = (result ?? {}) as Record<string, unknown>;
  const claimed = agreement === 'measured' ? [] : [claim];
  const verdict = [sentence, agreement, ...claimed].every((each) => typeof each === 'string');
  return verdict && Array.isArray(tables) && Array.isArray(notes);
}

const cell = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);

const tableCsv = ({ columns, rows }: ResultTable): string =>
  [columns, ...rows].map((row) => `${row.map((each) => cell(String(each ?? ''))).join(',')}\n`).join('');

/** One line for each point: picture, series, x, y. */
function seriesCsv(charts: readonly Chart[]): string {
  const lines = charts.flatMap(({ id, series }) =>
    series.flatMap(({ label, x, y }) => x.map((value, i) => `${cell(id)},${cell(label)},${value},${y[i] ?? ''}`)),
  );
  return `${['chart,series,x,y', ...lines].join('\n')}\n`;
}

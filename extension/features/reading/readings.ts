import { triedBeside } from '../../jobs/triedBeside.ts';
import { statusOf } from '../../plans/status.ts';
import { readMeasured } from '../../runStore/measured.ts';
import { readSource } from '../../runStore/source.ts';
import { readHeader, readRun } from '../../runStore/store.ts';
import type { Chart, ExperimentHeader } from '../../shared/experiments.ts';
import type { RunHeader, StepLine } from '../../shared/protocol.ts';
import {
  comparisonIn,
  isUnfinished,
  isWorkedOn,
  pointRuns,
  resultIn,
  results,
  sweepIn,
  unfinishedComparisons,
} from '../experiments/folders.ts';
import { type Entry, entriesIn, pointEntries } from '../runs/entries.ts';

/** Numbers of a line of steps for one tensor, about, and how many reach the editor in one message: taking them takes its time. */
const numbersOfTensor = 22;
const mostNumbers = 20_000;
/** Points of all curves of a page, and of one where there are very many. */
const mostPoints = 20_000;
const fewestPoints = 100;
/** Runs whose steps wait to be fetched. */
const mostWaiting = 32;

const waiting = new Map<number, readonly StepLine[]>();
let count = 0;

/** What of a result a list or a page does not show. */
function slim(entry: Entry): Entry {
  if (entry.kind === 'run') {
    const header = { ...entry.run.header, tensors: [], notTrained: [], notes: [], warnings: [] };
    return { ...entry, run: { ...entry.run, header } };
  }
  if (entry.kind !== 'experiment' || !entry.experiment.result) return entry;
  return { ...entry, experiment: withoutTables(entry.experiment) };
}

function withoutTables(header: ExperimentHeader): ExperimentHeader {
  if (!header.result) return header;
  return { ...header, result: { ...header.result, tables: [], charts: [], notes: [], numbers: {} } };
}

/** Charts with every n-th point of their curves, and the last, so that a page has about `mostPoints` in all. */
function thinned(charts: readonly Chart[]): Chart[] {
  const curves = charts.reduce((sum, { series }) => sum + series.length, 0);
  const most = Math.max(fewestPoints, Math.floor(mostPoints / curves));
  return charts.map((chart) => {
    const series = chart.series.map((each) => {
      const stride = Math.ceil(each.x.length / most);
      if (stride <= 1) return each;
      const kept = <T>(values: readonly T[]) => values.filter((_, i) => i % stride === 0 || i === values.length - 1);
      return { ...each, x: kept(each.x), y: kept(each.y) };
    });
    return { ...chart, series };
  });
}

/** Everything that the editor reads of files that others may have written, by name; carried out by a thread of its own. */
export const readings = {
  /** What lies below `runs/` of directories, for lists. */
  entries: (directories: readonly string[]): Entry[] => directories.flatMap(entriesIn).map(slim),

  /** The runs of a sweep's points. */
  points(folder: string): Entry[] {
    const sweep = sweepIn(folder);
    return sweep ? pointEntries(folder, sweep).map(slim) : [];
  },

  /** A run without its steps, which are fetched under `token`. Throws an InspectorError where it cannot be read. */
  run(folder: string) {
    const { header, steps, interrupted } = readRun(folder);
    const token = ++count;
    waiting.set(token, steps);
    if (waiting.size > mostWaiting) waiting.delete(waiting.keys().next().value!);
    return { header, interrupted, token, steps: steps.length };
  },

  /** The next steps of a run from `from` on, as many as are taken at once; none at its end. */
  steps(token: number, from: number): readonly StepLine[] {
    const steps = waiting.get(token) ?? [];
    let end = from;
    for (let numbers = 0; end < steps.length && (end === from || numbers < mostNumbers); end++)
      numbers += numbersOfTensor * (1 + Object.keys(steps[end].tensors).length);
    if (end >= steps.length) waiting.delete(token);
    return steps.slice(from, end);
  },

  /** A run's header as it is on disk now. Throws an InspectorError where it cannot be read. */
  header(folder: string) {
    const { header, interrupted } = readHeader(folder);
    return { header, interrupted };
  },

  /** What a run was asked for, and which configuration it was made from. Throws an InspectorError where it cannot be read. */
  origin: (folder: string) => ({ request: readHeader(folder).header.request, source: readSource(folder) }),

  /** What the runs of a folder have measured, the latest first. */
  measured: (parent: string) => readMeasured(parent),

  /** What finished comparisons beside a run found. */
  tried: (folder: string, header: RunHeader) => triedBeside(folder, header),

  /** A result as its page shows it. Throws an InspectorError where it cannot be read. */
  result(folder: string) {
    const header = resultIn(folder);
    const result = header.result && { ...header.result, charts: thinned(header.result.charts) };
    return {
      header: result ? { ...header, result } : header,
      isWorkedOn: isWorkedOn(header),
      isUnfinished: isUnfinished(folder, header),
      runs: pointRuns(folder),
    };
  },

  /** The results below `runs/` of directories, for lists. */
  results: (directories: readonly string[]) =>
    directories.flatMap(results).map(({ folder, header }) => ({ folder, header: withoutTables(header) })),

  unfinished: (directory: string) => unfinishedComparisons(directory),
  /** How far a plan is. Throws an InspectorError where it cannot be read. */
  plan: (folder: string) => ({ counts: statusOf(folder).counts }),

  sweep: (folder: string) => sweepIn(folder),
  comparison: (folder: string) => comparisonIn(folder),
};

export type Readings = typeof readings;

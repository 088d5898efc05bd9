import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readEnd, readJsonFile } from '../files/regular.ts';
import { lastEffect } from '../shared/effectWords.ts';
import type { MeasuredRun, RunHeader, StepLine } from '../shared/protocol.ts';

/** Runs beyond the latest ones are not looked at, and lines of steps beyond this length are not read. */
const MOST_RUNS = 200;
const MOST_BYTES = 4 * 2 ** 20;
const LARGEST_HEADER = 2 ** 20;

/** By folder of the run: what was read, and the change time of what it was read from. */
const known = new Map<string, { changed: number; measured: MeasuredRun | undefined }>();

/** What the runs of a folder have measured, the latest first. Never throws. */
export function readMeasured(parent: string): MeasuredRun[] {
  return names(parent)
    .slice(-MOST_RUNS)
    .flatMap((name) => measuredIn(join(parent, name)) ?? [])
    .sort((a, b) => b.header.started.localeCompare(a.header.started));
}

function names(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

function measuredIn(folder: string): MeasuredRun | undefined {
  try {
    const changed = Math.max(...['steps.jsonl', 'run.json'].map((name) => statSync(join(folder, name)).mtimeMs));
    const before = known.get(folder);
    if (before?.changed === changed) return before.measured;
    const measured = readOne(folder);
    known.set(folder, { changed, measured });
    return measured;
  } catch {
    return undefined;
  }
}

function readOne(folder: string): MeasuredRun | undefined {
  const header = readJsonFile(join(folder, 'run.json'), LARGEST_HEADER) as RunHeader;
  if (header.format !== 1 || typeof header.started !== 'string' || !header.optimizer?.hyper || !header.model?.path)
    return undefined;
  const last = lastMeasured(join(folder, 'steps.jsonl'));
  if (!last) return undefined;
  return {
    folder,
    header: { ...header, tensors: [], notTrained: [], notes: [], warnings: [] },
    last: { ...last, tensors: {} },
  };
}

/** The last whole line that has an effect, else a strength, from the end of the file. */
function lastMeasured(path: string): StepLine | undefined {
  for (let length = 64 * 1024; ; length *= 4) {
    const { bytes, from } = readEnd(path, length);
    const lines = bytes.toString('utf8').split('\n');
    if (from > 0) lines.shift();
    const steps = lines.flatMap((line) => parse(line) ?? []);
    const isWhole = from === 0 || length >= MOST_BYTES;
    const strong = steps.findLast(({ hKappa }) => typeof hKappa === 'number');
    const measured = lastEffect(steps) ?? (strong?.effect === undefined || isWhole ? strong : undefined);
    if (measured || isWhole) return measured;
  }
}

function parse(line: string): StepLine | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as StepLine);
  } catch {
    return undefined;
  }
}

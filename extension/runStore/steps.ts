import { join } from 'node:path';
import { linesOf } from '../files/regular.ts';
import type { RunHeader, StepLine } from '../shared/protocol.ts';
import { grown, isHeld } from '../shared/steps.ts';
import { isStepLine } from './header.ts';

/** Lines that are joined to the held ones at once. */
const parcel = 256;

/** The steps of a run, one after the other, however many there are; a line that was cut off by a crash is left out. */
export function* readSteps(folder: string): Generator<StepLine> {
  for (const line of linesOf(join(folder, 'steps.jsonl'))) {
    const step = parse(line);
    if (step) yield step;
  }
}

/** The steps of a run that are held in memory. Most lines of a long run are not even parsed. */
export function readHeldSteps(folder: string, header: RunHeader): readonly StepLine[] {
  let steps: readonly StepLine[] = [];
  let records: StepLine[] = [];
  let furthest = -1;
  let held = isHeld(header, furthest);
  // What is left out stays if nothing follows, or nothing with a correction, or nothing with a correction for each tensor.
  let left: { readonly last?: Buffer; readonly corrected?: Buffer; readonly whole?: Buffer } = {};
  const advance = (step: number) => {
    furthest = step;
    held = isHeld(header, furthest);
  };
  const add = (line: Buffer | undefined) => {
    const step = line && parse(line);
    if (!step) return;
    records.push(step);
    if (step.step > furthest) advance(step.step);
  };
  const flush = () => {
    steps = grown(header, steps, records);
    records = [];
  };
  const addLeft = ({ last, corrected, whole }: typeof left) => {
    for (const line of new Set([whole, corrected, last])) add(line);
  };
  for (const line of linesOf(join(folder, 'steps.jsonl'))) {
    const step = stepOf(line);
    if (step === furthest + 1) advance(step);
    if (step !== undefined && step <= furthest && !held(step)) {
      const corrected = isCorrected(line);
      left = { ...left, last: line, ...(corrected && { corrected: line, ...(isWhole(line) && { whole: line }) }) };
      continue;
    }
    addLeft({ ...left, last: undefined });
    add(line);
    left = {};
    if (records.length >= parcel) flush();
  }
  addLeft(left);
  flush();
  return steps;
}

/** The step of a line as this program writes it, without parsing the line. */
function stepOf(line: Buffer): number | undefined {
  const found = /^\{"step":(\d+),/.exec(line.toString('latin1', 0, 32));
  return found ? Number(found[1]) : undefined;
}

function isCorrected(line: Buffer): boolean {
  const at = line.indexOf('"kappa":');
  return at >= 0 && at < line.indexOf('"tensors":');
}

const isWhole = (line: Buffer): boolean => line.includes('"tensors":{"');

function parse(line: Buffer): StepLine | undefined {
  try {
    const step: unknown = JSON.parse(line.toString('utf8'));
    return isStepLine(step) ? step : undefined;
  } catch {
    return undefined;
  }
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeMarkdown } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { readEnd, readJsonFile } from '../../files/regular.ts';
import { effectHeadline, effectSentence, lastEffect, oscillationText } from '../../shared/effectWords.ts';
import { baseName, number, percent, shorten } from '../../shared/format.ts';
import type { RunHeader, StepLine } from '../../shared/protocol.ts';
import { doubt, strength } from '../../shared/verdict.ts';

/** Runs beyond the latest ones are not looked at, and lines of steps beyond this length are not read. */
const MOST_RUNS = 200;
const MOST_BYTES = 4 * 2 ** 20;
const LARGEST_HEADER = 2 ** 20;

/** What a run has measured. */
export interface Measured {
  readonly folder: string;
  readonly header: RunHeader;
  /** The last line with an effect, else the last one with a correction. */
  readonly last: StepLine;
}

/** What runs below `runs/` of a workspace folder have measured; read in the background and kept for a short time. */
export class MeasuredRuns {
  private readonly fresh: number;
  private readonly folders = new Map<string, { at: number; runs: Promise<readonly Measured[]> }>();
  /** By folder of the run: what was read, and the change time of what it was read from. */
  private readonly read = new Map<string, { changed: number; measured: Measured | undefined }>();

  /** What has been read is looked at again after `fresh` milliseconds. */
  constructor(fresh = 2000) {
    this.fresh = fresh;
  }

  /** The latest run with the settings of a configuration; undefined where there is none. Never throws. */
  async find(config: OptimizerConfig, folder: string): Promise<Measured | undefined> {
    return (await this.in(folder)).find(({ header }) => isOf(header, config));
  }

  /** What has been read is looked at again the next time. */
  forget(): void {
    this.folders.clear();
  }

  /** Latest first. */
  private in(folder: string): Promise<readonly Measured[]> {
    const known = this.folders.get(folder);
    if (known && Date.now() - known.at < this.fresh) return known.runs;
    const runs = this.load(join(folder, 'runs'));
    this.folders.set(folder, { at: Date.now(), runs });
    return runs;
  }

  private async load(parent: string): Promise<readonly Measured[]> {
    const names = await readdir(parent).catch(() => []);
    const runs: Measured[] = [];
    for (const name of names.slice(-MOST_RUNS)) {
      const run = await this.loadOne(join(parent, name)).catch(() => undefined);
      if (run) runs.push(run);
    }
    return runs.sort((a, b) => b.header.started.localeCompare(a.header.started));
  }

  private async loadOne(folder: string): Promise<Measured | undefined> {
    const steps = join(folder, 'steps.jsonl');
    const times = await Promise.all([steps, join(folder, 'run.json')].map(async (path) => (await stat(path)).mtimeMs));
    const changed = Math.max(...times);
    const known = this.read.get(folder);
    if (known?.changed === changed) return known.measured;
    const measured = await readMeasured(folder, steps);
    this.read.set(folder, { changed, measured });
    return measured;
  }
}

async function readMeasured(folder: string, steps: string): Promise<Measured | undefined> {
  const path = join(folder, 'run.json');
  const header = readJsonFile(path, LARGEST_HEADER) as RunHeader;
  if (header.format !== 1 || typeof header.started !== 'string' || !header.optimizer?.hyper || !header.model?.path)
    return undefined;
  const last = lastMeasured(steps);
  return last && { folder, header, last };
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

/** A run has the settings of a configuration if all that is known of both is the same; the learning rate has to be known. */
function isOf({ optimizer }: RunHeader, config: OptimizerConfig): boolean {
  if (optimizer.name !== config.optimizer) return false;
  if (typeof config.hyperparameters.get('lr')?.value !== 'number') return false;
  return Object.entries(optimizer.hyper).every(([name, value]) => {
    const entry = config.hyperparameters.get(name);
    return entry === undefined || entry.value === value || (entry.value === null && entry.from === 'default');
  });
}

/** `Measured: +12 % against β₂ = β₁ (loss 2.3 → 0.2)`: what stands above a configuration; undefined where nothing was measured. */
export function measuredLens({ header, last }: Measured): string | undefined {
  const headline = effectHeadline(header, typeof last.effect === 'number' ? last : undefined);
  if (headline === undefined || !header.reference?.converged) return undefined;
  return `Measured: ${headline} against ${shorten(header.reference.label)}${lossRange(header)}`;
}

const lossRange = ({ effect }: RunHeader): string =>
  effect && effect.losses.length > 1 ? ` (loss ${number(effect.losses[0])} → ${number(effect.losses.at(-1))})` : '';

/**
 * What a run adds to the hover, as Markdown: `Measured 2026-11-20 on digits.onnx (loss 2.3 → 0.2): At equal loss …`; where it was
 * held against nothing, what the theory says at its last step.
 */
export function measuredMarkdown({ header, last }: Measured): string {
  const where = `${escapeMarkdown(header.started.slice(0, 10))} on ${escapeMarkdown(baseName(header.model.path))}`;
  const effect = typeof last.effect === 'number' ? last : undefined;
  const sentence = effectSentence(header, effect);
  if (sentence !== undefined) {
    const oscillation = header.reference?.converged && effect && oscillationText(effect);
    return `**Measured** ${where}${escapeMarkdown(lossRange(header))}: ${escapeMarkdown(sentence, 600)}${oscillation ? ` At the end ${oscillation}.` : ''}`;
  }
  const { validShare, belowSwitchShare, hKappa, step } = last;
  const parts = [
    strength(hKappa),
    typeof validShare === 'number' && `theory holds for ${percent(validShare)} of the parameters`,
    typeof belowSwitchShare === 'number' && `${percent(belowSwitchShare)} below the switch`,
  ];
  const unreliable = doubt(last) ? ' Not reliable at this step size.' : '';
  return `**Inspected** ${where}, step ${Number(step)}: ${parts.filter(Boolean).join(' · ')}.${unreliable}`;
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeMarkdown } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { readEnd, readJsonFile } from '../../files/regular.ts';
import { baseName, percent } from '../../shared/format.ts';
import type { RunHeader, StepLine } from '../../shared/protocol.ts';
import { doubt, strength } from '../../shared/verdict.ts';

/** Runs beyond the latest ones are not looked at, and lines of steps beyond this length are not read. */
const MOST_RUNS = 200;
const MOST_BYTES = 4 * 2 ** 20;
const LARGEST_HEADER = 2 ** 20;

interface Measured {
  readonly header: RunHeader;
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

  /** The last line of the hover for a configuration; undefined where no run had its settings. Never throws. */
  async line(config: OptimizerConfig, folder: string): Promise<string | undefined> {
    const runs = await this.in(folder);
    const run = runs.find(({ header }) => isOf(header, config));
    return run && describe(run);
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
    const { mtimeMs: changed } = await stat(steps);
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
  return last && { header, last };
}

/** The last whole line that has a strength, from the end of the file. */
function lastMeasured(path: string): StepLine | undefined {
  for (let length = 64 * 1024; ; length *= 4) {
    const { bytes, from } = readEnd(path, length);
    const lines = bytes.toString('utf8').split('\n');
    if (from > 0) lines.shift();
    for (const line of lines.reverse()) {
      const step = parse(line);
      if (typeof step?.hKappa === 'number') return step;
    }
    if (from === 0 || length >= MOST_BYTES) return undefined;
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

/** `Measured 2026-11-20 on digits.onnx, step 50: anti-regularizing 0.42; theory holds for 64 % of the parameters, …`. */
function describe({ header, last }: Measured): string {
  const { validShare, belowSwitchShare, hKappa, step } = last;
  const what = `Measured ${escapeMarkdown(header.started.slice(0, 10))} on ${escapeMarkdown(baseName(header.model.path))}, step ${Number(step)}`;
  const parts = [
    strength(hKappa),
    typeof validShare === 'number' && `theory holds for ${percent(validShare)} of the parameters`,
    typeof belowSwitchShare === 'number' && `${percent(belowSwitchShare)} below the switch`,
  ];
  const unreliable = doubt(last) ? ' Not reliable at this step size.' : '';
  return `**${what}:** ${parts.filter(Boolean).join(' · ')}.${unreliable}`;
}

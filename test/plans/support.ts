import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Plan, PlanStatus } from '../../extension/shared/plans.ts';
import { cli } from '../support/paths.ts';

/** Runs the command line; its exit code and what it said. */
export function run(cwd: string, ...argv: readonly string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...argv], { cwd, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

/** The same of a command that is expected to succeed; what it printed. */
export function done(cwd: string, ...argv: readonly string[]): string {
  const { code, out, err } = run(cwd, ...argv);
  assert.equal(code, 0, `${argv.join(' ')}: ${err}`);
  return out;
}

/** Starts the command line, to be disturbed. */
export const start = (cwd: string, ...argv: readonly string[]): ChildProcess =>
  spawn(process.execPath, [cli, ...argv], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });

/** The exit code of a process, or the signal that ended it. */
export const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));

/** Waits for something that will be, within a minute. */
export async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 1200 && !what(); i++) await wait(50);
  assert.ok(what(), `${what}`);
}

export const planIn = (folder: string): Plan => JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8')) as Plan;

export const statusIn = (folder: string): PlanStatus =>
  JSON.parse(done(folder, '--status', folder, '--json')) as PlanStatus;

/** Files of a result that do not say when, where and by whom it was made. */
const isMade = (name: string) => /^(?:experiment|sweep|compare|series)\.\w+$|\.svg$/.test(name);

/** Holds two results against each other, byte by byte: the files that tell them, and the steps of their points. */
export function sameResult(one: string, other: string): void {
  const names = readdirSync(one).filter(isMade).sort();
  assert.ok(names.includes('experiment.json') && names.includes('series.csv'), `${names}`);
  assert.deepEqual(readdirSync(other).filter(isMade).sort(), names);
  for (const name of names) sameFile(join(one, name), join(other, name));
  const points = existsSync(join(one, 'points')) ? readdirSync(join(one, 'points')) : [];
  for (const point of points)
    for (const name of ['steps.jsonl', 'test.jsonl'])
      if (existsSync(join(one, 'points', point, name)))
        sameFile(join(one, 'points', point, name), join(other, 'points', point, name));
}

const sameFile = (one: string, other: string) =>
  assert.ok(readFileSync(one).equals(readFileSync(other)), `${one} and ${other} differ`);

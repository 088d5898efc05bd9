import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { writeWhole } from '../files/writing.ts';
import { isHeld } from '../runStore/lock.ts';
import { isAlive, markInterrupted } from '../runStore/store.ts';
import { withTimes } from './store.ts';

/** Most folders that are looked at. */
const mostNeighbours = 5000;

/**
 * Marks what lies in a folder, runs, sweeps with their points, comparisons and experiments, as interrupted where it calls itself
 * running and the process that wrote it has ended: its number may be given again. Never throws.
 */
export function markAllInterrupted(parent: string): void {
  markInterrupted(parent);
  try {
    for (const name of readdirSync(parent).slice(0, mostNeighbours)) {
      const folder = join(parent, name);
      if (!existsSync(join(folder, 'experiment.json')) || isHeld(folder)) continue;
      if (!markFile(folder, 'experiment.json')) continue;
      markFile(folder, 'sweep.json');
      markInterrupted(join(folder, 'points'));
    }
  } catch {
    // A folder that cannot be listed holds nothing of ours that could be marked.
  }
}

/** Whether a file of a result does not say any more that it is worked on. */
function markFile(folder: string, name: string): boolean {
  try {
    const path = join(folder, name);
    const header = readJsonFile(path) as { readonly status?: unknown };
    if (header.status !== 'running') return true;
    const { process } = withTimes(folder, header) as { readonly process?: unknown };
    if (typeof process === 'number' && isAlive(process)) return false;
    writeWhole(path, `${JSON.stringify({ ...header, status: 'interrupted' }, undefined, 2)}\n`);
    return true;
  } catch {
    // What is damaged or not ours stays as it is.
    return false;
  }
}

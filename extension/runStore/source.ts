import { join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { writeWhole } from '../files/writing.ts';

/** Which configuration a run was made from, so that a later look can tell whether it has changed. */
export interface RunSource {
  /** The file of the configuration, relative to the workspace folder. */
  readonly path: string;
  /** Which of its configurations, counted from 0. */
  readonly index: number;
}

const fileName = 'source.json';

export function writeSource(folder: string, source: RunSource): void {
  writeWhole(join(folder, fileName), `${JSON.stringify(source)}\n`);
}

/** Undefined for runs from the command line, and where the file is no longer readable. */
export function readSource(folder: string): RunSource | undefined {
  try {
    const { path, index } = readJsonFile(join(folder, fileName), 2 ** 16) as Partial<RunSource>;
    return typeof path === 'string' && Number.isInteger(index) ? { path, index: index as number } : undefined;
  } catch {
    return undefined;
  }
}

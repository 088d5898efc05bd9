import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Which configuration a run was made from, so that a later look can tell whether it has changed. */
export interface RunSource {
  /** The file of the configuration, relative to the workspace folder. */
  readonly path: string;
  /** Which of its configurations, counted from 0. */
  readonly index: number;
}

const fileName = 'source.json';

export function writeSource(folder: string, source: RunSource): void {
  const path = join(folder, fileName);
  writeFileSync(`${path}.partial`, `${JSON.stringify(source)}\n`);
  renameSync(`${path}.partial`, path);
}

/** Undefined for runs from the command line, and where the file is no longer readable. */
export function readSource(folder: string): RunSource | undefined {
  try {
    const { path, index } = JSON.parse(readFileSync(join(folder, fileName), 'utf8'));
    return typeof path === 'string' && Number.isInteger(index) ? { path, index } : undefined;
  } catch {
    return undefined;
  }
}

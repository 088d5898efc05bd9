import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The path of another bundled program of ours: beside the one that asks, or in a folder above it. */
export function ownScript(name: string): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const path = join(folder, name);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) throw new Error(`${name} is missing beside ${__dirname}`);
  }
}

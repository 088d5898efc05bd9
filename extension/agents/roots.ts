import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { InspectorError, quoteName } from '../shared/errors.ts';

/** The folders that a client has granted. Links are followed before a path is judged. */
export class Roots {
  private readonly folders: readonly string[];

  /** @param folders at least one; relative paths are relative to the first */
  constructor(folders: readonly string[]) {
    this.folders = folders.map(real);
  }

  get directory(): string {
    return this.folders[0]!;
  }

  /** The granted folder in which a path lies, links followed; undefined where it lies in none. */
  rootOf(path: string): string | undefined {
    const target = real(resolve(this.directory, path));
    return this.folders.find((folder) => isWithin(folder, target));
  }

  /** The path that a text names. Throws an InspectorError where it leads out of the folders. */
  path(given: string): string {
    if (this.rootOf(given) !== undefined) return real(resolve(this.directory, given));
    throw new InspectorError(
      `${quoteName(given, 400)} lies outside of the folders that were granted.`,
      `Name a path below ${this.folders.map((folder) => quoteName(folder, 400)).join(' or ')}, or grant its folder as a root.`,
    );
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** A path without links; of what does not exist yet, the part that does. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(real(parent), basename(path));
  }
}

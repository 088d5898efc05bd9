import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';

/** The files that an analysis may look at beside its own text. Nothing of them is run. */
export interface Workspace {
  /** The text of a regular file inside the workspace; undefined for anything else. */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** The folders in which a relative path of a script may be meant, the likeliest first. */
  foldersFor(file: string): readonly string[];
}

/** Longer files, and more of them, are not followed. */
const LONGEST = 512 * 1024;
const MOST_FILES = 200;
/** Looks at the file system for one analysis. */
const MOST_LOOKS = 5000;

/** What an analysis saw of another file: whether it exists (`+`, `-`), or, where it was read, a digest of its text (`?` without one). */
export type Sight = readonly [path: string, state: string];

const sightOf = (text: string | undefined): string =>
  text === undefined ? '?' : createHash('sha256').update(text).digest('base64');

/** Whether what was seen of a file below `root` is still to be seen. */
export function isSeen(root: string, [path, state]: Sight): boolean {
  try {
    if (state !== '+' && state !== '-') return sightOf(loadText(resolve(root), path)) === state;
    return (statSync(path, { throwIfNoEntry: false }) !== undefined) === (state === '+');
  } catch {
    return false;
  }
}

/**
 * The files below `root`, read when they are asked for, at most once for each analysis. `open` are texts that editors
 * hold, which count instead of what is on the disk. Links that lead out of the workspace are not followed.
 */
export class FolderWorkspace implements Workspace {
  private readonly texts = new Map<string, string | undefined>();
  private readonly known = new Map<string, boolean>();
  private readonly root: string;

  constructor(
    root: string,
    private readonly open: ReadonlyMap<string, string> = new Map(),
  ) {
    this.root = resolve(root);
  }

  /** The files that were asked for, there or not: what an analysis depends on. */
  get asked(): readonly string[] {
    return [...new Set([...this.texts.keys(), ...this.known.keys()])];
  }

  /** What was seen of those files, so that it can be told whether another analysis would see the same. */
  get sights(): readonly Sight[] {
    return [
      ...[...this.texts].map(([path, text]): Sight => [path, sightOf(text)]),
      ...[...this.known].map(([path, isThere]): Sight => [path, isThere ? '+' : '-']),
    ];
  }

  read(path: string): string | undefined {
    if (!this.isInside(path)) return undefined;
    if (!this.texts.has(path) && this.texts.size < MOST_FILES)
      this.texts.set(path, this.open.get(path) ?? loadText(this.root, path));
    return this.texts.get(path);
  }

  exists(path: string): boolean {
    if (!this.isInside(path)) return false;
    if (this.open.has(path)) return true;
    const before = this.known.get(path);
    if (before !== undefined || this.known.size >= MOST_LOOKS) return before ?? false;
    const found = statSync(path, { throwIfNoEntry: false }) !== undefined;
    this.known.set(path, found);
    return found;
  }

  foldersFor(file: string): readonly string[] {
    const folders: string[] = [];
    for (let at = dirname(resolve(file)); this.isInside(at) && folders.length < 16; at = dirname(at)) {
      folders.push(at);
      if (at === this.root) break;
    }
    return folders;
  }

  private isInside(path: string): boolean {
    return !path.includes('\0') && isBelow(this.root, path);
  }
}

/** The text of a regular file below `root`; undefined for anything else. */
function loadText(root: string, path: string): string | undefined {
  let handle: number | undefined;
  try {
    // Pipes and devices would be waited for, so the kind is looked at before and after opening.
    if (!statSync(path).isFile() || !isBelow(realpathSync(root), realpathSync(path))) return undefined;
    handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(handle);
    if (!stats.isFile() || stats.size > LONGEST) return undefined;
    const bytes = Buffer.alloc(stats.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(handle, bytes, filled, bytes.length - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return new TextDecoder('utf-8').decode(bytes.subarray(0, filled));
  } catch {
    // What cannot be read is as good as not there: the value stays unknown.
    return undefined;
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

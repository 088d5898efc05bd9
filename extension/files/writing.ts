import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InspectorError } from '../shared/errors.ts';
import { anotherFolder, words } from '../shared/words.ts';

/**
 * Writes a file whole or not at all: under another name in the same folder, then renamed. What stood there is replaced, never
 * written through: neither a link nor what it leads to is touched. Throws the system's error, and leaves nothing behind.
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.partial`;
  try {
    writeFileSync(temporary, content, { flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The same of a file that comes in parts. */
export async function writeParts(path: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const part of parts) await handle.writeFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Writes what a user asked for to the path that they gave. A file is replaced whole or not at all; a device or a pipe that somebody
 * reads gets the bytes; one that nobody reads would wait for ever. Throws the system's error, for which there is `writingReason`.
 */
export async function writeOutput(path: string, content: Uint8Array): Promise<void> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!there || there.isFile()) return writeWhole(path, content);
  // Opening it so fails at once where nothing reads; it stays open, since a reader ends where the last writer does.
  const held = there.isFIFO() ? openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) : undefined;
  try {
    await writeFile(path, content);
  } finally {
    if (held !== undefined) closeSync(held);
  }
}

/** A new, empty file to append to, in place of whatever had its name; returns its descriptor. Throws the system's error. */
export function createFresh(path: string): number {
  rmSync(path, { force: true });
  return openSync(path, 'wx');
}

/**
 * Writes over a file in place, where nothing new can be created: it takes no space that the file does not have, and follows no
 * link. Throws where the content is longer than the file, or the system's error.
 */
export function writeOver(path: string, content: string): void {
  const bytes = Buffer.from(content);
  const file = openSync(path, constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    if (fstatSync(file).size < bytes.length) throw new Error('it would become longer');
    writeSync(file, bytes, 0, bytes.length, 0);
    ftruncateSync(file, bytes.length);
  } finally {
    closeSync(file);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left on the disk',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'a file would become longer than is allowed',
  EROFS: 'the disk is read-only',
  EACCES: 'there is no permission to write',
  EPERM: 'there is no permission to write',
  ENOENT: 'it does not exist any more, or cannot be made',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a directory',
  ELOOP: 'there are too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ENXIO: 'nothing reads from the pipe',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  EIO: 'the disk reports an error',
};
/** Why writing failed, in words where the system's code is known. */
export const writingReason = (error: unknown): string => {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
};

/** Another folder would not help. */
const tooManyOpen = 'Close other programs, or allow more open files: "ulimit -n 1024".';

/** Results cannot be written: the folder, the reason and what to do. */
export class WritingError extends InspectorError {
  constructor(folder: string, error: unknown) {
    const { code } = error as NodeJS.ErrnoException;
    const remedy = code === 'EMFILE' || code === 'ENFILE' ? tooManyOpen : words`${anotherFolder}.`;
    super(`Cannot write to ${folder}: ${writingReason(error)}.`, remedy, { cause: error });
  }
}

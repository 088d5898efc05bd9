import { closeSync, constants, createReadStream, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { InspectorError } from '../shared/errors.ts';

/** What a path leads to, where that is no regular file. */
export function irregularKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** A system error in words, without the path that Node puts into its own. */
export function systemReason(error: unknown): string {
  const code = String((error as NodeJS.ErrnoException).code);
  const reasons = new Map([
    ['ENOENT', 'no such file'],
    ['ENOTDIR', 'no such file'],
    ['EACCES', 'no permission to read it'],
    ['EPERM', 'no permission to read it'],
    ['ELOOP', 'too many symbolic links'],
    ['ENAMETOOLONG', 'the name is too long'],
    ['ERR_INVALID_ARG_VALUE', 'this is no valid path'],
  ]);
  return reasons.get(code) ?? (error as Error).message;
}

/** Flags that open a file for reading and never wait, whatever the path has become meanwhile. */
export const readFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A regular file that is open for reading; `size` is its length when it was opened. */
export interface RegularFile {
  readonly descriptor: number;
  readonly size: number;
}

/**
 * Opens a regular file, runs `use` and closes it. Throws an Error that says what is wrong, without the path: for anything but
 * a regular file, and for one of more than `limit` bytes. Opening a pipe would wait for its writer, so the kind is looked at
 * first, and again on what was opened.
 */
export function useRegularFile<T>(path: string, limit: number, use: (file: RegularFile) => T): T {
  const check = (stats: Stats) => {
    const kind = irregularKind(stats);
    if (kind) throw new Error(`it is ${kind}, not a file`);
    if (stats.size > limit) throw new Error(`it has ${stats.size} bytes, at most ${limit} are read`);
    return stats.size;
  };
  let descriptor: number | undefined;
  try {
    check(statSync(path));
    descriptor = openSync(path, readFlags);
    return use({ descriptor, size: check(fstatSync(descriptor)) });
  } catch (error) {
    throw new Error(systemReason(error), { cause: error });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A text of ours (a header, a list of points) is never longer. */
const longestText = 2 ** 26;

/**
 * The bytes of a regular file, at most as many as the file had when it was opened. Throws an Error with the reason, without
 * the path; what is no file, or longer than `limit` bytes, is not read.
 */
export function readBytes(path: string, limit: number): Buffer {
  return useRegularFile(path, limit, ({ descriptor, size }) => {
    const bytes = Buffer.alloc(size);
    let filled = 0;
    while (filled < size) {
      const count = readSync(descriptor, bytes, filled, size - filled, filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  });
}

/** The text of a regular file; see `readBytes`. */
export const readTextFile = (path: string, limit = longestText): string => readBytes(path, limit).toString('utf8');

/** What a JSON file holds; see `readTextFile`. */
export function readJsonFile(path: string, limit?: number): unknown {
  const text = readTextFile(path, limit);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error('it is no valid JSON', { cause: error });
  }
}

const newline = 10;
const chunkBytes = 2 ** 20;
/** A longer line is none of ours. */
const longestLine = 2 ** 26;

/**
 * The lines of a regular file that are not empty, without ever holding the file: as many bytes as it had when it was opened,
 * so that one that grows comes to an end. Lines above 64 MiB are left out. None where there is no such file; throws an Error
 * with the reason for anything else that cannot be read.
 */
export function* linesOf(path: string): Generator<Buffer> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  const kind = irregularKind(stats);
  if (kind) throw new Error(`it is ${kind}, not a file`);
  const descriptor = openSync(path, readFlags);
  try {
    const opened = fstatSync(descriptor);
    if (!opened.isFile()) return;
    const chunk = Buffer.alloc(Math.min(chunkBytes, opened.size));
    let begun: Buffer[] = [];
    let length = 0;
    const finish = (rest: Buffer): Buffer => {
      const line = length + rest.length > longestLine ? Buffer.alloc(0) : Buffer.concat([...begun, rest]);
      begun = [];
      length = 0;
      return line;
    };
    for (let position = 0; position < opened.size; ) {
      const bytes = readSync(descriptor, chunk, 0, Math.min(chunk.length, opened.size - position), position);
      if (bytes === 0) break;
      position += bytes;
      let from = 0;
      for (;;) {
        const to = chunk.indexOf(newline, from);
        if (to < 0 || to >= bytes) break;
        const line = finish(chunk.subarray(from, to));
        if (line.length > 0) yield line;
        from = to + 1;
      }
      length += bytes - from;
      if (length <= longestLine) begun.push(Buffer.from(chunk.subarray(from, bytes)));
      else begun = [];
    }
    const line = finish(Buffer.alloc(0));
    if (line.length > 0) yield line;
  } finally {
    closeSync(descriptor);
  }
}

/** The last `length` bytes of a regular file, with the place where they begin. Throws an Error with the reason. */
export function readEnd(path: string, length: number): { readonly bytes: Buffer; readonly from: number } {
  return useRegularFile(path, Number.POSITIVE_INFINITY, ({ descriptor, size }) => {
    const from = Math.max(0, size - length);
    const bytes = Buffer.alloc(size - from);
    const count = readSync(descriptor, bytes, 0, bytes.length, from);
    return { bytes: bytes.subarray(0, count), from };
  });
}

/**
 * The bytes of a regular file in parts, as many as it had when it was opened. Throws an Error with the reason, without the
 * path, for anything that is no file.
 */
export async function* partsOf(path: string): AsyncGenerator<Uint8Array> {
  const { size } = useRegularFile(path, Number.POSITIVE_INFINITY, (file) => file);
  if (size > 0) yield* createReadStream(path, { flags: readFlags as never, end: size - 1 });
}

/**
 * The bytes of a regular file of at most `limit` bytes. Throws an InspectorError for anything else, whose
 * place is the path; `tooLarge` is its remedy for a file above the limit.
 */
export async function readRegularFile(
  path: string,
  { limit, tooLarge }: { limit: number; tooLarge: string },
): Promise<Uint8Array> {
  const where = { file: path };
  const refuse = (stats: Stats) => {
    const kind = irregularKind(stats);
    if (kind) throw new InspectorError(`is ${kind}, not a file.`, 'Give the path of an ONNX model.', { where });
    if (stats.size > limit)
      throw new InspectorError(`is too large: it has ${stats.size} bytes, at most ${limit} are read.`, tooLarge, {
        where,
      });
    return stats.size;
  };
  try {
    // Opening a pipe would wait for its writer, so the kind is looked at first, and again on what was opened.
    refuse(await stat(path));
    const handle = await open(path, readFlags);
    try {
      const size = refuse(await handle.stat());
      const bytes = new Uint8Array(size);
      for (let filled = 0; filled < size; ) {
        const { bytesRead } = await handle.read(bytes, filled, Math.min(size - filled, 2 ** 30), filled);
        if (bytesRead === 0) throw new InspectorError('became shorter while it was read.', 'Try again.', { where });
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(`${systemReason(error)}.`, 'Check the path of the model.', { cause: error, where });
  }
}

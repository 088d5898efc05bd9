import { constants as bufferLimits } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { irregularKind, readFlags, systemReason } from '../files/regular.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';

const keepBeside = 'Keep the data file in the folder of the model, under the name that it was exported with.';
const damaged = 'The model file is damaged; export it again.';

function foldersOf(modelPath: string) {
  const folders = [...new Set([dirname(modelPath), dirname(realOrSame(modelPath))])];
  return { folders, roots: folders.map(realOrSame) };
}

/** Most bytes that one tensor may take. */
const largestTensor = () => Math.min(totalmem() / 2, bufferLimits.MAX_LENGTH);

interface DataFile {
  /** Without symbolic links. */
  readonly path: string;
  readonly size: number;
}

/**
 * Tensors stored beside the model. A location must lie inside the folder of the model: neither its text nor any symbolic
 * link may lead out of it. Files of a Hugging Face cache are links into a sibling `blobs` folder, so the real folder of
 * the model file counts as its folder too.
 */
export class ExternalData {
  private readonly files = new Map<string, DataFile>();
  private readonly checksums = new Map<string, string>();

  /** The folders that count as the model's, as they are named and without symbolic links; looked up once there is data. */
  private places: { readonly folders: readonly string[]; readonly roots: readonly string[] } | undefined;

  constructor(private readonly modelPath: string) {}

  /**
   * Checks where one tensor lies, without reading it; `size` is what its type and shape require. Returns the function that
   * reads its bytes. Both throw InspectorErrors; `owner` says in them whose data it is.
   */
  locate(owner: Where, entries: readonly { key: string; value: string }[], size: number): () => Uint8Array {
    const where = owner;
    const fields = new Map(entries.map(({ key, value }) => [key, value]));
    const location = fields.get('location') ?? '';
    const file = this.find(where, location);
    const offset = wholeNumber(where, 'offset', fields.get('offset') ?? '0');
    const length = wholeNumber(where, 'length', fields.get('length') ?? String(size));
    if (length !== size)
      throw new InspectorError(
        `Its external data has length ${length}, but its type and shape need ${size} bytes.`,
        damaged,
        { where },
      );
    if (offset + length > file.size)
      throw new InspectorError(
        `Its external data ends at byte ${offset + length}, but ${quoteName(location)} has ${file.size} bytes.`,
        'The data file is truncated or of another model; export both again.',
        { where },
      );
    if (length > largestTensor())
      throw new InspectorError(
        `Its external data has ${length} bytes, more than one tensor may take here (${Math.floor(largestTensor())}).`,
        'Use a machine with more memory, or a smaller model.',
        { where },
      );
    const checksum = fields.get('checksum');
    if (checksum !== undefined) this.checkSum(where, location, file, checksum);
    return () => readPart(where, location, file.path, offset, length);
  }

  /** The files that were located, by what tensors call them. */
  get found(): ReadonlyMap<string, string> {
    return new Map([...this.files].map(([location, { path }]) => [location, path]));
  }

  private find(where: Where, location: string): DataFile {
    const known = this.files.get(location);
    if (known) return known;
    checkText(where, location);
    let missing: unknown;
    this.places ??= foldersOf(this.modelPath);
    const { folders, roots } = this.places;
    for (const folder of folders) {
      try {
        const path = realpathSync(join(folder, location));
        if (!roots.some((root) => isBelow(root, path))) throw outside(where, location);
        const stats = statSync(path);
        const kind = irregularKind(stats);
        if (kind) throw new InspectorError(`${quoteName(location)} is ${kind}, not a file.`, keepBeside, { where });
        const file = { path, size: stats.size };
        this.files.set(location, file);
        return file;
      } catch (error) {
        if (error instanceof InspectorError) throw error;
        missing ??= error;
      }
    }
    throw new InspectorError(
      `Its external data cannot be read from ${quoteName(location)}: ${systemReason(missing)}.`,
      keepBeside,
      { cause: missing, where },
    );
  }

  /** Compares the SHA-1 of the whole data file with the one that the model gives. */
  private checkSum(where: Where, location: string, file: DataFile, expected: string): void {
    if (!/^[0-9a-f]{40}$/i.test(expected))
      throw new InspectorError(`Its external data has the impossible checksum ${quoteName(expected)}.`, damaged, {
        where,
      });
    let found = this.checksums.get(file.path);
    if (found === undefined) {
      const hash = createHash('sha1');
      for (let at = 0; at < file.size; at += 1 << 24)
        hash.update(readPart(where, location, file.path, at, Math.min(1 << 24, file.size - at)));
      found = hash.digest('hex');
      this.checksums.set(file.path, found);
    }
    if (found !== expected.toLowerCase())
      throw new InspectorError(
        `${quoteName(location)} has the SHA-1 ${found}, but the model expects ${expected.toLowerCase()}.`,
        'The data file is damaged or of another model; export both again.',
        { where },
      );
  }
}

/** Refuses locations that by their text alone lead, or could on some system lead, out of the folder. */
function checkText(where: Where, location: string): void {
  if (location === '') throw new InspectorError(`Its external data names no file.`, damaged, { where });
  const harmful =
    location.includes('\0') ||
    isAbsolute(location) ||
    /^[a-z]:|^[/\\~]/i.test(location) ||
    location.includes('_ORT_MEM_ADDR_') ||
    location.split(/[/\\]/).includes('..') ||
    (sep === '/' && location.includes('\\'));
  if (harmful) throw outside(where, location);
}

const outside = (where: Where, location: string) =>
  new InspectorError(
    `Its external data points outside the folder of the model: ${quoteName(location)}.`,
    'Only files in that folder are read; move the data there and export the model again.',
    { where },
  );

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function readPart(where: Where, location: string, path: string, offset: number, length: number): Uint8Array {
  let descriptor: number | undefined;
  try {
    // The path is free of links; O_NOFOLLOW keeps it so if the file was replaced since.
    descriptor = openSync(path, readFlags | (constants.O_NOFOLLOW ?? 0));
    const kind = irregularKind(fstatSync(descriptor));
    if (kind) throw new InspectorError(`${quoteName(location)} is ${kind}, not a file.`, keepBeside, { where });
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(descriptor, bytes, done, Math.min(length - done, 1 << 30), offset + done);
      if (count === 0)
        throw new InspectorError(`${quoteName(location)} became shorter while it was read.`, 'Try again.', { where });
      done += count;
    }
    return bytes;
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(
      `Its external data cannot be read from ${quoteName(location)}: ${systemReason(error)}.`,
      keepBeside,
      { cause: error, where },
    );
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function wholeNumber(where: Where, field: string, value: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new InspectorError(`Its external data has the impossible ${field} ${quoteName(value, 40)}.`, damaged, {
      where,
    });
  return number;
}

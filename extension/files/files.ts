import { constants as bufferLimits } from 'node:buffer';
import type { Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { InspectorError } from '../shared/errors.ts';
import { byteCount } from '../shared/format.ts';
import type { Where } from '../shared/where.ts';
import { irregularKind, readFlags, systemReason } from './regular.ts';

const gibibyte = 2 ** 30;

/** Most bytes that one file may take once decompressed: half of the memory, 8 GiB, and what one array can hold, whichever is least. */
export const memoryLimit = (): number => Math.min(totalmem() / 2, 8 * gibibyte, bufferLimits.MAX_LENGTH);

/** An error about one file, or about something in it; the message continues its name: "is empty." */
export function fail(where: Where, message: string, remedy?: string): never {
  throw new InspectorError(message, remedy, { where });
}

/** Refuses what would have to be held at once but is larger than `limit` bytes. */
export function checkSize(where: Where, bytes: number, limit: number): void {
  if (bytes <= limit) return;
  fail(
    where,
    `needs ${byteCount(bytes)}, more than the ${byteCount(limit)} that can be read at once.`,
    'Save fewer samples.',
  );
}

function refuseIrregular(where: Where, stats: Stats): void {
  const kind = irregularKind(stats);
  if (kind) fail(where, `is ${kind}, not a file.`, 'Give the path of a data file.');
}

/** Downloads that went wrong look like data files until one reads them. */
function refuseImpostors(where: Where, prefix: Uint8Array): void {
  const text = Buffer.from(prefix.subarray(0, 256)).toString('latin1').replace(/^ï»¿/, '').trimStart().toLowerCase();
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    fail(where, 'is a Git LFS pointer, not the data itself.', 'Run "git lfs pull" to fetch the data.');
  }
  if (text.startsWith('<!doctype html') || text.startsWith('<html')) {
    fail(
      where,
      'is a web page (HTML), not data.',
      'The download probably failed or needs a login; download the file again.',
    );
  }
}

/** A regular file, open for reading at any position. */
export class InputFile {
  readonly where: Where;
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.where = { file: path };
    this.#handle = handle;
    this.size = size;
  }

  /**
   * Opens `path`, runs `use` and closes the file again.
   * Refuses missing and empty files, anything but a regular file, and pages or pointers in place of data.
   */
  static async use<T>(path: string, use: (file: InputFile) => Promise<T>): Promise<T> {
    const where = { file: path };
    let handle: FileHandle | undefined;
    try {
      // Opening a pipe would wait for its writer, so the kind is looked at first, and again on what was opened.
      refuseIrregular(where, await stat(path));
      handle = await open(path, readFlags);
      const stats = await handle.stat();
      refuseIrregular(where, stats);
      const file = new InputFile(path, handle, stats.size);
      if (file.size === 0) fail(where, 'is empty.', 'Check that the program that wrote it finished.');
      refuseImpostors(where, await file.read(0, Math.min(file.size, 256)));
      return await use(file);
    } catch (error) {
      throw explainSystemError(where, error);
    } finally {
      await handle?.close();
    }
  }

  /** `length` bytes from `position`, in an array of their own. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length; ) {
      const step = Math.min(length - filled, gibibyte);
      const { bytesRead } = await this.#handle.read(bytes, filled, step, position + filled);
      if (bytesRead === 0)
        fail(this.where, `ends after ${byteCount(position + filled)}; it became shorter while it was read.`);
      filled += bytesRead;
    }
    return bytes;
  }

  /** The bytes from `position` in blocks of 256 KiB. */
  async *blocks(position = 0, length = this.size - position): AsyncGenerator<Uint8Array> {
    const block = 2 ** 18;
    for (let at = 0; at < length; at += block) yield await this.read(position + at, Math.min(block, length - at));
  }
}

function explainSystemError(where: Where, error: unknown): unknown {
  if (error instanceof InspectorError || !(error instanceof Error) || !('code' in error)) return error;
  const reason = systemReason(error);
  return reason === error.message
    ? error
    : new InspectorError(`${reason}.`, 'Check the path.', { cause: error, where });
}

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readTextFile } from '../files/regular.ts';
import { WritingError, writeWhole } from '../files/writing.ts';

/** JSON has no NaN and no infinities. */
const encode = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? { nonFinite: String(value) } : value;
const decode = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'nonFinite' in value ? Number(value.nonFinite) : value;

/** A piece that is longer was not written here. */
const longestPart = 2 ** 29;

/** A piece of work, plain data, as text. */
export const pieceText = (name: string, value: unknown): string => JSON.stringify({ name, value }, encode);

/** The piece of that name in a file. Throws where the file cannot be read or holds another. */
export function readPiece(path: string, name: string): unknown {
  const kept = JSON.parse(readTextFile(path, longestPart), decode) as { name: string; value: unknown };
  if (kept.name !== name) throw new Error(`it holds ${kept.name}, not ${name}`);
  return kept.value;
}

/**
 * The finished pieces of an experiment's work, one file each in `parts/` of its folder: an experiment that was stopped, or
 * whose process ended, continues without repeating them.
 */
export class Parts {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = join(folder, 'parts');
  }

  /** The piece of that name: as it was kept, else computed and kept. It must be plain data. */
  async get<T>(name: string, compute: () => Promise<T>): Promise<T> {
    const path = join(this.folder, `${createHash('sha256').update(name).digest('hex').slice(0, 20)}.json`);
    if (existsSync(path)) {
      try {
        return readPiece(path, name) as T;
      } catch {
        // A file that was damaged is made anew.
      }
    }
    const value = await compute();
    try {
      mkdirSync(this.folder, { recursive: true });
      writeWhole(path, pieceText(name, value));
    } catch (error) {
      throw new WritingError(this.folder, error);
    }
    return value;
  }
}

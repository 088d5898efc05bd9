import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { InspectorError, quoteName } from '../shared/errors.ts';

/**
 * Tensors stored beside the model. A location must lie inside the folder of the model: neither its text nor any symbolic
 * link may lead out of it. Files of a Hugging Face cache are links into a sibling `blobs` folder, so the real folder of
 * the model file counts as its folder too.
 */
export class ExternalData {
  private readonly roots: readonly string[];
  private readonly folder: string;

  constructor(folder: string, modelPath?: string) {
    this.folder = folder;
    const roots = [realOrSame(folder)];
    if (modelPath) roots.push(dirname(realOrSame(modelPath)));
    this.roots = roots;
  }

  /** The bytes of one tensor; `size` is what its type and shape require. */
  read(name: string, entries: readonly { key: string; value: string }[], size: number): Uint8Array {
    const where = `External data of initializer ${quoteName(name)}`;
    const fields = new Map(entries.map(({ key, value }) => [key, value]));
    const location = fields.get('location') ?? '';
    const path = this.resolve(where, location);
    const offset = wholeNumber(where, 'offset', fields.get('offset') ?? '0');
    const length = wholeNumber(where, 'length', fields.get('length') ?? String(size));
    if (length !== size)
      throw new InspectorError(
        `${where} has length ${length}, but its type and shape need ${size} bytes.`,
        'The model file is damaged; export it again.',
      );
    let descriptor: number;
    try {
      descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    } catch (error) {
      throw new InspectorError(
        `${where} cannot be read from ${quoteName(location)}: ${(error as Error).message}.`,
        'Keep the data file beside the model.',
        { cause: error },
      );
    }
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile())
        throw new InspectorError(
          `${where}: ${quoteName(location)} is not a regular file.`,
          'Keep the data file beside the model.',
        );
      if (offset + length > stat.size) {
        throw new InspectorError(
          `${where} ends at byte ${offset + length}, but ${quoteName(location)} has ${stat.size} bytes.`,
          'The data file is truncated or of another model.',
        );
      }
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const count = readSync(descriptor, bytes, done, Math.min(length - done, 1 << 30), offset + done);
        if (count === 0)
          throw new InspectorError(`${where}: ${quoteName(location)} became shorter while it was read.`, 'Try again.');
        done += count;
      }
      return bytes;
    } finally {
      closeSync(descriptor);
    }
  }

  private resolve(where: string, location: string): string {
    const outside = new InspectorError(
      `${where} points outside the model's folder: ${quoteName(location)}.`,
      'Only files in the folder of the model are read; move the data there and export again.',
    );
    const parts = location.split(/[/\\]/);
    if (location === '') throw new InspectorError(`${where} names no file.`, 'Export the model again.');
    if (
      location.includes('\0') ||
      isAbsolute(location) ||
      /^[a-z]:|^\\|^[/~]/i.test(location) ||
      location.includes('_ORT_MEM_ADDR_') ||
      parts.includes('..')
    )
      throw outside;
    if (sep === '/' && location.includes('\\')) throw outside;
    const path = join(this.folder, location);
    const real = realOrSame(path);
    const inside = this.roots.some((root) => {
      const way = relative(root, real);
      return way !== '' && !way.startsWith('..') && !isAbsolute(way);
    });
    if (!inside) throw outside;
    return real;
  }
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function wholeNumber(where: string, field: string, value: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(number))
    throw new InspectorError(
      `${where} has the impossible ${field} ${quoteName(value)}.`,
      'The model file is damaged; export it again.',
    );
  return number;
}

import type { Where } from '../shared/where.ts';
import { fail, type InputFile } from './files.ts';
import { inflate } from './streams.ts';

/** A file of a tar archive while its bytes pass by: `blocks` is read to its end before the next one comes. */
export interface TarEntry {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  blocks(): AsyncGenerator<Uint8Array>;
}

const block = 512;
/** Names beyond 100 bytes come in a record of their own, which is small. */
const longestName = 2 ** 16;

/** The regular files of a gzipped tar archive (POSIX ustar, with long names of GNU tar), in their order. */
export async function* tarFiles(file: InputFile): AsyncGenerator<TarEntry> {
  const reader = new Reader(file.where, inflate(file.where, file.blocks(), 'gzip'));
  let longName: string | undefined;
  for (;;) {
    const header = await reader.take(block);
    if (header.every((byte) => byte === 0)) return;
    const field = (from: number, length: number) =>
      header
        .subarray(from, from + length)
        .toString('latin1')
        .replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 12).trim() || '0', 8);
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (!(size >= 0) || sum !== Number.parseInt(field(148, 8).trim(), 8))
      fail(file.where, 'is no complete tar archive.', 'Download the file again.');
    const type = field(156, 1);
    const padding = (block - (size % block)) % block;
    if (type === 'L' && size <= longestName) {
      longName = (await reader.take(size)).toString('utf8').replace(/\0.*$/s, '');
      await reader.skip(padding);
      continue;
    }
    const prefix = field(257, 5) === 'ustar' ? field(345, 155) : '';
    const name = longName ?? (prefix ? `${prefix}/${field(0, 100)}` : field(0, 100));
    longName = undefined;
    let left = size;
    const blocks = async function* () {
      while (left > 0) {
        const bytes = await reader.some(left);
        left -= bytes.length;
        yield bytes;
      }
    };
    if (type === '' || type === '0') yield { name, size, blocks };
    await reader.skip(left + padding);
  }
}

/** Bytes of a stream in pieces of the lengths that are asked for. */
class Reader {
  private waiting: Buffer = Buffer.alloc(0);

  constructor(
    private readonly where: Where,
    private readonly source: AsyncGenerator<Uint8Array>,
  ) {}

  /** Between one byte and `most`. */
  async some(most: number): Promise<Buffer> {
    while (this.waiting.length === 0) {
      const { done, value } = await this.source.next();
      if (done) fail(this.where, 'ends early.', 'Download the file again.');
      this.waiting = Buffer.from(value.buffer, value.byteOffset, value.length);
    }
    const bytes = this.waiting.subarray(0, most);
    this.waiting = this.waiting.subarray(bytes.length);
    return bytes;
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; left -= parts.at(-1)!.length) parts.push(await this.some(left));
    return Buffer.concat(parts);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.some(left)).length;
  }
}

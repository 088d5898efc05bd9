import { Readable } from 'node:stream';
import { createGunzip, createInflateRaw } from 'node:zlib';
import { byteCount } from '../shared/format.ts';
import type { Where } from '../shared/where.ts';
import { checkSize, fail, type InputFile } from './files.ts';

/** Bytes as they arrive, with the most that there can be: known for a stored file, bounded by DEFLATE's ratio for a compressed one. */
export interface ByteSource {
  readonly where: Where;
  readonly most: number;
  /** A fresh pass over the bytes. */
  blocks(): AsyncIterable<Uint8Array>;
}

/** How much of a file its `Measure` sees: room for the longest header of any format that is read as a stream. */
const prefixLength = 2 ** 17;

/** The total length in bytes that a format's own header promises, from the first bytes; throws where the header is wrong. */
export type Measure = (prefix: Uint8Array) => number;

/** The file as it is. */
export function plain(file: InputFile): ByteSource {
  return { where: file.where, most: file.size, blocks: () => file.blocks() };
}

/** The content of a gzip file. */
export function gunzipped(file: InputFile): ByteSource {
  return { where: file.where, most: deflateBound(file.size), blocks: () => inflate(file.where, file.blocks(), 'gzip') };
}

/** One byte of DEFLATE data holds at most four copies of 258 bytes (two bits each); stored blocks never grow. */
export const deflateBound = (compressed: number): number => 1032 * compressed;

/** Decompresses block by block, so that memory is bounded by what the reader keeps. */
export async function* inflate(
  where: Where,
  blocks: AsyncIterable<Uint8Array>,
  kind: 'gzip' | 'raw',
): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: 2 ** 18 };
  const stream = kind === 'gzip' ? createGunzip(options) : createInflateRaw(options);
  const source = Readable.from(blocks, { objectMode: true });
  source.on('error', (error) => stream.destroy(error));
  source.pipe(stream);
  try {
    for await (const block of stream) yield block as Uint8Array;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!code.startsWith('Z_')) throw error;
    const cause = code === 'Z_BUF_ERROR' ? 'the compressed data ends early' : 'the compressed data is damaged';
    fail(where, `${cause}.`, 'Copy or download the file again.');
  } finally {
    source.destroy();
    stream.destroy();
  }
}

/** The first bytes of a source, at most 128 KiB. */
export async function peek(source: ByteSource): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  let length = 0;
  for await (const block of source.blocks()) {
    blocks.push(block);
    length += block.length;
    if (length >= prefixLength) break;
  }
  return new Uint8Array(Buffer.concat(blocks)).subarray(0, prefixLength);
}

/**
 * Reads a whole source into one array. What is allocated never exceeds what the bytes at hold can decompress to, nor
 * `budget`; bytes beyond the measured length are refused as soon as they arrive, so that a decompression bomb stops there.
 * The result is shorter than measured where the source ends early: the format says what is missing.
 */
export async function collect(source: ByteSource, measure: Measure, budget: number): Promise<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  let bytes: Uint8Array | undefined;
  let measured = 0;
  const settle = () => {
    const prefix = Buffer.concat(waiting);
    measured = measure(prefix);
    checkSize(source.where, measured, budget);
    if (prefix.length > measured) tooLong(source.where, measured);
    bytes = new Uint8Array(Math.max(prefix.length, Math.min(measured, source.most)));
    bytes.set(prefix);
    waiting = [];
  };
  for await (const block of source.blocks()) {
    if (bytes) {
      if (length + block.length > bytes.length) tooLong(source.where, measured);
      bytes.set(block, length);
    } else {
      waiting.push(block);
    }
    length += block.length;
    if (!bytes && length >= prefixLength) settle();
  }
  if (!bytes) settle();
  return bytes!.length === length ? bytes! : bytes!.slice(0, length);
}

/** Reads a whole source that does not say how long it is; refuses it beyond `limit` bytes. */
export async function collectAll(source: ByteSource, limit: number, remedy: string): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  let length = 0;
  for await (const block of source.blocks()) {
    length += block.length;
    if (length > limit) fail(source.where, `is longer than ${byteCount(limit)}, the most that is read.`, remedy);
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

function tooLong(where: Where, measured: number): never {
  fail(
    where,
    `goes on after the ${byteCount(measured)} that its header announces.`,
    'A file must hold one array; save several arrays with numpy.savez.',
  );
}

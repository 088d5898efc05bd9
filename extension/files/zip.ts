import { quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import { checkSize, fail, type InputFile } from './files.ts';
import { type ByteSource, deflateBound, inflate } from './streams.ts';

/** One file in a zip archive, from the central directory; sizes are claims until the bytes are counted. */
export interface ZipEntry {
  readonly name: string;
  readonly compressed: boolean;
  readonly compressedSize: number;
  readonly size: number;
  readonly crc: number;
  /** Where its local header begins, in bytes. */
  readonly headerOffset: number;
}

const signatures = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const mostEntries = 20_000;
const longestDirectory = 2 ** 26;
const again = 'Copy, download or save the file again.';

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * What is wrong with an entry's name, if anything. Nothing is ever extracted, so that a leading slash (frequent in names
 * of ONNX tensors) is harmless; what remains are names that other programs would cut or follow out of a folder.
 */
export function nameProblem(name: string): string | undefined {
  if (Buffer.from(name).toString() !== name) return 'is no valid Unicode';
  if (name.includes('\0')) return 'contains a NUL character';
  if (name.split(/[/\\]/).includes('..')) return 'contains ".."';
  return Buffer.byteLength(name) > 60_000 ? 'is too long' : undefined;
}

/** Reads and checks the central directory (APPNOTE 4.3, zip64 included): no encryption, duplicates, overlaps or odd names. */
export async function zipEntries(file: InputFile): Promise<ZipEntry[]> {
  const directory = await findDirectory(file);
  const bytes = await file.read(directory.offset, directory.size);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== signatures.central)
      damaged(file, 'its directory is damaged');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > bytes.length) damaged(file, 'its directory is damaged');
    const entry = readEntry(file, bytes.subarray(at, next), nameLength, extraLength);
    if (names.has(entry.name)) fail(file.where, `holds two entries named ${quoteName(entry.name)}.`, again);
    names.add(entry.name);
    entries.push(entry);
    at = next;
  }
  if (at !== bytes.length) damaged(file, 'its directory is damaged');
  checkOverlaps(file, entries, directory.offset);
  return entries;
}

function damaged(file: InputFile, how: string): never {
  fail(file.where, `is no complete zip archive: ${how}.`, again);
}

/** The end-of-central-directory record lies in the last 64 KiB, before a comment that must reach exactly to the end. */
async function findDirectory(file: InputFile): Promise<{ offset: number; size: number; count: number }> {
  const tailLength = Math.min(file.size, 22 + 0xffff);
  const tailStart = file.size - tailLength;
  const view = viewOf(await file.read(tailStart, tailLength));
  let at = tailLength - 22;
  const isEnd = () =>
    view.getUint32(at, true) === signatures.end && view.getUint16(at + 20, true) === tailLength - at - 22;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) damaged(file, 'its end is missing');
  let [count, size, offset] = [
    view.getUint16(at + 10, true),
    view.getUint32(at + 12, true),
    view.getUint32(at + 16, true),
  ];
  let end = tailStart + at;
  if (view.getUint16(at + 4, true) !== 0 && view.getUint16(at + 4, true) !== 0xffff) {
    fail(file.where, 'is one part of a split zip archive.', 'Join the parts first.');
  }
  if ((count === 0xffff || size === 0xffffffff || offset === 0xffffffff) && end >= 20) {
    const locator = viewOf(await file.read(end - 20, 20));
    if (locator.getUint32(0, true) === signatures.locator64) {
      end = Number(locator.getBigUint64(8, true));
      if (end + 56 > file.size) damaged(file, 'its directory is damaged');
      const record = viewOf(await file.read(end, 56));
      if (record.getUint32(0, true) !== signatures.end64) damaged(file, 'its directory is damaged');
      [count, size, offset] = [32, 40, 48].map((field) => Number(record.getBigUint64(field, true)));
    }
  }
  if (count > mostEntries) {
    fail(file.where, `announces ${count} entries; at most ${mostEntries} are read.`, 'Save fewer arrays in one file.');
  }
  if (offset + size !== end) damaged(file, 'its directory is not where it should be');
  checkSize(file.where, size, longestDirectory);
  return { offset, size, count };
}

function readEntry(file: InputFile, record: Uint8Array, nameLength: number, extraLength: number): ZipEntry {
  const view = viewOf(record);
  const rawName = record.subarray(46, 46 + nameLength);
  const name = Buffer.from(rawName).toString();
  const problem = Buffer.from(name).equals(rawName) ? nameProblem(name) : 'is not encoded as UTF-8';
  if (problem || name === '')
    fail(file.where, `holds an entry whose name ${problem ?? 'is empty'}: ${quoteName(name)}.`, again);
  const flags = view.getUint16(8, true);
  // Bit 0: encrypted; bit 13: the directory is encrypted too.
  if (flags & 0x2001)
    fail(file.where, `entry ${quoteName(name)} is encrypted.`, 'Save the archive without a password.');
  const method = view.getUint16(10, true);
  if (method !== 0 && method !== 8) {
    fail(
      file.where,
      `entry ${quoteName(name)} has compression method ${method}; stored (0) and deflate (8) are read.`,
      'Save it with numpy.savez or numpy.savez_compressed.',
    );
  }
  const sizes = {
    size: view.getUint32(24, true),
    compressedSize: view.getUint32(20, true),
    headerOffset: view.getUint32(42, true),
  };
  const extra = viewOf(record.subarray(46 + nameLength, 46 + nameLength + extraLength));
  for (let at = 0; at + 4 <= extraLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue;
    // Zip64: 64-bit values, in this order, of those fields only that are all ones in the record.
    const stop = at + 4 + extra.getUint16(at + 2, true);
    let field = at + 4;
    for (const key of ['size', 'compressedSize', 'headerOffset'] as const) {
      if (sizes[key] !== 0xffffffff) continue;
      if (field + 8 > stop || stop > extraLength) damaged(file, 'its directory is damaged');
      sizes[key] = Number(extra.getBigUint64(field, true));
      field += 8;
    }
    break;
  }
  if (method === 0 && sizes.size !== sizes.compressedSize)
    damaged(file, `the sizes of entry ${quoteName(name)} disagree`);
  return { name, compressed: method === 8, crc: view.getUint32(16, true), ...sizes };
}

/** Overlapping entries let a small file expand without bound: each must end before the next begins. */
function checkOverlaps(file: InputFile, entries: readonly ZipEntry[], directoryOffset: number): void {
  const sorted = [...entries].sort((a, b) => a.headerOffset - b.headerOffset);
  sorted.forEach((entry, i) => {
    const end = entry.headerOffset + 30 + Buffer.byteLength(entry.name) + entry.compressedSize;
    if (end > (sorted[i + 1]?.headerOffset ?? directoryOffset)) {
      damaged(file, `entry ${quoteName(entry.name)} overlaps what follows it`);
    }
  });
}

/** The decompressed bytes of an entry; size and checksum are compared once the last byte has arrived. */
export function zipSource(file: InputFile, entry: ZipEntry, where: Where): ByteSource {
  return {
    where,
    most: entry.compressed ? deflateBound(entry.compressedSize) : entry.compressedSize,
    async *blocks() {
      const header = viewOf(await file.read(entry.headerOffset, 30));
      if (header.getUint32(0, true) !== signatures.local)
        damaged(file, `entry ${quoteName(entry.name)} is not where it should be`);
      const start = entry.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
      if (start + entry.compressedSize > file.size) damaged(file, `entry ${quoteName(entry.name)} ends early`);
      const stored = file.blocks(start, entry.compressedSize);
      let size = 0;
      let crc = 0;
      for await (const block of entry.compressed ? inflate(where, stored, 'raw') : stored) {
        size += block.length;
        if (size > entry.size) damaged(file, `entry ${quoteName(entry.name)} is longer than its directory says`);
        crc = crc32(block, crc);
        yield block;
      }
      if (size !== entry.size || crc !== entry.crc) {
        fail(where, 'the data does not match its checksum.', again);
      }
    },
  };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 as in zip (polynomial 0xEDB88320), continued from `crc`. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let value = ~crc;
  for (let i = 0; i < bytes.length; i++) value = crcTable[(value ^ bytes[i]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

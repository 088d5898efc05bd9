import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { checkSize, fail, InputFile, memoryLimit } from '../files/files.ts';
import { collect, peek } from '../files/streams.ts';
import { writeParts } from '../files/writing.ts';
import { crc32, nameProblem, type ZipEntry, zipEntries, zipSource } from '../files/zip.ts';
import { type Shape, type Tensor, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import type { DataFormat, OpenedFile } from './format.ts';
import { decodeNpy, encodeNpyHeader, npyHeader } from './npy.ts';

/** All arrays of an npz file by name. Memory is bounded by `memoryLimit()` over all arrays together. */
export function readNpz(path: string): Promise<Map<string, Tensor>> {
  return InputFile.use(path, (file) => npzArrays(file));
}

/** All arrays of an open npz file by name; `announced` sees their shapes before any of them is read. */
async function npzArrays(file: InputFile, announced?: OpenedFile['announced']): Promise<Map<string, Tensor>> {
  const entries = await zipEntries(file);
  refuseOtherArchives(file, entries);
  const members = entries.map((entry) => {
    const name = entry.name.slice(0, -'.npy'.length);
    const where: Where = { ...file.where, tensor: { kind: 'array', name } };
    return { name, where, source: zipSource(file, entry, where) };
  });
  const shapes = new Map<string, Shape>();
  for (const { name, where, source } of members) {
    const { shape, length } = npyHeader(await peek(source), where);
    checkSize(where, length, memoryLimit());
    shapes.set(name, shape);
  }
  announced?.(shapes);
  let budget = memoryLimit();
  const arrays = new Map<string, Tensor>();
  for (const { name, where, source } of members) {
    const bytes = await collect(source, (prefix) => npyHeader(prefix, where).length, budget);
    budget -= bytes.length;
    arrays.set(name, decodeNpy(bytes, where));
  }
  return arrays;
}

function refuseOtherArchives(file: InputFile, entries: readonly ZipEntry[]): void {
  if (entries.length === 0) fail(file.where, 'is an empty archive.', 'Save at least one array with numpy.savez.');
  if (entries.some(({ name }) => name.endsWith('/data.pkl') || name === 'data.pkl')) {
    fail(
      file.where,
      'is a PyTorch file; it holds a pickle, which is never loaded because a pickle can run any code.',
      'Save the tensors with numpy.savez or safetensors.torch.save_file.',
    );
  }
  const other = entries.find(({ name }) => !name.endsWith('.npy'));
  if (other) fail(file.where, `entry ${quoteName(other.name)} is no npy array.`, 'Save the arrays with numpy.savez.');
}

/** Arrays as the bytes of an npz file; see `writeNpzFile`. */
export async function writeNpz(arrays: ReadonlyMap<string, Tensor>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of npzParts(arrays)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Writes arrays for `numpy.load`: npy 1.0 entries, deflated where that makes them smaller, identical bytes for identical
 * arrays. bfloat16, which numpy lacks, becomes float32 (exactly). The file appears whole or not at all: it is written
 * under another name in the same folder and renamed. Refuses names that no zip can hold, and 4 GiB or more in all.
 */
export async function writeNpzFile(path: string, arrays: ReadonlyMap<string, Tensor>): Promise<void> {
  await writeParts(path, npzParts(arrays));
}

const deflate = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);

async function* npzParts(arrays: ReadonlyMap<string, Tensor>): AsyncGenerator<Uint8Array> {
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, original] of arrays) {
    const problem = nameProblem(name);
    if (problem)
      throw new InspectorError(`Array ${quoteName(name)} cannot be saved: its name ${problem}.`, 'Rename it.');
    const tensor = original.type === 'bfloat16' ? toFloat(original, 'float32') : original;
    const { type, shape, data } = tensor as Tensor<'float32'>;
    const header = encodeNpyHeader(type, shape);
    const size = header.length + data.byteLength;
    checkOffset(offset + size);
    const content = Buffer.concat([header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
    const deflated = await deflate(content, { level: 1 });
    const body = deflated.length < size ? deflated : content;
    const entryName = Buffer.from(`${name}.npy`);
    const common = commonFields(body === deflated, crc32(content), body.length, size, entryName.length);
    yield Buffer.concat([uint32(0x04034b50), common, entryName]);
    yield body;
    // Comment length, disk, attributes (all zero) and the offset of the local header complete the directory's record.
    directory.push(
      Buffer.concat([uint32(0x02014b50), uint16(20), common, Buffer.alloc(10), uint32(offset), entryName]),
    );
    offset += 30 + entryName.length + body.length;
    checkOffset(offset);
  }
  const size = directory.reduce((sum, record) => sum + record.length, 0);
  if (directory.length >= 0xffff) throw new InspectorError(`${directory.length} arrays are too many for one npz file.`);
  checkOffset(offset + size);
  const count = uint16(directory.length);
  yield Buffer.concat([
    ...directory,
    uint32(0x06054b50),
    Buffer.alloc(4),
    count,
    count,
    uint32(size),
    uint32(offset),
    uint16(0),
  ]);
}

/** The fields that local header and directory share: version 2.0, UTF-8 names, method, 1 January 1980, checksum, sizes, name. */
function commonFields(
  deflated: boolean,
  crc: number,
  compressedSize: number,
  size: number,
  nameLength: number,
): Buffer {
  const [midnight, firstDay, noExtra] = [uint16(0), uint16(0x21), uint16(0)];
  const head = [uint16(20), uint16(0x800), uint16(deflated ? 8 : 0), midnight, firstDay];
  return Buffer.concat([...head, uint32(crc), uint32(compressedSize), uint32(size), uint16(nameLength), noExtra]);
}

function checkOffset(offset: number): void {
  if (offset < 0xffffffff) return;
  throw new InspectorError(
    'The arrays need 4 GiB or more; one npz file is written only below that.',
    'Save fewer arrays.',
  );
}

function uint16(value: number): Buffer {
  return Buffer.from([value & 255, value >>> 8]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A zip archive of npy arrays, as `numpy.savez` writes it. */
export const npz: DataFormat = {
  name: 'npz',
  description: 'npz file (a zip archive of arrays)',
  extensions: ['npz'],
  gzip: false,
  holds: 'named arrays',
  joins: false,
  recognises: (prefix) => {
    const magic = Buffer.from(prefix.subarray(0, 4)).toString('latin1');
    return magic === 'PK\x03\x04' || magic === 'PK\x05\x06';
  },
  read: ({ file, announced }) => npzArrays(file, announced),
};

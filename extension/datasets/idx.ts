import { fail, memoryLimit } from '../files/files.ts';
import { collect } from '../files/streams.ts';
import { byteLength, type ElementType, type Tensor } from '../onnx/tensor.ts';
import type { Where } from '../shared/where.ts';
import { type DataFormat, oneArray } from './format.ts';
import { decodeElements } from './npy.ts';

const types: ReadonlyMap<number, ElementType> = new Map([
  [0x08, 'uint8'],
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
]);

/** True where the bytes begin like an IDX file (the format of MNIST): two zeros, a known type, one dimension or more. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[1] === 0 && types.has(bytes[2]) && bytes[3] > 0 && bytes[3] <= 16;

/** Type, shape, where the elements begin and how long the file is, in bytes. */
export function idxHeader(bytes: Uint8Array, where: Where) {
  const type = types.get(bytes[2]);
  if (!type || !isIdx(bytes)) fail(where, 'is no IDX file: it does not begin with an IDX magic number.');
  const rank = bytes[3];
  const offset = 4 + 4 * rank;
  if (bytes.length < offset) fail(where, 'ends within its IDX header.', 'Download the file again.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const length = byteLength(type, shape) + offset;
  return { type, shape, offset, length };
}

/** An IDX file (big-endian) as a tensor; `bytes` may be changed and kept. */
export function decodeIdx(bytes: Uint8Array, where: Where): Tensor {
  const { type, shape, offset, length } = idxHeader(bytes, where);
  if (bytes.length !== length) {
    const side = bytes.length < length ? 'is truncated' : 'holds too much';
    const expected = `shape [${shape.join(', ')}] of ${type} needs ${length - offset} bytes`;
    fail(where, `${side}: ${expected}, found ${bytes.length - offset}.`, 'Download the file again.');
  }
  return { type, shape, data: decodeElements(type, bytes.subarray(offset), true) };
}

/** The format of MNIST. */
export const idx: DataFormat = {
  name: 'idx',
  description: 'IDX file',
  extensions: [],
  shown: 'IDX (MNIST)',
  gzip: true,
  holds: 'one array',
  joins: false,
  recognises: (prefix, extension) => isIdx(prefix) && extension !== 'bin',
  async read({ file, source }) {
    const bytes = await collect(source, (prefix) => idxHeader(prefix, file.where).length, memoryLimit());
    return oneArray(decodeIdx(bytes, file.where));
  },
};

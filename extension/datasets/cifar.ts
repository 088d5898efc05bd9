import { fail, memoryLimit } from '../files/files.ts';
import { collectAll } from '../files/streams.ts';
import { allocate, type Tensor } from '../onnx/tensor.ts';
import type { Where } from '../shared/where.ts';
import { type DataFormat, samplesAndLabels } from './format.ts';

const pixels = 3 * 32 * 32;
const record = 1 + pixels;

/**
 * CIFAR-10's binary version: records of one label byte and 3072 pixels (red, green, blue plane).
 * Returns x, uint8 [N, 3, 32, 32], and y, int64 [N].
 */
export function decodeCifar(bytes: Uint8Array, where: Where): { x: Tensor; y: Tensor } {
  const count = bytes.length / record;
  if (!Number.isInteger(count) || count === 0) {
    const hint = bytes.length % (record + 1) === 0 ? ' It may be CIFAR-100, whose records have 3074.' : '';
    fail(
      where,
      `is no CIFAR-10 file: ${bytes.length} bytes are no whole number of records of 3073 bytes.${hint}`,
      'Save other data as .npz with arrays x and y.',
    );
  }
  const images = allocate('uint8', count * pixels);
  const labels = allocate('int64', count);
  for (let row = 0; row < count; row++) {
    const label = bytes[row * record];
    if (label > 9) fail(where, `is no CIFAR-10 file: the label of record ${row} is ${label}, not 0 to 9.`);
    labels[row] = BigInt(label);
    images.set(bytes.subarray(row * record + 1, (row + 1) * record), row * pixels);
  }
  return {
    x: { type: 'uint8', shape: [count, 3, 32, 32], data: images },
    y: { type: 'int64', shape: [count], data: labels },
  };
}

/** The binary version of CIFAR-10; its batches are joined. */
export const cifar: DataFormat = {
  name: 'cifar10',
  description: 'CIFAR-10 file',
  extensions: ['bin'],
  shown: 'CIFAR-10 .bin',
  gzip: true,
  holds: 'samples and labels',
  joins: true,
  async read({ file, source }) {
    const bytes = await collectAll(source, memoryLimit() / 2, 'Save fewer samples.');
    return samplesAndLabels(decodeCifar(bytes, file.where));
  },
};

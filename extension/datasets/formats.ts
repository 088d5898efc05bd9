import { fail } from '../files/files.ts';
import { isIdx } from './idx.ts';
import { isNpy } from './npy.ts';
import { isSafetensors } from './safetensors.ts';

export type Format = 'npy' | 'npz' | 'csv' | 'idx' | 'cifar10' | 'safetensors' | 'parquet';

/** What is read, for messages. */
export const readableFormats =
  'Read are .npz, .npy, .safetensors, .csv, .tsv, .parquet, IDX (MNIST) and CIFAR-10 .bin; .npy, .csv, .tsv, IDX and .bin also as .gz.';

const latin1 = (bytes: Uint8Array, from: number, to: number) =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** True where the bytes are a gzip file. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Formats that are recognised so that the message can say what to do. */
const refused: readonly [magic: string, at: number, kind: string, remedy: string][] = [
  ['\x89HDF', 0, 'an HDF5 file', 'Save its arrays with numpy.savez.'],
  ['MATLAB', 0, 'a MATLAB file', 'Load it with scipy.io.loadmat and save its arrays with numpy.savez.'],
  ['ARROW1', 0, 'an Arrow file', 'Save it as Parquet.'],
  ['PARE', 0, 'an encrypted Parquet file', 'Save it without encryption.'],
  ['ustar', 257, 'a tar archive', 'Unpack it and give the files in it.'],
  ['BZh', 0, 'a bzip2 file', 'Decompress it first.'],
  ['\xfd7zXZ', 0, 'an xz file', 'Decompress it first.'],
  ['\x28\xb5\x2f\xfd', 0, 'a zstd file', 'Decompress it first.'],
  ['\x1f\x8b', 0, 'compressed twice', 'Decompress it first.'],
  ['\x89PNG', 0, 'an image', 'Save images as one array with numpy.savez.'],
  ['\xff\xd8\xff', 0, 'an image', 'Save images as one array with numpy.savez.'],
];

/** The format by its content where that is telling, else by the file name extension (without .gz). */
export function detectFormat(prefix: Uint8Array, path: string, where: string): Format {
  const begins = (magic: string, at = 0) => latin1(prefix, at, at + magic.length) === magic;
  const extension = /\.([a-z0-9]+)$/i.exec(path.replace(/\.gz$/i, ''))?.[1].toLowerCase();
  if (isNpy(prefix)) return 'npy';
  if (begins('PK\x03\x04') || begins('PK\x05\x06')) return 'npz';
  if (begins('PAR1')) return 'parquet';
  for (const [magic, at, kind, remedy] of refused)
    if (begins(magic, at)) fail(where, `is ${kind}, which is not read.`, remedy);
  if (prefix[0] === 0x80 && prefix[1] >= 2 && prefix[1] <= 5 && extension !== 'bin') {
    fail(
      where,
      'is a Python pickle, which is never loaded because a pickle can run any code.',
      'Load it in Python and save its arrays with numpy.savez.',
    );
  }
  if (isSafetensors(prefix)) return 'safetensors';
  if (isIdx(prefix) && extension !== 'bin') return 'idx';
  if (extension === 'csv' || extension === 'tsv' || extension === 'txt') return 'csv';
  if (extension === 'bin') return 'cifar10';
  const expected: Record<string, string> = {
    npz: 'npz file (a zip archive of arrays)',
    npy: 'npy array',
    parquet: 'Parquet file',
    safetensors: 'safetensors file',
  };
  const name = extension && Object.hasOwn(expected, extension) ? expected[extension] : undefined;
  fail(where, name ? `is no ${name}: its first bytes are others.` : 'has a format that is not known.', readableFormats);
}

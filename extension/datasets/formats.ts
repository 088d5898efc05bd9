import { fail } from '../files/files.ts';
import type { Where } from '../shared/where.ts';
import { cifar } from './cifar.ts';
import { csv } from './csv.ts';
import type { DataFormat } from './format.ts';
import { idx } from './idx.ts';
import { npy } from './npy.ts';
import { npz } from './npz.ts';
import { parquet } from './parquet.ts';
import { safetensors } from './safetensors.ts';

/** Every format, in the order in which the first bytes are looked at and in which help and messages name them. */
export const formats: readonly DataFormat[] = [npz, npy, safetensors, csv, parquet, idx, cifar];

const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

const shownAs = ({ shown, extensions }: DataFormat): string =>
  shown ?? extensions.map((extension) => `.${extension}`).join(', ');

/** What is read, for help and messages. */
export const readableFormats = `Read are ${listed(formats.map(shownAs))}; ${listed(formats.filter(({ gzip }) => gzip).map(shownAs))} also as .gz.`;

/** Formats that hold samples and labels, for the help of `--data`. */
export const dataSetFormats: string = listed(
  formats.filter(({ holds }) => holds !== 'one array').map(({ shown, name }) => shown ?? name),
);

/** Formats of which several files are joined. */
export const joinedFormats: string = listed(formats.filter(({ joins }) => joins).map(shownAs));

/** Endings of files that may be data sets, for dialogs and for what looks through folders. */
export const dataExtensions: readonly string[] = [...formats.flatMap(({ extensions }) => extensions), 'gz'].filter(
  (extension) => extension !== 'txt',
);

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

/** PyTorch writes zip archives whose first member is the pickle, or a note on the format, in a folder of the archive's name. */
const isTorchArchive = (prefix: Uint8Array): boolean =>
  latin1(prefix, 0, 4) === 'PK\x03\x04' &&
  /^[^/]+\/(data\.pkl|\.format_version|\.storage_alignment|byteorder|version)/.test(latin1(prefix, 30, 200));

/** The format by its content where that is telling, else by the file name extension (without .gz). */
export function detectFormat(prefix: Uint8Array, path: string, where: Where): DataFormat {
  const extension = /\.([a-z0-9]+)$/i.exec(path.replace(/\.gz$/i, ''))?.[1].toLowerCase();
  if (isTorchArchive(prefix))
    fail(
      where,
      'is a PyTorch file (torch.save); it holds a pickle, which is never loaded because a pickle can run any code.',
      'Load it in Python with torch.load and save its tensors: numpy.savez("data.npz", x=x.numpy(), y=y.numpy()), or safetensors.torch.save_file.',
    );
  const recognised = formats.find((format) => format.recognises?.(prefix, extension));
  if (recognised) return recognised;
  for (const [magic, at, kind, remedy] of refused)
    if (latin1(prefix, at, at + magic.length) === magic) fail(where, `is ${kind}, which is not read.`, remedy);
  if (prefix[0] === 0x80 && prefix[1] >= 2 && prefix[1] <= 5 && extension !== 'bin') {
    fail(
      where,
      'is a Python pickle, which is never loaded because a pickle can run any code.',
      'Load it in Python and save its arrays with numpy.savez.',
    );
  }
  const named = extension === undefined ? undefined : formats.find(({ extensions }) => extensions.includes(extension));
  if (named && !named.recognises) return named;
  fail(
    where,
    named ? `is no ${named.description}: its first bytes are others.` : 'has a format that is not known.',
    readableFormats,
  );
}

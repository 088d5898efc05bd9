import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { InspectorError } from '../shared/errors.ts';

/** What a path leads to, where that is no regular file. */
export function irregularKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** A system error in words, without the path that Node puts into its own. */
export function systemReason(error: unknown): string {
  const code = String((error as NodeJS.ErrnoException).code);
  const reasons = new Map([
    ['ENOENT', 'no such file'],
    ['ENOTDIR', 'no such file'],
    ['EACCES', 'no permission to read it'],
    ['EPERM', 'no permission to read it'],
    ['ELOOP', 'too many symbolic links'],
    ['ENAMETOOLONG', 'the name is too long'],
    ['ERR_INVALID_ARG_VALUE', 'this is no valid path'],
  ]);
  return reasons.get(code) ?? (error as Error).message;
}

/** Flags that open a file for reading and never wait, whatever the path has become meanwhile. */
export const readFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes of a regular file of at most `limit` bytes. Throws an InspectorError for anything else, whose message begins
 * with `where`; `tooLarge` is its remedy for a file above the limit.
 */
export async function readRegularFile(
  path: string,
  where: string,
  { limit, tooLarge }: { limit: number; tooLarge: string },
): Promise<Uint8Array> {
  const refuse = (stats: Stats) => {
    const kind = irregularKind(stats);
    if (kind) throw new InspectorError(`${where} is ${kind}, not a file.`, 'Give the path of an ONNX model.');
    if (stats.size > limit)
      throw new InspectorError(
        `${where} is too large: it has ${stats.size} bytes, at most ${limit} are read.`,
        tooLarge,
      );
    return stats.size;
  };
  try {
    // Opening a pipe would wait for its writer, so the kind is looked at first, and again on what was opened.
    refuse(await stat(path));
    const handle = await open(path, readFlags);
    try {
      const size = refuse(await handle.stat());
      const bytes = new Uint8Array(size);
      for (let filled = 0; filled < size; ) {
        const { bytesRead } = await handle.read(bytes, filled, Math.min(size - filled, 2 ** 30), filled);
        if (bytesRead === 0) throw new InspectorError(`${where} became shorter while it was read.`, 'Try again.');
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(`${where}: ${systemReason(error)}.`, 'Check the path of the model.', { cause: error });
  }
}

/** Files that people pass by mistake, by their first bytes. */
const signatures: readonly [pattern: RegExp, what: string, remedy: string][] = [
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the model itself', 'Run "git lfs pull" to fetch the model.'],
  [
    /^(ï»¿)?\s*<(!doctype|html|\?xml|head|body)/i,
    'a web page (HTML or XML)',
    'The download probably failed or needs a login; download the file again.',
  ],
  [
    /^PK(\x03\x04|\x05\x06)/,
    'a zip archive (a PyTorch checkpoint, a .keras or an npz file)',
    'Export the model with torch.onnx.export, or unpack the archive.',
  ],
  [/^\x89HDF/, 'an HDF5 file (a Keras model)', 'Export the model with model.export("model.onnx", format="onnx").'],
  [
    /^\x80[\x02-\x05]/,
    'a Python pickle (a PyTorch checkpoint), which is never loaded because a pickle can run any code',
    'Load it in Python and export the model with torch.onnx.export.',
  ],
  [/^\x1f\x8b/, 'compressed with gzip', 'Decompress it with gunzip first.'],
  [/^\x93NUMPY/, 'an npy array', 'Give the model here and the array with --data.'],
  [
    /^.{3}[\x00\x01]\x00{4}\{/s,
    'a safetensors file: weights without a graph',
    'Give the ONNX model here and these with --weights.',
  ],
  [/^.{4}TFL3/s, 'a TensorFlow Lite model', 'Convert the original model with tf2onnx.'],
  [/^.{4}ORTM/s, 'a model in the format of ONNX Runtime (.ort)', 'Give the .onnx file that it was made from.'],
  [/^GGUF/, 'a GGUF file', 'Export the original model to ONNX.'],
  [/^\s*[{[]/, 'JSON text', 'Give the .onnx file.'],
];

/** What a file is that cannot be an ONNX model, judging by its first bytes, and what to do. */
export function recogniseOtherFile(bytes: Uint8Array): [what: string, remedy: string] | undefined {
  const head = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  const found = signatures.find(([pattern]) => pattern.test(head));
  return found && [found[1], found[2]];
}

/** True where the first bytes are printable, which the binary of a model hardly ever is. */
export const looksLikeText = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && bytes.subarray(0, 256).every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13));

import { at, type Words, words } from '../shared/words.ts';

/** Files that people pass by mistake, by their first bytes. */
const signatures: readonly [pattern: RegExp, what: string, remedy: Words][] = [
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
  [/^\x93NUMPY/, 'an npy array', words`Give the model here and the array with ${at('data')}.`],
  [
    /^.{3}[\x00\x01]\x00{4}\{/s,
    'a safetensors file: weights without a graph',
    words`Give the ONNX model here and these with ${at('weights')}.`,
  ],
  [/^.{4}TFL3/s, 'a TensorFlow Lite model', 'Convert the original model with tf2onnx.'],
  [/^.{4}ORTM/s, 'a model in the format of ONNX Runtime (.ort)', 'Give the .onnx file that it was made from.'],
  [/^GGUF/, 'a GGUF file', 'Export the original model to ONNX.'],
  [/^\s*[{[]/, 'JSON text', 'Give the .onnx file.'],
];

/** What a file is that cannot be an ONNX model, judging by its first bytes, and what to do. */
export function recogniseOtherFile(bytes: Uint8Array): [what: string, remedy: Words] | undefined {
  const head = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  const found = signatures.find(([pattern]) => pattern.test(head));
  return found && [found[1], found[2]];
}

/** True where the first bytes are printable, which the binary of a model hardly ever is. */
export const looksLikeText = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && bytes.subarray(0, 256).every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13));

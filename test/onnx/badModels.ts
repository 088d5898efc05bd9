// Files that are no valid models, and exactly what is said about each (after the quoted name).
import { type GraphInit, Kind, linear, node, record, varint } from './files.ts';

const text = (value: string) => Buffer.from(value, 'latin1');
const good = linear();
const nested = (depth: number, innermost: GraphInit = {}): GraphInit =>
  depth === 0
    ? innermost
    : {
        node: [
          node('If(x) -> y', {
            attribute: [{ name: 'then_branch', type: Kind.GRAPH, g: nested(depth - 1) as never }],
          }),
        ],
      };
/** Empty messages inside each other: graph, node, attribute, graph, … */
function bomb(depth: number): Buffer {
  const heads: Buffer[] = [];
  let length = 0;
  for (let i = depth - 1; i >= 0; i--) {
    const head = Buffer.concat([varint((i === 0 ? 7 : [1, 5, 6][(i - 1) % 3]) * 8 + 2), varint(length)]);
    heads.unshift(head);
    length += head.length;
  }
  return Buffer.concat(heads);
}

const unreadable = 'The file is truncated, damaged or of another format; copy, download or export it again.';

/** Name, bytes, and exactly what is said about them (after the quoted name of the file). */
export const badModels: readonly [name: string, bytes: Uint8Array, message: string][] = [
  ['empty', text(''), ': is empty.\nCheck that the program that wrote it finished; export it again.'],
  [
    'one byte',
    text('\x08'),
    `: is not a readable ONNX model: at byte 1 in ir_version, a number is cut off.\n${unreadable}`,
  ],
  [
    'another byte',
    text(':'),
    `: is not a readable ONNX model: at byte 1 in graph, a number is cut off.\n${unreadable}`,
  ],
  [
    'HTML',
    text('\n<!DOCTYPE html><html>'),
    ': is not an ONNX model: it is a web page (HTML or XML).\nThe download probably failed or needs a login; download the file again.',
  ],
  [
    'LFS pointer',
    text('version https://git-lfs.github.com/spec/v1\noid sha256:0'),
    ': is not an ONNX model: it is a Git LFS pointer, not the model itself.\nRun "git lfs pull" to fetch the model.',
  ],
  [
    'zip',
    text('PK\x03\x04rest'),
    ': is not an ONNX model: it is a zip archive (a PyTorch checkpoint, a .keras or an npz file).\nExport the model with torch.onnx.export, or unpack the archive.',
  ],
  [
    'HDF5',
    text('\x89HDF\r\n\x1a\n'),
    ': is not an ONNX model: it is an HDF5 file (a Keras model).\nExport the model with model.export("model.onnx", format="onnx").',
  ],
  ['JSON', text('{"a": 1}'), ': is not an ONNX model: it is JSON text.\nGive the .onnx file.'],
  [
    'pickle',
    text('\x80\x04\x95'),
    ': is not an ONNX model: it is a Python pickle (a PyTorch checkpoint), which is never loaded because a pickle can run any code.\nLoad it in Python and export the model with torch.onnx.export.',
  ],
  [
    'gzip',
    text('\x1f\x8b\x08'),
    ': is not an ONNX model: it is compressed with gzip.\nDecompress it with gunzip first.',
  ],
  [
    'npy',
    text('\x93NUMPY\x01\0'),
    ': is not an ONNX model: it is an npy array.\nGive the model here and the array with --data.',
  ],
  [
    'safetensors',
    text('\x40\0\0\0\0\0\0\0{"w":{}}'),
    ': is not an ONNX model: it is a safetensors file: weights without a graph.\nGive the ONNX model here and these with --weights.',
  ],
  [
    'TensorFlow Lite',
    text('\x1c\0\0\0TFL3'),
    ': is not an ONNX model: it is a TensorFlow Lite model.\nConvert the original model with tf2onnx.',
  ],
  [
    'ONNX Runtime format',
    text('\x1c\0\0\0ORTM'),
    ': is not an ONNX model: it is a model in the format of ONNX Runtime (.ort).\nGive the .onnx file that it was made from.',
  ],
  ['GGUF', text('GGUF\x03'), ': is not an ONNX model: it is a GGUF file.\nExport the original model to ONNX.'],
  ['text', text('hello, this is a model'), ': is not an ONNX model: it is text.\nGive the .onnx file.'],
  [
    'random bytes',
    Buffer.from('a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex'),
    `: is not a readable ONNX model: at byte 0, a record has an impossible field number.\n${unreadable}`,
  ],
  [
    'long varint',
    Buffer.from([8, ...new Array(10).fill(255), 1]),
    `: is not a readable ONNX model: at byte 1 in ir_version, a number is longer than 10 bytes.\n${unreadable}`,
  ],
  [
    'cut varint',
    Buffer.from([8, 255]),
    `: is not a readable ONNX model: at byte 1 in ir_version, a number is cut off.\n${unreadable}`,
  ],
  [
    'length beyond the file',
    Buffer.from([0x3a, 100, 1]),
    `: is not a readable ONNX model: at byte 0 in graph, a record announces 100 bytes where 1 remain.\n${unreadable}`,
  ],
  [
    'length of an exabyte',
    Buffer.concat([Buffer.from([0x3a]), varint(2 ** 60)]),
    `: is not a readable ONNX model: at byte 0 in graph, a record announces 1152921504606847000 bytes where 0 remain.\n${unreadable}`,
  ],
  [
    'length beyond the message',
    record(7, Buffer.from([0x0a, 50])),
    `: is not a readable ONNX model: at byte 2 in graph.node, a record announces 50 bytes where 0 remain.\n${unreadable}`,
  ],
  [
    'field number 0',
    Buffer.from([0x02, 0]),
    `: is not a readable ONNX model: at byte 0, a record has an impossible field number.\n${unreadable}`,
  ],
  [
    'group',
    Buffer.from([0x3b]),
    `: is not a readable ONNX model: at byte 0 in graph, a record has wire type 3, which ONNX does not use.\n${unreadable}`,
  ],
  [
    'wire type 7',
    Buffer.from([0x3f]),
    `: is not a readable ONNX model: at byte 0 in graph, a record has wire type 7, which ONNX does not use.\n${unreadable}`,
  ],
  [
    'graph as number',
    Buffer.from([0x38, 1]),
    `: is not a readable ONNX model: at byte 0 in graph, a record has wire type 0 where 2 is expected.\n${unreadable}`,
  ],
  [
    'IR version as text',
    Buffer.from([0x0a, 1, 65]),
    `: is not a readable ONNX model: at byte 0 in ir_version, a record has wire type 2 where 0 is expected.\n${unreadable}`,
  ],
  [
    'packed floats of 7 bytes',
    record(7, record(5, record(4, Buffer.alloc(7)))),
    `: is not a readable ONNX model: at byte 4 in graph.initializer.float_data, 7 bytes are no whole number of values of 4 bytes.\n${unreadable}`,
  ],
  [
    'messages 10,000 deep',
    bomb(10_000),
    `: is not a readable ONNX model: at byte 400 in node.attribute.g.node.attribute.g, messages nest deeper than 100 (subgraphs deeper than 32).\n${unreadable}`,
  ],
  [
    'truncated',
    good.subarray(0, good.length - 20),
    `: is not a readable ONNX model: at byte 2 in graph, a record announces 87 bytes where 73 remain.\n${unreadable}`,
  ],
  [
    'subgraphs 40 deep',
    linear(nested(40) as never),
    `: is not a readable ONNX model: at byte 1061 in node.attribute.g.node.attribute.g, messages nest deeper than 100 (subgraphs deeper than 32).\n${unreadable}`,
  ],
];

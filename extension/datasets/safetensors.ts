import { checkSize, fail, InputFile, memoryLimit } from '../files/files.ts';
import { writeParts } from '../files/writing.ts';
import { byteLength, type ElementType, type Tensor } from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import { byteCount } from '../shared/format.ts';
import type { Where } from '../shared/where.ts';
import type { DataFormat, OpenedFile } from './format.ts';
import { decodeElements } from './npy.ts';

const dtypes: ReadonlyMap<unknown, ElementType> = new Map<unknown, ElementType>([
  ['BOOL', 'bool'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
  ['I16', 'int16'],
  ['U16', 'uint16'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I32', 'int32'],
  ['U32', 'uint32'],
  ['F32', 'float32'],
  ['F64', 'float64'],
  ['I64', 'int64'],
  ['U64', 'uint64'],
]);
const longestHeader = 2 ** 24;
const remedy = 'Save the file again with the safetensors library.';

interface Entry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

/** True where the bytes begin like a safetensors file: a length below 16 MiB and then a JSON object. */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes.length >= 10 && bytes[8] === 0x7b && bytes[3] <= 1 && !bytes[4] && !bytes[5] && !bytes[6] && !bytes[7];

/** All tensors of a safetensors file by name, in the order of their data. */
export function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  return InputFile.use(path, (file) => safetensorsArrays(file));
}

/** All tensors of an open safetensors file by name; `announced` sees their shapes before any of them is read. */
async function safetensorsArrays(file: InputFile, announced?: OpenedFile['announced']): Promise<Map<string, Tensor>> {
  if (file.size < 10) fail(file.where, 'is too short for a safetensors file.', remedy);
  const length = Number(new DataView((await file.read(0, 8)).buffer).getBigUint64(0, true));
  if (length > file.size - 8) {
    fail(file.where, `announces a header of ${byteCount(length)} but has ${byteCount(file.size)}.`, remedy);
  }
  if (length > longestHeader) {
    fail(file.where, `has a header of ${byteCount(length)}; at most ${byteCount(longestHeader)} are read.`, remedy);
  }
  const start = 8 + length;
  const entries = parseHeader(await file.read(8, length), file.where);
  let end = 0;
  for (const { name, begin, end: next } of entries) {
    if (begin !== end) {
      const what = begin < end ? 'overlaps the tensor before it' : 'leaves a gap after the tensor before it';
      fail(inTensor(file.where, name), `${what}: it begins at byte ${begin}, expected ${end}.`, remedy);
    }
    end = next;
  }
  if (start + end !== file.size) {
    const side = start + end > file.size ? 'is truncated' : 'holds too much';
    fail(file.where, `${side}: its tensors need ${end} bytes, found ${file.size - start}.`, remedy);
  }
  announced?.(new Map(entries.map(({ name, shape }) => [name, shape])));
  checkSize(file.where, end, memoryLimit());
  const tensors = new Map<string, Tensor>();
  for (const { name, type, shape, begin, end: stop } of entries) {
    const bytes = await file.read(start + begin, stop - begin);
    tensors.set(name, { type, shape, data: decodeElements(type, bytes, false) });
  }
  return tensors;
}

function parseHeader(bytes: Uint8Array, where: Where): Entry[] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    fail(where, 'has a header that is no valid JSON.', remedy);
  }
  if (typeof header !== 'object' || !header || Array.isArray(header))
    fail(where, 'has a header that is no JSON object.', remedy);
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(parseEntry(name, value, where));
  }
  return entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
}

const inTensor = (where: Where, name: string): Where => ({ ...where, tensor: { kind: 'tensor', name } });

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(name: string, value: unknown, where: Where): Entry {
  const at = inTensor(where, name);
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const type = dtypes.get(dtype);
  if (!type) {
    const known = [...dtypes.keys()].join(', ');
    const found = typeof dtype === 'string' ? quoteName(dtype, 40) : 'none';
    fail(at, `has dtype ${found}; known are ${known}.`, 'Convert it to float32 and save it again.');
  }
  if (!Array.isArray(shape) || shape.length > 64 || !shape.every(isSize)) {
    fail(at, `has no valid shape.`, remedy);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1]) {
    fail(at, `has no valid data_offsets.`, remedy);
  }
  const [begin, end] = offsets as [number, number];
  const size = byteLength(type, shape);
  if (size !== end - begin) {
    fail(at, `its shape [${shape.join(', ')}] and dtype ${type} need ${size} bytes, found ${end - begin}.`, remedy);
  }
  return { name, type, shape, begin, end };
}

/** Writes tensors as the safetensors library does. The file appears whole or not at all. */
export async function writeSafetensorsFile(path: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  const codes = new Map([...dtypes].map(([code, type]) => [type, code]));
  let end = 0;
  const entries = [...tensors].map(([name, { type, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype: codes.get(type), shape, data_offsets: [begin, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  // The data begins at a multiple of 8 bytes.
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  text.copy(header, 8);
  const bytes = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await writeParts(path, [header, ...[...tensors.values()].map(bytes)]);
}

/** Tensors as the safetensors library writes them. */
export const safetensors: DataFormat = {
  name: 'safetensors',
  description: 'safetensors file',
  extensions: ['safetensors'],
  gzip: false,
  holds: 'named arrays',
  joins: false,
  recognises: isSafetensors,
  read: ({ file, announced }) => safetensorsArrays(file, announced),
};

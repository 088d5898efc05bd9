import { checkSize, fail, InputFile, memoryLimit } from '../files/files.ts';
import { collect } from '../files/streams.ts';
import {
  allocate,
  byteLength,
  bytesPerElement,
  type ElementType,
  type Shape,
  type Tensor,
  type TypedArray,
  viewBytes,
} from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import { byteCount } from '../shared/format.ts';
import type { Where } from '../shared/where.ts';
import { type DataFormat, oneArray } from './format.ts';

/** The head of an npy file (NEP 1). */
export interface NpyHeader {
  readonly type: ElementType;
  readonly shape: Shape;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  /** Where the elements begin, in bytes. */
  readonly offset: number;
  /** Length of the whole file, in bytes. */
  readonly length: number;
}

const magic = '\x93NUMPY';
const longestHeader = 2 ** 16;
const resave = 'Save it again with numpy.save.';

/** True where the bytes begin like an npy file. */
export const isNpy = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(0, 6)).toString('latin1') === magic;

const dtypes: ReadonlyMap<string, ElementType> = new Map([
  ['b1', 'bool'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['u8', 'uint64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
]);

/** Parses the header from the first bytes of a file (all of it, or at least 64 KiB). */
export function npyHeader(bytes: Uint8Array, where: Where): NpyHeader {
  if (!isNpy(bytes)) fail(where, 'is no npy array: it does not begin with "\\x93NUMPY".', resave);
  const [major, minor] = [bytes[6], bytes[7]];
  if (major === undefined || minor === undefined) fail(where, 'ends within its npy header.', resave);
  if (major < 1 || major > 3 || minor !== 0) {
    fail(where, `has npy version ${major}.${minor}; versions 1.0, 2.0 and 3.0 are read.`, resave);
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) fail(where, 'ends within its npy header.', resave);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > longestHeader) fail(where, `announces an npy header of ${byteCount(length)}.`, resave);
  const offset = start + length;
  if (bytes.length < offset) fail(where, 'ends within its npy header.', resave);
  const text = Buffer.from(bytes.subarray(start, offset)).toString(major === 3 ? 'utf8' : 'latin1');
  const { descr, fortranOrder, shape } = new HeaderParser(text, where).parse();
  const { type, bigEndian } = elementType(descr, where);
  const total = byteLength(type, shape) + offset;
  return { type, shape, bigEndian, fortranOrder, offset, length: total };
}

function elementType(descr: string, where: Where): { type: ElementType; bigEndian: boolean } {
  const [, order = '', code = ''] = /^([<>|=]?)(.*)$/s.exec(descr) ?? [];
  const type = dtypes.get(code === '?' ? 'b1' : code);
  if (type && (bytesPerElement(type) === 1 || order === '<' || order === '>'))
    return { type, bigEndian: order === '>' };
  const shown = quoteName(descr, 40);
  if (code.startsWith('O')) {
    fail(
      where,
      `has dtype ${shown}: pickled Python objects, which are never loaded because a pickle can run any code.`,
      'Convert it to a numeric array and save it again with numpy.save(..., allow_pickle=False).',
    );
  }
  const kind =
    code[0] === 'c'
      ? 'complex numbers'
      : /^[USa]/.test(code)
        ? 'text'
        : /^[Mm]/.test(code)
          ? 'dates'
          : code[0] === 'V'
            ? 'raw bytes'
            : '';
  fail(
    where,
    `has dtype ${shown}${kind && ` (${kind})`}; bool, int8–int64, uint8–uint64, float16, float32 and float64 are read.`,
    "Convert it with array.astype('float32') and save it again.",
  );
}

/** Reads the dict literal of the header, e.g. `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`, and nothing else. */
class HeaderParser {
  readonly #text: string;
  readonly #where: Where;
  #at = 0;

  constructor(text: string, where: Where) {
    this.#text = text;
    this.#where = where;
  }

  parse(): { descr: string; fortranOrder: boolean; shape: number[] } {
    let descr: string | undefined;
    let fortranOrder: boolean | undefined;
    let shape: number[] | undefined;
    this.#expect('{');
    while (!this.#accept('}')) {
      const key = this.#string();
      this.#expect(':');
      if (key === 'descr' && descr === undefined) descr = this.#descr();
      else if (key === 'fortran_order' && fortranOrder === undefined) fortranOrder = this.#boolean();
      else if (key === 'shape' && !shape) shape = this.#tuple();
      else this.#bad();
      if (!this.#accept(',')) {
        this.#expect('}');
        break;
      }
    }
    this.#match(/\s*/y);
    if (this.#at !== this.#text.length || descr === undefined || fortranOrder === undefined || !shape) this.#bad();
    return { descr, fortranOrder, shape };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found?.[0];
  }

  #accept(token: string): boolean {
    this.#match(/\s*/y);
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#accept(token)) this.#bad();
  }

  #string(): string {
    this.#match(/\s*/y);
    return (this.#match(/'[^'\\]*'|"[^"\\]*"/y) ?? this.#bad()).slice(1, -1);
  }

  #descr(): string {
    if (this.#accept('[') || this.#accept('{') || this.#accept('(')) {
      fail(
        this.#where,
        'has a structured dtype (several named fields).',
        'Save each field as an array of its own with numpy.savez.',
      );
    }
    return this.#string();
  }

  #boolean(): boolean {
    if (this.#accept('True')) return true;
    return this.#accept('False') ? false : this.#bad();
  }

  #tuple(): number[] {
    const dims: number[] = [];
    this.#expect('(');
    while (!this.#accept(')')) {
      this.#match(/\s*/y);
      // Python 2 wrote long integers with an L.
      const digits = this.#match(/\d{1,20}L?/y) ?? this.#bad();
      dims.push(Number.parseInt(digits, 10));
      if (dims.length > 64) this.#bad();
      if (!this.#accept(',')) {
        this.#expect(')');
        break;
      }
    }
    return dims;
  }

  #bad(): never {
    fail(this.#where, `has an npy header that cannot be understood: ${quoteName(this.#text.trim())}.`, resave);
  }
}

/** An npy file as a tensor in C order; `bytes` may be changed and kept. */
export function decodeNpy(bytes: Uint8Array, where: Where): Tensor {
  const header = npyHeader(bytes, where);
  const { type, shape, offset, length } = header;
  if (bytes.length !== length) {
    const found = bytes.length - offset;
    const side = bytes.length < length ? 'is truncated' : 'holds too much';
    fail(
      where,
      `${side}: shape [${shape.join(', ')}] of ${type} needs ${length - offset} bytes, found ${found}.`,
      resave,
    );
  }
  const data = decodeElements(type, bytes.subarray(offset), header.bigEndian);
  return { type, shape, data: header.fortranOrder ? toRowMajor(type, shape, data) : data };
}

/** The array of an npy file. Memory is bounded by `memoryLimit()`. */
export function readNpy(path: string): Promise<Tensor> {
  return InputFile.use(path, async (file) => {
    checkSize(file.where, file.size, memoryLimit());
    return decodeNpy(await file.read(0, file.size), file.where);
  });
}

/** Raw bytes as elements of the machine's (little-endian) order; `bytes` may be changed and kept. */
export function decodeElements(type: ElementType, bytes: Uint8Array, bigEndian: boolean): TypedArray {
  const size = bytesPerElement(type);
  if (bigEndian && size > 1) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (size === 2) buffer.swap16();
    else if (size === 4) buffer.swap32();
    else buffer.swap64();
  }
  if (type === 'bool') for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i] ? 1 : 0;
  return viewBytes(type, bytes);
}

/** Column-major to row-major: walks the result in order and steps through the source by its strides 1, d₀, d₀·d₁, … */
function toRowMajor(type: ElementType, shape: Shape, source: TypedArray): TypedArray {
  const rank = shape.length;
  if (rank < 2) return source;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, dim) => product * dim, 1));
  const target = allocate(type, source.length);
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < target.length; to++) {
    target[to] = source[from];
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return target;
}

/** The npy 1.0 header of a tensor in C order, padded so that the elements begin at a multiple of 64 bytes. */
export function encodeNpyHeader(type: Exclude<ElementType, 'bfloat16'>, shape: Shape): Uint8Array {
  const code = [...dtypes].find(([, candidate]) => candidate === type)![0];
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dict = `{'descr': '${bytesPerElement(type) === 1 ? '|' : '<'}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  const length = Math.ceil((dict.length + 11) / 64) * 64;
  const header = Buffer.from(`${magic}\x01\0\0\0${dict.padEnd(length - 11)}\n`, 'latin1');
  header.writeUInt16LE(length - 10, 8);
  return new Uint8Array(header);
}

/** One array as `numpy.save` writes it. */
export const npy: DataFormat = {
  name: 'npy',
  description: 'npy array',
  extensions: ['npy'],
  gzip: true,
  holds: 'one array',
  joins: false,
  recognises: isNpy,
  async read({ file, source }) {
    const bytes = await collect(source, (prefix) => npyHeader(prefix, file.where).length, memoryLimit());
    return oneArray(decodeNpy(bytes, file.where));
  },
};

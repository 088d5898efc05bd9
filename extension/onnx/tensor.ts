import { InspectorError } from '../shared/errors.ts';

/** Element types in the spelling of onnxruntime; `float16` and `bfloat16` are held as their 16-bit patterns, `bool` as 0 and 1. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}
export type ElementType = keyof TypedArrays;
export type TypedArray = TypedArrays[ElementType];
export type FloatType = 'float32' | 'float64';
export type Shape = readonly number[];

/** No value has more elements; models that ask for more are damaged or hostile. */
export const mostElements = 2 ** 40;

/** A dense array in C order. `data.length` equals the product of `shape`. */
export interface Tensor<T extends ElementType = ElementType> {
  readonly type: T;
  readonly shape: Shape;
  readonly data: TypedArrays[T];
}

const constructors: {
  [T in ElementType]: new (
    source: number | ArrayBufferLike,
    offset?: number,
    length?: number,
  ) => TypedArrays[T];
} = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

const bytes: Record<ElementType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

/** Size of one element in bytes. */
export const bytesPerElement = (type: ElementType): number => bytes[type];

/** True for every floating-point type, the 16-bit ones included. */
export function isFloat(type: ElementType): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16' || type === 'bfloat16';
}

/** Number of elements of a shape; throws where it exceeds what a JavaScript array can hold exactly. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const dim of shape) count *= dim;
  if (!Number.isSafeInteger(count) || count < 0)
    throw new InspectorError(
      `Shape [${shape
        .slice(0, 12)
        .map((dim) => (dim >= 0 ? dim : '?'))
        .join(', ')}${shape.length > 12 ? ', …' : ''}] has no usable size.`,
    );
  return count;
}

/** A new array of `length` zeros. */
export function allocate<T extends ElementType>(type: T, length: number): TypedArrays[T] {
  return new constructors[type](length);
}

/**
 * Views little-endian bytes as elements; copies only where the offset is not aligned.
 * Throws a RangeError where `source` does not hold a whole number of elements.
 */
export function viewBytes<T extends ElementType>(type: T, source: Uint8Array): TypedArrays[T] {
  const size = bytes[type];
  if (source.byteLength % size !== 0)
    throw new RangeError(`${source.byteLength} bytes are no whole number of ${type} elements`);
  // A Buffer’s own slice would be a view again.
  const aligned = source.byteOffset % size === 0 ? source : new Uint8Array(source);
  return new constructors[type](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/** A tensor from plain numbers (or bigints). Numbers round 2⁶³ − 1, "to the end" in slices, up; it is taken back. */
export function tensorOf<T extends ElementType>(type: T, shape: Shape, values: ArrayLike<number | bigint>): Tensor<T> {
  if (values.length !== elementCount(shape)) {
    throw new Error(`${values.length} values for shape [${shape.join(', ')}]`);
  }
  const data = allocate(type, values.length);
  const big = type === 'int64' || type === 'uint64';
  const largest = type === 'int64' ? 2n ** 63n - 1n : 2n ** 64n - 1n;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    (data as unknown as (number | bigint)[])[i] = big
      ? saturated(whole(value, type), largest)
      : type === 'bool'
        ? Number(value)
          ? 1
          : 0
        : Number(value);
  }
  return { type, shape, data };
}

function whole(value: number | bigint, type: ElementType): bigint {
  if (typeof value === 'number' && !Number.isInteger(value))
    throw new Error(`it needs a number that ${type} does not have`);
  return BigInt(value);
}

const saturated = (value: bigint, largest: bigint): bigint => (value > largest ? largest : value);

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE binary16 pattern to number, subnormals, infinities and NaN included. */
export function float16ToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 pattern to number: the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, (bits << 16) >>> 0);
  return scratch.getFloat32(0);
}

/** The elements as numbers; 64-bit integers beyond 2^53 lose their last bits. float32 and float64 data are returned as they are. */
export function numbersOf(tensor: Tensor): Float32Array | Float64Array {
  const { type, data } = tensor;
  if (type === 'float32' || type === 'float64') return data as Float32Array | Float64Array;
  const result = new Float64Array(data.length);
  const decode =
    type === 'float16'
      ? float16ToNumber
      : type === 'bfloat16'
        ? bfloat16ToNumber
        : (value: number | bigint) => Number(value);
  for (let i = 0; i < data.length; i++) result[i] = decode(data[i] as never);
  return result;
}

/** The same values in a floating-point type. */
export function toFloat(tensor: Tensor, type: FloatType): Tensor<FloatType> {
  if (tensor.type === type) return tensor as Tensor<FloatType>;
  const numbers = numbersOf(tensor);
  return {
    type,
    shape: tensor.shape,
    data: type === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers),
  };
}

/** Bytes that an array needs; infinite or inexact beyond 2^53, where no file is as long. */
export function byteLength(type: ElementType, shape: Shape): number {
  return shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, bytesPerElement(type));
}

/** The exact content of a small tensor as a key; NaN and −0 keep their patterns. */
export function bitsOf(tensor: Tensor): string {
  const copy = allocate(tensor.type, tensor.data.length);
  (copy as Uint8Array).set(tensor.data as Uint8Array);
  return Buffer.from(copy.buffer as ArrayBuffer).toString('base64');
}

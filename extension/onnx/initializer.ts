import { TensorProto_DataType as DataType, type TensorProto, TensorProto_DataLocation } from 'onnx-buf';
import { InspectorError } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import type { ExternalData } from './externalData.ts';
import type { Initializer } from './model.ts';
import { allocate, bytesPerElement, type ElementType, type Tensor, type TypedArray, viewBytes } from './tensor.ts';

const elementTypes = new Map<number, ElementType>([
  [DataType.FLOAT, 'float32'],
  [DataType.DOUBLE, 'float64'],
  [DataType.FLOAT16, 'float16'],
  [DataType.BFLOAT16, 'bfloat16'],
  [DataType.INT8, 'int8'],
  [DataType.INT16, 'int16'],
  [DataType.INT32, 'int32'],
  [DataType.INT64, 'int64'],
  [DataType.UINT8, 'uint8'],
  [DataType.UINT16, 'uint16'],
  [DataType.UINT32, 'uint32'],
  [DataType.UINT64, 'uint64'],
  [DataType.BOOL, 'bool'],
]);

export const elementTypeOf = (code: number): ElementType | undefined => elementTypes.get(code);
/** The name of an element type for messages, known or not. */
export const typeNameOf = (code: number): string =>
  elementTypes.get(code) ?? DataType[code]?.toLowerCase() ?? `number ${code}`;

const damaged = 'The file is damaged; export the model again.';

/**
 * A tensor of the file. Shape, size and place of its data are checked at once, the data itself is decoded on demand.
 * Throws an InspectorError where they contradict each other; `owner` says whose tensor it is.
 */
export function initializerOf(tensor: TensorProto, external: ExternalData, owner: Where): Initializer {
  const type = elementTypeOf(tensor.dataType);
  const typeName = typeNameOf(tensor.dataType);
  const shape = tensor.dims.map(Number);
  if (!type) {
    return unsupported(tensor.name, typeName, shape, `element type ${typeName} is not supported`, owner);
  }
  const shown = `[${tensor.dims.join(', ')}]`;
  if (shape.some((dim) => !Number.isSafeInteger(dim) || dim < 0))
    throw new InspectorError(`It has the impossible shape ${shown}.`, damaged, { where: owner });
  const count = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, 1);
  const size = count * bytesPerElement(type);
  if (!Number.isSafeInteger(size))
    throw new InspectorError(`Its shape ${shown} is larger than any file.`, damaged, { where: owner });
  return { name: tensor.name, type, typeName, shape, read: reader(tensor, type, shape, size, external, owner) };
}

/** An initializer that is known by name and shape but cannot be read; `reason` says why. */
export function unsupported(
  name: string,
  typeName: string,
  shape: readonly number[],
  reason: string,
  owner: Where,
): Initializer {
  return {
    name,
    type: undefined,
    typeName,
    shape,
    unsupported: reason,
    read: () => {
      throw new InspectorError(
        `It cannot be read: ${reason}.`,
        'Store it as a dense tensor of a floating-point or integer type.',
        { where: owner },
      );
    },
  };
}

/** Compares the amount of data with the shape and returns what decodes it. */
function reader(
  tensor: TensorProto,
  type: ElementType,
  shape: readonly number[],
  size: number,
  external: ExternalData,
  owner: Where,
): () => Tensor {
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const read = external.locate(owner, tensor.externalData, size);
    return () => ({ type, shape, data: booleans(type, viewBytes(type, read())) });
  }
  const count = size / bytesPerElement(type);
  const mismatch = (needed: number, found: number, unit: string) =>
    new InspectorError(
      `Its shape [${shape.join(', ')}] and type ${type} need ${needed} ${unit}, but the file has ${found}.`,
      damaged,
      { where: owner },
    );
  if (tensor.rawData.length > 0) {
    if (tensor.rawData.length !== size) throw mismatch(size, tensor.rawData.length, 'bytes');
    return () => ({ type, shape, data: booleans(type, viewBytes(type, tensor.rawData)) });
  }
  const values = typedField(tensor, type);
  if (values.length !== count) throw mismatch(count, values.length, count === 1 ? 'value' : 'values');
  return () => {
    const data = allocate(type, count) as unknown as (number | bigint)[];
    values.forEach((value, i) => {
      data[i] = type === 'uint32' ? Number(value) : value;
    });
    return { type, shape, data: booleans(type, data as unknown as TypedArray) as never };
  };
}

/** The field that holds the values of a type where they are not raw bytes; small integers and 16-bit floats share one. */
function typedField(tensor: TensorProto, type: ElementType): readonly (number | bigint)[] {
  if (type === 'float32') return tensor.floatData;
  if (type === 'float64') return tensor.doubleData;
  if (type === 'int64') return tensor.int64Data;
  return type === 'uint64' || type === 'uint32' ? tensor.uint64Data : tensor.int32Data;
}

/** Files may write true as any byte but 0. */
function booleans(type: ElementType, data: TypedArray): never {
  const odd = type === 'bool' && (data as Uint8Array).some((value) => value > 1);
  return (odd ? (data as Uint8Array).map((value) => (value ? 1 : 0)) : data) as never;
}

export const ofInitializer = (name: string): Where => ({ tensor: { kind: 'initializer', name } });

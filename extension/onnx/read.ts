import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  TensorProto_DataType as DataType,
  type FunctionProto,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from 'onnx-buf';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { ExternalData } from './externalData.ts';
import type { Attribute, Initializer, Model, ModelFunction, ModelGraph, ModelNode, ValueInfo } from './model.ts';
import { allocate, bytesPerElement, type ElementType, elementCount, type Tensor, viewBytes } from './tensor.ts';

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

const typeName = (code: number): string => elementTypes.get(code) ?? DataType[code]?.toLowerCase() ?? `type ${code}`;

/**
 * Reads an ONNX file. External data is read by this program, within the folder of the model, and never by the runtime.
 * Throws an InspectorError where the file is no ONNX model.
 */
export async function readModel(path: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new InspectorError(`Cannot read the model ${path}: ${(error as Error).message}.`, 'Check the path.', {
      cause: error,
    });
  }
  return decodeModel(bytes, path);
}

/** Decodes a model; `path` names it in messages and says where its external data lies. */
export function decodeModel(bytes: Uint8Array, path: string): Model {
  const problem = recogniseOtherFile(bytes);
  if (problem)
    throw new InspectorError(
      `${path} is not an ONNX model: ${problem}`,
      'Export the model again, or fetch the real file.',
    );
  let proto: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>;
  try {
    proto = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new InspectorError(
      `${path} is not a readable ONNX model: ${(error as Error).message}.`,
      'The file may be truncated or of another format; export it again.',
      { cause: error },
    );
  }
  if (!proto.graph) throw new InspectorError(`${path} holds no graph.`, 'Export the model again.');
  const external = new ExternalData(dirname(resolve(path)), path);
  const opsets = opsetsOf(proto.opsetImport);
  if (opsets.size === 0)
    throw new InspectorError(`${path} declares no operator set (opset_import).`, 'Export the model again.');
  const functions = new Map<string, ModelFunction>();
  for (const f of proto.functions) functions.set(`${f.domain}:${f.name}`, functionOf(f, external));
  return {
    irVersion: Number(proto.irVersion),
    opsets,
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(' '),
    graph: graphOf(proto.graph, external),
    functions,
  };
}

/** Recognises what people pass by mistake. */
function recogniseOtherFile(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'the file is empty.';
  const head = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  if (head.startsWith('version https://git-lfs')) return 'it is a Git LFS pointer (run "git lfs pull").';
  if (/^\s*<(!doctype|html|\?xml)/i.test(head)) return 'it is an HTML or XML page.';
  if (head.startsWith('PK\u0003\u0004')) return 'it is a zip archive (a PyTorch checkpoint or an npz file).';
  if (head.startsWith('\u0089HDF')) return 'it is an HDF5 file (a Keras model).';
  if (head.startsWith('{')) return 'it is JSON text.';
  return undefined;
}

const opsetsOf = (imports: readonly { domain: string; version: bigint }[]): Map<string, number> =>
  new Map(imports.map(({ domain, version }) => [domain === 'ai.onnx' ? '' : domain, Number(version)]));

function graphOf(graph: GraphProto, external: ExternalData): ModelGraph {
  const initializers = new Map<string, Initializer>();
  for (const tensor of graph.initializer) {
    if (initializers.has(tensor.name))
      throw new InspectorError(
        `Two initializers are named ${quoteName(tensor.name)}.`,
        'Names must be unique; export the model again.',
      );
    initializers.set(tensor.name, initializerOf(tensor, external));
  }
  for (const sparse of graph.sparseInitializer) {
    const name = sparse.values?.name ?? '';
    const shape = sparse.dims.map(Number);
    initializers.set(name, {
      name,
      type: undefined,
      typeName: 'sparse tensor',
      shape,
      read: () => {
        throw new InspectorError(
          `Initializer ${quoteName(name)} is sparse, which is not supported.`,
          'Store it dense.',
        );
      },
    });
  }
  return {
    name: graph.name,
    nodes: graph.node.map((node) => nodeOf(node, external)),
    initializers,
    inputs: graph.input.filter(({ name }) => !initializers.has(name)).map(valueInfoOf),
    outputs: graph.output.map(valueInfoOf),
  };
}

const nodeOf = (node: NodeProto, external: ExternalData): ModelNode => ({
  name: node.name,
  opType: node.opType,
  domain: node.domain === 'ai.onnx' ? '' : node.domain,
  inputs: node.input,
  outputs: node.output,
  attributes: attributesOf(node.attribute, external),
});

const attributesOf = (attributes: readonly AttributeProto[], external: ExternalData): Map<string, Attribute> =>
  new Map(attributes.map((attribute) => [attribute.name, attributeOf(attribute, external)]));

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function attributeOf(attribute: AttributeProto, external: ExternalData): Attribute {
  if (attribute.refAttrName) return { kind: 'reference', value: attribute.refAttrName };
  switch (attribute.type) {
    case Kind.FLOAT:
      return { kind: 'float', value: attribute.f };
    case Kind.INT:
      return { kind: 'int', value: Number(attribute.i) };
    case Kind.STRING:
      return { kind: 'string', value: text(attribute.s) };
    case Kind.TENSOR:
      return attribute.t
        ? { kind: 'tensor', value: initializerOf(attribute.t, external) }
        : { kind: 'other', value: 'empty tensor' };
    case Kind.FLOATS:
      return { kind: 'floats', value: attribute.floats };
    case Kind.INTS:
      return { kind: 'ints', value: attribute.ints.map(Number) };
    case Kind.STRINGS:
      return { kind: 'strings', value: attribute.strings.map(text) };
    case Kind.GRAPH:
      return attribute.g
        ? { kind: 'graph', value: graphOf(attribute.g, external) }
        : { kind: 'other', value: 'empty graph' };
    default:
      return { kind: 'other', value: Kind[attribute.type] ?? `attribute type ${attribute.type}` };
  }
}

function functionOf(f: FunctionProto, external: ExternalData): ModelFunction {
  return {
    domain: f.domain,
    name: f.name,
    opsets: opsetsOf(f.opsetImport),
    inputs: f.input,
    outputs: f.output,
    defaults: attributesOf(f.attributeProto, external),
    nodes: f.node.map((node) => nodeOf(node, external)),
  };
}

function valueInfoOf(info: ValueInfoProto): ValueInfo {
  const type = info.type?.value;
  if (type?.case !== 'tensorType')
    return {
      name: info.name,
      type: undefined,
      typeName: type?.case?.replace(/Type$/, '') ?? 'unknown type',
      dims: undefined,
    };
  return {
    name: info.name,
    type: elementTypes.get(type.value.elemType),
    typeName: typeName(type.value.elemType),
    dims: type.value.shape?.dim.map(({ value }) => {
      if (value.case === 'dimValue') return value.value > 0n ? Number(value.value) : undefined;
      return value.case === 'dimParam' && value.value ? value.value : undefined;
    }),
  };
}

function initializerOf(tensor: TensorProto, external: ExternalData): Initializer {
  const type = elementTypes.get(tensor.dataType);
  const shape = tensor.dims.map(Number);
  return {
    name: tensor.name,
    type,
    typeName: typeName(tensor.dataType),
    shape,
    read: () => readTensor(tensor, type, shape, external),
  };
}

function readTensor(
  tensor: TensorProto,
  type: ElementType | undefined,
  shape: readonly number[],
  external: ExternalData,
): Tensor {
  const where = `Initializer ${quoteName(tensor.name)}`;
  if (!type)
    throw new InspectorError(
      `${where} has element type ${typeName(tensor.dataType)}, which is not supported.`,
      'Use a floating-point or integer type.',
    );
  if (shape.some((dim) => !Number.isSafeInteger(dim) || dim < 0))
    throw new InspectorError(`${where} has the impossible shape [${shape.join(', ')}].`, 'Export the model again.');
  const count = elementCount(shape);
  const size = count * bytesPerElement(type);
  const mismatch = (found: number, unit: string) =>
    new InspectorError(
      `${where} of shape [${shape.join(', ')}] (${type}) needs ${unit === 'bytes' ? size : count} ${unit} but the file has ${found}.`,
      'The file is damaged; export the model again.',
    );
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    return { type, shape, data: viewBytes(type, external.read(tensor.name, tensor.externalData, size)) };
  }
  if (tensor.rawData.length > 0 || count === 0) {
    if (tensor.rawData.length !== size) throw mismatch(tensor.rawData.length, 'bytes');
    return { type, shape, data: viewBytes(type, tensor.rawData) };
  }
  const values: readonly (number | bigint)[] =
    type === 'float32'
      ? tensor.floatData
      : type === 'float64'
        ? tensor.doubleData
        : type === 'int64'
          ? tensor.int64Data
          : type === 'uint64' || type === 'uint32'
            ? tensor.uint64Data
            : tensor.int32Data;
  if (values.length !== count) throw mismatch(values.length, 'values');
  const data = allocate(type, count) as unknown as (number | bigint)[];
  for (let i = 0; i < count; i++) data[i] = type === 'uint32' ? Number(values[i]) : values[i];
  return { type, shape, data: data as never };
}

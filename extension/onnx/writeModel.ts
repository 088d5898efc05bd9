import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProtoSchema,
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Attribute, Initializer, Model, ModelGraph, ModelNode, ValueInfo } from './model.ts';
import type { ElementType, Tensor } from './tensor.ts';
import { dataTypes } from './write.ts';

/** The runtime refuses newer files; nothing that is written here needs more. */
const newestIrVersion = 10;

/**
 * Encodes a model as it was read: nodes, subgraphs, functions and initializers, with the data of these in the file. Throws an
 * InspectorError where an initializer cannot be read, and an Error where an attribute is of a kind that is not kept.
 */
export function encodeSource(model: Model): Uint8Array {
  const opsets = (versions: ReadonlyMap<string, number>) =>
    [...versions].map(([domain, version]) => ({ domain, version: BigInt(version) }));
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(Math.min(model.irVersion, newestIrVersion)),
      opsetImport: opsets(model.opsets),
      graph: graphProto(model.graph),
      functions: [...model.functions.values()].map((f) => ({
        name: f.name,
        domain: f.domain,
        opsetImport: opsets(f.opsets),
        input: [...f.inputs],
        output: [...f.outputs],
        attributeProto: [...f.defaults].map(attributeProto),
        attribute: [...referred(f.nodes)].filter((name) => !f.defaults.has(name)),
        node: f.nodes.map(nodeProto),
      })),
    }),
  );
}

/** Attributes of a function's caller that its nodes refer to. */
const referred = (nodes: readonly ModelNode[]): Set<string> =>
  new Set(
    nodes.flatMap(({ attributes }) =>
      [...attributes.values()].flatMap((attribute) =>
        attribute.kind === 'reference'
          ? [attribute.value]
          : attribute.kind === 'graph'
            ? [...referred(attribute.value.nodes)]
            : [],
      ),
    ),
  );

function graphProto({
  name,
  nodes,
  initializers,
  inputs,
  outputs,
}: ModelGraph): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: name || 'graph',
    node: nodes.map(nodeProto),
    initializer: [...initializers.values()].map((initializer) => tensorProto(initializer.name, initializer)),
    input: inputs.map(infoProto),
    output: outputs.map(infoProto),
  };
}

const nodeProto = ({
  name,
  opType,
  domain,
  inputs,
  outputs,
  attributes,
}: ModelNode): MessageInitShape<typeof NodeProtoSchema> => ({
  name,
  opType,
  domain,
  input: [...inputs],
  output: [...outputs],
  attribute: [...attributes].map(attributeProto),
});

function attributeProto([name, attribute]: [string, Attribute]): MessageInitShape<typeof AttributeProtoSchema> {
  const text = (value: string) => new TextEncoder().encode(value);
  switch (attribute.kind) {
    case 'float':
      return { name, type: Kind.FLOAT, f: attribute.value };
    case 'int':
      return { name, type: Kind.INT, i: BigInt(attribute.value) };
    case 'string':
      return { name, type: Kind.STRING, s: text(attribute.value) };
    case 'tensor':
      return { name, type: Kind.TENSOR, t: tensorProto('', attribute.value) };
    case 'floats':
      return { name, type: Kind.FLOATS, floats: [...attribute.value] };
    case 'ints':
      return { name, type: Kind.INTS, ints: attribute.value.map(BigInt) };
    case 'strings':
      return { name, type: Kind.STRINGS, strings: attribute.value.map(text) };
    case 'graph':
      return { name, type: Kind.GRAPH, g: graphProto(attribute.value) };
    default:
      throw new Error(`attribute ${name} is of a kind that is not kept`);
  }
}

function tensorProto(name: string, initializer: Initializer): MessageInitShape<typeof TensorProtoSchema> {
  const { type, shape, data }: Tensor = initializer.read();
  const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return { name, dims: shape.map(BigInt), dataType: dataTypes[type], rawData };
}

/** Values of types that are no numeric tensors keep their name alone. */
function infoProto({ name, type, dims }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  if (!type) return { name };
  const shape = dims && {
    dim: dims.map((dim) => ({
      value:
        typeof dim === 'number'
          ? { case: 'dimValue' as const, value: BigInt(dim) }
          : dim === undefined
            ? { case: undefined }
            : { case: 'dimParam' as const, value: dim },
    })),
  };
  const tensorType = { elemType: dataTypes[type as ElementType], shape };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

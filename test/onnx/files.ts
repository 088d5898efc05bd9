// Builders of small ONNX files, valid and not.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  TensorProto_DataType as DataType,
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from 'onnx-buf';

export { DataType, Kind };
export type Node = MessageInitShape<typeof NodeProtoSchema>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
export type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
export type ModelInit = MessageInitShape<typeof ModelProtoSchema>;

/** "opType(in, in) -> out" as a node; an underscore is an omitted input. */
export function node(text: string, more: Node = {}): Node {
  const [, opType, inputs, outputs] = /^(\w*)\((.*)\) -> (.*)$/.exec(text)!;
  const names = (list: string) => (list === '' ? [] : list.split(', ').map((name) => (name === '_' ? '' : name)));
  return { opType, input: names(inputs), output: names(outputs), ...more };
}

export const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

export const float = (name: string, dims: readonly number[], values: readonly number[]): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: DataType.FLOAT,
  rawData: floats(...values),
});

/** A float32 tensor of which everything lies beside the model. */
export const external = (name: string, dims: readonly number[], entries: Record<string, string>): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: DataType.FLOAT,
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
});

export const info = (
  name: string,
  dims: readonly (number | bigint | string)[],
  elemType: number = DataType.FLOAT,
): MessageInitShape<typeof ValueInfoProtoSchema> => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType,
        shape: {
          dim: dims.map((dim) => ({
            value:
              typeof dim === 'string'
                ? { case: 'dimParam' as const, value: dim }
                : { case: 'dimValue' as const, value: BigInt(dim) },
          })),
        },
      },
    },
  },
});

/** y = x·w with x [N, 2] and w [2, 1], except where `graph` and `more` say otherwise. */
export const linear = (graph: GraphInit = {}, more: ModelInit = {}): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: {
        name: 'g',
        node: [node('MatMul(x, w) -> y')],
        initializer: [float('w', [2, 1], [1, 2])],
        input: [info('x', ['N', 2])],
        output: [info('y', ['N', 1])],
        ...(graph as object),
      },
      ...(more as object),
    }),
  );

/** A protobuf record of wire type 2. */
export function record(field: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

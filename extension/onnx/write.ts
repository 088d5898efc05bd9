import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { AttributeValue, Graph, Node, Value } from './graph.ts';
import { nodesOf } from './graph.ts';
import { isNode } from './nodeTypes.ts';
import { blockedDomain, blockedOps, isBlocked, targetIrVersion, targetOpset } from './ops.ts';
import type { ElementType, Tensor } from './tensor.ts';

export const dataTypes: Record<ElementType, DataType> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  int8: DataType.INT8,
  int16: DataType.INT16,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint8: DataType.UINT8,
  uint16: DataType.UINT16,
  uint32: DataType.UINT32,
  uint64: DataType.UINT64,
  bool: DataType.BOOL,
};

/** Attributes of primitives that ONNX declares as floats; all other numbers are integers. */
const floatAttributes: ReadonlySet<string> = new Set(['alpha', 'beta', 'epsilon']);

export interface WriteOptions {
  readonly graphName?: string;
  /** Values for inputs that are to be stored in the file instead of asked for. */
  readonly initializers?: ReadonlyMap<string, Tensor>;
}

/** Encodes a graph as an ONNX model of operators of the default domain, and of the runtime's own where the graph has those. */
export function encodeModel(graph: Graph, options: WriteOptions = {}): Uint8Array {
  const writer = new GraphWriter(options.initializers ?? new Map());
  const written = writer.write(graph, options.graphName ?? 'graph', true);
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(targetIrVersion),
    producerName: 'optimizer-bias-inspector',
    opsetImport: [
      { domain: '', version: BigInt(targetOpset) },
      ...(writer.blocked ? [{ domain: blockedDomain, version: 1n }] : []),
    ],
    graph: written,
  });
  return toBinary(ModelProtoSchema, model);
}

class GraphWriter {
  /** Was an operator of the runtime's own domain written? */
  blocked = false;
  private readonly names = new Map<Value, string>();
  private readonly taken = new Set<string>();
  private readonly constants = new Map<string, Tensor>();
  private readonly stored: ReadonlyMap<string, Tensor>;

  constructor(stored: ReadonlyMap<string, Tensor>) {
    this.stored = stored;
  }

  /**
   * Writes a scope. Constants of loop bodies are collected in the outermost graph, where they are seen from everywhere.
   * An output must be computed in its graph under a name of its own: inputs, constants, outer and repeated values are copied.
   */
  write(graph: Graph, name: string, outermost: boolean): GraphProto {
    const used = new Set<Value>();
    const outputs = graph.outputs.map(({ name: wanted, value }) => {
      const own = value.scope === graph.scope && value.node !== undefined && !used.has(value);
      used.add(value);
      if (own && outermost) this.names.set(value, this.unique(wanted));
      return { value, copy: own ? undefined : this.unique(outermost ? wanted : 'copy') };
    });
    for (const input of graph.inputs) this.nameOf(input);
    const nodes = nodesOf(graph).map((node) => this.node(node));
    for (const { value, copy } of outputs) {
      if (copy)
        nodes.push(
          create(NodeProtoSchema, { opType: 'Identity', input: [this.nameOf(value)], output: [copy], name: copy }),
        );
    }
    return create(GraphProtoSchema, {
      name,
      node: nodes,
      input: graph.inputs
        .filter((value) => !(outermost && this.stored.has(value.name ?? '')))
        .map((value) => info(this.nameOf(value), value)),
      output: outputs.map(({ value, copy }) => info(copy ?? this.nameOf(value), value)),
      initializer: outermost ? this.initializers(graph) : [],
    });
  }

  private initializers(graph: Graph) {
    const kept = graph.inputs.flatMap((value) => {
      const tensor = this.stored.get(value.name ?? '');
      return tensor ? [tensorProto(this.nameOf(value), tensor)] : [];
    });
    return [...kept, ...[...this.constants].map(([name, tensor]) => tensorProto(name, tensor))];
  }

  private node(node: Node) {
    const outputs = node.outputs.map((value) => this.nameOf(value));
    const attribute = Object.entries(node.attributes).flatMap(([name, value]) =>
      value === undefined ? [] : [attributeProto(node, name, value)],
    );
    if (node.body) {
      attribute.push(
        create(AttributeProtoSchema, {
          name: 'body',
          type: Kind.GRAPH,
          g: this.write(node.body, `${outputs[0]}_body`, false),
        }),
      );
    }
    return create(NodeProtoSchema, {
      ...(isBlocked(node.opType)
        ? { opType: blockedOps[node.opType], domain: blockedDomain }
        : { opType: node.opType }),
      name: node.origin ? `${node.origin}/${outputs[0]}` : outputs[0],
      input: node.inputs.map((value) => (value ? this.nameOf(value) : '')),
      output: outputs,
      attribute,
    });
  }

  private nameOf(value: Value): string {
    const known = this.names.get(value);
    if (known !== undefined) return known;
    const name = this.unique(
      value.name ??
        (value.constant ? `const_${value.id}` : `${value.node?.opType.toLowerCase() ?? 'value'}_${value.id}`),
    );
    this.names.set(value, name);
    if (value.constant) this.constants.set(name, value.constant);
    return name;
  }

  private unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.taken.has(name); i++) name = `${wanted}_${i}`;
    this.taken.add(name);
    return name;
  }
}

function info(name: string, value: Value) {
  // Stacked results of a loop have as many rows as turns were taken.
  const loop = isNode(value.node, 'Loop') ? value.node : undefined;
  const stacked = loop !== undefined && loop.outputs.indexOf(value) >= loop.inputs.length - 2;
  const tensorType = {
    elemType: dataTypes[value.type],
    shape: {
      dim: value.shape.map((dim, axis) =>
        stacked && axis === 0
          ? { value: { case: 'dimParam' as const, value: 'turns' } }
          : { value: { case: 'dimValue' as const, value: BigInt(dim) } },
      ),
    },
  };
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}

function tensorProto(name: string, tensor: Tensor) {
  const { data } = tensor;
  return create(TensorProtoSchema, {
    name,
    dims: tensor.shape.map(BigInt),
    dataType: dataTypes[tensor.type],
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  });
}

function attributeProto(node: Node, name: string, value: AttributeValue) {
  if (node.opType === 'Cast' && name === 'to')
    return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(dataTypes[value as ElementType]) });
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: Kind.STRING, s: new TextEncoder().encode(value) });
  if (typeof value === 'number') {
    return floatAttributes.has(name)
      ? create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value })
      : create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  }
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: (value as readonly number[]).map(BigInt) });
}

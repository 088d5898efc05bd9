import { resolve } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  AttributeProto_AttributeType as Kind,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from 'onnx-buf';
import { readRegularFile } from '../files/regular.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import { ExternalData } from './externalData.ts';
import { elementTypeOf, initializerOf, ofInitializer, typeNameOf, unsupported } from './initializer.ts';
import type {
  Attribute,
  Initializer,
  Model,
  ModelFunction,
  ModelGraph,
  ModelNode,
  Origin,
  ProgramNote,
  ValueInfo,
} from './model.ts';
import { looksLikeText, recogniseOtherFile } from './signatures.ts';
import { validateModel } from './validate.ts';
import { checkWire } from './wire.ts';

/** Protobuf holds no more in one message. */
const largestFile = 2 ** 31 - 1;
const again = 'Export the model again.';

/**
 * Reads an ONNX file. External data is read by this program, within the folder of the model, and never by the runtime.
 * Throws an InspectorError where the path leads to no regular file, or the file is no ONNX model.
 */
export async function readModel(path: string): Promise<Model> {
  const bytes = await readRegularFile(path, {
    limit: largestFile,
    tooLarge: 'Save the model with its weights as external data (onnx.save(..., save_as_external_data=True)).',
  });
  return decodeModel(bytes, path);
}

/**
 * Decodes and checks a model; `path` names it in messages and says where its external data lies. Data of tensors is only
 * measured, and decoded when it is asked for. Throws an InspectorError for everything that is not as ONNX wants it.
 */
export function decodeModel(bytes: Uint8Array, path: string): Model {
  const where: Where = { file: path };
  if (bytes.length === 0)
    throw new InspectorError('is empty.', 'Check that the program that wrote it finished; export it again.', { where });
  const other = recogniseOtherFile(bytes);
  if (other) throw new InspectorError(`is not an ONNX model: it is ${other[0]}.`, other[1], { where });
  const proto = decodeProto(bytes, where);
  try {
    const model = modelOf(proto, new ExternalData(resolve(path)));
    validateModel(model);
    return model;
  } catch (error) {
    throw error instanceof InspectorError ? error.in(where) : error;
  }
}

/** Decodes the records after they were checked, so that what is left to fail is text that is no UTF-8. */
function decodeProto(bytes: Uint8Array, where: Where): ModelProto {
  try {
    checkWire(ModelProtoSchema, bytes, where);
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    if (looksLikeText(bytes))
      throw new InspectorError('is not an ONNX model: it is text.', 'Give the .onnx file.', { cause: error, where });
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(
      `is not a readable ONNX model: ${(error as Error).message}.`,
      'The file is damaged or of another format; export the model again.',
      { cause: error, where },
    );
  }
}

function modelOf(proto: ModelProto, external: ExternalData): Model {
  if (!proto.graph)
    throw new InspectorError(
      'The file holds no graph.',
      'It may be truncated, or hold something else than a model; export it again.',
    );
  const graph = graphOf(proto.graph, external);
  const functions = functionsOf(proto.functions, external);
  return {
    irVersion: Number(proto.irVersion),
    opsets: opsetsOf(proto.opsetImport, 'The model'),
    producer: [proto.producerName, proto.producerVersion].filter(Boolean).join(' '),
    ...{ graph, functions, beside: external.found },
  };
}

function functionsOf(protos: readonly FunctionProto[], external: ExternalData): Map<string, ModelFunction> {
  const functions = new Map<string, ModelFunction>();
  for (const proto of protos) {
    const key = `${plainDomain(proto.domain)}:${proto.name}`;
    if (functions.has(key))
      throw new InspectorError(
        `Two functions are named ${quoteName(proto.name)} (domain ${quoteName(proto.domain)}).`,
        'Overloaded functions are not supported; inline them (onnx.inliner.inline_local_functions).',
      );
    functions.set(key, functionOf(proto, external));
  }
  return functions;
}

const plainDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

function opsetsOf(imports: readonly { domain: string; version: bigint }[], who: string): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const key = plainDomain(domain);
    const known = opsets.get(key);
    if (known !== undefined && known !== Number(version))
      throw new InspectorError(
        `${who} imports the operator set ${quoteName(domain || 'ai.onnx')} in two versions, ${known} and ${version}.`,
        again,
      );
    opsets.set(key, Number(version));
  }
  return opsets;
}

function graphOf(graph: GraphProto, external: ExternalData): ModelGraph {
  const initializers = initializersOf(graph, external);
  return {
    name: graph.name,
    nodes: graph.node.map((node) => nodeOf(node, external)),
    initializers,
    inputs: graph.input.filter(({ name }) => !initializers.has(name)).map(valueInfoOf),
    outputs: graph.output.map(valueInfoOf),
  };
}

function initializersOf(graph: GraphProto, external: ExternalData): Map<string, Initializer> {
  const initializers = new Map<string, Initializer>();
  const add = (initializer: Initializer) => {
    if (initializer.name === '') throw new InspectorError('An initializer has no name.', again);
    if (initializers.has(initializer.name))
      throw new InspectorError(`Two initializers are named ${quoteName(initializer.name)}.`, again);
    initializers.set(initializer.name, initializer);
  };
  const origins = originsOf(graph);
  for (const tensor of graph.initializer)
    add({ ...initializerOf(tensor, external, ofInitializer(tensor.name)), origin: origins.get(tensor.name) });
  for (const { values, dims } of graph.sparseInitializer) {
    const name = values?.name ?? '';
    const reason = 'sparse tensors are not supported';
    add(unsupported(name, 'sparse tensor', dims.map(Number), reason, ofInitializer(name)));
  }
  return initializers;
}

const kinds = new Map([
  ['PARAMETER', 'parameter'],
  ['BUFFER', 'buffer'],
  ['CONSTANT_TENSOR', 'constant'],
] as const);

/** What PyTorch's exporter notes about values: their kind, or the names of those from which it computed them. */
function originsOf(graph: GraphProto): Map<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const { name, metadataProps } of graph.valueInfo) {
    const note = (key: string) => metadataProps.find((entry) => entry.key === key)?.value;
    const kind = kinds.get(note('pkg.torch.export.graph_signature.InputSpec.kind') as 'PARAMETER');
    const sources = note('pkg.onnxscript.optimizer.folded_from');
    if (kind) origins.set(name, { kind });
    else if (sources !== undefined) {
      // A list as Python writes it: ['a', 'b'].
      const from = Array.from(sources.matchAll(/'([^']*)'|"([^"]*)"/g), ([, single, double]) => single ?? double ?? '');
      origins.set(name, { kind: 'computed', from });
    }
  }
  return origins;
}

const nodeOf = (node: NodeProto, external: ExternalData): ModelNode => ({
  name: node.name,
  opType: node.opType,
  domain: plainDomain(node.domain),
  inputs: node.input,
  outputs: node.output,
  attributes: attributesOf(node.attribute, external, {
    node: node.name || node.output[0] || '',
    operator: node.opType,
  }),
  rewrites: noteOf(node, 'pkg.onnxscript.rewriter.rule_name'),
  program: programOf(node),
});

const noteOf = ({ metadataProps }: NodeProto, key: string): string | undefined =>
  metadataProps.find((entry) => entry.key === key)?.value;

function programOf(node: NodeProto): ProgramNote | undefined {
  const [call, hierarchy, trace] = ['fx_node', 'class_hierarchy', 'stack_trace'].map((key) =>
    noteOf(node, `pkg.torch.onnx.${key}`),
  );
  return call === undefined && hierarchy === undefined ? undefined : { call, hierarchy, trace };
}

function attributesOf(protos: readonly AttributeProto[], external: ExternalData, owner: Where): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  for (const proto of protos) {
    const where = { ...owner, attribute: proto.name };
    if (attributes.has(proto.name)) throw new InspectorError('There are two of this name.', again, { where });
    attributes.set(proto.name, attributeOf(proto, external, where));
  }
  return attributes;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function attributeOf(attribute: AttributeProto, external: ExternalData, where: Where): Attribute {
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
        ? { kind: 'tensor', value: initializerOf(attribute.t, external, where) }
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
  const owner = { function: f.name };
  return {
    domain: plainDomain(f.domain),
    name: f.name,
    opsets: opsetsOf(f.opsetImport, `Function ${quoteName(f.name)}`),
    inputs: f.input,
    outputs: f.output,
    defaults: attributesOf(f.attributeProto, external, owner),
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
    type: elementTypeOf(type.value.elemType),
    typeName: typeNameOf(type.value.elemType),
    dims: type.value.shape?.dim.map(({ value }) => {
      if (value.case === 'dimValue') return value.value > 0n ? Number(value.value) : undefined;
      return value.case === 'dimParam' && value.value ? value.value : undefined;
    }),
  };
}

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import schemas from '../../extension/onnx/schemas.json';
import { DataType, info, Kind } from '../onnx/files.ts';
import { attributeOf, operatorNames, shapeOf, strings, tensorOf } from './onnxModels.ts';
import { oddNumbers, type Random } from './target.ts';

/** What the file beside models holds, in bytes, and its name. */
export const besideBytes = 64;
export const beside = 'beside.bin';

const table: Readonly<Record<string, Readonly<Record<string, string>>>> = schemas.operators;
const floatTypes = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];
const otherTypes = [DataType.INT64, DataType.INT32, DataType.BOOL, DataType.UINT8, DataType.STRING, DataType.COMPLEX64];
const parameterNames = [
  'bn.running_mean',
  'bn.weight',
  'fc1.bias',
  'onnx::MatMul_7',
  'lstm.weight_ih_l0',
  'num_batches',
];

interface Place {
  readonly random: Random;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  /** Of the graph and of the graphs inside. */
  readonly nodes: readonly NodeProto[];
  readonly names: readonly string[];
}

/** All nodes, those of bodies included. */
function nodesIn(graph: GraphProto): NodeProto[] {
  return graph.node.flatMap((node) => [node, ...node.attribute.flatMap(({ g }) => (g ? nodesIn(g) : []))]);
}

const near = (random: Random, value: number): number =>
  random.chance(0.15) ? random.pick(oddNumbers) : value + random.pick([-2, -1, 1, 1, 2]);
const big = (value: number): bigint => BigInt(Math.trunc(value));

/** What its operator may have by the schema of some version. */
function declaredAttribute(random: Random, opType: string): readonly [string, string] | undefined {
  const lines = Object.values(table[opType] ?? {});
  if (lines.length === 0) return undefined;
  const words = (random.pick(lines).split(' | ')[1] ?? '').split(' ').filter((word) => word !== '');
  if (words.length === 0) return undefined;
  const [name = '', kind = 'int'] = random.pick(words).replace('!', '').split(':');
  return [name, kind];
}

function changeAttribute({ random, nodes }: Place): void {
  const node = random.pick(nodes);
  const at = random.below(node.attribute.length + 1);
  const attribute = node.attribute[at];
  if (!attribute || random.chance(0.25)) {
    const declared = declaredAttribute(random, node.opType);
    if (!declared) return;
    const made = create(AttributeProtoSchema, attributeOf(random, ...declared));
    node.attribute = [...node.attribute.filter(({ name }) => name !== made.name), made];
  } else if (random.chance(0.2)) node.attribute.splice(at, 1);
  else if (attribute.type === Kind.INT) attribute.i = big(near(random, Number(attribute.i)));
  else if (attribute.type === Kind.FLOAT) attribute.f = random.pick([0, -1, 1, 0.5, 1e30, Number.NaN, -attribute.f]);
  else if (attribute.type === Kind.STRING) attribute.s = new TextEncoder().encode(random.pick(strings));
  else if (attribute.type === Kind.INTS && attribute.ints.length > 0) {
    const i = random.below(attribute.ints.length);
    if (random.chance(0.2)) attribute.ints.splice(i, 1);
    else if (random.chance(0.25)) attribute.ints.push(attribute.ints[i]!);
    else attribute.ints[i] = big(near(random, Number(attribute.ints[i])));
  } else if (attribute.t) changeTensor(random, attribute.t);
  else if (attribute.g) changeBody(random, attribute.g);
  else if (random.chance(0.5)) attribute.refAttrName = random.pick(['axis', 'alpha', 'nothing']);
}

/** Inputs and outputs of a body, which must fit the node around it. */
function changeBody(random: Random, graph: GraphProto): void {
  const list = random.pick([graph.input, graph.output]);
  if (list.length === 0) return;
  const at = random.below(list.length);
  if (random.chance(0.4)) list.splice(at, 1);
  else if (random.chance(0.5)) list.push(list[at]!);
  else list[at] = create(ValueInfoProtoSchema, info(list[at]!.name, shapeOf(random)));
}

const sizeOf = (dims: readonly bigint[]): number => dims.reduce((product, dim) => product * Number(dim), 1);

/** A tensor of other numbers or another shape, whose data mostly have the length that the shape wants. */
function changeTensor(random: Random, tensor: TensorProto): void {
  const shape = tensor.dims.map(Number);
  const at = random.below(shape.length + 1);
  switch (random.below(4)) {
    case 0:
      if (shape.length > 0) shape[at % shape.length] = Math.max(0, near(random, shape[at % shape.length]!) % 9);
      break;
    case 1:
      shape.splice(at, random.below(2), ...random.some(0, 1, () => random.pick([1, 1, 2, 3])));
      break;
    case 2:
      shape.reverse();
      break;
    default:
  }
  if (random.chance(0.1)) tensor.dims = shape.map(BigInt);
  else if (random.chance(0.12)) tensor.dataType = random.pick([...floatTypes, ...otherTypes, 99]);
  else if (sizeOf(shape.map(BigInt)) <= 4096) {
    const type =
      tensor.dataType === DataType.INT64 ? 'int64' : tensor.dataType === DataType.DOUBLE ? 'float64' : 'float32';
    const kept = tensor.dataType in { [DataType.INT64]: 1, [DataType.DOUBLE]: 1, [DataType.FLOAT]: 1 };
    if (kept)
      Object.assign(tensor, create(TensorProtoSchema, tensorOf(random, tensor.name, type, shape)), {
        rawData: new Uint8Array(),
      });
  }
}

function changeNumbers({ random, graph }: Place): void {
  if (graph.initializer.length > 0) changeTensor(random, random.pick(graph.initializer));
}

/** Sizes, element type or everything of what an input is said to be. */
function changeInput({ random, graph }: Place): void {
  if (graph.input.length === 0) return;
  const at = random.below(graph.input.length);
  const type = graph.input[at]!.type?.value;
  if (type?.case !== 'tensorType' || random.chance(0.05)) {
    graph.input[at] = create(ValueInfoProtoSchema, info(graph.input[at]!.name, shapeOf(random)));
    return;
  }
  const dims = type.value.shape?.dim ?? [];
  if (random.chance(0.15)) type.value.elemType = random.pick([...floatTypes, ...otherTypes]);
  else if (dims.length > 0 && random.chance(0.7)) {
    const dim = random.pick(dims);
    const size = dim.value.case === 'dimValue' ? Number(dim.value.value) : 2;
    dim.value = random.chance(0.2)
      ? { case: 'dimParam', value: random.pick(['N', 'T', '']) }
      : { case: 'dimValue', value: big(near(random, size)) };
  } else if (random.chance(0.5)) dims.reverse();
  else dims.splice(random.below(dims.length + 1), random.below(2));
}

function changeWires({ random, nodes, names }: Place): void {
  const node = random.pick(nodes);
  const at = random.below(node.input.length + 1);
  switch (random.below(6)) {
    case 0:
      node.input.splice(at, 1);
      break;
    case 1:
      node.input.splice(at, 1, '');
      break;
    case 2:
      node.input.splice(at, random.below(2), random.pick(names));
      break;
    case 3:
      node.input.reverse();
      break;
    case 4:
      if (node.output.length > 0) node.output.splice(random.below(node.output.length), 1, random.pick(['', 'new']));
      break;
    default:
      node.output.push(`more${random.below(3)}`);
  }
}

const changeOperator = ({ random, nodes }: Place): void => {
  const node = random.pick(nodes);
  if (random.chance(0.2)) node.domain = random.pick(['ai.onnx', 'com.microsoft', 'ai.onnx.ml', 'own']);
  else node.opType = random.pick(operatorNames);
};

/** What was given is stored, or the other way round. */
function changeStorage({ random, graph }: Place): void {
  if (random.chance(0.3)) {
    const at = random.below(graph.initializer.length + 1);
    const [tensor] = graph.initializer.splice(at, 1);
    if (tensor) graph.input.push(create(ValueInfoProtoSchema, info(tensor.name, tensor.dims, tensor.dataType)));
    return;
  }
  const at = random.below(graph.input.length + 1);
  const type = graph.input[at]?.type?.value;
  if (type?.case !== 'tensorType') return;
  const shape = (type.value.shape?.dim ?? []).map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : 2));
  if (!(shape.every((dim) => dim >= 0) && sizeOf(shape.map((dim) => big(dim))) <= 256)) return;
  const [given] = graph.input.splice(at, 1);
  const float = type.value.elemType === DataType.FLOAT;
  graph.initializer.push(create(TensorProtoSchema, tensorOf(random, given!.name, float ? 'float32' : 'int64', shape)));
}

/** Sizes that no list is to be made of, those of the largest images and texts among them. */
const largeSizes = [1000, 5000, 70_000, 2 ** 20, 2 ** 24, 2 ** 31 - 1, 2 ** 33, 2 ** 40];

/** A size that tensors share, larger wherever it stands: what fits each other still does. Grown numbers are given, not stored. */
function growSize({ random, graph }: Place): void {
  const given = graph.input.flatMap(({ type }) =>
    type?.value.case === 'tensorType' ? (type.value.value.shape?.dim ?? []) : [],
  );
  const stored = graph.initializer.filter(({ dataType }) => floatTypes.includes(dataType));
  const sizes = [
    ...given.flatMap(({ value }) => (value.case === 'dimValue' ? [value.value] : [])),
    ...stored.flatMap(({ dims }) => dims),
  ];
  if (sizes.length === 0) return;
  const size = random.pick(sizes);
  const larger = BigInt(random.pick(largeSizes));
  for (const dim of given)
    if (dim.value.case === 'dimValue' && dim.value.value === size) dim.value = { case: 'dimValue', value: larger };
  const grown = new Set(stored.filter(({ dims }) => dims.includes(size)));
  graph.initializer = graph.initializer.filter((tensor) => !grown.has(tensor));
  for (const { name, dims, dataType } of grown)
    graph.input.push(
      create(
        ValueInfoProtoSchema,
        info(
          name,
          dims.map((dim) => (dim === size ? larger : dim)),
          dataType,
        ),
      ),
    );
}

/** One more node behind what is computed. */
function addNode({ random, graph, names }: Place): void {
  const opType = random.pick(['Relu', 'Softmax', 'ReduceSum', 'Transpose', 'Mul', 'MatMul', 'Exp', ...operatorNames]);
  const input = random.some(1, 2, () => random.pick(names));
  const output = `added${graph.node.length}`;
  graph.node.push(create(NodeProtoSchema, { opType, input, output: [output] }));
  graph.output.push(create(ValueInfoProtoSchema, { name: output }));
}

/** A node as a function of the model, and calls of it. */
function wrapInFunction({ random, model, graph }: Place): void {
  const node = random.pick(graph.node);
  const name = random.pick(['F', 'G']);
  const inner = create(NodeProtoSchema, { ...node, attribute: [...node.attribute] });
  if (random.chance(0.3) && inner.attribute[0])
    inner.attribute[0] = create(AttributeProtoSchema, {
      ...{ name: inner.attribute[0].name, type: inner.attribute[0].type, refAttrName: random.pick(['given', 'axis']) },
    });
  if (random.chance(0.1)) inner.domain = 'own';
  if (random.chance(0.1)) inner.opType = name;
  model.functions.push(
    create(FunctionProtoSchema, {
      ...{ name, domain: 'own', input: [...new Set(node.input)], output: node.output, node: [inner] },
      attribute: random.some(0, 1, () => 'given'),
      opsetImport: random.chance(0.9) ? model.opsetImport : [],
    }),
  );
  Object.assign(node, { opType: name, domain: 'own', attribute: [], input: [...new Set(node.input)] });
  if (random.chance(0.9))
    model.opsetImport = [...model.opsetImport, { ...model.opsetImport[0]!, domain: 'own', version: 1n }];
}

/** Data that lie beside the model. */
function moveData({ random, graph }: Place): void {
  if (graph.initializer.length === 0) return;
  const tensor = random.pick(graph.initializer);
  const numbers = () => String(random.pick<number | string>([0, 4, 8, 16, besideBytes, 'x', '', ...oddNumbers]));
  const entries = [
    ['location', random.pick([beside, beside, beside, '', '.', '../x', `./${beside}`, 'none', '/dev/zero', '\0'])],
  ];
  if (random.chance(0.5)) entries.push(['offset', numbers()]);
  if (random.chance(0.5)) entries.push(['length', random.chance(0.5) ? String(4 * sizeOf(tensor.dims)) : numbers()]);
  if (random.chance(0.2)) entries.push(['checksum', random.pick(['x', '0'.repeat(40)])]);
  tensor.rawData = new Uint8Array();
  tensor.floatData = [];
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
  tensor.externalData = entries.map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
}

/** What exporters write beside the graph: names, who they are, and notes of the program. */
function changeNotes({ random, model, graph, nodes }: Place): void {
  const text = () =>
    random.pick([
      '',
      '%x',
      "['a', 'b']",
      'call_function[target=torch.ops.aten.detach](args = (%x,))',
      '\n',
      '[[',
      '%x : [num_users=1] = call_function[target=torch.ops.aten.mul.Tensor](args = (%x, 2), kwargs = {})',
    ]);
  const keys = ['fx_node', 'class_hierarchy', 'stack_trace', 'name_scopes'].map((key) => `pkg.torch.onnx.${key}`);
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });
  switch (random.below(4)) {
    case 0:
      model.producerName = random.pick(['pytorch', 'tf2onnx', 'keras', 'skl2onnx', 'paddle', '']);
      break;
    case 1:
      random.pick(nodes).metadataProps.push(entry(random.pick([...keys, 'pkg.onnxscript.rewriter.rule_name']), text()));
      break;
    case 2: {
      const name = graph.initializer.length > 0 ? random.pick(graph.initializer).name : 'x';
      const key = random.pick([
        'pkg.torch.export.graph_signature.InputSpec.kind',
        'pkg.onnxscript.optimizer.folded_from',
      ]);
      const metadataProps = [entry(key, random.pick(['PARAMETER', 'BUFFER', 'CONSTANT_TENSOR', text()]))];
      graph.valueInfo.push(create(ValueInfoProtoSchema, { name, metadataProps }));
      break;
    }
    default: {
      if (graph.initializer.length === 0) return;
      const tensor = random.pick(graph.initializer);
      const name = random.pick(parameterNames);
      for (const node of nodes) node.input = node.input.map((each) => (each === tensor.name ? name : each));
      tensor.name = name;
    }
  }
}

/** Another model behind this one, fed with what this one gives. */
function append(random: Random, model: ModelProto, next: ModelProto): void {
  const [graph, other] = [model.graph!, next.graph!];
  const given = graph.output.map(({ name }) => name);
  const fed = new Map(other.input.slice(0, given.length).map(({ name }, i) => [name, given[i]!]));
  const renamed = (name: string) => (name === '' ? '' : (fed.get(name) ?? `next_${name}`));
  for (const node of nodesIn(other)) {
    node.input = node.input.map(renamed);
    node.output = node.output.map(renamed);
  }
  for (const list of [other.initializer, other.input, other.output])
    for (const each of list) each.name = renamed(each.name);
  graph.node.push(...other.node);
  graph.initializer.push(...other.initializer);
  graph.input.push(...other.input.slice(given.length));
  graph.output = random.chance(0.5) ? other.output : [...graph.output, ...other.output];
}

const changes: readonly (readonly [number, (place: Place) => void])[] = [
  [5, changeAttribute],
  [4, changeInput],
  [3, changeNumbers],
  [3, changeWires],
  [2, changeStorage],
  [2, addNode],
  [2, growSize],
  [1, changeOperator],
  [1, wrapInFunction],
  [1, moveData],
  [1, changeNotes],
  [
    1,
    ({ random, model }) => {
      const [main] = model.opsetImport;
      if (main) main.version = random.pick([7n, 9n, 10n, 11n, 13n, 15n, 18n, 21n, 23n, 25n, 26n, 1n, 99n]);
    },
  ],
];
const weighted = changes.flatMap(([weight, change]) => Array.from({ length: weight }, () => change));

/** The models of `bytes` and `more`, one behind the other or alone, with one to three places changed; undefined where it is none. */
export function changedModel(random: Random, bytes: Uint8Array, more: Uint8Array): Uint8Array | undefined {
  const model = parsed(bytes);
  if (!model) return undefined;
  const next = random.chance(0.15) ? parsed(more) : undefined;
  if (next) append(random, model, next);
  for (let i = random.below(4); i > 0; i--) {
    const graph = model.graph!;
    const nodes = nodesIn(graph);
    const names = [...graph.input, ...graph.initializer, ...graph.output].map(({ name }) => name);
    names.push(...graph.node.flatMap(({ output }) => output));
    if (nodes.length === 0 || names.length === 0) break;
    random.pick(weighted)({ random, model, graph, nodes, names });
  }
  return toBinary(ModelProtoSchema, model);
}

function parsed(bytes: Uint8Array): ModelProto | undefined {
  try {
    const model = fromBinary(ModelProtoSchema, bytes);
    return model.graph && model.graph.node.length > 0 ? model : undefined;
  } catch {
    return undefined;
  }
}

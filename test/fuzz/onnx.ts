import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AttributeProtoSchema } from 'onnx-buf';
import { operators } from '../../extension/autodiff/decompositions/index.ts';
import { gradient, vectorJacobianProduct } from '../../extension/autodiff/gradient.ts';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { describeBlockers } from '../../extension/engine/blockers.ts';
import { inspectModel } from '../../extension/engine/modelReport.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import { instantiate } from '../../extension/onnx/instantiate.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import schemas from '../../extension/onnx/schemas.json';
import { elementCount, isFloat } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { DataType, info, Kind, linear, type Node, type TensorInit } from '../onnx/files.ts';
import { foreign, mutateBytes, oddNumbers, type Random, type Target } from './target.ts';

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

const names = Object.keys(schemas.operators);
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = schemas.operators;
const words =
  'SAME_UPPER SAME_LOWER VALID NOTSET reflect edge wrap constant linear cubic nearest align_corners asymmetric half_pixel ' +
  'tf_crop_and_resize floor ceil DCR CRD tanh none add mul mean sum bidirectional reverse forward Tanh Relu constructor ' +
  'ij,jk->ik ...i,i->... ii->i stretch not_larger';
const strings = [...words.split(' '), '', '->', 'a→b'];
const codes: Readonly<Record<string, DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  int64: DataType.INT64,
  int32: DataType.INT32,
  bool: DataType.BOOL,
  uint8: DataType.UINT8,
};

/** Shapes that often fit each other. */
const shapeOf = (random: Random): number[] =>
  random.chance(0.5)
    ? random.pick([[2], [2, 3], [3, 2], [3], [1, 2, 4], [2, 2, 4, 4], [2, 2, 3, 3], [1, 4, 4], []])
    : random.some(0, 5, () => random.pick([1, 1, 2, 2, 3, 4, 5, 0]));

function tensorOf(random: Random, name: string, type: string, shape = shapeOf(random)): TensorInit {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const numbers = Array.from({ length: count }, () =>
    random.chance(0.15) ? random.pick(oddNumbers) : random.pick([-2, -1, 0, 1, 1, 2, 2, 3, 4]),
  );
  const dims = shape.map(BigInt);
  switch (type) {
    case 'float64':
      return { name, dims, dataType: DataType.DOUBLE, doubleData: numbers };
    case 'int64':
      return { name, dims, dataType: DataType.INT64, int64Data: numbers.map((x) => BigInt(Math.trunc(x))) };
    case 'float32':
      return { name, dims, dataType: DataType.FLOAT, floatData: numbers };
    default:
      return { name, dims, dataType: codes[type] ?? DataType.BOOL, int32Data: numbers.map((x) => Math.abs(x) % 2) };
  }
}

const ofType = (random: Random, set: string | undefined): string => {
  const allowed = set?.split(' ').filter((type) => type in codes) ?? ['float32'];
  return allowed.includes('float32') && random.chance(0.85)
    ? 'float32'
    : random.pick(allowed.length > 0 ? allowed : ['float32']);
};

function attributeOf(random: Random, name: string, declared: string): AttributeInit {
  const kind = random.chance(0.03) ? random.pick(['int', 'ints', 'float', 'string', 'tensor']) : declared;
  const int = () =>
    BigInt(Math.trunc(random.chance(0.1) ? random.pick(oddNumbers) : random.pick([-2, -1, 0, 0, 1, 1, 1, 2, 2, 3, 4])));
  const string = () => new TextEncoder().encode(random.pick(strings));
  switch (kind) {
    case 'int':
      return { name, type: Kind.INT, i: int() };
    case 'ints':
      return { name, type: Kind.INTS, ints: random.some(0, 4, int) };
    case 'float':
      return { name, type: Kind.FLOAT, f: random.pick([0, 1, -1, 0.5, 1e-5, 1e30, Number.NaN]) };
    case 'floats':
      return { name, type: Kind.FLOATS, floats: random.some(0, 4, () => random.pick([0, 1, 2, 0.5, -1])) };
    case 'string':
      return { name, type: Kind.STRING, s: string() };
    case 'strings':
      return { name, type: Kind.STRINGS, strings: random.some(0, 3, string) };
    case 'tensor':
      return { name, type: Kind.TENSOR, t: tensorOf(random, '', ofType(random, undefined)) as never };
    case 'graph': {
      const inner = random.some(0, 3, () => random.pick(['i', 'c', 's', 'x', 'w']));
      const nodes: Node[] = [
        { opType: random.pick(['Tanh', 'Identity', 'Neg']), input: [random.pick([...inner, 'x'])], output: ['o'] },
      ];
      const g = {
        name: 'body',
        node: nodes,
        input: [...new Set(inner)].map((each) => ({ name: each })),
        output: random.some(0, 3, () => ({ name: random.pick(['o', 'c', 'x']) })),
      };
      return { name, type: Kind.GRAPH, g: g as never };
    }
    default:
      return { name, type: Kind.INT, i: int() };
  }
}

/** A model of a few nodes that mostly keep to the schemas of their operators. */
function modelOf(random: Random): Uint8Array {
  const opset = random.pick([7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26]);
  const initializer: TensorInit[] = [tensorOf(random, 'w', 'float32')];
  const known = ['x', 'w'];
  const nodes: Node[] = [];
  const operatorOf = () => {
    const opType = random.pick(names);
    const versions = Object.entries(table[opType]!);
    return { opType, line: (versions.findLast(([since]) => Number(since) <= opset) ?? versions[0]!)[1] };
  };
  for (let i = 1 + random.below(3); i > 0; i--) {
    const { opType, line } = operatorOf();
    const [sides = '', declared = '', variables = ''] = line.split(' | ');
    const sets = new Map(variables.split(' ').map((word) => word.split('=') as [string, string]));
    const split = (side: string) => side.split(' ').filter((word) => word !== '');
    const [inputs = [], outputs = []] = ` ${sides} `.split(' > ').map(split);
    const input = inputs.flatMap((word): string[] => {
      const [name = '', type = ''] = word.split(':');
      if (name.endsWith('?') && random.chance(0.5)) return [''];
      const one = (): string => {
        const set = schemas.types[Number(sets.get(type) ?? type)];
        if (set?.includes('float32') && random.chance(0.7)) return random.pick(known);
        const fresh = `c${initializer.length}`;
        const short = set === 'int64' || random.chance(0.3);
        initializer.push(
          tensorOf(
            random,
            fresh,
            ofType(random, set),
            short ? random.pick([[], [1], [2], [3], [4], [6], [8]]) : undefined,
          ),
        );
        return fresh;
      };
      return /[*+]$/.test(name) ? random.some(0, 3, one) : [one()];
    });
    while (input.at(-1) === '') input.pop();
    const made = outputs.flatMap((word, k) =>
      /[?]/.test(word) && random.chance(0.6)
        ? []
        : /[*+]/.test(word)
          ? random.some(1, 3, () => `${i}_${nodes.length}_${k}_${random.below(1000)}`)
          : [`${i}_${nodes.length}_${k}`],
    );
    const output = [...new Set(made)];
    const attribute = declared.split(' ').flatMap((word) => {
      const [name = '', kind = ''] = word.split(':');
      if (name === '' || (!name.endsWith('!') && random.chance(0.55)))
        return random.chance(0.01) ? [attributeOf(random, 'odd', 'int')] : [];
      return [attributeOf(random, name.replace('!', ''), kind)];
    });
    nodes.push({ opType, input, output, attribute: attribute as never });
    known.push(...output);
  }
  const outputs = known.slice(2);
  const input = [
    info(
      'x',
      shapeOf(random).map((dim, i) => (i === 0 && random.chance(0.3) ? 'N' : dim)),
    ),
  ];
  return linear({ node: nodes, initializer, input, output: outputs.map((name) => ({ name })) } as never, {
    opsetImport: [{ domain: '', version: BigInt(opset) }],
  });
}

/** Everything that is done with a model up to the runtime: its report, its derivatives, the files of both precisions. */
function run(bytes: Uint8Array): void {
  const model = decodeModel(bytes, 'm.onnx');
  const report = inspectModel(model, operators, {} as never);
  if (report.blockers.length > 0) describeBlockers(model, report.blockers, []);
  for (const { opType, unforeseen, reason } of report.blockers) {
    // No definition foresaw what the operator was given, and a general sentence stands in.
    if (unforeseen) throw new Error(`${opType}: ${unforeseen.message}`, { cause: unforeseen });
    if (foreign.test(reason)) throw new InspectorError(reason);
  }
  const b = new GraphBuilder();
  const parameters = new Map(
    [...model.graph.initializers.values()]
      .filter(({ type, shape }) => type && isFloat(type) && elementCount(shape) > 0)
      .map(({ name, shape }) => [name, b.input(name, 'float32', shape)]),
  );
  const inputs = new Map(
    model.graph.inputs.flatMap(({ name, type, dims }) =>
      type
        ? [
            [
              name,
              b.input(
                name,
                isFloat(type) ? 'float32' : type,
                (dims ?? []).map((dim) => (typeof dim === 'number' ? dim : 2)),
              ),
            ] as const,
          ]
        : [],
    ),
  );
  const { outputs, blockers } = instantiate(b, model, operators, { inputs, parameters, floatType: 'float32' });
  const floats = [...outputs.values()].filter((value) => isFloat(value.type) && elementCount(value.shape) < 1e6);
  if (floats.length === 0 || blockers.length > 0) return;
  const wrt = [...parameters.values()];
  const scalar = floats.map((y) => b.reduceSum(b.mul(y, y))).reduce(b.add);
  const gradients = gradient(b, scalar, wrt);
  const products = vectorJacobianProduct(b, gradients, wrt, wrt);
  for (const values of [gradients, products]) {
    const graph = { scope: b, inputs: b.inputs, outputs: values.map((value, i) => ({ name: `out${i}`, value })) };
    for (const device of ['cpu', 'cuda', 'webgpu'] as const) encodeModel(lower(graph, device));
  }
}

export const onnx: Target = {
  seeds: [linear()],
  make: (random, seed) =>
    random.chance(0.15) ? mutateBytes(random, random.chance(0.5) ? seed : modelOf(random)) : modelOf(random),
  run,
};

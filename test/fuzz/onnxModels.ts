import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AttributeProtoSchema } from 'onnx-buf';
import schemas from '../../extension/onnx/schemas.json';
import { DataType, info, Kind, linear, type Node, type TensorInit } from '../onnx/files.ts';
import { oddNumbers, type Random } from './target.ts';

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

export const operatorNames = Object.keys(schemas.operators);
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = schemas.operators;
const words =
  'SAME_UPPER SAME_LOWER VALID NOTSET reflect edge wrap constant linear cubic nearest align_corners asymmetric half_pixel ' +
  'tf_crop_and_resize floor ceil DCR CRD tanh none add mul mean sum bidirectional reverse forward Tanh Relu constructor ' +
  'ij,jk->ik ...i,i->... ii->i stretch not_larger';
export const strings = [...words.split(' '), '', '->', 'a→b'];
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
export const shapeOf = (random: Random): number[] =>
  random.chance(0.5)
    ? random.pick([[2], [2, 3], [3, 2], [3], [1, 2, 4], [2, 2, 4, 4], [2, 2, 3, 3], [1, 4, 4], []])
    : random.some(0, 5, () => random.pick([1, 1, 2, 2, 3, 4, 5, 0]));

/** A small tensor of numbers that mean something to operators. */
export function tensorOf(random: Random, name: string, type: string, shape = shapeOf(random)): TensorInit {
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

/** An attribute of mostly the kind that is declared. */
export function attributeOf(random: Random, name: string, declared: string): AttributeInit {
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
export function modelOf(random: Random): Uint8Array {
  const opset = random.pick([7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26]);
  const initializer: TensorInit[] = [tensorOf(random, 'w', 'float32')];
  const known = ['x', 'w'];
  const nodes: Node[] = [];
  const operatorOf = () => {
    const opType = random.pick(operatorNames);
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

import type { Dataset } from '../../extension/datasets/dataset.ts';
import type { Attribute, Initializer, Model, ModelNode } from '../../extension/onnx/model.ts';
import { elementCount, type FloatType, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';

/** Networks and data made in memory for tests and benchmarks: random numbers, real shapes. */

const random = (() => {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
})();

function tensor(shape: readonly number[], scale: number): Tensor<'float32'> {
  const data = new Float32Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = random() * 2 * scale;
  return { type: 'float32', shape, data };
}

export class ModelBuilder {
  private readonly nodes: ModelNode[] = [];
  private readonly initializers = new Map<string, Initializer>();

  constructor(private readonly type: FloatType = 'float32') {}

  /** An initializer with given values. */
  values(name: string, shape: readonly number[], values: readonly number[]): string {
    const value = tensorOf(this.type, shape, values);
    this.initializers.set(name, { name, type: this.type, typeName: this.type, shape, read: () => value });
    return name;
  }

  /** A one-dimensional int64 initializer. */
  integers(name: string, values: readonly number[]): string {
    const value = tensorOf('int64', [values.length], values);
    this.initializers.set(name, { name, type: 'int64', typeName: 'int64', shape: value.shape, read: () => value });
    return name;
  }

  weight(name: string, shape: readonly number[], fanIn: number): string {
    return this.values(name, shape, tensor(shape, 1 / Math.sqrt(fanIn)).data as unknown as number[]);
  }

  node(opType: string, inputs: string[], attributes: Record<string, number | readonly number[]> = {}): string {
    const name = `${opType}_${this.nodes.length}`;
    const entries = Object.entries(attributes).map(([key, value]): [string, Attribute] => [
      key,
      typeof value === 'number' ? { kind: 'int', value } : { kind: 'ints', value },
    ]);
    this.nodes.push({ name, opType, domain: '', inputs, outputs: [name], attributes: new Map(entries) });
    return name;
  }

  /** The parts of a value along an axis; `sizes` names an initializer with their lengths. */
  split(x: string, sizes: string, count: number, axis: number): string[] {
    const outputs = Array.from({ length: count }, (_, i) => `Split_${this.nodes.length}_${i}`);
    const attributes = new Map<string, Attribute>([['axis', { kind: 'int', value: axis }]]);
    this.nodes.push({ name: outputs[0], opType: 'Split', domain: '', inputs: [x, sizes], outputs, attributes });
    return outputs;
  }

  linear(x: string, name: string, inputs: number, outputs: number): string {
    return this.node(
      'Gemm',
      [x, this.weight(`${name}.weight`, [outputs, inputs], inputs), this.weight(`${name}.bias`, [outputs], inputs)],
      { transB: 1 },
    );
  }

  conv(x: string, name: string, inputs: number, outputs: number, kernel = 3, stride = 1): string {
    const pad = (kernel - 1) / 2;
    const fan = inputs * kernel * kernel;
    const weights = [
      this.weight(`${name}.weight`, [outputs, inputs, kernel, kernel], fan),
      this.weight(`${name}.bias`, [outputs], fan),
    ];
    return this.node('Conv', [x, ...weights], {
      kernel_shape: [kernel, kernel],
      pads: [pad, pad, pad, pad],
      strides: [stride, stride],
    });
  }

  /**
   * @param batch the first dimension of the input: a name, or a number for a model bound to it
   * @param type of the input; the model's own, if not given
   */
  model(
    input: readonly number[],
    output: string,
    batch: string | number = 'N',
    type: FloatType | 'int64' = this.type,
  ): Model {
    return {
      irVersion: 8,
      opsets: new Map([['', 20]]),
      producer: 'benchmark',
      functions: new Map(),
      graph: {
        name: 'benchmark',
        nodes: this.nodes,
        initializers: this.initializers,
        inputs: [{ name: 'x', type, typeName: type, dims: [batch, ...input] }],
        outputs: [{ name: output, type: this.type, typeName: this.type, dims: undefined }],
      },
    };
  }
}

/** The sizes of a network with fully connected layers and GELU between them; 784-512-512-10 is the network of the comparison. */
export function mlp(sizes: readonly number[]): Model {
  const m = new ModelBuilder();
  let x = 'x';
  sizes.slice(1).forEach((size, i) => {
    x = m.linear(x, `${2 * i}`, sizes[i], size);
    if (i < sizes.length - 2) x = m.node('Gelu', [x]);
  });
  return m.model([sizes[0]], x);
}

/** The first paper's CNN with 16-16-32-32 channels, SiLU and a linear layer of 128, for 3×32×32 images. */
export function cnn(): Model {
  const m = new ModelBuilder();
  const silu = (x: string) => m.node('Mul', [x, m.node('Sigmoid', [x])]);
  const pool = (x: string) => m.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
  let x = silu(m.conv('x', '0', 3, 16));
  x = pool(silu(m.conv(x, '2', 16, 16)));
  x = silu(m.conv(x, '5', 16, 32));
  x = pool(silu(m.conv(x, '7', 32, 32)));
  x = pool(x);
  x = silu(m.linear(m.node('Flatten', [x]), '12', 512, 128));
  return m.model([3, 32, 32], m.linear(x, '14', 128, 10));
}

/** A residual bottleneck of a ResNet for CIFAR: stem of 64, 1×1–3×3–1×1 with 64, 64 and 256 channels, shortcut, pooled. */
export function resnetBlock(): Model {
  const m = new ModelBuilder();
  const relu = (x: string) => m.node('Relu', [x]);
  const stem = relu(m.conv('x', 'stem', 3, 64));
  const first = relu(m.conv(stem, 'conv1', 64, 64, 1));
  const second = relu(m.conv(first, 'conv2', 64, 64));
  const third = m.conv(second, 'conv3', 64, 256, 1);
  const sum = relu(m.node('Add', [third, m.conv(stem, 'shortcut', 64, 256, 1)]));
  const pooled = m.node('Flatten', [m.node('GlobalAveragePool', [sum])]);
  return m.model([3, 32, 32], m.linear(pooled, 'fc', 256, 10));
}

export interface GptSize {
  readonly vocabulary: number;
  readonly width: number;
  /** Tokens of a sequence. */
  readonly length: number;
  readonly layers: number;
}

/** A decoder with learned positions, pre-normalised blocks of causal attention (heads of 16) and GELU, and an untied head. */
export function gpt({ vocabulary, width, length, layers }: GptSize): Model {
  const m = new ModelBuilder();
  const heads = width / 16;
  const norm = (x: string, name: string) =>
    m.node('LayerNormalization', [
      x,
      m.values(`${name}.weight`, [width], new Array(width).fill(1)),
      m.values(`${name}.bias`, [width], new Array(width).fill(0)),
    ]);
  const linear = (x: string, name: string, inputs: number, outputs: number) =>
    m.node('Add', [
      m.node('MatMul', [x, m.weight(`${name}.weight`, [inputs, outputs], inputs)]),
      m.weight(`${name}.bias`, [outputs], inputs),
    ]);
  const mask = Array.from({ length: length ** 2 }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0));
  m.values('mask', [length, length], mask);
  m.values('scale', [], [0.25]);
  m.integers('apart', [0, length, heads, 16]);
  m.integers('together', [0, length, width]);
  let x = m.node('Gather', [m.weight('tokens', [vocabulary, width], 4), 'x']);
  x = m.node('Add', [x, m.weight('places', [length, width], 4)]);
  for (let i = 0; i < layers; i++) {
    const input = norm(x, `${i}.norm1`);
    const part = (name: string, perm: readonly number[]) =>
      m.node('Transpose', [m.node('Reshape', [linear(input, `${i}.${name}`, width, width), 'apart'])], { perm });
    const [query, key, value] = [part('query', [0, 2, 1, 3]), part('key', [0, 2, 3, 1]), part('value', [0, 2, 1, 3])];
    const scores = m.node('Add', [m.node('Mul', [m.node('MatMul', [query, key]), 'scale']), 'mask']);
    const mixed = m.node('MatMul', [m.node('Softmax', [scores], { axis: -1 }), value]);
    const merged = m.node('Reshape', [m.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), 'together']);
    x = m.node('Add', [x, linear(merged, `${i}.out`, width, width)]);
    const hidden = m.node('Gelu', [linear(norm(x, `${i}.norm2`), `${i}.widen`, width, 4 * width)]);
    x = m.node('Add', [x, linear(hidden, `${i}.narrow`, 4 * width, width)]);
  }
  const head = m.weight('head', [width, vocabulary], width);
  return m.model([length], m.node('MatMul', [norm(x, 'norm'), head]), 'N', 'int64');
}

/** Random sequences, each token labelled with another. */
export function sequences(count: number, { vocabulary, length }: GptSize): Dataset {
  const drawn = (): Tensor<'int64'> => ({
    type: 'int64',
    shape: [count, length],
    data: BigInt64Array.from({ length: count * length }, () => BigInt(Math.floor((random() + 0.5) * vocabulary))),
  });
  return { arrays: new Map<string, Tensor>([['x', drawn()], ['y', drawn()]]), files: [], format: 'made' }; // biome-ignore format: one line
}

/** Random samples and labels of ten classes. */
export function samples(count: number, shape: readonly number[]): Dataset {
  const labels = BigInt64Array.from({ length: count }, () => BigInt(Math.floor((random() + 0.5) * 10) % 10));
  return {
    arrays: new Map<string, Tensor>([
      ['x', tensor([count, ...shape], 1)],
      ['y', { type: 'int64', shape: [count], data: labels }],
    ]),
    files: [],
    format: 'made',
  };
}

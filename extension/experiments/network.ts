import type { Attribute, Initializer, Model, ModelNode } from '../onnx/model.ts';
import { allocate, type FloatType, type Tensor } from '../onnx/tensor.ts';
import { Random } from './random.ts';

/**
 * A multilayer perceptron as a model: `sizes` are the widths from the input to the output, with the activation between
 * them. Weights and biases are uniform in ±1/√fan_in, PyTorch's initialisation of nn.Linear.
 */
export function multilayerPerceptron(
  sizes: readonly number[],
  activation: 'Gelu' | 'Tanh' | 'Relu',
  seed: number,
  type: FloatType,
): Model {
  const layers = new Layers(seed, type);
  const last = sizes.length - 2;
  for (let layer = 0; layer <= last; layer++) {
    layers.linear(`layer${layer + 1}`, sizes[layer], sizes[layer + 1]);
    if (layer < last) layers.add(activation);
  }
  return layers.model([sizes[0]], sizes[sizes.length - 1]);
}

/**
 * The convolutional network of Cattaneo, Klusowski, Shigida (ICML 2024): up to three blocks of two 3×3 convolutions with
 * ReLU and a 2×2 max pool, with width, 2·width and 4·width channels, and two linear layers with 16·width units between
 * them. Width 32 on 3×32×32 images is theirs (1,341,226 parameters).
 */
export function convolutionalNetwork(
  [channels, height, width]: readonly [number, number, number],
  units: number,
  classes: number,
  seed: number,
  type: FloatType,
): Model {
  const layers = new Layers(seed, type);
  let [c, h, w] = [channels, height, width];
  for (let block = 0; block < 3 && Math.min(h, w) >= 4; block++) {
    const next = units * 2 ** block;
    for (const [i, from] of [c, next].entries()) {
      layers.convolution(`block${block + 1}.conv${i + 1}`, from, next);
      layers.add('Relu');
    }
    layers.add('MaxPool', ints({ kernel_shape: [2, 2], strides: [2, 2] }));
    [c, h, w] = [next, Math.floor(h / 2), Math.floor(w / 2)];
  }
  layers.add('Flatten');
  layers.linear('linear1', c * h * w, 16 * units);
  layers.add('Relu');
  layers.linear('linear2', 16 * units, classes);
  return layers.model([channels, height, width], classes);
}

const ints = (values: Readonly<Record<string, readonly number[]>>): ReadonlyMap<string, Attribute> =>
  new Map(Object.entries(values).map(([name, value]) => [name, { kind: 'ints', value }]));

/** A chain of layers with PyTorch's initialisation. */
class Layers {
  private readonly random: Random;
  private readonly initializers = new Map<string, Initializer>();
  private readonly nodes: ModelNode[] = [];
  private current = 'x';

  constructor(
    seed: number,
    private readonly type: FloatType,
  ) {
    this.random = new Random(seed);
  }

  linear(name: string, fanIn: number, fanOut: number): void {
    const inputs = this.weights(name, [fanOut, fanIn], fanIn);
    this.add('Gemm', new Map([['transB', { kind: 'int', value: 1 }]]), inputs);
  }

  convolution(name: string, from: number, to: number): void {
    const inputs = this.weights(name, [to, from, 3, 3], 9 * from);
    this.add('Conv', ints({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] }), inputs);
  }

  add(opType: string, attributes: ReadonlyMap<string, Attribute> = new Map(), inputs: readonly string[] = []): void {
    const output = `v${this.nodes.length + 1}`;
    this.nodes.push({
      name: `${opType}_${output}`,
      opType,
      domain: '',
      inputs: [this.current, ...inputs],
      outputs: [output],
      attributes,
    });
    this.current = output;
  }

  model(sample: readonly number[], classes: number): Model {
    const float = (name: string, dims: readonly (number | string)[]) => ({
      name,
      type: this.type,
      typeName: this.type,
      dims,
    });
    return {
      irVersion: 9,
      opsets: new Map([['', 20]]),
      producer: 'optimizer-bias-inspector',
      functions: new Map(),
      graph: {
        name: 'network',
        nodes: this.nodes,
        initializers: this.initializers,
        inputs: [float('x', ['N', ...sample])],
        outputs: [float(this.current, ['N', classes])],
      },
    };
  }

  /** Weight and bias, uniform in ±1/√fan_in. */
  private weights(name: string, shape: readonly number[], fanIn: number): string[] {
    const bound = 1 / Math.sqrt(fanIn);
    const [weight, bias] = [`${name}.weight`, `${name}.bias`];
    this.initializers.set(weight, initializer(weight, uniform(this.random, bound, shape, this.type)));
    this.initializers.set(bias, initializer(bias, uniform(this.random, bound, [shape[0]], this.type)));
    return [weight, bias];
  }
}

const initializer = (name: string, tensor: Tensor): Initializer => ({
  name,
  type: tensor.type,
  typeName: tensor.type,
  shape: tensor.shape,
  read: () => tensor,
});

function uniform(random: Random, bound: number, shape: readonly number[], type: FloatType): Tensor {
  const data = allocate(
    type,
    shape.reduce((product, dim) => product * dim, 1),
  );
  for (let i = 0; i < data.length; i++) data[i] = (2 * random.uniform() - 1) * bound;
  return { type, shape, data };
}

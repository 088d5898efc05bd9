import { Random } from '../../jobs/random.ts';
import type { Attribute, Initializer, Model, ModelNode, Origin } from '../../onnx/model.ts';
import { allocate, elementCount, type FloatType, type Shape, type Tensor, tensorOf } from '../../onnx/tensor.ts';

/** How a tensor of weights begins. */
export type Initialisation =
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number };

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Attributes that are floating-point numbers; other single numbers are integers. */
const floats: ReadonlySet<string> = new Set(['epsilon']);

/**
 * Builds a network as a model, layer by layer, with weights drawn from a seed. Every method adds nodes and returns the name
 * of its output; the input is `x`, [N, …sample].
 */
export class NetworkBuilder {
  private readonly random: Random;
  private readonly initializers = new Map<string, Initializer>();
  private readonly nodes: ModelNode[] = [];

  constructor(
    seed: number,
    private readonly type: FloatType,
  ) {
    this.random = new Random(seed);
  }

  node(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = `v${this.nodes.length + 1}`;
    const name = `${opType}_${output}`;
    const typed = Object.entries(attributes).map(([key, value]): [string, Attribute] => [
      key,
      typeof value !== 'number' ? { kind: 'ints', value } : { kind: floats.has(key) ? 'float' : 'int', value },
    ]);
    this.nodes.push({ name, opType, domain: '', inputs, outputs: [output], attributes: new Map(typed) });
    return output;
  }

  /** y = x·Wᵀ + b on samples of one axis; uniform in ±1/√fan_in, as PyTorch's nn.Linear. */
  linear(name: string, x: string, fanIn: number, fanOut: number): string {
    const [weight, bias] = this.weightAndBias(name, [fanOut, fanIn], fanIn);
    return this.node('Gemm', [x, weight, bias], { transB: 1 });
  }

  /** The same on the last of any number of axes. */
  linearOnLast(name: string, x: string, fanIn: number, fanOut: number, biased = true): string {
    const initialisation = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) } as const;
    const weight = this.parameter(`${name}.weight`, [fanIn, fanOut], initialisation);
    const product = this.node('MatMul', [x, weight]);
    return biased ? this.node('Add', [product, this.parameter(`${name}.bias`, [fanOut], initialisation)]) : product;
  }

  /** A 3×3 convolution with bias that keeps the size; uniform in ±1/√fan_in, as PyTorch's nn.Conv2d. */
  convolution(name: string, x: string, from: number, to: number): string {
    const [weight, bias] = this.weightAndBias(name, [to, from, 3, 3], 9 * from);
    return this.node('Conv', [x, weight, bias], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
  }

  /**
   * A convolution without bias and BatchNormalization behind it, the former normal with deviation √(2/fan_out) (He et al.,
   * as torchvision's ResNets), the latter the identity.
   */
  normalisedConvolution(name: string, x: string, from: number, to: number, kernel: number, stride = 1): string {
    const deviation = Math.sqrt(2 / (to * kernel * kernel));
    const weight = this.parameter(`${name}.weight`, [to, from, kernel, kernel], { kind: 'normal', deviation });
    const pad = (kernel - 1) / 2;
    const y = this.node('Conv', [x, weight], {
      kernel_shape: [kernel, kernel],
      pads: [pad, pad, pad, pad],
      strides: [stride, stride],
    });
    const channels = (part: string, value: number, kind: 'parameter' | 'buffer') =>
      this.parameter(`${name}.norm.${part}`, [to], { kind: 'constant', value }, kind);
    const [scale, shift] = [channels('weight', 1, 'parameter'), channels('bias', 0, 'parameter')];
    const [mean, variance] = [channels('running_mean', 0, 'buffer'), channels('running_var', 1, 'buffer')];
    return this.node('BatchNormalization', [y, scale, shift, mean, variance], { epsilon: 1e-5 });
  }

  /** LayerNormalization over the last axis, at first the identity. */
  layerNormalisation(name: string, x: string, size: number): string {
    const scale = this.parameter(`${name}.weight`, [size], { kind: 'constant', value: 1 });
    const shift = this.parameter(`${name}.bias`, [size], { kind: 'constant', value: 0 });
    return this.node('LayerNormalization', [x, scale, shift], { axis: -1, epsilon: 1e-5 });
  }

  /** `0` keeps an axis and `-1` takes what is left, as in ONNX. */
  reshape(x: string, shape: readonly number[]): string {
    return this.node('Reshape', [x, this.constant(tensorOf('int64', [shape.length], shape.map(BigInt)))]);
  }

  /** A constant that is not trained. */
  constant(tensor: Tensor): string {
    const name = `constant${this.initializers.size}`;
    this.initializers.set(name, initializer(name, tensor, { kind: 'constant' }));
    return name;
  }

  parameter(
    name: string,
    shape: Shape,
    initialisation: Initialisation,
    kind: 'parameter' | 'buffer' = 'parameter',
  ): string {
    const data = allocate(this.type, elementCount(shape));
    const draw = {
      uniform: (bound: number) => () => (2 * this.random.uniform() - 1) * bound,
      normal: (deviation: number) => () => this.random.normal() * deviation,
      constant: (value: number) => () => value,
    };
    const next =
      initialisation.kind === 'uniform'
        ? draw.uniform(initialisation.bound)
        : initialisation.kind === 'normal'
          ? draw.normal(initialisation.deviation)
          : draw.constant(initialisation.value);
    for (let i = 0; i < data.length; i++) data[i] = next();
    this.initializers.set(name, initializer(name, { type: this.type, shape, data }, { kind }));
    return name;
  }

  /** The model with one output, [N, classes]. */
  model(sample: readonly number[], output: string, classes: number): Model {
    const float = (name: string, dims: readonly (number | string)[]) => ({
      ...{ name, dims },
      ...{ type: this.type, typeName: this.type },
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
        outputs: [float(output, ['N', classes])],
      },
    };
  }

  private weightAndBias(name: string, shape: Shape, fanIn: number): [string, string] {
    const initialisation = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) } as const;
    const weight = this.parameter(`${name}.weight`, shape, initialisation);
    return [weight, this.parameter(`${name}.bias`, [shape[0]], initialisation)];
  }
}

const initializer = (name: string, tensor: Tensor, origin: Origin): Initializer => ({
  name,
  type: tensor.type,
  typeName: tensor.type,
  shape: tensor.shape,
  origin,
  read: () => tensor,
});

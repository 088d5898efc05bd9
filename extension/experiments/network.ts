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
  const random = new Random(seed);
  const initializers = new Map<string, Initializer>();
  const nodes: ModelNode[] = [];
  let current = 'x';
  const last = sizes.length - 2;
  for (let layer = 0; layer <= last; layer++) {
    const [fanIn, fanOut] = [sizes[layer], sizes[layer + 1]];
    const bound = 1 / Math.sqrt(fanIn);
    const [weight, bias] = [`layer${layer + 1}.weight`, `layer${layer + 1}.bias`];
    initializers.set(weight, initializer(weight, uniform(random, bound, [fanOut, fanIn], type)));
    initializers.set(bias, initializer(bias, uniform(random, bound, [fanOut], type)));
    const product = layer === last ? 'logits' : `z${layer + 1}`;
    nodes.push(node('Gemm', [current, weight, bias], product, new Map([['transB', { kind: 'int', value: 1 }]])));
    current = product;
    if (layer < last) {
      current = `a${layer + 1}`;
      nodes.push(node(activation, [product], current, new Map()));
    }
  }
  const float = (name: string, size: number) => ({ name, type, typeName: type, dims: ['N', size] });
  return {
    irVersion: 9,
    opsets: new Map([['', 20]]),
    producer: 'optimizer-bias-inspector',
    functions: new Map(),
    graph: {
      name: 'network',
      nodes,
      initializers,
      inputs: [float('x', sizes[0])],
      outputs: [float('logits', sizes[sizes.length - 1])],
    },
  };
}

function node(opType: string, inputs: string[], output: string, attributes: ReadonlyMap<string, Attribute>): ModelNode {
  return { name: `${opType}_${output}`, opType, domain: '', inputs, outputs: [output], attributes };
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

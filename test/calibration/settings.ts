import { convolutionalNetwork } from '../../extension/experiments/networks/convolutional.ts';
import { multilayerPerceptron } from '../../extension/experiments/networks/multilayerPerceptron.ts';
import { residualNetwork } from '../../extension/experiments/networks/residual.ts';
import { visionTransformer } from '../../extension/experiments/networks/visionTransformer.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';

/** One run of the calibration: a network on the first samples of the bundled digits, and an optimizer. */
export interface Setting {
  readonly id: string;
  readonly network: string;
  readonly samples: number;
  readonly optimizer: string;
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
}

const image = [1, 8, 8] as const;

/** A network on images as one on the flat samples of the digits. */
function onFlat(model: Model): Model {
  const { graph } = model;
  const shape = tensorOf('int64', [4], [-1n, 1n, 8n, 8n]);
  const target = { name: 'shape', type: shape.type, typeName: shape.type, shape: shape.shape };
  const [input] = graph.inputs;
  return {
    ...model,
    graph: {
      ...graph,
      inputs: [{ ...input, dims: ['N', 64] }],
      initializers: new Map([
        ...graph.initializers,
        ['shape', { ...target, origin: { kind: 'constant' as const }, read: () => shape }],
      ]),
      nodes: [
        {
          ...{ name: 'image', opType: 'Reshape', domain: '', attributes: new Map() },
          ...{ inputs: ['x', 'shape'], outputs: ['image'] },
        },
        ...graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === 'x' ? 'image' : name)) })),
      ],
    },
  };
}

const transformer = (width: number, depth: number, seed: number) =>
  onFlat(
    visionTransformer(
      image,
      { patch: 2, width, depth, heads: 1, headWidth: width, hidden: 2 * width },
      10,
      seed,
      'float32',
    ),
  );

/** `digits` is the sample itself; the others are made here. */
export const networks: Readonly<Record<string, () => Model>> = {
  'tanh-8': () => multilayerPerceptron([64, 8, 10], 'Tanh', 1, 'float32'),
  'tanh-96': () => multilayerPerceptron([64, 96, 10], 'Tanh', 2, 'float32'),
  'tanh-24-24': () => multilayerPerceptron([64, 24, 24, 10], 'Tanh', 3, 'float32'),
  'cnn-2': () => onFlat(convolutionalNetwork(image, 2, 10, 4, 'float32')),
  'transformer-8': () => transformer(8, 1, 5),
  'gelu-48': () => multilayerPerceptron([64, 48, 10], 'Gelu', 6, 'float32'),
  'gelu-16-16-16': () => multilayerPerceptron([64, 16, 16, 16, 10], 'Gelu', 7, 'float32'),
  'resnet-2': () => onFlat(residualNetwork(image, { blocks: [1, 1, 1], width: 2 }, 10, 8, 'float32')),
  'transformer-12-2': () => transformer(12, 2, 9),
};

const samplesOf = (network: string): number => (/transformer|resnet|cnn/.test(network) ? 120 : 500);

interface Grid {
  readonly networks: readonly string[];
  readonly lr: readonly number[];
  readonly eps: readonly (readonly [eps: number, placement: string])[];
  readonly beta2: readonly number[];
  readonly beta1: readonly number[];
  /** Every so many of a network's combinations are run, from a place that moves with the network. */
  readonly every: number;
}

function gridOf(grid: Grid): Setting[] {
  const combinations = grid.lr.flatMap((lr, i) =>
    grid.eps.flatMap(([eps, placement], j) =>
      grid.beta2.map((beta2, k) => {
        const beta1 = grid.beta1[(i + 2 * j + k) % grid.beta1.length];
        return { lr, beta1, beta2, eps, eps_placement: placement };
      }),
    ),
  );
  return grid.networks.flatMap((network, m) =>
    combinations.filter((_, c) => c % grid.every === m % grid.every).map((hyper) => setting(network, 'adam', hyper)),
  );
}

const setting = (network: string, optimizer: string, hyper: Setting['hyper']): Setting => ({
  id: [network, optimizer, ...Object.values(hyper)].join(' '),
  ...{ network, samples: samplesOf(network), optimizer, hyper },
});

/** What the rule was found on. */
const calibration = gridOf({
  networks: ['digits', 'tanh-8', 'tanh-96', 'tanh-24-24', 'cnn-2', 'transformer-8'],
  lr: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3],
  eps: [
    [1e-8, 'outside'],
    [1e-5, 'outside'],
    [1e-3, 'outside'],
    [1e-4, 'inside'],
  ],
  beta2: [0.95, 0.99, 0.999],
  beta1: [0.9, 0.9, 0.8, 0.95, 0.9],
  every: 3,
});

/** What it was tried on afterwards: other networks, other values, other optimizers. */
const validation = [
  ...gridOf({
    networks: ['gelu-48', 'gelu-16-16-16', 'resnet-2', 'transformer-12-2'],
    lr: [2e-5, 7e-5, 2e-4, 6e-4],
    eps: [
      [1e-7, 'outside'],
      [1e-4, 'outside'],
      [1e-6, 'inside'],
    ],
    beta2: [0.98, 0.995, 0.9],
    beta1: [0.9, 0.85, 0.9],
    every: 3,
  }),
  ...(['gelu-48', 'transformer-12-2'] as const).flatMap((network) => [
    setting(network, 'adamw', { lr: 1e-4, beta2: 0.99, eps: 1e-4, weight_decay: 0.1 }),
    setting(network, 'nadam', { lr: 1e-4, beta2: 0.99, eps: 1e-4 }),
    setting(network, 'rmsprop', { lr: 3e-5, alpha: 0.95, eps: 1e-4 }),
    setting(network, 'sgd', { lr: 0.02, momentum: 0.9 }),
    setting(network, 'sgd', { lr: 0.2, momentum: 0.9 }),
  ]),
];

export const sets: Readonly<Record<string, readonly Setting[]>> = { calibration, validation };

import { convolutionalNetwork } from '../../extension/experiments/networks/convolutional.ts';
import { multilayerPerceptron } from '../../extension/experiments/networks/multilayerPerceptron.ts';
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

const transformer = (seed: number) =>
  onFlat(
    visionTransformer(image, { patch: 2, width: 8, depth: 1, heads: 1, headWidth: 8, hidden: 16 }, 10, seed, 'float32'),
  );

/** `digits` is the sample itself; the others are made here. */
export const networks: Readonly<Record<string, () => Model>> = {
  'tanh-8': () => multilayerPerceptron([64, 8, 10], 'Tanh', 1, 'float32'),
  'tanh-96': () => multilayerPerceptron([64, 96, 10], 'Tanh', 2, 'float32'),
  'tanh-24-24': () => multilayerPerceptron([64, 24, 24, 10], 'Tanh', 3, 'float32'),
  'cnn-2': () => onFlat(convolutionalNetwork(image, 2, 10, 4, 'float32')),
  'transformer-8': () => transformer(5),
  'gelu-48': () => multilayerPerceptron([64, 48, 10], 'Gelu', 6, 'float32'),
  'gelu-16-16-16': () => multilayerPerceptron([64, 16, 16, 16, 10], 'Gelu', 7, 'float32'),
  'cnn-3': () => onFlat(convolutionalNetwork(image, 3, 10, 8, 'float32')),
  'transformer-8-other': () => transformer(9),
};

const samplesOf = (network: string): number => (/transformer/.test(network) ? 24 : /cnn/.test(network) ? 48 : 128);

interface Grid {
  /** Networks with the share of the grid that is run: every K-th combination, from a place that moves with network and lr. */
  readonly networks: Readonly<Record<string, number>>;
  readonly lr: readonly number[];
  readonly eps: readonly (readonly [eps: number, placement: string])[];
  readonly beta2: readonly number[];
  readonly beta1: readonly number[];
}

function gridOf(grid: Grid): Setting[] {
  const combinations = grid.lr.flatMap((lr, i) =>
    grid.eps.flatMap(([eps, placement], j) =>
      grid.beta2.map((beta2, k) => {
        const beta1 = grid.beta1[(i + 2 * j + k) % grid.beta1.length];
        return { place: i, hyper: { lr, beta1, beta2, eps, eps_placement: placement } };
      }),
    ),
  );
  return combinations.flatMap(({ place, hyper }, c) =>
    Object.entries(grid.networks)
      .filter(([, every], m) => (c + place) % every === m % 3)
      .map(([network]) => setting(network, 'adam', hyper)),
  );
}

const setting = (network: string, optimizer: string, hyper: Setting['hyper']): Setting => ({
  id: [network, optimizer, ...Object.values(hyper)].join(' '),
  ...{ network, samples: samplesOf(network), optimizer, hyper },
});

/** What the rule was found on. */
const calibration = gridOf({
  networks: { digits: 3, 'tanh-8': 3, 'tanh-96': 3, 'cnn-2': 3, 'transformer-8': 20, 'tanh-24-24': 3 },
  lr: [1e-5, 3e-5, 1e-4, 3e-4, 1e-3],
  eps: [
    [1e-8, 'outside'],
    [1e-5, 'outside'],
    [1e-3, 'outside'],
    [1e-4, 'inside'],
  ],
  beta2: [0.95, 0.99, 0.999],
  beta1: [0.9, 0.9, 0.8, 0.95, 0.9],
});

/** What it was tried on afterwards: other networks, other values, other optimizers. */
const validation = [
  ...gridOf({
    networks: { 'gelu-48': 3, 'gelu-16-16-16': 3, 'cnn-3': 4, 'transformer-8-other': 36 },
    lr: [2e-5, 7e-5, 2e-4, 6e-4],
    eps: [
      [1e-7, 'outside'],
      [1e-4, 'outside'],
      [1e-6, 'inside'],
    ],
    beta2: [0.98, 0.995, 0.9],
    beta1: [0.9, 0.85, 0.9],
  }),
  setting('gelu-48', 'adamw', { lr: 1e-4, beta2: 0.99, eps: 1e-4, weight_decay: 0.1 }),
  setting('gelu-48', 'nadam', { lr: 1e-4, beta2: 0.99, eps: 1e-4 }),
  setting('gelu-48', 'rmsprop', { lr: 3e-5, alpha: 0.95, eps: 1e-4 }),
  setting('gelu-48', 'sgd', { lr: 0.02, momentum: 0.9 }),
  setting('gelu-16-16-16', 'adamw', { lr: 1e-3, weight_decay: 0.01 }),
];

export const sets: Readonly<Record<string, readonly Setting[]>> = { calibration, validation };

import { DECOUPLED, type LegacyKeyword, type Library } from './library.ts';

const RHO_IS_ALPHA = { rename: { rho: 'alpha' } } as const;
const VERSIONS =
  'TensorFlow up to 2.10 and the legacy optimizers take it; TensorFlow 2.11 to 2.15 ignore it with a warning, and Keras 3 refuses it.';
const KERAS_LEGACY: Readonly<Record<string, LegacyKeyword>> = {
  lr: { sets: 'lr', note: `lr is an old name of learning_rate: ${VERSIONS}` },
  decay: { note: `decay lowers the learning rate to lr/(1 + decay·step): ${VERSIONS}` },
};

export const KERAS: readonly Library[] = [
  {
    framework: 'keras',
    modules:
      /^(tensorflow(\.\w+)*|tf_keras(\.\w+)*|keras(\.api(\._v\d)?)?(\.src)?)\.(optimizers|optimizer_v[12])(\.\w+)*$/,
    example: 'keras.optimizers',
    legacy: KERAS_LEGACY,
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      ['Adam', 'adam', 'learning_rate=~, beta_1=~, beta_2=~, epsilon=~, amsgrad=~, weight_decay=None', DECOUPLED],
      ['AdamW', 'adamw', 'learning_rate=~, weight_decay=~, beta_1=~, beta_2=~, epsilon=~, amsgrad=~', DECOUPLED],
      ['Nadam', 'nadam', 'learning_rate=~, beta_1=~, beta_2=~, epsilon=~, weight_decay=None', DECOUPLED],
      ['Adamax', 'adamax', 'learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None', DECOUPLED],
      [
        'Adadelta',
        'adadelta',
        'learning_rate=0.001, rho=0.95, epsilon=1e-7, weight_decay=None',
        { ...DECOUPLED, eps: 'inside' },
      ],
      [
        'RMSprop',
        'rmsprop',
        'learning_rate=~, rho=~, momentum=~, epsilon=~, centered=~, weight_decay=None',
        { ...DECOUPLED, ...RHO_IS_ALPHA },
      ],
      ['SGD', 'sgd', 'learning_rate=~, momentum=~, nesterov=~, weight_decay=None', DECOUPLED],
      ['Adagrad', 'adagrad', 'learning_rate=~, initial_accumulator_value=~, epsilon=~, weight_decay=None', DECOUPLED],
      ['Lion', 'lion', 'learning_rate=~, beta_1=~, beta_2=~, weight_decay=None', DECOUPLED],
      ['Ftrl', 'ftrl', 'learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1'],
      ['Adafactor', 'adafactor', 'learning_rate=0.001, weight_decay=None', DECOUPLED],
    ],
  },
  {
    framework: 'keras',
    modules: /^tensorflow(\.compat\.v1)?\.train$/,
    example: 'tensorflow.compat.v1.train',
    eps: 'outside',
    rows: [
      ['AdamOptimizer', 'adam', 'learning_rate=~, beta1=~, beta2=~, epsilon=1e-8'],
      [
        'RMSPropOptimizer',
        'rmsprop',
        'learning_rate, decay=~, momentum=~, epsilon=1e-10, use_locking, centered=~',
        { rename: { decay: 'alpha' } },
      ],
      ['GradientDescentOptimizer', 'sgd', 'learning_rate'],
      ['MomentumOptimizer', 'sgd', 'learning_rate, momentum, use_locking, name, use_nesterov=~'],
      ['AdagradOptimizer', 'adagrad', 'learning_rate, initial_accumulator_value=~'],
      ['AdadeltaOptimizer', 'adadelta', 'learning_rate=0.001, rho=0.95, epsilon=1e-8', { eps: 'inside' }],
    ],
  },
  {
    // The messages of TensorFlow's Object Detection API.
    framework: 'keras',
    modules: /^object_detection\.optimizer$/,
    example: 'object_detection.optimizer',
    eps: 'outside',
    rows: [
      ['adam_optimizer', 'adam', '*, learning_rate=0.002, beta1=~, beta2=~, epsilon=1e-8'],
      [
        'momentum_optimizer',
        'sgd',
        '*, learning_rate=0.002, momentum_optimizer_value=0.9',
        { rename: { momentum_optimizer_value: 'momentum' } },
      ],
      [
        'rms_prop_optimizer',
        'rmsprop',
        '*, learning_rate=0.002, decay=~, momentum_optimizer_value=0.9, epsilon=1.0',
        { rename: { decay: 'alpha', momentum_optimizer_value: 'momentum' } },
      ],
    ],
  },
  {
    framework: 'keras',
    modules: /^tensorflow_addons\.optimizers(\.\w+)*$/,
    example: 'tensorflow_addons.optimizers',
    legacy: KERAS_LEGACY,
    others: /^[A-Z]\w+$/,
    rows: [
      ['AdamW', 'adamw', 'weight_decay, learning_rate=~, beta_1=~, beta_2=~, epsilon=~, amsgrad=~', DECOUPLED],
      ['SGDW', 'sgd', 'weight_decay, learning_rate=0.001, momentum=~, nesterov=~', DECOUPLED],
    ],
  },
];

import { DECOUPLED, L2, type Library } from './library.ts';

const STEP_SIZE = { rename: { step_size: 'lr' } } as const;

export const OPTAX: readonly Library[] = [
  {
    framework: 'optax',
    modules: /^optax(\.\w+)*$/,
    example: 'optax',
    eps: 'outside',
    rows: [
      [
        'adam',
        'adam',
        'learning_rate, b1=~, b2=~, eps=~, eps_root=0.0, mu_dtype, *, nesterov=False',
        { becomes: { parameter: 'nesterov', value: true, optimizer: 'nadam' } },
      ],
      [
        'adamw',
        'adamw',
        'learning_rate, b1=~, b2=~, eps=~, eps_root=0.0, mu_dtype, weight_decay=~, mask, *, nesterov=False',
        { ...DECOUPLED, becomes: { parameter: 'nesterov', value: true, optimizer: 'nadam' } },
      ],
      ['nadam', 'nadam', 'learning_rate, b1=~, b2=~, eps=~, eps_root=0.0'],
      ['nadamw', 'nadam', 'learning_rate, b1=~, b2=~, eps=~, eps_root=0.0, mu_dtype, weight_decay=1e-4', DECOUPLED],
      ['radam', 'radam', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0'],
      ['amsgrad', 'amsgrad', 'learning_rate, b1=~, b2=~, eps=~, eps_root=0.0'],
      ['adamax', 'adamax', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8'],
      ['lamb', 'lamb', 'learning_rate, b1=0.9, b2=0.999, eps=1e-6, eps_root=0.0, weight_decay=0.0', DECOUPLED],
      [
        'scale_by_adam',
        'adam',
        'b1=~, b2=~, eps=~, eps_root=0.0, mu_dtype, *, nesterov=False',
        { becomes: { parameter: 'nesterov', value: true, optimizer: 'nadam' } },
      ],
      ['sgd', 'sgd', 'learning_rate, momentum=None, nesterov=~'],
      [
        'rmsprop',
        'rmsprop',
        'learning_rate, decay=~, eps=~, initial_scale=0.0, eps_in_sqrt=True, centered=~, momentum=None, nesterov=False',
        { rename: { decay: 'alpha' } },
      ],
      ['adagrad', 'adagrad', 'learning_rate, initial_accumulator_value=~, eps=~'],
      ['adadelta', 'adadelta', 'learning_rate=None, rho=0.9, eps=1e-6, weight_decay=0.0', { ...L2, eps: 'inside' }],
      ['lion', 'lion', 'learning_rate, b1=~, b2=~, mu_dtype, weight_decay=~', DECOUPLED],
      ['signum', 'signum', 'learning_rate, beta=~', { rename: { beta: 'momentum' } }],
      ['sign_sgd', 'signsgd', 'learning_rate'],
      [
        'adafactor',
        'adafactor',
        'learning_rate=None, min_dim_size_to_factor, decay_rate, decay_offset, multiply_by_parameter_scale, clipping_threshold, momentum=None',
      ],
    ],
  },
  {
    framework: 'optax',
    modules: /^jax\.(example_libraries|experimental)\.optimizers$/,
    example: 'jax.example_libraries.optimizers',
    eps: 'outside',
    rows: [
      ['adam', 'adam', 'step_size, b1=~, b2=~, eps=~', STEP_SIZE],
      ['sgd', 'sgd', 'step_size', STEP_SIZE],
    ],
  },
  {
    framework: 'torchopt',
    modules: /^torchopt(\.\w+)*$/,
    example: 'torchopt',
    eps: 'outside',
    rows: [
      ['Adam MetaAdam', 'adam', 'params, lr=~, betas=~, eps=~, weight_decay=~, *, eps_root=0.0', L2],
      ['adam', 'adam', 'lr=~, betas=~, eps=~, weight_decay=~, *, eps_root=0.0', L2],
      ['AdamW MetaAdamW', 'adamw', 'params, lr=~, betas=~, eps=~, weight_decay=~, *, eps_root=0.0', DECOUPLED],
      ['adamw', 'adamw', 'lr=~, betas=~, eps=~, weight_decay=~, *, eps_root=0.0', DECOUPLED],
      ['SGD MetaSGD', 'sgd', 'params, lr, momentum=~, weight_decay=~, dampening=~, nesterov=~', L2],
      ['sgd', 'sgd', 'lr, momentum=~, weight_decay=~, dampening=~, nesterov=~', L2],
      [
        'RMSProp RMSprop MetaRMSProp',
        'rmsprop',
        'params, lr=~, alpha=~, eps=~, weight_decay=~, momentum=~, centered=~',
        L2,
      ],
      ['rmsprop', 'rmsprop', 'lr=~, alpha=~, eps=~, weight_decay=~, momentum=~, centered=~', L2],
    ],
  },
];

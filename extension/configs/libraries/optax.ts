import { BETAS, DECOUPLED, L2, type Library } from './library.ts';

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
        'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype, *, nesterov=False',
        { becomes: { parameter: 'nesterov', value: true, optimizer: 'nadam' } },
      ],
      [
        'adamw',
        'adamw',
        'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype, weight_decay=1e-4, mask, *, nesterov=False',
        { ...DECOUPLED, becomes: { parameter: 'nesterov', value: true, optimizer: 'nadam' } },
      ],
      ['nadam', 'nadam', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0'],
      [
        'nadamw',
        'nadam',
        'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, mu_dtype, weight_decay=1e-4',
        DECOUPLED,
      ],
      ['radam', 'radam', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0'],
      ['amsgrad', 'amsgrad', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0'],
      ['adamax', 'adamax', 'learning_rate, b1=0.9, b2=0.999, eps=1e-8'],
      ['lamb', 'lamb', 'learning_rate, b1=0.9, b2=0.999, eps=1e-6, eps_root=0.0, weight_decay=0.0', DECOUPLED],
      ['scale_by_adam', 'adam', 'b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0'],
      ['sgd', 'sgd', 'learning_rate, momentum=None, nesterov=False'],
      [
        'rmsprop',
        'rmsprop',
        'learning_rate, decay=0.9, eps=1e-8, initial_scale=0.0, eps_in_sqrt=True, centered=False, momentum=None, nesterov=False',
        { eps: 'inside', rename: { decay: 'alpha' } },
      ],
      ['adagrad', 'adagrad', 'learning_rate, initial_accumulator_value=0.1, eps=1e-7', { eps: 'inside' }],
      ['adadelta', 'adadelta', 'learning_rate=None, rho=0.9, eps=1e-6, weight_decay=0.0', { ...L2, eps: 'inside' }],
      ['lion', 'lion', 'learning_rate, b1=0.9, b2=0.99, mu_dtype, weight_decay=1e-3', DECOUPLED],
      ['signum', 'signum', 'learning_rate, beta=0.9', { rename: { beta: 'momentum' } }],
      ['sign_sgd', 'signsgd', 'learning_rate'],
      ['adafactor', 'adafactor', 'learning_rate=None'],
    ],
  },
  {
    framework: 'optax',
    modules: /^jax\.(example_libraries|experimental)\.optimizers$/,
    example: 'jax.example_libraries.optimizers',
    eps: 'outside',
    rows: [
      ['adam', 'adam', 'step_size, b1=0.9, b2=0.999, eps=1e-8', STEP_SIZE],
      ['sgd', 'sgd', 'step_size', STEP_SIZE],
    ],
  },
  {
    framework: 'torchopt',
    modules: /^torchopt(\.\w+)*$/,
    example: 'torchopt',
    eps: 'outside',
    rows: [
      ['Adam MetaAdam', 'adam', `params, lr=1e-3, ${BETAS}, weight_decay=0.0, *, eps_root=0.0`, L2],
      ['adam', 'adam', `lr=1e-3, ${BETAS}, weight_decay=0.0, *, eps_root=0.0`, L2],
      ['AdamW MetaAdamW', 'adamw', `params, lr=1e-3, ${BETAS}, weight_decay=1e-2, *, eps_root=0.0`, DECOUPLED],
      ['adamw', 'adamw', `lr=1e-3, ${BETAS}, weight_decay=1e-2, *, eps_root=0.0`, DECOUPLED],
      ['SGD MetaSGD', 'sgd', 'params, lr, momentum=0.0, weight_decay=0.0, dampening=0.0, nesterov=False', L2],
      ['sgd', 'sgd', 'lr, momentum=0.0, weight_decay=0.0, dampening=0.0, nesterov=False', L2],
      [
        'RMSProp RMSprop MetaRMSProp',
        'rmsprop',
        'params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False',
        L2,
      ],
      ['rmsprop', 'rmsprop', 'lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False', L2],
    ],
  },
];

import { DECOUPLED, L2, type Library } from './library.ts';

/** Platforms with tensors of their own. */
export const PLATFORMS: readonly Library[] = [
  {
    framework: 'paddle',
    modules: /^paddle\.optimizer(\.\w+)*$/,
    example: 'paddle.optimizer',
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      ['Adam', 'adam', 'learning_rate=~, beta1=~, beta2=~, epsilon=~, parameters, weight_decay=~', L2],
      ['AdamW', 'adamw', 'learning_rate=~, beta1=~, beta2=~, epsilon=~, parameters, weight_decay=~', DECOUPLED],
      ['SGD', 'sgd', 'learning_rate=~, parameters, weight_decay=~', L2],
      ['Momentum', 'sgd', 'learning_rate=~, momentum=0.9, parameters, use_nesterov=~, weight_decay=~', L2],
      [
        'RMSProp',
        'rmsprop',
        'learning_rate, rho=0.95, epsilon=1e-6, momentum=~, centered=~, parameters, weight_decay=~',
        { ...L2, eps: 'inside', rename: { rho: 'alpha' } },
      ],
      [
        'Adagrad',
        'adagrad',
        'learning_rate, epsilon=1e-6, parameters, weight_decay=~, grad_clip, name, initial_accumulator_value=~',
        L2,
      ],
    ],
  },
  {
    framework: 'mindspore',
    modules: /^mindspore\.nn(\.optim(\.\w+)*)?$/,
    example: 'mindspore.nn',
    rows: [
      [
        'Adam',
        'adam',
        'params, learning_rate=~, beta1=~, beta2=~, eps=~, use_locking, use_nesterov, weight_decay=~',
        { ...L2, eps: 'uncorrected' },
      ],
      // As BERT was trained: without a bias correction.
      [
        'AdamWeightDecay',
        'adamw',
        'params, learning_rate=~, beta1=~, beta2=~, eps=1e-6, weight_decay=0, *, bias_correction=False',
        { ...DECOUPLED, eps: 'outside' },
      ],
      ['SGD', 'sgd', 'params, learning_rate=0.1, momentum=~, dampening=~, weight_decay=~, nesterov=~', L2],
      ['Momentum', 'sgd', 'params, learning_rate, momentum, weight_decay=~, loss_scale, use_nesterov=~', L2],
    ],
  },
  {
    framework: 'tinygrad',
    modules: /^tinygrad\.nn\.optim$/,
    example: 'tinygrad.nn.optim',
    others: /^(?:Muon|LAMB|LARS)$/,
    eps: 'outside',
    rows: [
      ['SGD', 'sgd', 'params, lr=~, momentum=~, weight_decay=~, nesterov=~', L2],
      ['Adam', 'adam', 'params, lr=~, b1=~, b2=~, eps=~'],
      ['AdamW', 'adamw', 'params, lr=~, b1=~, b2=~, eps=~, weight_decay=~', DECOUPLED],
    ],
  },
];

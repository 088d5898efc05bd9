import { BETAS, DECOUPLED, L2, type Library } from './library.ts';

export const PYTORCH: readonly Library[] = [
  {
    framework: 'pytorch',
    modules: /^torch\.(optim|distributed\.optim)(\.\w+)*$/,
    example: 'torch.optim',
    eps: 'outside',
    rows: [
      [
        'Adam',
        'adam',
        'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~, *, maximize=False, decoupled_weight_decay=False',
        { ...L2, becomes: { parameter: 'decoupled_weight_decay', value: true, optimizer: 'adamw', ...DECOUPLED } },
      ],
      ['AdamW', 'adamw', 'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~, *, maximize=False', DECOUPLED],
      [
        'NAdam',
        'nadam',
        'params, lr=~, betas=~, eps=~, weight_decay=~, momentum_decay=~, decoupled_weight_decay=~',
        L2,
      ],
      ['RAdam', 'radam', `params, lr=1e-3, ${BETAS}, weight_decay=0, decoupled_weight_decay=False`, L2],
      ['Adamax', 'adamax', `params, lr=2e-3, ${BETAS}, weight_decay=0`, L2],
      ['SparseAdam', 'sparse_adam', 'params, lr=~, betas=~, eps=~'],
      ['Adadelta', 'adadelta', 'params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0', { ...L2, eps: 'inside' }],
      ['RMSprop', 'rmsprop', 'params, lr=~, alpha=~, eps=~, weight_decay=~, momentum=~, centered=~', L2],
      ['SGD', 'sgd', 'params, lr=~, momentum=~, dampening=~, weight_decay=~, nesterov=~, *, maximize=False', L2],
      ['Adagrad', 'adagrad', 'params, lr=~, lr_decay=~, weight_decay=~, initial_accumulator_value=~, eps=~', L2],
      [
        'ASGD',
        'asgd',
        'params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0',
        { ...L2, rename: { alpha: 'power' } },
      ],
      ['Rprop', 'rprop', 'params, lr=1e-2, etas, step_sizes'],
      ['LBFGS', 'lbfgs', 'params, lr=1'],
      ['Adafactor', 'adafactor', 'params, lr=1e-2, beta2_decay=-0.8, epses, d=1.0, weight_decay=0.0', DECOUPLED],
      ['Muon', 'muon', 'params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True', DECOUPLED],
    ],
  },
];

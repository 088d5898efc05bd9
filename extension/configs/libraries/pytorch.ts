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
        `params, lr=1e-3, ${BETAS}, weight_decay=0, amsgrad=False, *, maximize=False, decoupled_weight_decay=False`,
        { ...L2, becomes: { parameter: 'decoupled_weight_decay', value: true, optimizer: 'adamw', ...DECOUPLED } },
      ],
      ['AdamW', 'adamw', `params, lr=1e-3, ${BETAS}, weight_decay=1e-2, amsgrad=False, *, maximize=False`, DECOUPLED],
      [
        'NAdam',
        'nadam',
        `params, lr=2e-3, ${BETAS}, weight_decay=0, momentum_decay=4e-3, decoupled_weight_decay=False`,
        L2,
      ],
      ['RAdam', 'radam', `params, lr=1e-3, ${BETAS}, weight_decay=0, decoupled_weight_decay=False`, L2],
      ['Adamax', 'adamax', `params, lr=2e-3, ${BETAS}, weight_decay=0`, L2],
      ['SparseAdam', 'sparse_adam', `params, lr=1e-3, ${BETAS}`],
      ['Adadelta', 'adadelta', 'params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0', { ...L2, eps: 'inside' }],
      ['RMSprop', 'rmsprop', 'params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False', L2],
      ['SGD', 'sgd', 'params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False', L2],
      ['Adagrad', 'adagrad', 'params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10', L2],
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

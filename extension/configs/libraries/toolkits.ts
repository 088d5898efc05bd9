import { DECOUPLED, L2, type Library, NOT_ADAMW_MODE, SGDW } from './library.ts';

/** Collections of optimizers, and trainers that make them. */
export const TOOLKITS: readonly Library[] = [
  {
    framework: 'heavyball',
    modules: /^heavyball(\.\w+)*$/,
    example: 'heavyball',
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      ['AdamW ForeachAdamW', 'adamw', 'params, lr=0.0025, betas=(0.9, 0.99), eps=~, weight_decay=0', DECOUPLED],
      ['NAdam ForeachNAdam', 'nadam', 'params, lr=0.0025, betas=(0.9, 0.99), eps=~, weight_decay=~', DECOUPLED],
      [
        'RMSprop ForeachRMSprop',
        'rmsprop',
        'params, lr=0.0025, betas=(0.9, 0.99), eps=1e-6, weight_decay=~',
        DECOUPLED,
      ],
    ],
  },
  {
    framework: 'timm',
    modules: /^timm\.optim(\.\w+)*$/,
    example: 'timm.optim',
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      [
        'create_optimizer_v2',
        'sgd',
        'model_or_params, opt="sgd", lr, weight_decay=~, momentum=0.9, *, betas, eps',
        { namedBy: 'opt' },
      ],
      ['AdamWLegacy', 'adamw', 'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~', DECOUPLED],
      ['Lion', 'lion', 'params, lr=1e-4, betas=~, weight_decay=~', DECOUPLED],
      [
        'RMSpropTF',
        'rmsprop',
        'params, lr=~, alpha=0.9, eps=1e-10, weight_decay=~, momentum=~, centered=~',
        { eps: 'inside' },
      ],
    ],
  },
  {
    framework: 'lion-pytorch',
    modules: /^lion_pytorch(\.\w+)*$/,
    example: 'lion_pytorch',
    rows: [['Lion', 'lion', 'params, lr=1e-4, betas=~, weight_decay=~', DECOUPLED]],
  },
  {
    framework: 'mlx',
    modules: /^mlx\.optimizers(\.\w+)*$/,
    example: 'mlx.optimizers',
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      ['Adam', 'adam', 'learning_rate, betas=~, eps=~, bias_correction=False'],
      ['AdamW', 'adamw', 'learning_rate, betas=~, eps=~, weight_decay=~, bias_correction=False', DECOUPLED],
      ['SGD', 'sgd', 'learning_rate, momentum=~, weight_decay=~, dampening=~, nesterov=~', L2],
      ['RMSprop', 'rmsprop', 'learning_rate, alpha=~, eps=~'],
      ['Lion', 'lion', 'learning_rate, betas=~, weight_decay=~', DECOUPLED],
    ],
  },
  {
    // Detectron2 configures SGD by keys of SOLVER; forks name others by OPTIMIZER.
    framework: 'detectron2',
    modules: /^detectron2\.solver$/,
    example: 'detectron2.solver',
    eps: 'outside',
    rows: [
      [
        'SOLVER',
        'sgd',
        '*, BASE_LR=~, MOMENTUM=0.9, NESTEROV=~, WEIGHT_DECAY=1e-4, OPTIMIZER="SGD"',
        { namedBy: 'OPTIMIZER' },
      ],
    ],
  },
  {
    framework: 'fastai',
    modules: /^fastai(\.\w+)*$/,
    example: 'fastai.optimizer',
    others: /^(?:RAdam|QHAdam|Larc|Lamb|Lookahead|ranger)$/,
    eps: 'outside',
    rows: [
      [
        'Adam',
        'adamw',
        'params, lr, mom=~, sqr_mom=0.99, eps=1e-5, wd=~, decouple_wd=True',
        { ...NOT_ADAMW_MODE, rename: { mom: 'beta1', sqr_mom: 'beta2', decouple_wd: 'adamw_mode' } },
      ],
      [
        'SGD',
        'sgd',
        'params, lr, mom=~, wd=~, decouple_wd=True',
        { ...SGDW, rename: { mom: 'momentum', decouple_wd: 'adamw_mode' } },
      ],
      [
        'RMSProp',
        'rmsprop',
        'params, lr, sqr_mom=~, mom=~, wd=~, decouple_wd=True',
        { ...DECOUPLED, rename: { mom: 'momentum', sqr_mom: 'alpha' } },
      ],
    ],
  },
  {
    // What only has optimizers of its own.
    framework: 'other',
    modules:
      /^(schedulefree|prodigyopt|pytorch_optimizer|torch_optimizer|adan(_pytorch)?|sophia|galore_torch|apollo_torch|q_galore_torch|dadaptation|came_pytorch|adam_mini|soap|muon|adabelief_pytorch|madgrad|shampoo|distributed_shampoo|came|ranger(21)?|kron_torch|psgd|lomo_optim|grokadamw|fairscale\.optim|torchrec\.optim|cosmo|dion)(\.\w+)*$/,
    example: 'pytorch_optimizer',
    rows: [],
    others: /^(?!.*(?:Loss|Scheduler|LR|Warmup|Annealing)$)(?:[A-Z]\w+)$/,
  },
];

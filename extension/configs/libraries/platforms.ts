import { DECOUPLED, L2, type Library, NOT_ADAMW_MODE, SGDW } from './library.ts';

const THINC = { rename: { learn_rate: 'lr', L2: 'weight_decay', L2_is_weight_decay: 'adamw_mode' } } as const;

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
  {
    // spaCy's, too.
    framework: 'thinc',
    modules: /^thinc\.(?:optimizers|api)$/,
    example: 'thinc.optimizers',
    rows: [
      [
        'Adam',
        'adamw',
        'learn_rate=~, *, beta1=~, beta2=~, eps=~, L2=0.0, L2_is_weight_decay=True',
        { ...NOT_ADAMW_MODE, eps: 'uncorrected', ...THINC },
      ],
      [
        'RAdam',
        'radam',
        'learn_rate=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8, L2=0.0, L2_is_weight_decay=True',
        { ...DECOUPLED, eps: 'outside', ...THINC },
      ],
      ['SGD', 'sgd', 'learn_rate, *, L2=~, L2_is_weight_decay=True', { ...SGDW, ...THINC }],
    ],
  },
  {
    framework: 'mxnet',
    legacy: {
      gamma1: { sets: 'alpha', note: 'gamma1 is the name of rho before MXNet 2.' },
      gamma2: { note: 'gamma2 is the name of momentum before MXNet 2, which counts where centered is set.' },
    },
    modules: /^mxnet\.optimizer(\.\w+)*$/,
    example: 'mxnet.optimizer',
    eps: 'uncorrected',
    rows: [
      ['Adam', 'adam', 'learning_rate=~, beta1=~, beta2=~, epsilon=~, *, wd=~', { ...L2, eps: 'uncorrected' }],
      [
        'AdamW',
        'adamw',
        'learning_rate=~, beta1=~, beta2=~, epsilon=1e-6, correct_bias=~, *, wd=0.0',
        { ...DECOUPLED, eps: 'uncorrected' },
      ],
      // Versions differ in the defaults that are not stated.
      ['SGD', 'sgd', 'learning_rate, momentum=~, *, wd=~', L2],
      ['NAG', 'sgd', 'learning_rate, momentum, *, wd=~, nesterov=True', L2],
      ['RMSProp', 'rmsprop', 'learning_rate=0.001, rho=0.9, *, epsilon=~, wd=~', { ...L2, rename: { rho: 'alpha' } }],
      ['AdaGrad', 'adagrad', 'learning_rate, *, eps=1e-7, wd=~', L2],
    ],
    others: /^(?:AdaDelta|Adamax|Nadam|Ftrl|FTML|LAMB|LANS|LARS|SGLD|Signum|DCASGD|LBSGD|GroupAdaGrad|AdaBelief)$/,
  },
];

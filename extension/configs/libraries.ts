import type { ConfigFramework } from './config.ts';
import type { Constructor, EpsPlacement } from './frameworks.ts';

/** A row: names of constructors, the canonical optimizer, and the signature as the library documents it. */
type Row = readonly [names: string, optimizer: string, signature: string, extra?: Extra];
type Extra = Partial<Pick<Constructor, 'eps' | 'weightDecayForm' | 'becomes' | 'namedBy'>> & {
  /** The framework's name of a parameter to the canonical one, where it differs from `CANONICAL`. */
  readonly rename?: Readonly<Record<string, string>>;
};

export interface Library {
  readonly framework: ConfigFramework;
  /** Matches the module part of the qualified name. */
  readonly modules: RegExp;
  readonly eps?: EpsPlacement;
  readonly rows: readonly Row[];
}

const L2 = { weightDecayForm: 'l2' } as const;
const DECOUPLED = { weightDecayForm: 'decoupled' } as const;
const UNCORRECTED = { ...DECOUPLED, eps: 'uncorrected' } as const;
const BETAS = 'betas=(0.9, 0.999), eps=1e-8';
const RHO_IS_ALPHA = { rename: { rho: 'alpha' } } as const;
const NOT_ADAMW_MODE = { ...DECOUPLED, becomes: { parameter: 'adamw_mode', value: false, optimizer: 'adam' } } as const;
const HF_ADAM = 'weight_decay=0.0, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, optim="adamw_torch"';
const HF = { ...DECOUPLED, namedBy: 'optim' } as const;

/**
 * Every constructor the analysis knows. Signatures list arguments in the library's order up to the last positional one
 * that matters, with the library's defaults; `*` starts the keyword-only ones; no default means required.
 */
export const LIBRARIES: readonly Library[] = [
  {
    framework: 'pytorch',
    modules: /^torch\.(optim|distributed\.optim)(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'Adam',
        'adam',
        `params, lr=1e-3, ${BETAS}, weight_decay=0, amsgrad=False, *, maximize=False, decoupled_weight_decay=False`,
        { ...L2, becomes: { parameter: 'decoupled_weight_decay', value: true, optimizer: 'adamw' } },
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
  {
    framework: 'keras',
    modules:
      /^(tensorflow(\.\w+)*\.keras|tf_keras(\.\w+)*|keras(\.api(\._v\d)?)?(\.src)?)\.(optimizers|optimizer_v[12])(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'Adam',
        'adam',
        'learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay=None',
        UNCORRECTED,
      ],
      [
        'AdamW',
        'adamw',
        'learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False',
        UNCORRECTED,
      ],
      ['Nadam', 'nadam', 'learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=None', DECOUPLED],
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
        'learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=None',
        { ...DECOUPLED, ...RHO_IS_ALPHA, eps: 'inside' },
      ],
      ['SGD', 'sgd', 'learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None', DECOUPLED],
      [
        'Adagrad',
        'adagrad',
        'learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=None',
        { ...DECOUPLED, eps: 'inside' },
      ],
      ['Lion', 'lion', 'learning_rate=0.001, beta_1=0.9, beta_2=0.99, weight_decay=None', DECOUPLED],
      ['Ftrl', 'ftrl', 'learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1'],
      ['Adafactor', 'adafactor', 'learning_rate=0.001, weight_decay=None', DECOUPLED],
    ],
  },
  {
    framework: 'keras',
    modules: /^tensorflow(\.compat\.v1)?\.train$/,
    eps: 'outside',
    rows: [
      ['AdamOptimizer', 'adam', 'learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8', { eps: 'uncorrected' }],
      [
        'RMSPropOptimizer',
        'rmsprop',
        'learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, use_locking, centered=False',
        { eps: 'inside', rename: { decay: 'alpha' } },
      ],
      ['GradientDescentOptimizer', 'sgd', 'learning_rate'],
      ['MomentumOptimizer', 'sgd', 'learning_rate, momentum, use_locking, name, use_nesterov=False'],
      ['AdagradOptimizer', 'adagrad', 'learning_rate, initial_accumulator_value=0.1'],
      ['AdadeltaOptimizer', 'adadelta', 'learning_rate=0.001, rho=0.95, epsilon=1e-8', { eps: 'inside' }],
    ],
  },
  {
    framework: 'keras',
    modules: /^tensorflow_addons\.optimizers(\.\w+)*$/,
    rows: [
      [
        'AdamW',
        'adamw',
        'weight_decay, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False',
        UNCORRECTED,
      ],
      ['SGDW', 'sgd', 'weight_decay, learning_rate=0.001, momentum=0.0, nesterov=False', DECOUPLED],
    ],
  },
  {
    framework: 'optax',
    modules: /^optax(\.\w+)*$/,
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
      ['signum', 'signum', 'learning_rate, beta=0.9', { rename: { beta: 'beta1' } }],
      ['sign_sgd', 'signsgd', 'learning_rate'],
      ['adafactor', 'adafactor', 'learning_rate=None'],
    ],
  },
  {
    framework: 'huggingface',
    modules: /^(transformers|trl)(\.\w+)*$/,
    eps: 'outside',
    rows: [
      ['TrainingArguments Seq2SeqTrainingArguments', 'adamw', `output_dir, *, learning_rate=5e-5, ${HF_ADAM}`, HF],
      ['SFTConfig', 'adamw', `output_dir, *, learning_rate=2e-5, ${HF_ADAM}`, HF],
      ['DPOConfig GRPOConfig KTOConfig', 'adamw', `output_dir, *, learning_rate=1e-6, ${HF_ADAM}`, HF],
      ['RewardConfig', 'adamw', `output_dir, *, learning_rate=1e-4, ${HF_ADAM}`, HF],
      [
        'AdamW',
        'adamw',
        'params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True',
        DECOUPLED,
      ],
      ['Adafactor', 'adafactor', 'params, lr=None', DECOUPLED],
    ],
  },
  {
    framework: 'bitsandbytes',
    modules: /^bitsandbytes(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'Adam Adam8bit Adam32bit PagedAdam PagedAdam8bit PagedAdam32bit',
        'adam',
        `params, lr=1e-3, ${BETAS}, weight_decay=0, amsgrad=False`,
        DECOUPLED,
      ],
      [
        'AdamW AdamW8bit AdamW32bit PagedAdamW PagedAdamW8bit PagedAdamW32bit',
        'adamw',
        `params, lr=1e-3, ${BETAS}, weight_decay=1e-2, amsgrad=False`,
        DECOUPLED,
      ],
      [
        'Lion Lion8bit Lion32bit PagedLion PagedLion8bit PagedLion32bit',
        'lion',
        'params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0',
        DECOUPLED,
      ],
      [
        'RMSprop RMSprop8bit RMSprop32bit',
        'rmsprop',
        'params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False',
        L2,
      ],
      ['SGD SGD8bit SGD32bit', 'sgd', 'params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
      [
        'Adagrad Adagrad8bit Adagrad32bit',
        'adagrad',
        'params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10',
        L2,
      ],
    ],
  },
  {
    framework: 'apex',
    modules: /^apex\.optimizers(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'FusedAdam',
        'adamw',
        `params, lr=1e-3, bias_correction=True, ${BETAS}, adam_w_mode=True, weight_decay=0.0, amsgrad=False`,
        NOT_ADAMW_MODE,
      ],
      ['FusedSGD', 'sgd', 'params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
      ['FusedLAMB', 'lamb', 'params, lr=1e-3, bias_correction=True, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01'],
      ['FusedAdagrad', 'adagrad', 'params, lr=1e-2, eps=1e-10, weight_decay=0.0'],
    ],
  },
  {
    framework: 'deepspeed',
    modules: /^deepspeed\.ops(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'FusedAdam',
        'adamw',
        `params, lr=1e-3, bias_correction=True, ${BETAS}, adam_w_mode=True, weight_decay=0.0, amsgrad=False`,
        NOT_ADAMW_MODE,
      ],
      [
        'DeepSpeedCPUAdam',
        'adamw',
        `params, lr=1e-3, bias_correction=True, ${BETAS}, weight_decay=0, amsgrad=False, adamw_mode=True`,
        NOT_ADAMW_MODE,
      ],
      ['FusedLion DeepSpeedCPULion', 'lion', 'params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0', DECOUPLED],
      ['FusedLamb', 'lamb', `params, lr=1e-3, bias_correction=True, ${BETAS}`],
    ],
  },
  {
    // The types of a DeepSpeed JSON, whose "Adam" is FusedAdam in AdamW mode unless told otherwise.
    framework: 'deepspeed',
    modules: /^deepspeed\.json$/,
    eps: 'outside',
    rows: [
      [
        'Adam AdamW OneBitAdam ZeroOneAdam',
        'adamw',
        `*, lr=1e-3, ${BETAS}, weight_decay=0.0, bias_correction=True, amsgrad=False, adam_w_mode=True`,
        NOT_ADAMW_MODE,
      ],
      ['Lamb OneBitLamb', 'lamb', `*, lr=1e-3, ${BETAS}, weight_decay=0.0`],
      ['Lion', 'lion', '*, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0', DECOUPLED],
      ['SGD', 'sgd', '*, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
      ['Adagrad', 'adagrad', '*, lr=1e-2, eps=1e-10, weight_decay=0', L2],
    ],
  },
  {
    framework: 'torchopt',
    modules: /^torchopt(\.\w+)*$/,
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
  {
    framework: 'heavyball',
    modules: /^heavyball(\.\w+)*$/,
    eps: 'outside',
    rows: [
      ['AdamW ForeachAdamW', 'adamw', 'params, lr=0.0025, betas=(0.9, 0.99), eps=1e-8, weight_decay=0', DECOUPLED],
      ['NAdam ForeachNAdam', 'nadam', 'params, lr=0.0025, betas=(0.9, 0.99), eps=1e-8, weight_decay=0', DECOUPLED],
      [
        'RMSprop ForeachRMSprop',
        'rmsprop',
        'params, lr=0.0025, betas=(0.9, 0.99), eps=1e-6, weight_decay=0',
        DECOUPLED,
      ],
    ],
  },
  {
    framework: 'timm',
    modules: /^timm\.optim(\.\w+)*$/,
    eps: 'outside',
    rows: [
      [
        'create_optimizer_v2',
        'sgd',
        'model_or_params, opt="sgd", lr, weight_decay=0.0, momentum=0.9, *, betas, eps',
        { namedBy: 'opt' },
      ],
      ['AdamWLegacy', 'adamw', `params, lr=1e-3, ${BETAS}, weight_decay=1e-2, amsgrad=False`, DECOUPLED],
      ['Lion', 'lion', 'params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0', DECOUPLED],
      [
        'RMSpropTF',
        'rmsprop',
        'params, lr=1e-2, alpha=0.9, eps=1e-10, weight_decay=0, momentum=0.0, centered=False',
        { eps: 'inside' },
      ],
    ],
  },
  {
    framework: 'lion-pytorch',
    modules: /^lion_pytorch(\.\w+)*$/,
    rows: [['Lion', 'lion', 'params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0', DECOUPLED]],
  },
  {
    framework: 'mlx',
    modules: /^mlx\.optimizers(\.\w+)*$/,
    eps: 'outside',
    rows: [
      ['Adam', 'adam', `learning_rate, ${BETAS}, bias_correction=False`],
      ['AdamW', 'adamw', `learning_rate, ${BETAS}, weight_decay=0.01, bias_correction=False`, DECOUPLED],
      ['SGD', 'sgd', 'learning_rate, momentum=0.0, weight_decay=0.0, dampening=0.0, nesterov=False', L2],
      ['RMSprop', 'rmsprop', 'learning_rate, alpha=0.99, eps=1e-8'],
      ['Lion', 'lion', 'learning_rate, betas=(0.9, 0.99), weight_decay=0.0', DECOUPLED],
    ],
  },
  {
    // Detectron2 configures SGD by keys of SOLVER; forks name others by OPTIMIZER.
    framework: 'detectron2',
    modules: /^detectron2\.solver$/,
    eps: 'outside',
    rows: [
      [
        'SOLVER',
        'sgd',
        '*, BASE_LR=0.001, MOMENTUM=0.9, NESTEROV=False, WEIGHT_DECAY=1e-4, OPTIMIZER="SGD"',
        { namedBy: 'OPTIMIZER' },
      ],
    ],
  },
];

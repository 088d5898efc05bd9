import { BETAS, DECOUPLED, L2, type Library, NOT_ADAMW_MODE } from './library.ts';

/** Libraries that have the known optimizers in implementations of their own: fused, sharded, in fewer bits. */
export const IMPLEMENTATIONS: readonly Library[] = [
  {
    framework: 'bitsandbytes',
    modules: /^bitsandbytes(\.\w+)*$/,
    example: 'bitsandbytes.optim',
    others: /^(?!Global)[A-Z]\w+$/,
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
      ['LARS LARS8bit LARS32bit', 'lars', 'params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
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
    modules: /^apex(\.contrib)?\.optimizers(\.\w+)*$/,
    example: 'apex.optimizers',
    others: /^[A-Z]\w+$/,
    eps: 'outside',
    rows: [
      [
        'FusedAdam DistributedFusedAdam',
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
    example: 'deepspeed.ops',
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
    example: 'deepspeed.json',
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
    framework: 'torchao',
    modules: /^torchao(\.prototype)?\.(optim|low_bit_optim)(\.\w+)*$/,
    example: 'torchao.optim',
    eps: 'outside',
    rows: [
      ['Adam8bit Adam4bit AdamFp8', 'adam', `params, lr=1e-3, ${BETAS}, weight_decay=0, amsgrad=False`, L2],
      [
        'AdamW8bit AdamW4bit AdamWFp8',
        'adamw',
        `params, lr=1e-3, ${BETAS}, weight_decay=1e-2, amsgrad=False`,
        DECOUPLED,
      ],
    ],
  },
  {
    framework: 'transformer-engine',
    modules: /^transformer_engine\.pytorch(\.\w+)*$/,
    example: 'transformer_engine.pytorch.optimizers',
    eps: 'outside',
    rows: [
      [
        'FusedAdam',
        'adamw',
        `params, lr=1e-3, ${BETAS}, weight_decay=0.0, bias_correction=True, adam_w_mode=True, amsgrad=False`,
        NOT_ADAMW_MODE,
      ],
      ['FusedSGD', 'sgd', 'params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
    ],
  },
  {
    framework: 'colossalai',
    modules: /^colossalai\.nn\.optimizer(\.\w+)*$/,
    example: 'colossalai.nn.optimizer',
    eps: 'outside',
    rows: [
      [
        'HybridAdam CPUAdam FusedAdam',
        'adamw',
        `params, lr=1e-3, bias_correction=True, ${BETAS}, weight_decay=0, adamw_mode=True`,
        NOT_ADAMW_MODE,
      ],
    ],
    others: /^(?:Distributed|Fused)?[A-Z]\w+$/,
  },
  {
    framework: 'optimi',
    modules: /^optimi(\.\w+)*$/,
    example: 'optimi',
    eps: 'outside',
    rows: [
      ['Adam', 'adam', 'params, lr, betas=(0.9, 0.99), eps=1e-6, weight_decay=0', L2],
      ['AdamW', 'adamw', 'params, lr, betas=(0.9, 0.99), eps=1e-6, weight_decay=1e-2', DECOUPLED],
      ['Lion', 'lion', 'params, lr, betas=(0.9, 0.99), weight_decay=0', DECOUPLED],
    ],
    others: /^[A-Z]\w+$/,
  },
];

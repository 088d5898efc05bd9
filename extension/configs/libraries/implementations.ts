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
        'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~',
        DECOUPLED,
      ],
      [
        'AdamW AdamW8bit AdamW32bit PagedAdamW PagedAdamW8bit PagedAdamW32bit',
        'adamw',
        'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~',
        DECOUPLED,
      ],
      [
        'Lion Lion8bit Lion32bit PagedLion PagedLion8bit PagedLion32bit',
        'lion',
        'params, lr=1e-4, betas=~, weight_decay=~',
        DECOUPLED,
      ],
      [
        'RMSprop RMSprop8bit RMSprop32bit',
        'rmsprop',
        'params, lr=~, alpha=~, eps=~, weight_decay=~, momentum=~, centered=~',
        L2,
      ],
      ['SGD SGD8bit SGD32bit', 'sgd', 'params, lr, momentum=~, dampening=~, weight_decay=~, nesterov=~', L2],
      ['LARS LARS8bit LARS32bit', 'lars', 'params, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False', L2],
      [
        'Adagrad Adagrad8bit Adagrad32bit',
        'adagrad',
        'params, lr=~, lr_decay=~, weight_decay=~, initial_accumulator_value=~, eps=~',
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
        'params, lr=~, bias_correction=~, betas=~, eps=~, adam_w_mode=True, weight_decay=0.0, amsgrad=~',
        NOT_ADAMW_MODE,
      ],
      ['FusedSGD', 'sgd', 'params, lr, momentum=~, dampening=~, weight_decay=~, nesterov=~', L2],
      ['FusedLAMB', 'lamb', 'params, lr=1e-3, bias_correction=True, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01'],
      ['FusedAdagrad', 'adagrad', 'params, lr=~, eps=~, weight_decay=~'],
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
        'params, lr=~, bias_correction=~, betas=~, eps=~, adam_w_mode=True, weight_decay=0.0, amsgrad=~',
        NOT_ADAMW_MODE,
      ],
      [
        'DeepSpeedCPUAdam',
        'adamw',
        'params, lr=~, bias_correction=~, betas=~, eps=~, weight_decay=0, amsgrad=~, adamw_mode=True',
        NOT_ADAMW_MODE,
      ],
      ['FusedLion DeepSpeedCPULion', 'lion', 'params, lr=1e-3, betas=~, weight_decay=~', DECOUPLED],
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
        '*, lr=~, betas=~, eps=~, weight_decay=0.0, bias_correction=~, amsgrad=~, adam_w_mode=True',
        NOT_ADAMW_MODE,
      ],
      ['Lamb OneBitLamb', 'lamb', `*, lr=1e-3, ${BETAS}, weight_decay=0.0, bias_correction=True`],
      ['Lion', 'lion', '*, lr=1e-3, betas=~, weight_decay=~', DECOUPLED],
      ['SGD', 'sgd', '*, lr=~, momentum=~, dampening=~, weight_decay=~, nesterov=~', L2],
      ['Adagrad', 'adagrad', '*, lr=~, eps=~, weight_decay=~', L2],
    ],
  },
  {
    framework: 'torchao',
    modules: /^torchao(\.prototype)?\.(optim|low_bit_optim)(\.\w+)*$/,
    example: 'torchao.optim',
    eps: 'outside',
    rows: [
      ['Adam8bit Adam4bit AdamFp8', 'adam', 'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~', L2],
      ['AdamW8bit AdamW4bit AdamWFp8', 'adamw', 'params, lr=~, betas=~, eps=~, weight_decay=~, amsgrad=~', DECOUPLED],
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
        'params, lr=~, betas=~, eps=~, weight_decay=0.0, bias_correction=~, adam_w_mode=True, amsgrad=~',
        NOT_ADAMW_MODE,
      ],
      ['FusedSGD', 'sgd', 'params, lr, momentum=~, dampening=~, weight_decay=~, nesterov=~', L2],
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
        'params, lr=~, bias_correction=~, betas=~, eps=~, weight_decay=0, adamw_mode=True',
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
      ['Adam', 'adam', 'params, lr, betas=(0.9, 0.99), eps=1e-6, weight_decay=~', L2],
      ['AdamW', 'adamw', 'params, lr, betas=(0.9, 0.99), eps=1e-6, weight_decay=~', DECOUPLED],
      ['Lion', 'lion', 'params, lr, betas=~, weight_decay=~', DECOUPLED],
    ],
    others: /^[A-Z]\w+$/,
  },
];

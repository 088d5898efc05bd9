import { DECOUPLED, type Library } from './library.ts';

const HF = { ...DECOUPLED, namedBy: 'optim' } as const;

export const HUGGINGFACE: readonly Library[] = [
  {
    framework: 'huggingface',
    modules: /^(transformers|trl)(\.\w+)*$/,
    example: 'transformers',
    eps: 'outside',
    rows: [
      [
        'TrainingArguments Seq2SeqTrainingArguments',
        'adamw',
        'output_dir, *, learning_rate=5e-5, weight_decay=0.0, adam_beta1=~, adam_beta2=~, adam_epsilon=~, optim="adamw_torch"',
        HF,
      ],
      [
        'SFTConfig',
        'adamw',
        'output_dir, *, learning_rate=2e-5, weight_decay=0.0, adam_beta1=~, adam_beta2=~, adam_epsilon=~, optim="adamw_torch"',
        HF,
      ],
      [
        'DPOConfig GRPOConfig KTOConfig',
        'adamw',
        'output_dir, *, learning_rate=1e-6, weight_decay=0.0, adam_beta1=~, adam_beta2=~, adam_epsilon=~, optim="adamw_torch"',
        HF,
      ],
      [
        'RewardConfig',
        'adamw',
        'output_dir, *, learning_rate=1e-4, weight_decay=0.0, adam_beta1=~, adam_beta2=~, adam_epsilon=~, optim="adamw_torch"',
        HF,
      ],
      ['AdamW', 'adamw', 'params, lr=~, betas=~, eps=1e-6, weight_decay=0.0, correct_bias=~', DECOUPLED],
      ['Adafactor', 'adafactor', 'params, lr=None', DECOUPLED],
    ],
  },
];

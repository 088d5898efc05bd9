import { DECOUPLED, type Library } from './library.ts';

const HF_ADAM = 'weight_decay=0.0, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, optim="adamw_torch"';
const HF = { ...DECOUPLED, namedBy: 'optim' } as const;

export const HUGGINGFACE: readonly Library[] = [
  {
    framework: 'huggingface',
    modules: /^(transformers|trl)(\.\w+)*$/,
    example: 'transformers',
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
];

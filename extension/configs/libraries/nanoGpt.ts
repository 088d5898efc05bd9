/** What nanoGPT's training script and its files of settings, which are bare assignments, are known by. */
export const nanoGpt = {
  /** Names that the script has, beside those of its optimizer. */
  names: new Set(
    [
      'out_dir eval_interval log_interval eval_iters eval_only always_save_checkpoint init_from wandb_log wandb_project wandb_run_name',
      'dataset gradient_accumulation_steps batch_size block_size n_layer n_head n_embd dropout bias max_iters grad_clip',
      'decay_lr warmup_iters lr_decay_iters min_lr backend device dtype compile',
    ].flatMap((line) => line.split(' ')),
  ),
  /** Those that few other programs have. */
  telling:
    /^(?:block_size|lr_decay_iters|warmup_iters|decay_lr|always_save_checkpoint|wandb_run_name|gradient_accumulation_steps)$/,
  optimizer: 'adamw',
  constructorName: 'AdamW',
  settings: { learning_rate: 'lr', beta1: 'beta1', beta2: 'beta2', weight_decay: 'weight_decay' },
} as const;

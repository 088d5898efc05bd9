import { ownDefaults } from '../defaults.ts';
import type { Constructor } from '../frameworks.ts';
import { parseSignature } from '../signature.ts';

/** The Adam of Muon's own repository, for the groups that do not take Muon. */
export const AUXILIARY: Constructor = {
  framework: 'other',
  optimizer: 'adamw',
  eps: 'outside',
  weightDecayForm: 'decoupled',
  parameters: parseSignature('params, lr=3e-4, betas=(0.9, 0.95), eps=1e-10, weight_decay=0'),
};
/** Optax's and Keras' Muon take Adam for what is no matrix. */
export const BUILT_IN: Readonly<Record<string, Constructor>> = {
  optax: {
    framework: 'optax',
    optimizer: 'adamw',
    eps: 'outside',
    weightDecayForm: 'decoupled',
    parameters: parseSignature(
      'learning_rate, adam_b1=~, adam_b2=~, eps=~, adam_weight_decay=0.0',
      {},
      ownDefaults('adamw', 'optax'),
    ),
  },
  keras: {
    framework: 'keras',
    optimizer: 'adamw',
    eps: 'uncorrected',
    weightDecayForm: 'decoupled',
    parameters: parseSignature(
      'learning_rate=~, adam_beta_1=~, adam_beta_2=~, epsilon=~, adam_weight_decay=~',
      {
        adam_beta_1: 'beta1',
        adam_beta_2: 'beta2',
        adam_weight_decay: 'weight_decay',
      },
      ownDefaults('adamw', 'keras'),
    ),
  },
};

/** What the arguments of that Adam begin with where a Muon takes them among its own. */
export const PREFIX = /^adamw?_(?!params)/;

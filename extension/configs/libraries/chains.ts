import type { Constructor } from '../frameworks.ts';

/** A part of `optax.chain` that makes an optimizer of it. */
interface Core {
  readonly optimizer: string;
  readonly signature: string;
  /** Where ε stands, for optimizers without a theory. */
  readonly eps?: Constructor['eps'];
  readonly rename?: Readonly<Record<string, string>>;
  /** The optimizer that it is with `add_decayed_weights` behind it, where that has a name of its own. */
  readonly decoupled?: string;
  /** The optimizer that it is with `nesterov=True`, where that has a name of its own. */
  readonly nesterov?: string;
}

/** The parts of known optimizers, with what they are in a chain. */
export const CORES: Readonly<Record<string, Core>> = {
  scale_by_adam: {
    optimizer: 'adam',
    signature: 'b1=~, b2=~, eps=~, eps_root=0.0, mu_dtype, *, nesterov=False',
    decoupled: 'adamw',
    nesterov: 'nadam',
  },
  scale_by_rms: {
    optimizer: 'rmsprop',
    signature: 'decay=~, eps=~, initial_scale=0.0, eps_in_sqrt=True',
    rename: { decay: 'alpha' },
  },
  scale_by_lion: { optimizer: 'lion', signature: 'b1=~, b2=~' },
  scale_by_amsgrad: { optimizer: 'amsgrad', signature: 'b1=~, b2=~, eps=~, eps_root=0.0' },
  scale_by_radam: {
    optimizer: 'radam',
    signature: 'b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0',
    eps: 'outside',
  },
  scale_by_adamax: { optimizer: 'adamax', signature: 'b1=0.9, b2=0.999, eps=1e-8' },
  scale_by_adadelta: { optimizer: 'adadelta', signature: 'rho=0.9, eps=1e-6', eps: 'inside' },
  scale_by_belief: { optimizer: 'adabelief', signature: 'b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16' },
  scale_by_yogi: { optimizer: 'yogi', signature: 'b1=0.9, b2=0.999, eps=1e-3' },
  scale_by_adan: { optimizer: 'adan', signature: 'b1=0.98, b2=0.92' },
  scale_by_novograd: { optimizer: 'novograd', signature: 'b1=0.9, b2=0.25, eps=1e-6' },
  scale_by_sm3: { optimizer: 'sm3', signature: 'b1=0.9, b2=1.0, eps=1e-8' },
  trace: { optimizer: 'sgd', signature: 'decay, nesterov=~', rename: { decay: 'momentum' } },
  scale_by_sign: { optimizer: 'signsgd', signature: '' },
};

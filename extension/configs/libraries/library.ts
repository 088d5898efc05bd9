import type { ConfigFramework } from '../config.ts';
import type { Constructor, EpsPlacement } from '../frameworks.ts';

/** A row: names of constructors, the canonical optimizer, and the signature as the library documents it. */
export type Row = readonly [names: string, optimizer: string, signature: string, extra?: Extra];
type Extra = Partial<Pick<Constructor, 'eps' | 'weightDecayForm' | 'becomes' | 'namedBy'>> & {
  /** The framework's name of a parameter to the canonical one, where it differs from `CANONICAL`. */
  readonly rename?: Readonly<Record<string, string>>;
};

/** A keyword that some versions of a library take and others do not. */
export interface LegacyKeyword {
  /** The canonical hyper-parameter that it sets, if it is one. */
  readonly sets?: string;
  readonly note: string;
}

export interface Library {
  readonly framework: ConfigFramework;
  /** Matches the module part of the qualified name. */
  readonly modules: RegExp;
  /** One such module, which has all rows. */
  readonly example: string;
  /** Where ε stands, for optimizers without a theory or whose theory leaves it open. */
  readonly eps?: EpsPlacement;
  readonly rows: readonly Row[];
  readonly legacy?: Readonly<Record<string, LegacyKeyword>>;
  /** Names of further optimizers, for which nothing is predicted. */
  readonly others?: RegExp;
}

export const L2 = { weightDecayForm: 'l2' } as const;
export const DECOUPLED = { weightDecayForm: 'decoupled' } as const;
export const BETAS = 'betas=(0.9, 0.999), eps=1e-8';
export const NOT_ADAMW_MODE = {
  ...DECOUPLED,
  becomes: { parameter: 'adamw_mode', value: false, optimizer: 'adam', ...L2 },
} as const;
/** Gradient descent whose weight decay is decoupled unless a flag says otherwise. */
export const SGDW = {
  ...DECOUPLED,
  becomes: { parameter: 'adamw_mode', value: false, optimizer: 'sgd', ...L2 },
} as const;

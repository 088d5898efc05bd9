import type { Scalar } from './config.ts';

/** One parameter of a constructor. */
export interface Parameter {
  /** As the library spells it. */
  readonly name: string;
  /** What it sets, in canonical names; `betas` sets two; empty for parameters that are not hyper-parameters. */
  readonly sets: readonly string[];
  readonly positional: boolean;
  /** One default for each name in `sets`; absent for required parameters. */
  readonly defaults?: readonly Scalar[];
}

/** Spellings of the hyper-parameters in libraries and configuration files, to PyTorch's names. */
const CANONICAL: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    lr: 'lr',
    learning_rate: 'lr',
    base_lr: 'lr',
    lr_float: 'lr',
    betas: 'beta1 beta2',
    adam_betas: 'beta1 beta2',
    beta1: 'beta1',
    beta_1: 'beta1',
    b1: 'beta1',
    adam_beta1: 'beta1',
    adam_b1: 'beta1',
    opt_beta1: 'beta1',
    beta2: 'beta2',
    beta_2: 'beta2',
    b2: 'beta2',
    adam_beta2: 'beta2',
    adam_b2: 'beta2',
    opt_beta2: 'beta2',
    eps: 'eps',
    epsilon: 'eps',
    adam_epsilon: 'eps',
    adam_eps: 'eps',
    eps_root: 'eps_root',
    adam_eps_root: 'eps_root',
    eps_in_sqrt: 'eps_in_sqrt',
    weight_decay: 'weight_decay',
    wd: 'weight_decay',
    adam_weight_decay: 'weight_decay',
    momentum: 'momentum',
    dampening: 'dampening',
    nesterov: 'nesterov',
    use_nesterov: 'nesterov',
    alpha: 'alpha',
    rho: 'rho',
    amsgrad: 'amsgrad',
    centered: 'centered',
    maximize: 'maximize',
    momentum_decay: 'momentum_decay',
    lr_decay: 'lr_decay',
    power: 'power',
    lambd: 'lambd',
    t0: 't0',
    initial_accumulator_value: 'initial_accumulator_value',
    bias_correction: 'bias_correction',
    correct_bias: 'bias_correction',
    adam_w_mode: 'adamw_mode',
    adamw_mode: 'adamw_mode',
    decoupled_weight_decay: 'decoupled_weight_decay',
    beta2_decay: 'beta2_decay',
  }).map(([spelling, names]) => [spelling, names.split(' ')]),
);

/** Canonical names for a spelling, ignoring case; empty if it is no hyper-parameter. */
export function canonicalNames(spelling: string): readonly string[] {
  return CANONICAL.get(spelling.toLowerCase()) ?? [];
}

/**
 * Reads a signature written as in the library's documentation: `params, lr=1e-3, betas=(0.9, 0.999), *, eps=1e-8`.
 * `rename` overrides the canonical name of a parameter; `eps=~` has the default in `own`, by canonical name, and none without.
 */
export function parseSignature(
  signature: string,
  rename: Readonly<Record<string, string>> = {},
  own?: Readonly<Record<string, Scalar>>,
): Parameter[] {
  const parameters: Parameter[] = [];
  let positional = true;
  for (const part of signature.split(/,\s*(?![^(]*\))/)) {
    if (part === '*') {
      positional = false;
      continue;
    }
    const [name, text] = part.split('=');
    const sets = Object.hasOwn(rename, name) ? [rename[name]] : canonicalNames(name);
    const defaults = text === '~' ? own && sets.map((each) => own[each]) : text && scalars(text);
    parameters.push({ name, sets, positional, ...(defaults && { defaults }) });
  }
  return parameters;
}

const scalars = (text: string): Scalar[] =>
  text.startsWith('(') ? text.slice(1, -1).split(', ').map(scalar) : [scalar(text)];

function scalar(text: string): Scalar {
  if (text === 'True' || text === 'False') return text === 'True';
  if (text === 'None') return null;
  return text.startsWith('"') ? text.slice(1, -1) : Number(text);
}

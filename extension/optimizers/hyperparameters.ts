import { InspectorError, quoteName } from '../shared/errors.ts';
import { decay, nonNegative, rangeText, within } from '../shared/range.ts';
import type { Framework, HyperparameterSpec, Hyperparameters, Optimizer } from './optimizer.ts';

/** The hyper-parameters that several optimizers share. */
export const specs = {
  lr: { name: 'lr', kind: 'number', option: 'lr', range: nonNegative, description: 'learning rate h' },
  beta1: { name: 'beta1', kind: 'number', option: 'beta1', range: decay, description: 'decay β of the first moment' },
  beta2: { name: 'beta2', kind: 'number', option: 'beta2', range: decay, description: 'decay ρ of the second moment' },
  eps: {
    name: 'eps',
    kind: 'number',
    option: 'eps',
    range: nonNegative,
    description: 'numerical-stability constant ε',
  },
  weightDecay: {
    name: 'weight_decay',
    kind: 'number',
    option: 'weight-decay',
    range: nonNegative,
    description: 'L2 penalty λ, added to the gradient as λθ',
  },
  decoupledWeightDecay: {
    name: 'weight_decay',
    kind: 'number',
    option: 'weight-decay',
    range: nonNegative,
    description: 'decoupled weight decay λ: θ shrinks by h·λ·θ per step',
  },
  momentum: { name: 'momentum', kind: 'number', option: 'momentum', range: decay, description: 'momentum μ' },
} satisfies Record<string, HyperparameterSpec>;

/** A number by name; only called with names that `completeHyperparameters` has checked. */
export function number(hyper: Hyperparameters, name: string): number {
  const value = hyper[name];
  if (typeof value !== 'number') throw new Error(`Hyper-parameter ${name} is missing.`);
  return value;
}

/** The defaults of `framework`, or of the first framework that has this optimizer. */
export function defaultsOf(optimizer: Optimizer, framework: Framework): Hyperparameters {
  for (const candidate of [framework, 'pytorch', 'keras', 'optax', 'paper'] as const) {
    const defaults = optimizer.defaults(candidate);
    if (defaults !== undefined) return defaults;
  }
  throw new Error(`${optimizer.name} has no defaults.`);
}

/**
 * The defaults of `framework`, overridden by `given`, checked against the optimizer's table.
 * Throws an InspectorError that names the hyper-parameter, its value and what is allowed.
 */
export function completeHyperparameters(
  optimizer: Optimizer,
  framework: Framework,
  given: Readonly<Record<string, number | boolean | string>>,
): Hyperparameters {
  const defaults = defaultsOf(optimizer, framework);
  const known = new Map(optimizer.hyperparameters.map((spec) => [spec.name, spec]));
  for (const [name, value] of Object.entries(given)) {
    const spec = known.get(name);
    if (spec === undefined) {
      throw new InspectorError(
        `${optimizer.title} has no hyper-parameter ${quoteName(name)}.`,
        `It has ${[...known.keys()].join(', ')}.`,
      );
    }
    checkValue(optimizer, spec, value);
  }
  return { ...defaults, ...given };
}

function checkValue(optimizer: Optimizer, spec: HyperparameterSpec, value: number | boolean | string): void {
  const shown = typeof value === 'string' ? quoteName(value) : String(value);
  const fail = (remedy: string) => {
    throw new InspectorError(`${optimizer.title}: ${spec.name} = ${shown} is not possible.`, remedy);
  };
  if (spec.kind === 'boolean') {
    if (typeof value !== 'boolean') fail('Give true or false.');
  } else if (spec.kind === 'choice') {
    if (!spec.choices?.includes(String(value))) fail(`Give one of ${spec.choices?.join(', ')}.`);
  } else if (!within(spec.range ?? {}, value)) {
    fail(`Give a finite number${rangeText(spec.range ?? {})}.`);
  }
}

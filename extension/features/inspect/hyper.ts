import type { ConfigFramework, OptimizerConfig } from '../../configs/config.ts';
import type { HyperparameterSpec } from '../../optimizers/optimizer.ts';
import { optimizers } from '../../optimizers/registry.ts';
import { setting } from '../../shared/format.ts';
import type { InspectRequest } from '../../shared/protocol.ts';
import { inspectSettings } from '../../shared/request.ts';

type Values = InspectRequest['hyper'];

/** The optimizer of a configuration as the engine takes it. */
export interface ConfiguredOptimizer {
  readonly optimizer: string;
  readonly framework: string;
  readonly hyper: Values;
  /** Hyper-parameters whose values are not known from the text, so that the framework's defaults stand for them. */
  readonly unknown: readonly string[];
}

/** Frameworks whose conventions the engine knows; others follow PyTorch. */
const frameworks: Partial<Record<ConfigFramework, string>> = { keras: 'keras', optax: 'optax' };

/** What the engine is to run for a configuration; undefined where it does not have this optimizer. */
export function configuredOptimizer(config: OptimizerConfig): ConfiguredOptimizer | undefined {
  const found = optimizers.find(({ name }) => name === config.optimizer);
  if (!found) return undefined;
  const hyper: Record<string, number | boolean | string> = {};
  const unknown: string[] = [];
  for (const spec of found.hyperparameters) {
    const entry = config.hyperparameters.get(spec.name);
    if (entry === undefined) continue;
    if (entry.from === 'unknown') unknown.push(entry.argument);
    else if (fits(spec, entry.value)) hyper[spec.name] = entry.value as number | boolean | string;
  }
  return { optimizer: found.name, framework: frameworks[config.framework] ?? 'pytorch', hyper, unknown };
}

function fits({ kind, choices }: HyperparameterSpec, value: unknown): boolean {
  if (kind === 'choice') return typeof value === 'string' && choices?.includes(value) === true;
  return kind === 'boolean' ? typeof value === 'boolean' : typeof value === 'number' && Number.isFinite(value);
}

/** Adam with the defaults of PyTorch, for a model without a configuration. */
export const defaultOptimizer: ConfiguredOptimizer = {
  optimizer: inspectSettings.optimizer.default,
  framework: 'pytorch',
  hyper: {},
  unknown: [],
};

/** `lr is now 3e-4`: what a configuration says other than a run that was made from it. */
export function hyperChanges(
  request: Pick<InspectRequest, 'optimizer' | 'hyper'>,
  now: ConfiguredOptimizer | undefined,
): string[] {
  if (!now) return ['its optimizer configuration is gone'];
  if (now.optimizer !== request.optimizer) return [`the optimizer is now ${now.optimizer}`];
  const names = new Set([...Object.keys(request.hyper), ...Object.keys(now.hyper)]);
  return [...names]
    .filter((name) => request.hyper[name] !== now.hyper[name])
    .map((name) =>
      now.hyper[name] === undefined ? `${name} is no longer known` : `${name} is now ${setting(now.hyper[name])}`,
    );
}

/** `Adam lr 1e-3 betas (0.9, 0.95)`, of what is given. */
export function describeOptimizer({ optimizer, hyper }: Pick<InspectRequest, 'optimizer' | 'hyper'>): string {
  const title = optimizers.find(({ name }) => name === optimizer)?.title ?? optimizer;
  const { lr, beta1, beta2 } = hyper;
  const parts = [
    title,
    lr !== undefined && `lr ${setting(lr)}`,
    beta1 !== undefined && beta2 !== undefined && `betas (${beta1}, ${beta2})`,
  ];
  return parts.filter(Boolean).join(' ');
}

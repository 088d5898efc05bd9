import type { ConfigFramework, OptimizerConfig } from '../configs/config.ts';
import { optimizers } from '../optimizers/registry.ts';
import { type GroupRequest, type InspectRequest, origins } from '../shared/request.ts';
import { configuredGroups, fits, inAllGroups } from './configuredGroups.ts';

/** The optimizer of a configuration as the engine takes it. */
export interface ConfiguredOptimizer {
  readonly optimizer: string;
  readonly framework: string;
  readonly hyper: InspectRequest['hyper'];
  /** Where those come from that are not written at the call; see `InspectRequest`. */
  readonly origins: Readonly<Record<string, string>>;
  /** Hyper-parameters that the text sets to something that is not known from it, by canonical name. */
  readonly unknown: readonly string[];
  /** Parameter groups that the text tells, and what is not known of the others. */
  readonly groups?: readonly GroupRequest[];
  readonly openGroups?: readonly string[];
}

/** Frameworks whose conventions the engine knows; others follow PyTorch. */
const frameworks: Partial<Record<ConfigFramework, string>> = { keras: 'keras', optax: 'optax' };

/** What the engine is to run for a configuration; undefined where it does not have this optimizer. */
export function configuredOptimizer(config: OptimizerConfig): ConfiguredOptimizer | undefined {
  const found = optimizers.find(({ name }) => name === config.optimizer);
  if (!found) return undefined;
  const hyper: Record<string, number | boolean | string> = {};
  const whence: Record<string, string> = {};
  const unknown: string[] = [];
  for (const spec of found.hyperparameters) {
    const entry = config.hyperparameters.get(spec.name);
    if (entry === undefined) continue;
    const shared = entry.from === 'unknown' ? inAllGroups(config, spec.name) : undefined;
    if (shared !== undefined && fits(spec, shared)) hyper[spec.name] = shared;
    else if (entry.from === 'unknown') unknown.push(spec.name);
    else if (fits(spec, entry.value)) {
      hyper[spec.name] = entry.value as number | boolean | string;
      if (entry.from === 'default') whence[spec.name] = origins.default;
      else if (entry.place !== undefined) whence[spec.name] = entry.place;
    }
  }
  const framework = frameworks[config.framework] ?? 'pytorch';
  const { groups, open } = configuredGroups(config, found, hyper);
  return {
    ...{ optimizer: found.name, framework, hyper, origins: whence, unknown },
    ...(groups.length > 0 && { groups }),
    ...(open.length > 0 && { openGroups: open }),
  };
}

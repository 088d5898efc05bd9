import { defaultsOf } from '../optimizers/hyperparameters.ts';
import type { Hyperparameters } from '../optimizers/optimizer.ts';
import { optimizerOf } from '../optimizers/registry.ts';
import { frameworks } from '../shared/request.ts';
import type { ConfigFramework } from './config.ts';

/**
 * What `~` stands for in the signatures of a library: the optimizer's defaults in that framework, in PyTorch for libraries that
 * follow PyTorch. Undefined for optimizers without a theory, whose defaults the signatures state.
 */
export function ownDefaults(optimizer: string, framework: ConfigFramework): Omit<Hyperparameters, 'lr'> | undefined {
  const found = optimizerOf(optimizer);
  if (!found) return undefined;
  const family = frameworks.find((each) => each === framework) ?? 'pytorch';
  return { ...defaultsOf(found.optimizer, family), ...found.fixed };
}

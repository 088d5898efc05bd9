import assert from 'node:assert/strict';
import { analyse } from '../../extension/configs/analyse.ts';
import type { HyperparameterValue, Language, OptimizerConfig } from '../../extension/configs/config.ts';

/** `0.001`, `0.999(default)`, `0.01(resolved)`, `?` for unknown. */
function shown({ value, from }: HyperparameterValue): string {
  if (from === 'unknown') return '?';
  return from === 'literal' ? String(value) : `${value}(${from})`;
}

/**
 * Compares what is found with lines such as `pytorch adam lr=0.001 beta2=0.999(default)`: only the hyper-parameters that a
 * line mentions are compared.
 */
export function expectFound(
  language: Language,
  text: string,
  expected: readonly string[],
  configs = analyse({ path: 'f', language, text }),
): OptimizerConfig[] {
  const lines = configs.map((config, i) => {
    const names = (expected[i] ?? '')
      .split(' ')
      .slice(2)
      .map((part) => part.split('=')[0]);
    const values = names.map((name) => {
      const entry = config.hyperparameters.get(name);
      return `${name}=${entry ? shown(entry) : 'absent'}`;
    });
    return [config.framework, config.optimizer, ...values].join(' ');
  });
  assert.deepEqual(lines, expected);
  return configs;
}

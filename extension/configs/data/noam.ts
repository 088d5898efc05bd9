import { rounded } from '../../shared/format.ts';
import type { OptimizerConfig } from '../config.ts';
import { type DataNode, findingOf, type MapNode } from './tree.ts';

const NOAM = /^noam(?:annealing|lr|_?scheduler)?$/i;
const WIDTHS = ['d_model', 'model_size', 'rnn_size', 'hidden_size'] as const;
const WARM_UPS = ['warmup_steps', 'n_warmup_steps'] as const;

/**
 * A configuration whose schedule is the one of the first transformers: its learning rate is a factor, lr·d^(−1/2)·min(n^(−1/2), n·w^(−3/2)) at
 * step n, with the width d of the model and w steps of warm-up. The peak lr·(d·w)^(−1/2) takes its place, or nothing that is known.
 * `settings` are the maps in which d and w may stand.
 */
export function withNoamPeak(
  config: OptimizerConfig,
  settings: readonly (MapNode | undefined)[],
  root: DataNode,
): OptimizerConfig {
  const lr = config.hyperparameters.get('lr');
  if (!lr || !NOAM.test(config.schedule?.name ?? '')) return config;
  const numberAt = (keys: readonly string[]): number | undefined => {
    for (const map of settings)
      for (const key of keys) {
        const entry = map?.entries.get(key);
        const { value, from } = entry ? findingOf(entry.value, root) : { value: undefined, from: 'unknown' };
        if (typeof value === 'number' && from !== 'unknown' && value > 0) return value;
      }
    return undefined;
  };
  const [width, warmUp] = [numberAt(WIDTHS), numberAt(WARM_UPS)];
  const isKnown = typeof lr.value === 'number' && width !== undefined && warmUp !== undefined;
  const peak = isKnown
    ? { ...lr, value: rounded(Number(lr.value) / Math.sqrt(width * warmUp), 6), from: 'resolved' as const }
    : { ...lr, value: null, from: 'unknown' as const };
  const text =
    'The schedule multiplies lr by (d·w)^(−1/2) at its peak, with the width d of the model and w steps of warm-up.';
  return {
    ...config,
    hyperparameters: new Map([...config.hyperparameters].map(([name, value]) => [name, name === 'lr' ? peak : value])),
    notes: [...(config.notes ?? []), { text, ...(lr.range && { range: lr.range }) }],
  };
}

import type { ConfigFramework, Scalar } from './config.ts';
import { LIBRARIES } from './libraries.ts';
import { type Parameter, parseSignature } from './signature.ts';

/**
 * Where ε stands in the denominator; `uncorrected`: outside, before the bias correction (Keras' Adam). Optax has one on
 * either side (`eps`, `eps_root`): `both` if neither is 0.
 */
export type EpsPlacement = 'outside' | 'inside' | 'uncorrected' | 'both';

/** One constructor: what a call of it means. */
export interface Constructor {
  readonly framework: ConfigFramework;
  readonly optimizer: string;
  readonly parameters: readonly Parameter[];
  readonly eps?: EpsPlacement;
  readonly weightDecayForm?: 'l2' | 'decoupled';
  /** A flag that turns this optimizer into another: `adam_w_mode=False`. */
  readonly becomes?: { readonly parameter: string; readonly value: Scalar; readonly optimizer: string };
  /** The parameter that names the optimizer: `optim="adamw_torch"`. */
  readonly namedBy?: string;
}

const cache = new Map<string, Constructor | undefined>();

/** The constructor of a fully qualified name (`torch.optim.Adam`), or undefined. */
export function constructorOf(qualified: string): Constructor | undefined {
  if (!cache.has(qualified)) {
    if (cache.size > 5000) cache.clear();
    cache.set(qualified, find(qualified));
  }
  return cache.get(qualified);
}

function find(qualified: string): Constructor | undefined {
  const dot = qualified.lastIndexOf('.');
  if (dot < 0) return undefined;
  const module = qualified.slice(0, dot);
  const name = qualified.slice(dot + 1);
  for (const library of LIBRARIES) {
    if (!library.modules.test(module)) continue;
    const row = library.rows.find(([names]) => names.split(' ').includes(name));
    if (!row) continue;
    const [, optimizer, signature, extra] = row;
    const { rename, ...rest } = extra ?? {};
    return {
      framework: library.framework,
      optimizer,
      ...(library.eps && { eps: library.eps }),
      ...rest,
      parameters: parseSignature(signature, rename),
    };
  }
  return undefined;
}

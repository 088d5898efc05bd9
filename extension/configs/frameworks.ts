import type { ConfigFramework, Scalar } from './config.ts';
import { ownDefaults } from './defaults.ts';
import { LIBRARIES } from './libraries/index.ts';
import type { LegacyKeyword } from './libraries/library.ts';
import { optimizerNamed } from './names.ts';
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
  readonly becomes?: {
    readonly parameter: string;
    readonly value: Scalar;
    readonly optimizer: string;
    /** How weight decay then acts, where that changes with it. */
    readonly weightDecayForm?: Constructor['weightDecayForm'];
  };
  /** The parameter that names the optimizer: `optim="adamw_torch"`. */
  readonly namedBy?: string;
  /** Keywords of other versions of the library. */
  readonly legacy?: Readonly<Record<string, LegacyKeyword>>;
  /** Only its name is known: no defaults, and no other arguments than those that most optimizers share. */
  readonly isGeneric?: boolean;
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

/** What stands among optimizers in their libraries and is none. */
const NO_OPTIMIZER =
  /(?:Loss|Losses|Schedulers?|Schedule|Decay|LR|Warmup|Annealing|Optimizer|Config|Manager|Wrapper|State|Mixin|Error|Enum|Type)$/;
const NO_MODULE = /\b(?:schedules|lr_scheduler|schedulers?|losses|utils?)\b/;
/** The arguments that most optimizers begin with. */
const COMMON = parseSignature('params, lr');

function find(qualified: string): Constructor | undefined {
  const dot = qualified.lastIndexOf('.');
  if (dot < 0) return undefined;
  const module = qualified.slice(0, dot);
  const name = qualified.slice(dot + 1);
  const libraries = LIBRARIES.filter(({ modules }) => modules.test(module));
  for (const library of libraries) {
    const row = library.rows.find(([names]) => names.split(' ').includes(name));
    if (!row) continue;
    const [, optimizer, signature, extra] = row;
    const { rename, ...rest } = extra ?? {};
    const own = ownDefaults(optimizer, library.framework);
    const eps = (own?.eps_placement as EpsPlacement | undefined) ?? library.eps;
    return {
      framework: library.framework,
      optimizer,
      ...(eps && { eps }),
      ...(library.legacy && { legacy: library.legacy }),
      ...rest,
      parameters: parseSignature(signature, rename, own),
    };
  }
  if (NO_OPTIMIZER.test(name) || NO_MODULE.test(module)) return undefined;
  for (const { framework, others } of libraries) {
    const known = optimizerNamed(name);
    if (others?.test(name) || (known && OPTAX_MODULE.test(module)))
      return {
        framework,
        optimizer: known ?? name,
        parameters: framework === 'keras' || OPTAX_MODULE.test(module) ? COMMON_KERAS : COMMON,
        isGeneric: true,
      };
  }
  return undefined;
}

const OPTAX_MODULE = /^optax(\.|$)/;
const COMMON_KERAS = parseSignature('learning_rate');

import { numberOf, type OptimizerConfig } from '../configs/config.ts';
import { otherTitle } from '../configs/names.ts';
import { defaultsOf } from '../optimizers/hyperparameters.ts';
import { kappaAt } from '../optimizers/limit.ts';
import type { Framework, HyperparameterSpec, Hyperparameters, Norm, Optimizer } from '../optimizers/optimizer.ts';
import { optimizerOf } from '../optimizers/registry.ts';
import { setting } from '../shared/format.ts';
import { decay, nonNegative, within } from '../shared/range.ts';
import { frameworks } from '../shared/request.ts';

/** The values of β₂ that the comparison shows. */
export const COMPARED_BETA2 = [0.9, 0.95, 0.99, 0.999] as const;

/** Longest way that the curve over the steps follows: beyond it a hover would have to be waited for. */
const MOST_STEPS = 50_000;

/** What the theory says of a configuration: of which norm, or `none` where a configuration alone does not decide it. */
export type Effect = Norm['kind'] | 'none';

export interface Summary {
  readonly effect: Effect;
  /** "the one-norm of the loss gradient"; where there is an effect. */
  readonly norm?: string;
  /** Why there is no number, where there is none. */
  readonly reason?: string;
  /** κ for n → ∞ and ε → 0, asked of the optimizer. Negative: anti-regularizing. Null if unknown. */
  readonly kappa: number | null;
  /** h·κ: the weight of the norm. */
  readonly hKappa: number | null;
  /** |g|* below which a coordinate is regularized instead (theory A3, F7); null if unknown or if κ has one sign. */
  readonly switchGradient: number | null;
}

/** An optimizer with what is known of its hyper-parameters. */
export interface Known {
  readonly optimizer: Optimizer;
  /** Complete: what the text does not say has the framework's default. */
  readonly hyper: Hyperparameters;
  /** What κ depends on and the text leaves open, in the words of the configuration. */
  readonly missing: readonly string[];
}

/** The optimizer of a configuration as the theory has it; undefined where there is none here. */
export function knownOptimizer(config: OptimizerConfig): Known | undefined {
  const found = optimizerOf(config.optimizer);
  if (!found) return undefined;
  const { optimizer, fixed } = found;
  const framework: Framework = frameworks.find((name) => name === config.framework) ?? 'pytorch';
  const defaults = defaultsOf(optimizer, framework);
  const { numerator, denominator, steps, further = [] } = optimizer.memory;
  const deciding = new Set([numerator, denominator, steps, ...further]);
  const hyper: Record<string, number | boolean | string> = { ...defaults, ...fixed };
  const missing: string[] = [];
  for (const spec of optimizer.hyperparameters) {
    const { name } = spec;
    if (name in fixed) continue;
    const entry = config.hyperparameters.get(name);
    // Frameworks write None for what is off.
    if (entry && entry.from !== 'unknown' && entry.value === null) hyper[name] = spec.kind === 'boolean' ? false : 0;
    else if (entry && accepts(spec, entry.value)) hyper[name] = entry.value as number | boolean | string;
    // A memory that no library has unless it is named is absent where it is not named.
    else if (deciding.has(name) && (entry || (spec.range === decay && defaults[name] !== 0))) missing.push(name);
  }
  return { optimizer, hyper: hyper as Hyperparameters, missing };
}

function accepts({ kind, choices, range = {} }: HyperparameterSpec, value: unknown): boolean {
  if (kind === 'choice') return typeof value === 'string' && choices?.includes(value) === true;
  return kind === 'boolean' ? typeof value === 'boolean' : within(range, value);
}

/** A decay rate that is known and wrong: `β₂ = 1`. */
export function impossibleValue(config: OptimizerConfig): string | undefined {
  for (const [name, greek] of [
    ['beta1', 'β₁'],
    ['beta2', 'β₂'],
    ['alpha', 'α'],
    ['momentum', 'momentum'],
  ]) {
    const value = numberOf(config, name);
    if (value !== undefined && !within(decay, value)) return `${greek} = ${setting(value)}`;
  }
  return undefined;
}

/** What theory predicts for a configuration, for the full batch, late steps and small ε. */
export function summarize(config: OptimizerConfig): Summary {
  const nothing = { kappa: null, hKappa: null, switchGradient: null };
  const known = knownOptimizer(config);
  if (!known) {
    const title = otherTitle(config.optimizer) ?? config.optimizer;
    return { effect: 'none', reason: `for ${title} no closed form is available here`, ...nothing };
  }
  const { optimizer, hyper, missing } = known;
  const { kind, words } = optimizer.norm(hyper);
  const wrong = missing.length > 0 ? impossibleValue(config) : undefined;
  if (wrong) return { effect: kind, norm: words, reason: `${wrong} is not possible: it must be in [0, 1)`, ...nothing };
  if (missing.length > 0) {
    const { numerator, denominator } = optimizer.memory;
    const decays = missing.filter((name) => name === numerator || name === denominator);
    const first = decays.length > 0 ? decays : missing;
    const names =
      first.length === 2 && first.every((name) => name.startsWith('beta')) ? 'both betas' : first.join(' and ');
    const reason = `the strength needs ${names}, which ${first.length > 1 ? 'are' : 'is'} not known here`;
    return { effect: kind, norm: words, reason, ...nothing };
  }
  const limit = kappaAt(optimizer, hyper, Infinity);
  if (typeof limit !== 'number') return { effect: 'none', reason: limit.reason, ...nothing };
  const given = numberOf(config, 'lr');
  const lr = within(nonNegative, given) ? given : undefined;
  return {
    effect: kind,
    norm: words,
    kappa: limit,
    hKappa: lr === undefined ? null : lr * limit,
    switchGradient: switchOf(config, known),
  };
}

/** Only where ε and its place are known: κ = 0 there. */
function switchOf(config: OptimizerConfig, { optimizer, hyper }: Known): number | null {
  const placement = optimizer.hyperparameters.find(({ name }) => name === 'eps_placement');
  const place = config.hyperparameters.get('eps_placement')?.value;
  if (numberOf(config, 'eps') !== hyper.eps || (placement && place !== hyper.eps_placement)) return null;
  return optimizer.signChange(hyper, Infinity) ?? null;
}

export interface CurvePoint {
  readonly step: number;
  readonly hKappa: number;
}

/** κ(n) for small ε of an optimizer whose strength grows with its memory; undefined where it is not known or too far away. */
function growth(config: OptimizerConfig): { readonly last: number; kappa(n: number): number } | undefined {
  const known = knownOptimizer(config);
  if (!known || known.missing.length > 0 || known.optimizer.norm(known.hyper).kind !== 'one-norm') return undefined;
  const { optimizer, hyper } = known;
  const { numerator, denominator } = optimizer.memory;
  const decays = [numerator, denominator].map((name) => (name === undefined ? 0 : Number(hyper[name])));
  // Without bias correction early steps have another size, too: their κ is no curve of the memory.
  if (numerator === undefined || hyper.bias_correction === false) return undefined;
  const last = Math.max(10, Math.ceil(4 / (1 - Math.max(...decays))));
  if (last > MOST_STEPS || typeof kappaAt(optimizer, hyper, 0) !== 'number') return undefined;
  return { last, kappa: (n) => kappaAt(optimizer, hyper, n) as number };
}

/**
 * h·κ(n) at about `count` steps, evenly spaced from the first to four times the longer memory 1/(1−β); null if an input
 * is unknown. Constant step size.
 */
export function strengthCurve(config: OptimizerConfig, count = 60): CurvePoint[] | null {
  const lr = numberOf(config, 'lr');
  const found = growth(config);
  if (lr === undefined || !found) return null;
  const { last, kappa } = found;
  const points = Math.max(2, Math.min(count, last + 1));
  return Array.from({ length: points }, (_, i) => {
    const step = Math.round((i * last) / (points - 1));
    return { step, hKappa: lr * kappa(step) };
  });
}

/** The first step at which half of the limit of κ is reached; null if unknown or if the limit is 0. */
export function halfStrengthStep(config: OptimizerConfig): number | null {
  const found = growth(config);
  const limit = found?.kappa(Infinity);
  if (!found || !limit) return null;
  const reached = (n: number) => Math.abs(found.kappa(n)) >= Math.abs(limit) / 2;
  let low = 0;
  let high = found.last;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (reached(middle)) high = middle;
    else low = middle;
  }
  return high;
}

export interface ComparedBeta2 {
  readonly beta2: number;
  readonly hKappa: number;
  readonly isCurrent: boolean;
}

/** What h·κ would be at other values of β₂, everything else equal; null where β₂ plays no such part. */
export function compareBeta2(config: OptimizerConfig): ComparedBeta2[] | null {
  const lr = numberOf(config, 'lr');
  const known = knownOptimizer(config);
  if (lr === undefined || !known || known.optimizer.memory.denominator !== 'beta2') return null;
  const { optimizer, hyper, missing } = known;
  if (missing.some((name) => name !== 'beta2')) return null;
  const current = missing.length > 0 ? undefined : Number(hyper.beta2);
  const values: number[] = [...COMPARED_BETA2];
  if (current !== undefined && !values.includes(current)) values.push(current);
  const rows = values
    .sort((a, b) => a - b)
    .map((beta2) => ({ beta2, kappa: kappaAt(optimizer, { ...hyper, beta2 }, Infinity) }));
  if (rows.some(({ kappa }) => typeof kappa !== 'number')) return null;
  return rows.map(({ beta2, kappa }) => ({ beta2, hKappa: lr * (kappa as number), isCurrent: beta2 === current }));
}

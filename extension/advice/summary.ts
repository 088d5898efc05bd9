import { isTrue, numberOf, type OptimizerConfig } from '../configs/config.ts';
import { otherTitle } from '../configs/names.ts';
import { meanAge } from '../optimizers/theory.ts';

/**
 * |h·κ| up to which the first-order expansion can hold, and from which it does not. Our own
 * heuristic after theory C5: the expansion needs h·age·|q|/D ≪ 1, greys numbers at 0.3, and was measured good around 0.1.
 */
export const HOLDS_BELOW = 0.1;
export const FAILS_ABOVE = 0.3;

/** The values of β₂ that the comparison shows. */
export const COMPARED_BETA2 = [0.9, 0.95, 0.99, 0.999] as const;

/**
 * What the theory says of an optimizer: the one-norm of the gradient with weight κ; the squared two-norm, always penalized
 * (SGD); no memory term where ε is small (sign descent: Lion, Signum); or nothing that a configuration alone decides.
 */
export type Effect = 'one-norm' | 'squared-norm' | 'sign' | 'none';

export interface Summary {
  readonly effect: Effect;
  /** Why there is no number, where there is none. */
  readonly reason?: string;
  /** κ for n → ∞ and ε → 0 (theory A3): β/(1−β) − ρ/(1−ρ) for Adam. Negative: anti-regularizing. Null if unknown. */
  readonly kappa: number | null;
  /** h·κ. */
  readonly hKappa: number | null;
  /** |g|* below which a coordinate is regularized instead (theory A3, F7); null if unknown or if κ has one sign. */
  readonly switchGradient: number | null;
  /** Largest step size with |h·κ| ≤ `HOLDS_BELOW`; null if κ is unknown or 0. */
  readonly largestStepSize: number | null;
  readonly validity: 'holds' | 'borderline' | 'out of range' | null;
}

/** c_ρ-weight and numerator of κ(f) = ½[numerator − total·f], f = |g|/D or g²/D² (theory A3, B2), for n → ∞. */
interface Memory {
  readonly numerator: number;
  readonly total: number;
  /** RMSprop's momentum acts outside the normalisation: the effective step is h/(1−μ). */
  readonly stepFactor: number;
}

const ADAM = /^(adam|adamw|sparse_adam)$/;

function memoryOf(config: OptimizerConfig, beta2 = decay(config, 'beta2')): Memory | undefined {
  const { optimizer } = config;
  if (optimizer === 'rmsprop') {
    const alpha = decay(config, 'alpha');
    // PyTorch, Keras and Optax know of a momentum; a file that does not mention it has the default of 0 everywhere.
    const momentum =
      config.hyperparameters.has('momentum') && knownValue(config, 'momentum') !== null ? decay(config, 'momentum') : 0;
    if (alpha === undefined || momentum === undefined) return undefined;
    const numerator = 1 + 2 * meanAge(momentum, Infinity);
    return { numerator, total: numerator + 2 * meanAge(alpha, Infinity), stepFactor: 1 / (1 - momentum) };
  }
  const beta1 = decay(config, 'beta1');
  if (beta1 === undefined || beta2 === undefined) return undefined;
  const ages = { numerator: 1 + 2 * meanAge(beta1, Infinity), total: 1 + 2 * meanAge(beta2, Infinity), stepFactor: 1 };
  if (ADAM.test(optimizer)) return ages;
  // NAdam: c_N = c_β − 2β (theory B2).
  return optimizer === 'nadam' ? { ...ages, numerator: ages.numerator - 2 * beta1 } : undefined;
}

function knownValue(config: OptimizerConfig, name: string): unknown {
  const entry = config.hyperparameters.get(name);
  return entry?.from === 'unknown' ? undefined : entry?.value;
}

/** A known decay rate in [0, 1). */
function decay(config: OptimizerConfig, name: string): number | undefined {
  const value = numberOf(config, name);
  return value !== undefined && value >= 0 && value < 1 ? value : undefined;
}

/** What theory predicts for a configuration, for the full batch, late steps and small ε. */
export function summarize(config: OptimizerConfig): Summary {
  const nothing = { kappa: null, hKappa: null, switchGradient: null, largestStepSize: null, validity: null };
  const { optimizer } = config;
  if (optimizer === 'sgd') return { effect: 'squared-norm', ...nothing };
  if (/^(lion|signum|signsgd)$/.test(optimizer)) return { effect: 'sign', ...nothing };
  const reason = excluded(config);
  if (reason) return { effect: 'none', reason, ...nothing };
  const memory = memoryOf(config);
  if (!memory) {
    const names = optimizer === 'rmsprop' ? 'alpha and momentum' : 'both betas';
    return { effect: 'one-norm', reason: `the strength needs ${names}, which are not known here`, ...nothing };
  }
  const kappa = (memory.numerator - memory.total) / 2;
  const lr = numberOf(config, 'lr');
  const hKappa = lr === undefined ? null : lr * kappa;
  const size = hKappa === null ? null : Math.abs(hKappa) * memory.stepFactor;
  return {
    effect: 'one-norm',
    kappa,
    hKappa,
    switchGradient: switchOf(config, memory),
    largestStepSize: kappa === 0 ? null : HOLDS_BELOW / (Math.abs(kappa) * memory.stepFactor),
    validity:
      size === null ? null : size <= HOLDS_BELOW ? 'holds' : size <= FAILS_ABOVE ? 'borderline' : 'out of range',
  };
}

function excluded(config: OptimizerConfig): string | undefined {
  const { optimizer } = config;
  if (optimizer === 'rmsprop' && isTrue(config, 'centered')) {
    return 'centered RMSprop has no first-order correction in the full-batch limit: its denominator tends to ε';
  }
  if (optimizer === 'amsgrad' || (/^adamw?$/.test(optimizer) && isTrue(config, 'amsgrad'))) {
    return 'with AMSGrad the correction depends on the state: a run has to measure it';
  }
  if (/^(adam|adamw|nadam|rmsprop|sparse_adam)$/.test(optimizer)) return undefined;
  return `for ${otherTitle(optimizer) ?? optimizer} no closed form is available here`;
}

/** κ = 0 where f = numerator/total: |g|/(|g|+ε) = f or g²/(g²+ε) = f. */
function switchOf(config: OptimizerConfig, { numerator, total }: Memory): number | null {
  const eps = numberOf(config, 'eps');
  if (eps === undefined || eps < 0 || total <= numerator) return null;
  const ratio = (eps * numerator) / (total - numerator);
  const placement = knownValue(config, 'eps_placement');
  if (placement === 'inside') return Math.sqrt(ratio);
  // Keras applies ε before the bias correction; for late steps that is outside.
  return placement === 'outside' || placement === 'uncorrected' ? ratio : null;
}

/** κ(n) for small ε: a_β(n) − a_ρ(n) (theory A3); undefined for optimizers without this closed form at finite n. */
function kappaAt(config: OptimizerConfig, n: number): number | undefined {
  const beta1 = decay(config, 'beta1');
  const beta2 = decay(config, 'beta2');
  if (!/^adamw?$/.test(config.optimizer) || beta1 === undefined || beta2 === undefined) return undefined;
  // Without bias correction there is no closed form at finite n.
  const uncorrected = knownValue(config, 'bias_correction') === false;
  return excluded(config) || (uncorrected && n !== Infinity) ? undefined : meanAge(beta1, n) - meanAge(beta2, n);
}

export interface CurvePoint {
  readonly step: number;
  readonly hKappa: number;
}

/**
 * h·κ(n) at about `count` steps, evenly spaced from the first to four times the longer memory 1/(1−β); null if an input
 * is unknown. Adam with bias correction, constant step size.
 */
export function strengthCurve(config: OptimizerConfig, count = 60): CurvePoint[] | null {
  const lr = numberOf(config, 'lr');
  if (lr === undefined || kappaAt(config, 0) === undefined) return null;
  const memory = 1 / (1 - Math.max(decay(config, 'beta1') ?? 0, decay(config, 'beta2') ?? 0));
  const last = Math.max(10, Math.ceil(4 * memory));
  const points = Math.max(2, Math.min(count, last + 1));
  return Array.from({ length: points }, (_, i) => {
    const step = Math.round((i * last) / (points - 1));
    return { step, hKappa: lr * (kappaAt(config, step) ?? 0) };
  });
}

/** The first step at which half of the limit of κ is reached; null if unknown or if the limit is 0. */
export function halfStrengthStep(config: OptimizerConfig): number | null {
  const limit = kappaAt(config, Infinity);
  if (limit === undefined || limit === 0 || kappaAt(config, 0) === undefined) return null;
  const reached = (n: number) => Math.abs(kappaAt(config, n) ?? 0) >= Math.abs(limit) / 2;
  let high = 1;
  while (!reached(high) && high < 1e12) high *= 2;
  let low = 0;
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
  const current = decay(config, 'beta2');
  if (lr === undefined || config.optimizer === 'rmsprop' || excluded(config) || !memoryOf(config, 0)) return null;
  const values: number[] = [...COMPARED_BETA2];
  if (current !== undefined && !values.includes(current)) values.push(current);
  return values
    .sort((a, b) => a - b)
    .map((beta2) => {
      const { numerator, total } = memoryOf(config, beta2)!;
      return { beta2, hKappa: (lr * (numerator - total)) / 2, isCurrent: beta2 === current };
    });
}

/**
 * The weight of ‖∇E‖² that SGD adds to the loss (theory A4, B2): (h/2)(A'/D + D/2) for n → ∞, with S = (1−τ)/(1−μ),
 * D = S or 1 + μS (Nesterov), A' = μSD/(1−μ), times μ for Nesterov. Null if an input is unknown.
 */
export function squaredNormWeight(config: OptimizerConfig): number | null {
  const lr = numberOf(config, 'lr');
  const momentum =
    config.hyperparameters.has('momentum') && knownValue(config, 'momentum') !== null ? decay(config, 'momentum') : 0;
  if (config.optimizer !== 'sgd' || lr === undefined || momentum === undefined) return null;
  const dampening = momentum === 0 ? 0 : (numberOf(config, 'dampening') ?? 0);
  const nesterov = isTrue(config, 'nesterov') && momentum > 0;
  const s = (1 - dampening) / (1 - momentum);
  const d = nesterov ? 1 + momentum * s : s;
  const past = ((nesterov ? momentum * momentum : momentum) * s) / (1 - momentum);
  return (lr / 2) * (past + d / 2);
}

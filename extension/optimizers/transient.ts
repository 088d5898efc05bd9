import { positive, reciprocal, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import type { Coefficients, CorrectionTerms, StepSizes } from './optimizer.ts';
import { applyRule, gaussRule, ruleCoefficients } from './quadrature.ts';
import { measuredTerms } from './terms.ts';
import { accumulatedWeight, memoryWindow, relativeSteps, scheduledAge, stepUnit } from './theory.ts';

/**
 * Moments without bias correction: RMSProp (where β = 0) and Adam with the bias correction switched off.
 *
 * On a frozen gradient step l moves by G_l = w_l g/D_l with w_l = 1 − β^{l+1}, σ_l = 1 − ρ^{l+1} and
 * D_l = √σ_l·|g| + ε or √(σ_l g² + ε): the early steps differ from the late ones. With
 * V_b = Σ_{l<n} b^{n−l}(1−b^{l+1}) (h_l/h_n) G_l, P1 (9) with the weights unnormalized (theory A2) is
 *
 *     corr = h·[ H·V_β/w_n + ½(1−f)·H·G_n − (f/σ_n)·H·V_ρ ],    θ' = −(w_n/D_n)(g + corr),
 *
 * where f is the share of D_n (or D_n²) that follows g. V_b is a sum over all past steps, but its terms depend on l
 * through σ_l only; a Gauss rule in log σ makes it a fixed number of operations.
 */
export interface Decays {
  /** Undefined for RMSProp, which has no first moment. */
  readonly beta?: number;
  readonly rho: number;
}

/** Coefficients of `transientDirections` and `transientTerms` at step n. */
export function transientCoefficients(
  decays: Decays,
  lr: number,
  n: number,
  stepSizes: StepSizes | undefined,
): Coefficients {
  const unit = stepUnit(lr, n, stepSizes);
  const { beta, rho } = decays;
  const relativeStep = relativeSteps(lr, n, stepSizes);
  const age1 = scheduledAge(beta ?? 0, n, stepSizes, unit);
  const age2 = scheduledAge(rho, n, stepSizes, unit);
  const sigma = accumulatedWeight(rho, n);
  return {
    stepSize: unit,
    momentWeight: accumulatedWeight(beta ?? 0, n),
    sigma,
    rootSigma: Math.sqrt(sigma),
    horizon: unit * Math.max(age1, age2),
    ...(beta === undefined ? {} : pastSteps('beta', beta, decays, n, relativeStep)),
    ...pastSteps('rho', rho, decays, n, relativeStep),
  };
}

/** The sum over l < n of b^{n−l}(1−b^{l+1})·(h_l/h_n)·w_l·f(√σ_l), and the sum without w_l·f. */
function pastSteps(prefix: string, b: number, decays: Decays, n: number, relativeStep: (l: number) => number) {
  const points: number[] = [];
  const weights: number[] = [];
  let total = 0;
  if (n === Infinity) {
    total = b / (1 - b);
    points.push(0);
    weights.push(total);
  } else {
    for (let l = n - 1, decay = b; l >= n - memoryWindow(b, n); l--, decay *= b) {
      const weight = decay * accumulatedWeight(b, l) * relativeStep(l);
      total += weight;
      points.push(Math.log(accumulatedWeight(decays.rho, l)));
      weights.push(weight * accumulatedWeight(decays.beta ?? 0, l));
    }
  }
  const rule = ruleCoefficients(prefix, gaussRule(points, weights), (x) => Math.exp(x / 2));
  return { [`${prefix}Total`]: total, ...rule };
}

/** 1/D for a given √σ. */
export function inverseDenominator<V>(a: Arithmetic<V>, gradient: V, rootSigma: V, eps: V, inside: boolean): V {
  const scaled = a.mul(rootSigma, gradient);
  return reciprocal(a, inside ? a.sqrt(a.add(square(a, scaled), eps)) : a.add(a.abs(scaled), eps));
}

export interface Frozen<V> {
  /** The gradient with its L2 penalty. */
  readonly gradient: V;
  /** λθ of a decoupled weight decay. */
  readonly decay?: V;
  readonly inside: boolean;
}

/** G_n, then V_ρ, then V_β where there is a first moment. */
export function transientDirections<V>(
  a: Arithmetic<V>,
  c: Readonly<Record<string, V>>,
  { gradient, decay, inside }: Frozen<V>,
): readonly V[] {
  const past = (prefix: string) => {
    const sum = applyRule(a, c, prefix, (root) => inverseDenominator(a, gradient, root, c.eps, inside));
    const moved = a.mul(gradient, sum);
    return decay === undefined ? moved : a.add(moved, a.mul(c[`${prefix}Total`], decay));
  };
  const direction = directionOf(a, c, { gradient, decay, inside });
  return 'betaTotal' in c ? [direction, past('rho'), past('beta')] : [direction, past('rho')];
}

function directionOf<V>(a: Arithmetic<V>, c: Readonly<Record<string, V>>, { gradient, decay, inside }: Frozen<V>): V {
  const u = a.mul(a.mul(c.momentWeight, gradient), inverseDenominator(a, gradient, c.rootSigma, c.eps, inside));
  return decay === undefined ? u : a.add(u, decay);
}

/**
 * The correction from H·G_n, H·V_ρ and H·V_β, where the products already contain the L2 penalty. `decayRate` is λ of a
 * decoupled weight decay. κ is corr/(h·q), and 0 where q = 0.
 */
export function transientTerms<V>(
  a: Arithmetic<V>,
  c: Readonly<Record<string, V>>,
  frozen: Frozen<V>,
  [normGradient, pastRho, pastBeta]: readonly V[],
  decayRate?: V,
): CorrectionTerms<V> {
  const { gradient, inside } = frozen;
  const scaled = a.mul(c.rootSigma, gradient);
  const following = inside ? square(a, scaled) : a.abs(scaled);
  const whole = positive(a, a.add(following, c.eps));
  const epsShare = a.div(c.eps, whole);
  const share = a.div(following, whole);
  const denominator = a.div(inside ? a.sqrt(whole) : whole, c.momentWeight);
  const ofRho = a.mul(a.div(share, c.sigma), pastRho);
  const memory = pastBeta === undefined ? a.neg(ofRho) : a.sub(a.div(pastBeta, c.momentWeight), ofRho);
  return measuredTerms(a, {
    gradient,
    direction: directionOf(a, c, frozen),
    denominator,
    normGradient,
    memory,
    local: a.mul(a.constant(0.5), a.mul(epsShare, normGradient)),
    decayRate,
    stepSize: c.stepSize,
    horizon: c.horizon,
  });
}

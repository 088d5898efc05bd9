import { blend, frozenDenominator, reciprocal, rootWithEps, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import { frozenDirection, twinWith } from './memoryless.ts';
import type {
  Absent,
  Coefficients,
  CorrectionInputs,
  CorrectionTerms,
  Framework,
  HyperparameterSpec,
  Hyperparameters,
  Optimizer,
  StepInputs,
  StepOutputs,
  StepSizes,
  Twin,
} from './optimizer.ts';
import { measuredTerms, normalizedTerms, signChangeOf } from './terms.ts';
import { accumulatedWeight, scheduledAge, stepSizeAt, stepUnit } from './theory.ts';
import { type Frozen, transientCoefficients, transientDirections, transientTerms } from './transient.ts';

/**
 * Where ε stands: `outside` √v̂ + ε (torch.optim.Adam; P1 Def. D.1), `inside` √(v̂ + ε) (P1 Def. 1.1), or `uncorrected`
 * √v + ε before the bias correction (Keras), which is `outside` with ε/√(1−ρ^{n+1}).
 */
export const epsPlacement: HyperparameterSpec = {
  name: 'eps_placement',
  kind: 'choice',
  choices: ['outside', 'inside', 'uncorrected'],
  option: 'eps-placement',
  description: 'ε outside the root (PyTorch), inside it (the paper), or outside before the bias correction (Keras)',
};

const biasCorrection: HyperparameterSpec = {
  name: 'bias_correction',
  kind: 'boolean',
  option: 'bias-correction',
  description: 'divide the moments by 1−βⁿ⁺¹ and 1−ρⁿ⁺¹',
};

const amsgrad: HyperparameterSpec = {
  name: 'amsgrad',
  kind: 'boolean',
  option: 'amsgrad',
  description: 'use the largest second moment so far',
};

type Scalars<V> = Readonly<Record<string, V>>;

interface Family {
  readonly name: string;
  readonly title: string;
  /** Weight decay as −h·λ·θ (AdamW) instead of λθ in the gradient. */
  readonly decoupled: boolean;
  readonly aliases?: Optimizer['aliases'];
  readonly defaults: Readonly<Record<Framework, Hyperparameters | undefined>>;
  readonly theory: Optimizer['theory'];
}

/** Adam and AdamW: they differ in where the weight decay goes. */
export function adamFamily({ name, title, aliases, decoupled, defaults, theory }: Family): Optimizer {
  const frozen = <V>(a: Arithmetic<V>, hyper: Hyperparameters, c: Scalars<V>, inputs: CorrectionInputs<V>) => {
    const decay = a.mul(c.weightDecay, inputs.theta);
    return {
      gradient: decoupled ? inputs.gradient : a.add(inputs.gradient, decay),
      decay: decoupled ? decay : undefined,
      inside: hyper.eps_placement === 'inside',
    };
  };

  const optimizer: Optimizer = {
    name,
    title,
    aliases,
    memory: { numerator: 'beta1', denominator: 'beta2', further: ['bias_correction', 'amsgrad'] },
    hyperparameters: [
      specs.lr,
      specs.beta1,
      specs.beta2,
      specs.eps,
      epsPlacement,
      decoupled ? specs.decoupledWeightDecay : specs.weightDecay,
      biasCorrection,
      amsgrad,
    ],
    structure: (hyper) =>
      [hyper.eps_placement === 'inside' ? 'inside' : 'outside', modeOf(hyper), corrected(hyper)].join(' '),
    defaults: (framework) => defaults[framework],
    // The last one is no part of the optimizer: it sums the past steps for the correction.
    stateNames: (hyper) => ['firstMoment', 'secondMoment', ...(hyper.amsgrad ? ['maxSecondMoment', 'pastSteps'] : [])],
    updateCoefficients,

    update<V>(a: Arithmetic<V>, hyper: Hyperparameters, c: Scalars<V>, inputs: StepInputs<V>): StepOutputs<V> {
      const decay = a.mul(c.weightDecay, inputs.theta);
      const gradient = decoupled ? inputs.gradient : a.add(inputs.gradient, decay);
      const { direction, state } = moments(a, hyper, c, gradient, inputs.state);
      return { direction: decoupled ? a.add(direction, decay) : direction, state };
    },

    notApplicable: () => undefined,
    correctionCoefficients,

    hessianDirections<V>(a: Arithmetic<V>, hyper: Hyperparameters, c: Scalars<V>, inputs: CorrectionInputs<V>) {
      const at = frozen(a, hyper, c, inputs);
      const growing = () => {
        if (!corrected(hyper)) return transientDirections(a, c, at);
        const u = a.div(at.gradient, frozenDenominator(a, at.gradient, c.eps, at.inside).denominator);
        return [at.decay === undefined ? u : a.add(u, at.decay)];
      };
      return hyper.amsgrad ? latchingDirections(a, c, at, inputs.state, growing()) : growing();
    },

    correction<V>(
      a: Arithmetic<V>,
      hyper: Hyperparameters,
      c: Scalars<V>,
      inputs: CorrectionInputs<V>,
      productsOfE: readonly V[],
    ): CorrectionTerms<V> {
      const at = frozen(a, hyper, c, inputs);
      const directions = optimizer.hessianDirections(a, hyper, c, inputs);
      // With an L2 penalty the Hessian is H + λI; the second part needs no product.
      const products = decoupled
        ? productsOfE
        : productsOfE.map((product, i) => a.add(product, a.mul(c.weightDecay, directions[i])));
      const decayRate = decoupled ? c.weightDecay : undefined;
      const growing = () => {
        if (!corrected(hyper)) return transientTerms(a, c, at, products, decayRate);
        const { denominator, epsShare } = frozenDenominator(a, at.gradient, c.eps, at.inside);
        const { gradient } = at;
        return normalizedTerms(
          a,
          { gradient, denominator, epsShare, direction: directions[0], normGradient: products[0], decayRate },
          {
            stepSize: c.stepSize,
            horizon: c.horizon,
            base: c.ageDifference,
            slope: c.halfMemoryFactor2,
            memorySlope: c.age2,
          },
        );
      };
      return hyper.amsgrad
        ? latchingTerms(a, c, at, directions[0], products, inputs.state, decayRate, growing())
        : growing();
    },

    signChange,
    norm: () => ({ kind: 'one-norm', words: 'the one-norm of the loss gradient' }),
    stateDependent: (hyper) => (hyper.amsgrad ? AMSGRAD_DEPENDS : undefined),
    constantCoefficients: (hyper, scheduled) => [
      'weightDecay',
      ...(hyper.eps_placement === 'uncorrected' && corrected(hyper) ? [] : ['eps']),
      ...(scheduled ? [] : ['stepSize']),
    ],
    alternatingGain(hyper) {
      const beta1 = number(hyper, 'beta1');
      return (1 - beta1) / (1 + beta1);
    },
    preconditioner: (a, hyper, c, state) =>
      rootWithEps(
        a,
        a.mul(hyper.amsgrad ? state.maxSecondMoment : state.secondMoment, c.unbias2),
        c.eps,
        hyper.eps_placement === 'inside',
      ),
    twin,
    // While the second moment grows AMSGrad is Adam, and on one and the same gradient it never falls.
    memorylessDirection: (hyper) => frozenDirection(optimizer, { ...hyper, amsgrad: false }),
    theory,
  };
  return optimizer;
}

/** β₂ := β₁, so that c_β = c_ρ; AMSGrad's maximum is a memory of its own. */
function twin(hyper: Hyperparameters): Twin | Absent {
  const { beta1, beta2, amsgrad } = hyper;
  if (beta1 === beta2 && !amsgrad) return { reason: 'β₂ equals β₁: these settings are their own twin' };
  return twinWith(hyper, { beta2: beta1, amsgrad: false }, `β₂ = β₁${amsgrad ? ' and no AMSGrad' : ''}`);
}

function corrected(hyper: Hyperparameters): boolean {
  return hyper.bias_correction !== false;
}

function modeOf(hyper: Hyperparameters): string {
  return hyper.amsgrad ? 'amsgrad' : corrected(hyper) ? 'corrected' : 'transient';
}

/** ε as the denominator |g| + ε or √(g² + ε) has it after step n. */
function effectiveEps(hyper: Hyperparameters, n: number): number {
  const eps = number(hyper, 'eps');
  if (hyper.eps_placement !== 'uncorrected' || !corrected(hyper)) return eps;
  return eps / Math.sqrt(accumulatedWeight(number(hyper, 'beta2'), Math.max(n, 0)));
}

/** 1/(1 − b^{n+1}) with bias correction (1 before the first step), 1 without. */
function unbias(hyper: Hyperparameters, b: number, n: number): number {
  return corrected(hyper) && n >= 0 ? 1 / accumulatedWeight(b, n) : 1;
}

/** Coefficients of Adam's step n (theory A1). */
function updateCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients {
  const beta1 = number(hyper, 'beta1');
  const beta2 = number(hyper, 'beta2');
  const coefficients = {
    stepSize: stepSizeAt(hyper.lr, n, stepSizes),
    beta1,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    unbias1: unbias(hyper, beta1, n),
    unbias2: unbias(hyper, beta2, n),
    eps: effectiveEps(hyper, n),
    weightDecay: number(hyper, 'weight_decay'),
  };
  if (!hyper.amsgrad) return coefficients;
  // What step n−1 adds to the sum over past steps: β (1−βⁿ) w_{n−1} h_{n−1}/D_{n−1}; nothing before the first step.
  const weight = accumulatedWeight(beta1, n - 1);
  const past = n === 0 ? 0 : stepSizeAt(hyper.lr, n - 1, stepSizes);
  return {
    ...coefficients,
    previousUnbias2: unbias(hyper, beta2, n - 1),
    previousEps: effectiveEps(hyper, n - 1),
    pastGain: beta1 * weight * past * (corrected(hyper) ? 1 : weight),
  };
}

function moments<V>(
  a: Arithmetic<V>,
  hyper: Hyperparameters,
  c: Scalars<V>,
  gradient: V,
  state: Readonly<Record<string, V>>,
): StepOutputs<V> {
  const inside = hyper.eps_placement === 'inside';
  const firstMoment = blend(a, c.beta1, state.firstMoment, c.oneMinusBeta1, gradient);
  const secondMoment = blend(a, c.beta2, state.secondMoment, c.oneMinusBeta2, square(a, gradient));
  const numerator = a.mul(firstMoment, c.unbias1);
  const divide = (v: V) => a.div(numerator, rootWithEps(a, a.mul(v, c.unbias2), c.eps, inside));
  if (!hyper.amsgrad) return { direction: divide(secondMoment), state: { firstMoment, secondMoment } };

  const previous = rootWithEps(a, a.mul(state.maxSecondMoment, c.previousUnbias2), c.previousEps, inside);
  const pastSteps = a.add(a.mul(c.beta1, state.pastSteps), a.mul(c.pastGain, reciprocal(a, previous)));
  const maxSecondMoment = a.max(state.maxSecondMoment, secondMoment);
  return { direction: divide(maxSecondMoment), state: { firstMoment, secondMoment, maxSecondMoment, pastSteps } };
}

/**
 * Coefficients of the correction at step n. With bias correction h·κ = h·[ageDifference + (age2 + ½)(1−f)], which is
 * P1 (3), κ = ½[c_β − c_ρ + c_ρ(1−f)], without cancellation; with a schedule the ages are weighted by the step sizes (B4).
 */
function correctionCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients {
  const beta = number(hyper, 'beta1');
  const rho = number(hyper, 'beta2');
  const shared = { eps: effectiveEps(hyper, n), weightDecay: number(hyper, 'weight_decay') };
  const unit = stepUnit(hyper.lr, n, stepSizes);
  const age1 = scheduledAge(beta, n, stepSizes, unit);
  const age2 = scheduledAge(rho, n, stepSizes, unit);
  const growing = corrected(hyper)
    ? {
        ...shared,
        stepSize: unit,
        ageDifference: age1 - age2,
        age2,
        halfMemoryFactor2: age2 + 0.5,
        horizon: unit * Math.max(age1, age2),
      }
    : { ...shared, ...transientCoefficients({ beta, rho }, hyper.lr, n, stepSizes) };
  if (!hyper.amsgrad) return growing;
  const weight = corrected(hyper) ? 1 : accumulatedWeight(beta, n);
  return {
    ...growing,
    momentWeight: weight,
    unbias2: unbias(hyper, rho, n),
    pastScale: unbias(hyper, beta, n) / unit,
    // Σ_{l<n} β^{n−l}(1−β^{l+1})(h_l/h_n), normalized as the first moment is.
    pastDecay: age1 * weight,
    latchedHorizon: unit * age1,
  };
}

const AMSGRAD_DEPENDS =
  'with AMSGrad it depends on the run: as without it at coordinates whose second moment grows; where its maximum is latched, Σ g²/D is penalized';

/** Where the maximum lies above the second moment, it is latched: `x`; elsewhere AMSGrad is Adam: `y`. */
function whereLatched<V>(a: Arithmetic<V>, state: Readonly<Record<string, V>>, x: V, y: V): V {
  return a.whereLess(state.secondMoment, state.maxSecondMoment, x, y);
}

/**
 * AMSGrad: at coordinates whose second moment grows it is Adam, with `growing` directions. Where the maximum over all steps
 * is latched, it is neither smooth nor forgotten, so that the denominator D_n is taken as measured (theory B2). Directions:
 * G = w_n g/D_n (+ λθ), the past steps as the second moment remembers them where it has no bias correction, and
 * Σ_{l<n} of the first moment's memory times G_l.
 */
function latchingDirections<V>(
  a: Arithmetic<V>,
  c: Scalars<V>,
  { gradient, decay, inside }: Frozen<V>,
  state: Readonly<Record<string, V>>,
  growing: readonly V[],
): readonly V[] {
  const plus = (x: V, weight?: V) => {
    if (decay === undefined) return x;
    return a.add(x, weight === undefined ? decay : a.mul(weight, decay));
  };
  const u = plus(a.mul(a.mul(c.momentWeight, gradient), reciprocal(a, latchedDenominator(a, c, state, inside))));
  const past = plus(a.mul(a.mul(c.pastScale, state.pastSteps), gradient), c.pastDecay);
  const [direction, pastRho, pastBeta] = growing;
  const pick = (x: V, y: V) => whereLatched(a, state, x, y);
  if (pastRho === undefined) return [pick(u, direction), pick(past, a.mul(c.pastDecay, direction))];
  return [pick(u, direction), pick(a.mul(c.rhoTotal, u), pastRho), pick(past, pastBeta)];
}

function latchedDenominator<V>(
  a: Arithmetic<V>,
  c: Scalars<V>,
  state: Readonly<Record<string, V>>,
  inside: boolean,
): V {
  return rootWithEps(a, a.mul(state.maxSecondMoment, c.unbias2), c.eps, inside);
}

/** C = (1/D_n)·[H·past + ½ w_n H·G] + ½λG where the maximum is latched, and Adam's elsewhere. */
function latchingTerms<V>(
  a: Arithmetic<V>,
  c: Scalars<V>,
  { gradient, inside }: Frozen<V>,
  direction: V,
  products: readonly V[],
  state: Readonly<Record<string, V>>,
  decayRate: V | undefined,
  growing: CorrectionTerms<V>,
): CorrectionTerms<V> {
  const [normGradient] = products;
  const latched = measuredTerms(a, {
    gradient,
    direction,
    denominator: a.div(latchedDenominator(a, c, state, inside), c.momentWeight),
    normGradient,
    memory: a.div(products[products.length - 1], c.momentWeight),
    local: a.mul(a.constant(0.5), normGradient),
    decayRate,
    stepSize: c.stepSize,
    horizon: c.latchedHorizon,
  });
  const pick = (name: 'denominator' | 'kappa' | 'correction' | 'memoryCorrection' | 'expansion') =>
    whereLatched(a, state, latched[name], growing[name]);
  return {
    gradient,
    direction,
    normGradient,
    denominator: pick('denominator'),
    kappa: pick('kappa'),
    correction: pick('correction'),
    memoryCorrection: pick('memoryCorrection'),
    expansion: pick('expansion'),
  };
}

/** |g|* where κ changes sign (theory A3): f = c_β/c_ρ. Without bias correction this is the limit of late steps. */
function signChange(hyper: Hyperparameters, n: number): number | undefined {
  if (hyper.amsgrad) return undefined;
  const ideal = { ...hyper, bias_correction: true };
  const { ageDifference, halfMemoryFactor2 } = correctionCoefficients(ideal, corrected(hyper) ? n : Infinity);
  return signChangeOf(-ageDifference / halfMemoryFactor2, effectiveEps(hyper, n), hyper.eps_placement === 'inside');
}

import { blend, frozenDenominator, reciprocal, rootWithEps, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import type {
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
} from './optimizer.ts';
import { accumulatedWeight, scheduledAge, stepSizeAt } from './theory.ts';

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

const betas = { beta1: 0.9, beta2: 0.999 };

const frameworkDefaults: Record<Framework, Hyperparameters> = {
  pytorch: { lr: 1e-3, ...betas, eps: 1e-8, eps_placement: 'outside', weight_decay: 0 },
  keras: { lr: 1e-3, ...betas, eps: 1e-7, eps_placement: 'uncorrected', weight_decay: 0 },
  optax: { lr: 1e-3, ...betas, eps: 1e-8, eps_placement: 'outside', weight_decay: 0 },
  paper: { lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-7, eps_placement: 'inside', weight_decay: 0 },
};

/** ε as the frozen denominator |g| + ε or √(g² + ε) has it after step n. */
export function effectiveEps(hyper: Hyperparameters, n: number): number {
  const eps = number(hyper, 'eps');
  return hyper.eps_placement === 'uncorrected' ? eps / Math.sqrt(accumulatedWeight(number(hyper, 'beta2'), n)) : eps;
}

/** Coefficients of Adam's step n (theory A1). */
export function adamUpdateCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients {
  const beta1 = number(hyper, 'beta1');
  const beta2 = number(hyper, 'beta2');
  return {
    stepSize: stepSizeAt(hyper.lr, n, stepSizes),
    beta1,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    unbias1: 1 / accumulatedWeight(beta1, n),
    unbias2: 1 / accumulatedWeight(beta2, n),
    eps: effectiveEps(hyper, n),
    weightDecay: number(hyper, 'weight_decay'),
  };
}

/** The moments after a step with gradient `gradient`, and m̂/(√v̂ + ε) or m̂/√(v̂ + ε). */
export function adamMoments<V>(
  a: Arithmetic<V>,
  hyper: Hyperparameters,
  c: Readonly<Record<string, V>>,
  gradient: V,
  state: Readonly<Record<string, V>>,
): StepOutputs<V> {
  const firstMoment = blend(a, c.beta1, state.firstMoment, c.oneMinusBeta1, gradient);
  const secondMoment = blend(a, c.beta2, state.secondMoment, c.oneMinusBeta2, square(a, gradient));
  const denominator = rootWithEps(a, a.mul(secondMoment, c.unbias2), c.eps, hyper.eps_placement === 'inside');
  return {
    direction: a.div(a.mul(firstMoment, c.unbias1), denominator),
    state: { firstMoment, secondMoment },
  };
}

/**
 * Coefficients of Adam's correction at step n: h·κ = h·[ageDifference + (age2 + ½)(1−f)], which is P1 (3),
 * κ = ½[c_β − c_ρ + c_ρ(1−f)], without cancellation; with a schedule the ages are weighted by the step sizes (B4).
 */
export function adamCorrectionCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients {
  const stepSize = stepSizeAt(hyper.lr, n, stepSizes);
  // κ is in units of the current step; where that is 0 nothing moves and any unit will do.
  const unit = stepSize > 0 ? stepSize : hyper.lr || 1;
  const age1 = scheduledAge(number(hyper, 'beta1'), n, stepSizes, unit);
  const age2 = scheduledAge(number(hyper, 'beta2'), n, stepSizes, unit);
  return {
    stepSize: unit,
    ageDifference: age1 - age2,
    age2,
    halfMemoryFactor2: age2 + 0.5,
    horizon: unit * Math.max(age1, age2),
    eps: effectiveEps(hyper, n),
    weightDecay: number(hyper, 'weight_decay'),
  };
}

/**
 * The terms of an optimizer whose frozen update is u = g/D and whose κ is `base` + `slope`·(1−f), memory part
 * `base` + `memorySlope`·(1−f), with q = H·G.
 */
export function normalizedTerms<V>(
  a: Arithmetic<V>,
  inputs: { gradient: V; denominator: V; epsShare: V; direction: V; normGradient: V },
  c: { stepSize: V; base: V; slope: V; memorySlope: V; horizon: V },
): CorrectionTerms<V> {
  const { gradient, denominator, epsShare, direction, normGradient } = inputs;
  const kappa = a.add(c.base, a.mul(c.slope, epsShare));
  const memory = a.add(c.base, a.mul(c.memorySlope, epsShare));
  const scaled = a.mul(c.stepSize, normGradient);
  return {
    gradient,
    direction,
    denominator,
    normGradient,
    kappa,
    correction: a.mul(scaled, kappa),
    memoryCorrection: a.mul(a.mul(scaled, memory), reciprocal(a, denominator)),
    expansion: a.div(a.mul(c.horizon, a.abs(normGradient)), denominator),
  };
}

/** |g|* where κ changes sign (theory A3): f = c_β/c_ρ, that is 1 − f = (c_ρ − c_β)/c_ρ. */
export function adamSignChange(hyper: Hyperparameters, n: number): number | undefined {
  const { ageDifference, halfMemoryFactor2 } = adamCorrectionCoefficients(hyper, n);
  return signChangeOf(-ageDifference / halfMemoryFactor2, effectiveEps(hyper, n), hyper.eps_placement === 'inside');
}

/** |g| at which ε's share of the denominator, ε/(|g| + ε) or ε/(g² + ε), is `share`; undefined unless 0 < share < 1. */
export function signChangeOf(share: number, eps: number, inside: boolean): number | undefined {
  if (!(share > 0 && share < 1) || eps === 0) return undefined;
  const ratio = (eps * (1 - share)) / share;
  return inside ? Math.sqrt(ratio) : ratio;
}

/** g + λθ. */
function penalizedGradient<V>(a: Arithmetic<V>, weightDecay: V, inputs: { theta: V; gradient: V }): V {
  return a.add(inputs.gradient, a.mul(weightDecay, inputs.theta));
}

/** Adam (Kingma & Ba) with L2 weight decay, in the forms of P1 Def. 1.1 and D.1, torch.optim.Adam and Keras. */
export const adam: Optimizer = {
  name: 'adam',
  title: 'Adam',
  hyperparameters: [specs.lr, specs.beta1, specs.beta2, specs.eps, epsPlacement, specs.weightDecay],
  structure: (hyper) => (hyper.eps_placement === 'inside' ? 'inside' : 'outside'),
  defaults: (framework) => frameworkDefaults[framework],
  stateNames: () => ['firstMoment', 'secondMoment'],
  updateCoefficients: adamUpdateCoefficients,

  update<V>(a: Arithmetic<V>, hyper: Hyperparameters, c: Readonly<Record<string, V>>, inputs: StepInputs<V>) {
    return adamMoments(a, hyper, c, penalizedGradient(a, c.weightDecay, inputs), inputs.state);
  },

  notApplicable: () => undefined,
  correctionCoefficients: adamCorrectionCoefficients,

  // u = g/D; the Hessian of the penalized loss is H + λI, whose second part needs no product.
  hessianDirections<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
  ) {
    const gradient = penalizedGradient(a, c.weightDecay, inputs);
    return [a.div(gradient, frozenDenominator(a, gradient, c.eps, hyper.eps_placement === 'inside').denominator)];
  },

  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    [product]: readonly V[],
  ) {
    const gradient = penalizedGradient(a, c.weightDecay, inputs);
    const { denominator, epsShare } = frozenDenominator(a, gradient, c.eps, hyper.eps_placement === 'inside');
    const direction = a.div(gradient, denominator);
    const normGradient = a.add(product, a.mul(c.weightDecay, direction));
    return normalizedTerms(
      a,
      { gradient, denominator, epsShare, direction, normGradient },
      {
        stepSize: c.stepSize,
        horizon: c.horizon,
        base: c.ageDifference,
        slope: c.halfMemoryFactor2,
        memorySlope: c.age2,
      },
    );
  },

  signChange: adamSignChange,
  theory: {
    formula: "θ'ⱼ = −(gⱼ + h·κⱼ·qⱼ)/√(gⱼ² + ε), q = ∇‖∇E‖₁,ε, κⱼ = ½[c_β − c_ρ·gⱼ²/(gⱼ² + ε)], c_b = (1+b)/(1−b)",
    penalises:
      'With ρ > β and small ε the one-norm of the gradient is anti-penalized, with β > ρ it is penalized; with √ε ≫ |g| its squared two-norm is penalized.',
    source:
      'Cattaneo, Klusowski, Shigida: On the Implicit Bias of Adam (ICML 2024), equations (2)–(7); finite n and ε outside the root derived and verified for this project.',
  },
};

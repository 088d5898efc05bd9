import { rounded } from '../shared/format.ts';
import { blend, frozenDenominator, reciprocal, rootWithEps, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import { frozenDirection, twinWith } from './memoryless.ts';
import type {
  Coefficients,
  CorrectionInputs,
  CorrectionTerms,
  Framework,
  Hyperparameters,
  Optimizer,
  StepInputs,
  StepOutputs,
  StepSizes,
} from './optimizer.ts';
import { normalizedTerms, signChangeOf } from './terms.ts';
import { accumulatedWeight, memorySum, relativeSteps, stepSizeAt, stepUnit } from './theory.ts';

const common = { beta1: 0.9, beta2: 0.999, weight_decay: 0, decoupled_weight_decay: false };

const frameworkDefaults: Record<Framework, Hyperparameters | undefined> = {
  pytorch: { lr: 2e-3, ...common, eps: 1e-8, momentum_decay: 4e-3 },
  keras: { lr: 1e-3, ...common, eps: 1e-7, momentum_decay: 1 },
  optax: undefined,
  paper: undefined,
};

/**
 * The momentum schedule μ_t = β(1 − ½·0.96^{tψ}), t = n + 1, and what follows from it: step n moves a frozen gradient by
 * `update(n)`·g/D, of which `ofMoment(n)` multiplies the first moment and `ofGradient(n)` the gradient itself.
 */
function momentumSchedule(hyper: Hyperparameters, last: number) {
  const beta = number(hyper, 'beta1');
  const psi = number(hyper, 'momentum_decay');
  const mu = (t: number) => beta * (1 - 0.5 * 0.96 ** (psi === 0 ? 0 : t * psi));
  // Π_t = μ_1⋯μ_t, until it no longer differs from 0.
  const products = [1];
  while (products.length <= last + 2 && products[products.length - 1] > 1e-18) {
    products.push(products[products.length - 1] * mu(products.length));
  }
  const product = (t: number) => (t < products.length ? products[t] : 0);
  const ofMoment = (n: number) => mu(n + 2) / (1 - product(n + 2));
  const ofGradient = (n: number) => (1 - mu(n + 1)) / (1 - product(n + 1));
  const update = (n: number) => ofGradient(n) + ofMoment(n) * accumulatedWeight(beta, n);
  return { ofMoment, ofGradient, update };
}

/** μ_t for t → ∞: β, or ½β without a schedule. */
const limitingMomentum = (hyper: Hyperparameters): number =>
  number(hyper, 'beta1') * (number(hyper, 'momentum_decay') > 0 ? 1 : 0.5);

/** NAdam as torch.optim.NAdam (ψ = 0.004) and Keras (ψ = 1) have it; ε outside the root. */
export const nadam: Optimizer = {
  name: 'nadam',
  title: 'NAdam',
  memory: { numerator: 'beta1', denominator: 'beta2', further: ['momentum_decay'] },
  hyperparameters: [
    specs.lr,
    specs.beta1,
    specs.beta2,
    specs.eps,
    {
      name: 'momentum_decay',
      kind: 'number',
      option: 'momentum-decay',
      range: { min: 0 },
      description: 'momentum decay ψ: μ_t = β(1 − ½·0.96^(tψ))',
    },
    { ...specs.weightDecay, description: 'weight decay λ, in the gradient or decoupled' },
    {
      name: 'decoupled_weight_decay',
      kind: 'boolean',
      option: 'decoupled-weight-decay',
      description: 'shrink θ by h·λ·θ per step instead of adding λθ to the gradient',
    },
  ],
  structure: (hyper) => (hyper.decoupled_weight_decay ? 'decoupled' : 'coupled'),
  defaults: (framework) => frameworkDefaults[framework],
  stateNames: () => ['firstMoment', 'secondMoment'],

  updateCoefficients(hyper, n, stepSizes): Coefficients {
    const beta1 = number(hyper, 'beta1');
    const beta2 = number(hyper, 'beta2');
    const schedule = momentumSchedule(hyper, n);
    return {
      stepSize: stepSizeAt(hyper.lr, n, stepSizes),
      beta1,
      oneMinusBeta1: 1 - beta1,
      beta2,
      oneMinusBeta2: 1 - beta2,
      ofMoment: schedule.ofMoment(n),
      ofGradient: schedule.ofGradient(n),
      unbias2: 1 / accumulatedWeight(beta2, n),
      eps: number(hyper, 'eps'),
      weightDecay: number(hyper, 'weight_decay'),
    };
  },

  update<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: StepInputs<V>,
  ): StepOutputs<V> {
    const decay = a.mul(c.weightDecay, inputs.theta);
    const gradient = hyper.decoupled_weight_decay ? inputs.gradient : a.add(inputs.gradient, decay);
    const firstMoment = blend(a, c.beta1, inputs.state.firstMoment, c.oneMinusBeta1, gradient);
    const secondMoment = blend(a, c.beta2, inputs.state.secondMoment, c.oneMinusBeta2, square(a, gradient));
    const numerator = a.add(a.mul(c.ofGradient, gradient), a.mul(c.ofMoment, firstMoment));
    const direction = a.div(numerator, rootWithEps(a, a.mul(secondMoment, c.unbias2), c.eps, false));
    return {
      direction: hyper.decoupled_weight_decay ? a.add(direction, decay) : direction,
      state: { firstMoment, secondMoment },
    };
  },

  notApplicable: () => undefined,
  correctionCoefficients,

  // G = kap_n u (+ λθ); the past G_l = kap_l u + λθ lie in the plane of u and λθ, which is the second direction.
  hessianDirections<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    { theta, gradient }: CorrectionInputs<V>,
  ): readonly V[] {
    const decay = a.mul(c.weightDecay, theta);
    const seen = hyper.decoupled_weight_decay ? gradient : a.add(gradient, decay);
    const scaled = a.div(a.mul(c.updateWeight, seen), frozenDenominator(a, seen, c.eps, false).denominator);
    return hyper.decoupled_weight_decay ? [a.add(scaled, decay), decay] : [scaled];
  },

  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    products: readonly V[],
  ): CorrectionTerms<V> {
    const decoupled = hyper.decoupled_weight_decay === true;
    const [direction] = nadam.hessianDirections(a, hyper, c, inputs);
    const gradient = decoupled ? inputs.gradient : a.add(inputs.gradient, a.mul(c.weightDecay, inputs.theta));
    const normGradient = decoupled ? products[0] : a.add(products[0], a.mul(c.weightDecay, direction));
    const frozen = frozenDenominator(a, gradient, c.eps, false);
    const denominator = a.div(frozen.denominator, c.updateWeight);
    const { epsShare } = frozen;
    const terms = normalizedTerms(
      a,
      { gradient, denominator, epsShare, direction, normGradient, decayRate: decoupled ? c.weightDecay : undefined },
      { stepSize: c.stepSize, horizon: c.horizon, base: c.kappaBase, slope: c.kappaSlope, memorySlope: c.memorySlope },
    );
    if (!decoupled) return terms;
    const weight = a.add(c.decayBase, a.mul(c.decaySlope, epsShare));
    const ofDecay = a.mul(a.mul(c.stepSize, weight), products[1]);
    return {
      ...terms,
      correction: a.add(terms.correction, ofDecay),
      memoryCorrection: a.add(terms.memoryCorrection, a.mul(ofDecay, reciprocal(a, denominator))),
    };
  },

  /** Where κ changes sign; for n → ∞ f = c_N/c_ρ with c_N = 1 + 2β²/(1−β). */
  signChange(hyper, n) {
    const { kappaBase, kappaSlope } = correctionCoefficients(hyper, n);
    return signChangeOf(-kappaBase / kappaSlope, number(hyper, 'eps'), false);
  },

  norm: () => ({ kind: 'one-norm', words: 'the one-norm of the loss gradient' }),
  stateDependent: () => undefined,
  constantCoefficients: (_hyper, scheduled) => ['eps', 'weightDecay', ...(scheduled ? [] : ['stepSize'])],
  /** Q = 1 − μ + μ·(1−β)/(1 − β/z). */
  alternatingGain(hyper) {
    const beta1 = number(hyper, 'beta1');
    const mu = limitingMomentum(hyper);
    return 1 - mu + (mu * (1 - beta1)) / (1 + beta1);
  },
  preconditioner: (a, _hyper, c, state) => rootWithEps(a, a.mul(state.secondMoment, c.unbias2), c.eps, false),
  /** The ρ whose mean age ρ/(1−ρ) is that of the numerator, so that c_ρ = c_N. */
  twin(hyper) {
    const { kappaBase, memorySlope } = correctionCoefficients(hyper, Infinity);
    const age = kappaBase + memorySlope;
    const beta2 = age / (1 + age);
    if (Math.abs(beta2 - number(hyper, 'beta2')) < 1e-9) {
      return { reason: 'β₂ remembers as long as the numerator: these settings are their own twin' };
    }
    return twinWith(hyper, { beta2 }, `β₂ = ${rounded(beta2, 3)}`);
  },
  memorylessDirection: (hyper) => frozenDirection(nadam, hyper),
  theory: {
    formula: "θ'ⱼ = −(gⱼ + h·κⱼ·qⱼ)/(|gⱼ| + ε), κⱼ = ½[c_N − c_ρ·|gⱼ|/(|gⱼ| + ε)], c_N = 1 + 2β²/(1−β)",
    penalises:
      'As Adam, slightly more anti-regularizing at equal β and ρ: with ρ > β and small ε the one-norm of the gradient is anti-penalized.',
    source: 'Derived and verified for this project, for finite n with the momentum schedule.',
  },
};

/**
 * κ = ν_n A_n/kap_n² − f·B_n/(kap_n(1−ρ^{n+1})) + ½(1−f) with A_n, B_n the sums of β, ρ over the past kap_l (theory B2).
 * With decoupled weight decay G_l = (kap_l/kap_n)·G_n + (1 − kap_l/kap_n)·λθ: the second part is `decayBase` and
 * `decaySlope`, which multiply H·λθ.
 */
function correctionCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients {
  const beta = number(hyper, 'beta1');
  const rho = number(hyper, 'beta2');
  const { ofMoment, update } = momentumSchedule(hyper, n);
  const stepSize = stepUnit(hyper.lr, n, stepSizes);
  const relativeStep = relativeSteps(hyper.lr, n, stepSizes);
  const updateWeight = update(n);
  const past = (l: number) => (update(l) / updateWeight) * relativeStep(l);
  const share = ofMoment(n) / updateWeight;
  const weight2 = accumulatedWeight(rho, n);
  const age1 = share * memorySum(beta, n, past);
  const age2 = memorySum(rho, n, past) / weight2;
  const plain1 = share * memorySum(beta, n, relativeStep);
  const plain2 = memorySum(rho, n, relativeStep) / weight2;
  return {
    stepSize,
    updateWeight,
    kappaBase: age1 - age2,
    memorySlope: age2,
    kappaSlope: age2 + 0.5,
    decayBase: plain1 - age1 - (plain2 - age2),
    decaySlope: plain2 - age2,
    horizon: stepSize * Math.max(age1, age2),
    eps: number(hyper, 'eps'),
    weightDecay: number(hyper, 'weight_decay'),
  };
}

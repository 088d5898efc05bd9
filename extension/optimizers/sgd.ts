import { rounded, setting } from '../shared/format.ts';
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
import { memoryWindow, relativeSteps, stepSizeAt, stepUnit } from './theory.ts';

const common = { momentum: 0, dampening: 0, nesterov: false, weight_decay: 0 };

const frameworkDefaults: Record<Framework, Hyperparameters | undefined> = {
  pytorch: { lr: 1e-3, ...common },
  keras: { lr: 1e-2, ...common },
  optax: { lr: 1e-3, ...common },
  paper: undefined,
};

/**
 * On a frozen gradient the buffer is S_n·g and the update D_n·g: S_0 = 1, S_n = μS_{n−1} + 1 − τ, and D_n = S_n, or
 * 1 + μS_n with Nesterov's momentum (theory B2). Without momentum the dampening τ has no effect.
 */
function bufferWeight(mu: number, tau: number, n: number): number {
  if (mu === 0) return 1;
  const steady = (1 - tau) / (1 - mu);
  return n === Infinity ? steady : steady + mu ** n * (1 - steady);
}

function memoryOf(hyper: Hyperparameters) {
  const mu = number(hyper, 'momentum');
  const tau = number(hyper, 'dampening');
  const buffer = (n: number) => bufferWeight(mu, tau, n);
  const update = (n: number) => (hyper.nesterov ? 1 + mu * buffer(n) : buffer(n));
  return { mu, buffer, update };
}

/** A_n = μ(A_{n−1} + S_{n−1} D_{n−1} h_{n−1}), A_0 = 0, in units of h_n; A'_n = A_n, or μA_n with Nesterov's momentum. */
function memoryWeight(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): number {
  const { mu, buffer, update } = memoryOf(hyper);
  const relativeStep = relativeSteps(hyper.lr, n, stepSizes);
  let sum = 0;
  if (n === Infinity) {
    sum = (mu * buffer(n) * update(n)) / (1 - mu);
  } else {
    for (let l = n - memoryWindow(mu, n); l < n; l++) sum = mu * (sum + buffer(l) * update(l) * relativeStep(l));
  }
  return hyper.nesterov ? mu * sum : sum;
}

/** Stochastic gradient descent as torch.optim.SGD has it; gradient descent without momentum. */
export const sgd: Optimizer = {
  name: 'sgd',
  title: 'SGD',
  memory: { numerator: 'momentum', further: ['dampening', 'nesterov'] },
  hyperparameters: [
    specs.lr,
    specs.momentum,
    {
      name: 'dampening',
      kind: 'number',
      option: 'dampening',
      range: { min: 0, max: 1, maxExclusive: true },
      description: 'dampening τ: the buffer receives (1 − τ)g',
    },
    { name: 'nesterov', kind: 'boolean', option: 'nesterov', description: "Nesterov's momentum: g + μ·buffer" },
    specs.weightDecay,
  ],
  structure: (hyper) => (hyper.nesterov ? 'nesterov' : 'heavy ball'),
  defaults: (framework) => frameworkDefaults[framework],
  stateNames: () => ['buffer'],

  updateCoefficients(hyper, n, stepSizes): Coefficients {
    const momentum = number(hyper, 'momentum');
    return {
      stepSize: stepSizeAt(hyper.lr, n, stepSizes),
      momentum,
      // The first gradient enters the buffer undampened.
      gradientWeight: n === 0 || momentum === 0 ? 1 : 1 - number(hyper, 'dampening'),
      weightDecay: number(hyper, 'weight_decay'),
    };
  },

  update<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    { theta, gradient, state }: StepInputs<V>,
  ): StepOutputs<V> {
    const penalized = a.add(gradient, a.mul(c.weightDecay, theta));
    const buffer = a.add(a.mul(c.momentum, state.buffer), a.mul(c.gradientWeight, penalized));
    return { direction: hyper.nesterov ? a.add(penalized, a.mul(c.momentum, buffer)) : buffer, state: { buffer } };
  },

  notApplicable: () => undefined,

  // G = D_n g and C = (A'_n + D_n²/2)·Hg. The norm is ‖g‖² with gradient q = 2Hg, and the denominator 1/D_n, so that
  // κ = (A'_n/D_n + ½D_n)/2.
  correctionCoefficients(hyper, n, stepSizes): Coefficients {
    const stepSize = stepUnit(hyper.lr, n, stepSizes);
    const updateWeight = memoryOf(hyper).update(n);
    const memory = memoryWeight(hyper, n, stepSizes) / updateWeight ** 2;
    return {
      stepSize,
      updateWeight,
      denominator: 1 / updateWeight,
      stepMemory: stepSize * memory,
      kappa: ((memory + 0.5) * updateWeight) / 2,
      twiceDenominator: 2 / updateWeight,
      weightDecay: number(hyper, 'weight_decay'),
    };
  },

  hessianDirections<V>(
    a: Arithmetic<V>,
    _hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    { theta, gradient }: CorrectionInputs<V>,
  ): readonly V[] {
    return [a.mul(c.updateWeight, a.add(gradient, a.mul(c.weightDecay, theta)))];
  },

  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    [product]: readonly V[],
  ): CorrectionTerms<V> {
    const [direction] = sgd.hessianDirections(a, hyper, c, inputs);
    const curved = a.add(product, a.mul(c.weightDecay, direction));
    const normGradient = a.mul(c.twiceDenominator, curved);
    const gradient = a.add(inputs.gradient, a.mul(c.weightDecay, inputs.theta));
    // A linear optimizer: the change of g_j over the memory is compared with g_j itself.
    const change = a.mul(c.stepMemory, a.abs(curved));
    const vector = a.mul(a.constant(0), gradient);
    return {
      gradient,
      direction,
      denominator: a.add(vector, c.denominator),
      normGradient,
      kappa: a.add(vector, c.kappa),
      correction: a.mul(a.mul(c.stepSize, c.kappa), normGradient),
      memoryCorrection: a.mul(a.mul(c.stepMemory, c.updateWeight), curved),
      expansion: a.div(change, a.max(a.abs(gradient), a.constant(1e-30))),
    };
  },

  signChange: () => undefined,

  norm: () => ({ kind: 'squared-norm', words: 'the squared two-norm of the loss gradient' }),
  stateDependent: () => undefined,
  constantCoefficients: (hyper, scheduled) => [
    'weightDecay',
    ...(scheduled ? [] : ['stepSize']),
    ...(number(hyper, 'momentum') === 0
      ? ['updateWeight', 'denominator', 'twiceDenominator', 'stepMemory', 'kappa']
      : []),
  ],
  alternatingGain(hyper) {
    const { mu } = memoryOf(hyper);
    const ofBuffer = mu === 0 ? 1 : (1 - number(hyper, 'dampening')) / (1 + mu);
    return hyper.nesterov ? 1 + mu * ofBuffer : ofBuffer;
  },
  preconditioner: (a, _hyper, _c, state) => a.add(a.mul(a.constant(0), state.buffer), a.constant(1)),
  /** Without momentum at the step size h·D that a frozen gradient makes in the long run: lr/(1−μ) for heavy ball. */
  twin(hyper) {
    if (number(hyper, 'momentum') === 0) return { reason: 'without momentum SGD has no memory' };
    const lr = hyper.lr * memoryOf(hyper).update(Infinity);
    return twinWith(
      hyper,
      { lr, momentum: 0, dampening: 0, nesterov: false },
      `no momentum at lr ${setting(rounded(lr, 3))}`,
    );
  },
  memorylessDirection: (hyper) => frozenDirection(sgd, hyper),
  theory: {
    formula: "θ' = −D(g + h·(A/D² + ½)·H·D·g); heavy ball: θ' = −∇[E + h(1+μ)/(4(1−μ)²)·‖∇E‖²]/(1−μ)",
    penalises: 'The squared two-norm of the gradient is penalized (with L2 weight decay, that of the penalized loss).',
    source:
      'Gradient descent: Barrett & Dherin, Implicit Gradient Regularization (2021). Heavy ball: equation (1) of On the Implicit Bias of Adam. Dampening, Nesterov, weight decay and finite n derived and verified for this project.',
  },
};

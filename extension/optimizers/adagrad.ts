import { positive, rootWithEps, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import type {
  Coefficients,
  CorrectionInputs,
  CorrectionTerms,
  Framework,
  Hyperparameters,
  Optimizer,
  StepInputs,
  StepOutputs,
} from './optimizer.ts';
import { stepSizeAt, stepUnit } from './theory.ts';

const common = { lr_decay: 0, weight_decay: 0 };

const frameworkDefaults: Record<Framework, Hyperparameters | undefined> = {
  pytorch: { lr: 1e-2, ...common, initial_accumulator_value: 0, eps: 1e-10, eps_placement: 'outside' },
  keras: { lr: 1e-3, ...common, initial_accumulator_value: 0.1, eps: 1e-7, eps_placement: 'inside' },
  optax: { lr: 1e-3, ...common, initial_accumulator_value: 0.1, eps: 1e-7, eps_placement: 'inside' },
  paper: undefined,
};

const FORGETS_NOTHING = 'the accumulator of Adagrad forgets nothing, so that there is no limit without memory';

/**
 * Adagrad. Its accumulator forgets nothing, so no modified equation in θ alone exists. In θ and the accumulator S
 * together the drift per step is, with S taken after the step and D = √S + ε or √(S + ε) (theory B2, there written with
 * S before the step),
 *
 *     Δθ = −(h/D)·[ g + (h/2)·H(g/D) + g³/(4√S·D) ]        (g³/(4D²) with ε inside)
 *
 * The correction is evaluated at the measured S; `state` must be that after the step at this gradient.
 */
export const adagrad: Optimizer = {
  name: 'adagrad',
  title: 'Adagrad',
  memory: { further: ['lr_decay'] },
  hyperparameters: [
    specs.lr,
    {
      name: 'lr_decay',
      kind: 'number',
      option: 'lr-decay',
      range: { min: 0 },
      description: 'the learning rate of step n is divided by 1 + n·lr_decay',
    },
    specs.weightDecay,
    {
      name: 'initial_accumulator_value',
      kind: 'number',
      option: 'initial-accumulator-value',
      range: { min: 0 },
      description: 'accumulator before the first step',
    },
    specs.eps,
    {
      name: 'eps_placement',
      kind: 'choice',
      choices: ['outside', 'inside'],
      option: 'eps-placement',
      description: 'ε outside the root (PyTorch) or inside it (Keras, Optax)',
    },
  ],
  structure: (hyper) => String(hyper.eps_placement),
  defaults: (framework) => frameworkDefaults[framework],
  stateNames: () => ['sum'],

  updateCoefficients(hyper, n, stepSizes): Coefficients {
    return {
      stepSize: stepSizeAt(hyper.lr, n, stepSizes) / decayFactor(hyper, n),
      initial: number(hyper, 'initial_accumulator_value'),
      eps: number(hyper, 'eps'),
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
    const sum = a.add(state.sum, square(a, penalized));
    return { direction: a.div(penalized, denominatorOf(a, hyper, c, sum)), state: { sum } };
  },

  notApplicable: () => undefined,

  correctionCoefficients(hyper, n, stepSizes): Coefficients {
    return {
      stepSize: stepUnit(hyper.lr, n, stepSizes) / decayFactor(hyper, n),
      initial: number(hyper, 'initial_accumulator_value'),
      eps: number(hyper, 'eps'),
      weightDecay: number(hyper, 'weight_decay'),
    };
  },

  hessianDirections<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    { theta, gradient, state }: CorrectionInputs<V>,
  ): readonly V[] {
    const penalized = a.add(gradient, a.mul(c.weightDecay, theta));
    return [a.div(penalized, denominatorOf(a, hyper, c, state.sum))];
  },

  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    [product]: readonly V[],
  ): CorrectionTerms<V> {
    const [direction] = adagrad.hessianDirections(a, hyper, c, inputs);
    const gradient = a.add(inputs.gradient, a.mul(c.weightDecay, inputs.theta));
    const normGradient = a.add(product, a.mul(c.weightDecay, direction));
    const denominator = denominatorOf(a, hyper, c, inputs.state.sum);
    const root = hyper.eps_placement === 'inside' ? denominator : a.sqrt(a.add(inputs.state.sum, c.initial));
    // Growth of the accumulator in this step, relative to its size: g²/S.
    const growth = a.div(square(a, gradient), positive(a, a.mul(root, denominator)));
    const half = a.constant(0.5);
    const scaled = a.mul(c.stepSize, normGradient);
    return {
      gradient,
      direction,
      denominator,
      normGradient,
      kappa: a.add(a.mul(a.constant(0), gradient), half),
      correction: a.add(a.mul(half, scaled), a.mul(a.mul(a.constant(0.25), gradient), growth)),
      // The denominator is the measured one, so nothing remains for a memory term.
      memoryCorrection: a.mul(a.constant(0), gradient),
      expansion: a.add(a.div(a.abs(scaled), denominator), growth),
    };
  },

  signChange: () => undefined,
  norm: () => ({ kind: 'state', words: 'the squared loss gradient, weighted by the accumulator' }),
  stateDependent: (hyper) =>
    number(hyper, 'lr_decay') > 0 ? 'the learning rate falls to 0, and with it the strength' : undefined,
  constantCoefficients: (hyper, scheduled) => [
    'initial',
    'eps',
    'weightDecay',
    ...(scheduled || number(hyper, 'lr_decay') > 0 ? [] : ['stepSize']),
  ],
  alternatingGain: () => 1,
  preconditioner: (a, hyper, c, state) => denominatorOf(a, hyper, c, state.sum),
  twin: () => ({ reason: FORGETS_NOTHING }),
  memorylessDirection: () => ({ reason: FORGETS_NOTHING }),
  theory: {
    formula: 'Δθ = −(h/√S)[g + (h/2)·H(g/√S) + g³/(4S)] per step, S the accumulator after the step',
    penalises:
      'At the measured accumulator S the weighted norm ½Σg²/√S is penalized; the second term only shortens the steps.',
    source: 'Derived and verified for this project, in the state of parameters and accumulator together.',
  },
};

function decayFactor(hyper: Hyperparameters, n: number): number {
  const decay = number(hyper, 'lr_decay');
  return n === Infinity ? 1 : 1 + n * decay;
}

function denominatorOf<V>(a: Arithmetic<V>, hyper: Hyperparameters, c: Readonly<Record<string, V>>, sum: V): V {
  return rootWithEps(a, a.add(sum, c.initial), c.eps, hyper.eps_placement === 'inside');
}

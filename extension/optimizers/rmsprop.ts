import { blend, rootWithEps, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import { frozenDirection } from './memoryless.ts';
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
import { momentumCoefficients, momentumDirection, momentumTerms } from './rmspropMomentum.ts';
import { signChangeOf } from './terms.ts';
import { meanAge, stepSizeAt } from './theory.ts';
import { transientCoefficients, transientDirections, transientTerms } from './transient.ts';

const common = { momentum: 0, centered: false, weight_decay: 0 };

const frameworkDefaults: Record<Framework, Hyperparameters | undefined> = {
  pytorch: { lr: 1e-2, alpha: 0.99, eps: 1e-8, eps_placement: 'outside', ...common },
  keras: { lr: 1e-3, alpha: 0.9, eps: 1e-7, eps_placement: 'inside', ...common },
  optax: { lr: 1e-3, alpha: 0.9, eps: 1e-8, eps_placement: 'inside', ...common },
  paper: undefined,
};

const hasMomentum = (hyper: Hyperparameters) => number(hyper, 'momentum') > 0;
const isInside = (hyper: Hyperparameters) => hyper.eps_placement === 'inside';

/** g + λθ. */
function penalized<V>(a: Arithmetic<V>, c: Readonly<Record<string, V>>, inputs: { theta: V; gradient: V }): V {
  return a.add(inputs.gradient, a.mul(c.weightDecay, inputs.theta));
}

/** What is under the root: the second moment, or the variance. */
function spreadOf<V>(a: Arithmetic<V>, hyper: Hyperparameters, state: Readonly<Record<string, V>>): V {
  if (!hyper.centered) return state.secondMoment;
  // The variance of equal gradients may come out slightly negative.
  return a.max(a.sub(state.secondMoment, square(a, state.firstMoment)), a.constant(0));
}

/**
 * RMSProp without bias correction, as torch.optim.RMSprop (ε outside the root) and Keras (ε inside) have it; the learning
 * rate multiplies the momentum buffer, which for a constant learning rate is the same as having it inside.
 */
export const rmsprop: Optimizer = {
  name: 'rmsprop',
  title: 'RMSprop',
  memory: { denominator: 'alpha', steps: 'momentum', further: ['centered'] },
  hyperparameters: [
    specs.lr,
    { ...specs.beta2, name: 'alpha', option: 'alpha', description: 'decay ρ of the second moment (alpha, rho, decay)' },
    specs.eps,
    {
      name: 'eps_placement',
      kind: 'choice',
      choices: ['outside', 'inside'],
      option: 'eps-placement',
      description: 'ε outside the root (PyTorch) or inside it (Keras, Optax, the paper)',
    },
    specs.momentum,
    { name: 'centered', kind: 'boolean', option: 'centered', description: 'divide by the standard deviation' },
    specs.weightDecay,
  ],
  structure: (hyper) =>
    [hyper.eps_placement, hasMomentum(hyper) && 'momentum', hyper.centered && 'centered'].filter(Boolean).join(' '),
  defaults: (framework) => frameworkDefaults[framework],
  stateNames: (hyper) => [
    'secondMoment',
    ...(hyper.centered ? ['firstMoment'] : []),
    ...(hasMomentum(hyper) ? ['buffer'] : []),
  ],

  updateCoefficients(hyper, n, stepSizes): Coefficients {
    const alpha = number(hyper, 'alpha');
    return {
      stepSize: stepSizeAt(hyper.lr, n, stepSizes),
      alpha,
      oneMinusAlpha: 1 - alpha,
      eps: number(hyper, 'eps'),
      momentum: number(hyper, 'momentum'),
      weightDecay: number(hyper, 'weight_decay'),
    };
  },

  update<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: StepInputs<V>,
  ): StepOutputs<V> {
    const gradient = penalized(a, c, inputs);
    const { state } = inputs;
    const next: Record<string, V> = {
      secondMoment: blend(a, c.alpha, state.secondMoment, c.oneMinusAlpha, square(a, gradient)),
    };
    if (hyper.centered) next.firstMoment = blend(a, c.alpha, state.firstMoment, c.oneMinusAlpha, gradient);
    let direction = a.div(gradient, rootWithEps(a, spreadOf(a, hyper, next), c.eps, isInside(hyper)));
    if (hasMomentum(hyper)) {
      direction = a.add(a.mul(c.momentum, state.buffer), direction);
      next.buffer = direction;
    }
    return { direction, state: next };
  },

  notApplicable: (hyper) =>
    hyper.centered
      ? 'On a constant gradient the centered second moment is 0, where the update is not smooth: centered RMSprop has no first-order correction for full batches.'
      : undefined,

  correctionCoefficients(hyper, n, stepSizes): Coefficients {
    const alpha = number(hyper, 'alpha');
    return {
      eps: number(hyper, 'eps'),
      weightDecay: number(hyper, 'weight_decay'),
      ...(hasMomentum(hyper)
        ? momentumCoefficients(number(hyper, 'momentum'), alpha, hyper.lr, n, stepSizes)
        : transientCoefficients({ rho: alpha }, hyper.lr, n, stepSizes)),
    };
  },

  hessianDirections<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
  ): readonly V[] {
    const gradient = penalized(a, c, inputs);
    const inside = isInside(hyper);
    return hasMomentum(hyper)
      ? [momentumDirection(a, c, gradient, inside)]
      : transientDirections(a, c, { gradient, inside });
  },

  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    productsOfE: readonly V[],
  ): CorrectionTerms<V> {
    const gradient = penalized(a, c, inputs);
    const inside = isInside(hyper);
    const directions = rmsprop.hessianDirections(a, hyper, c, inputs);
    const products = productsOfE.map((product, i) => a.add(product, a.mul(c.weightDecay, directions[i])));
    return hasMomentum(hyper)
      ? momentumTerms(a, c, gradient, inside, directions[0], products[0])
      : transientTerms(a, c, { gradient, inside }, products);
  },

  /** The limit of late steps: 1 − f = a_α/(a_μ + a_α + ½). */
  signChange(hyper) {
    const age = meanAge(number(hyper, 'alpha'), Infinity);
    const share = age / (meanAge(number(hyper, 'momentum'), Infinity) + age + 0.5);
    return hyper.centered ? undefined : signChangeOf(share, number(hyper, 'eps'), isInside(hyper));
  },
  norm: () => ({ kind: 'one-norm', words: 'the one-norm of the loss gradient' }),
  stateDependent: () => undefined,
  constantCoefficients: (hyper, scheduled) => [
    'eps',
    'weightDecay',
    ...(hasMomentum(hyper) ? ['complement'] : ['momentWeight']),
    ...(scheduled ? [] : ['stepSize']),
  ],
  alternatingGain: (hyper) => 1 / (1 + number(hyper, 'momentum')),
  preconditioner: (a, hyper, c, state) => rootWithEps(a, spreadOf(a, hyper, state), c.eps, isInside(hyper)),
  twin: () => ({
    reason:
      'without the memory of the second moment RMSprop is descent along the signs of the gradient, another optimizer',
  }),
  memorylessDirection: (hyper) =>
    hyper.centered
      ? { reason: 'on one and the same gradient the centered second moment tends to 0 and the step to g/ε' }
      : frozenDirection(rmsprop, hyper),
  theory: {
    formula:
      "θ'ⱼ = −(gⱼ + h·κⱼ·qⱼ)/((1−μ)Dⱼ), κⱼ = ½[c_μ − (c_μ + c_ρ − 1)·fⱼ], f = g²/(g² + ε) or |g|/(|g| + ε); finite n in the transient form",
    penalises:
      'The one-norm of the gradient is anti-penalized for every ρ > 0 where ε is small; momentum outside the quotient does not offset it.',
    source:
      'Derived and verified for this project for both placements of ε, finite n and momentum; for late steps without momentum it is the formula of On the Implicit Bias of Adam with β = 0.',
  },
};

import { blend, positive, reciprocal, square } from './adaptive.ts';
import type { Arithmetic } from './arithmetic.ts';
import { number, specs } from './hyperparameters.ts';
import { frozenDirection } from './memoryless.ts';
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
import { applyRule, gaussRule, ruleCoefficients } from './quadrature.ts';
import { measuredTerms } from './terms.ts';
import { accumulatedWeight, memoryWindow, relativeSteps, stepSizeAt, stepUnit } from './theory.ts';

/** sign(x) is replaced by S(x) = x/√(x² + smoothing): the expansion needs a derivative. */
const smoothing: HyperparameterSpec = {
  name: 'smoothing',
  kind: 'number',
  option: 'smoothing',
  range: { min: 0 },
  description: 'replace sign(x) by x/√(x² + smoothing); 0 is the optimizer itself',
};

interface Family {
  readonly name: string;
  readonly title: string;
  /** Hyper-parameters of the decays b₁ and b₂, and where they come from. */
  readonly decaySpecs: readonly HyperparameterSpec[];
  decays(hyper: Hyperparameters): { b1: number; b2: number };
  readonly defaults: Readonly<Partial<Record<Framework, Hyperparameters>>>;
  readonly learningRateAdvice?: Optimizer['learningRateAdvice'];
  readonly theory: Optimizer['theory'];
}

/**
 * θ ← θ − h[S(c) + λθ], c = b₁m + (1−b₁)g, then m ← b₂m + (1−b₂)g (theory B2). On a frozen gradient c = W_n g with
 * W_n = 1 − b₁b₂ⁿ. Signum is b₁ = b₂, signSGD is b₁ = 0.
 */
export function lionFamily({
  name,
  title,
  decaySpecs,
  decays,
  defaults,
  learningRateAdvice,
  theory,
}: Family): Optimizer {
  const smooth = (hyper: Hyperparameters) => number(hyper, 'smoothing') > 0;
  const optimizer: Optimizer = {
    name,
    title,
    memory: {},
    learningRateAdvice,
    hyperparameters: [specs.lr, ...decaySpecs, specs.decoupledWeightDecay, smoothing],
    structure: (hyper) => (smooth(hyper) ? 'smooth' : 'sign'),
    defaults: (framework) => defaults[framework],
    stateNames: () => ['momentum'],

    updateCoefficients(hyper, n, stepSizes): Coefficients {
      const { b1, b2 } = decays(hyper);
      return {
        stepSize: stepSizeAt(hyper.lr, n, stepSizes),
        b1,
        oneMinusB1: 1 - b1,
        b2,
        oneMinusB2: 1 - b2,
        smoothing: number(hyper, 'smoothing'),
        weightDecay: number(hyper, 'weight_decay'),
      };
    },

    update<V>(
      a: Arithmetic<V>,
      hyper: Hyperparameters,
      c: Readonly<Record<string, V>>,
      { theta, gradient, state }: StepInputs<V>,
    ): StepOutputs<V> {
      const mixed = blend(a, c.b1, state.momentum, c.oneMinusB1, gradient);
      const sign = smooth(hyper) ? a.div(mixed, a.sqrt(a.add(square(a, mixed), c.smoothing))) : a.sign(mixed);
      return {
        direction: a.add(sign, a.mul(c.weightDecay, theta)),
        state: { momentum: blend(a, c.b2, state.momentum, c.oneMinusB2, gradient) },
      };
    },

    notApplicable: () => undefined,
    correctionCoefficients: (hyper, n, stepSizes) => correctionCoefficients(hyper, decays(hyper), n, stepSizes),

    // G_n, and Q_n = Σ_{l<n} b₁ b₂^{n−l−1} (1−b₂^{l+1}) (h_l/h_n) G_l as a Gauss rule in log W.
    hessianDirections<V>(
      a: Arithmetic<V>,
      _hyper: Hyperparameters,
      c: Readonly<Record<string, V>>,
      { theta, gradient }: CorrectionInputs<V>,
    ): readonly V[] {
      const decay = a.mul(c.weightDecay, theta);
      const inverseRoot = (weight: V) => reciprocal(a, a.sqrt(a.add(square(a, a.mul(weight, gradient)), c.smoothing)));
      const now = a.mul(a.mul(c.weight, gradient), inverseRoot(c.weight));
      const past = a.mul(gradient, applyRule(a, c, 'past', inverseRoot));
      return [a.add(now, decay), a.add(past, a.mul(c.pastTotal, decay))];
    },

    // C = S'(W_n g)·[H Q_n + ½W_n·H G_n] + ½λG_n, and D·S' = (smoothing/(W²g² + smoothing))/W_n with D = √(W²g² + smoothing)/W.
    correction<V>(
      a: Arithmetic<V>,
      hyper: Hyperparameters,
      c: Readonly<Record<string, V>>,
      inputs: CorrectionInputs<V>,
      [normGradient, past]: readonly V[],
    ): CorrectionTerms<V> {
      const { gradient } = inputs;
      const squared = positive(a, a.add(square(a, a.mul(c.weight, gradient)), c.smoothing));
      const epsShare = a.div(c.smoothing, squared);
      return measuredTerms(a, {
        gradient,
        direction: optimizer.hessianDirections(a, hyper, c, inputs)[0],
        denominator: a.div(a.sqrt(squared), c.weight),
        normGradient,
        memory: a.mul(epsShare, a.div(past, c.weight)),
        local: a.mul(a.mul(a.constant(0.5), epsShare), normGradient),
        decayRate: c.weightDecay,
        stepSize: c.stepSize,
        horizon: c.horizon,
      });
    },

    signChange: () => undefined,
    norm: () => ({ kind: 'sign', words: 'the smoothed one-norm of the loss gradient' }),
    stateDependent: () => undefined,
    constantCoefficients(hyper, scheduled) {
      const always = ['smoothing', 'weightDecay', ...(scheduled ? [] : ['stepSize'])];
      if (decays(hyper).b1 > 0) return always;
      return Object.keys(correctionCoefficients(hyper, decays(hyper), 0, undefined)).filter(
        (coefficient) => coefficient !== 'stepSize' || !scheduled,
      );
    },
    alternatingGain: () => ({ reason: 'a step along signs is as long however small the gradient is: it has no edge' }),
    preconditioner: (a, _hyper, _c, state) => a.add(a.mul(a.constant(0), state.momentum), a.constant(1)),
    twin: () => ({ reason: 'for descent along signs theory has no term of the memory that could be switched off' }),
    memorylessDirection: (hyper) => frozenDirection(optimizer, hyper),
    theory,
  };
  return optimizer;
}

function correctionCoefficients(
  hyper: Hyperparameters,
  { b1, b2 }: { b1: number; b2: number },
  n: number,
  stepSizes: StepSizes | undefined,
): Coefficients {
  const relativeStep = relativeSteps(hyper.lr, n, stepSizes);
  const weightAt = (l: number) => 1 - (b1 === 0 ? 0 : b1 * b2 ** l);
  const points: number[] = [];
  const weights: number[] = [];
  let pastTotal = 0;
  if (n === Infinity) {
    pastTotal = b1 / (1 - b2);
    points.push(0);
    weights.push(pastTotal);
  } else if (b1 > 0) {
    for (let l = n - 1, decay = b1; l >= Math.max(0, n - 1 - memoryWindow(b2, n)); l--, decay *= b2) {
      const weight = decay * accumulatedWeight(b2, l) * relativeStep(l);
      pastTotal += weight;
      points.push(2 * Math.log(weightAt(l)));
      weights.push(weight * weightAt(l));
    }
  }
  const stepSize = stepUnit(hyper.lr, n, stepSizes);
  return {
    stepSize,
    weight: weightAt(n),
    pastTotal,
    ...ruleCoefficients('past', gaussRule(points, weights), (x) => Math.exp(x / 2)),
    horizon: stepSize * pastTotal,
    smoothing: number(hyper, 'smoothing'),
    weightDecay: number(hyper, 'weight_decay'),
  };
}

import { type HyperparameterValue, isTrue, numberOf, type OptimizerConfig } from '../configs/config.ts';
import { isIgnored } from '../configs/ignore.ts';
import type { SourceRange } from '../configs/source.ts';
import { amount } from '../shared/format.ts';
import { formatSetting, optimizerTitle } from './hover.ts';
import { RULES, type RuleCode, type Severity } from './rules.ts';
import { knownOptimizer, summarize } from './summary.ts';

export interface Fix {
  readonly title: string;
  /** With a file where the text stands in another one. */
  readonly range: SourceRange;
  readonly newText: string;
  /** The number that must stand there for the edit to be offered. */
  readonly replaces?: number;
}

export interface Diagnostic {
  readonly code: RuleCode;
  readonly severity: Severity;
  /** Plain text. */
  readonly message: string;
  readonly range: SourceRange;
  readonly fixes?: readonly Fix[];
  /** Anchor of the rule on the documentation page. */
  readonly anchor: string;
}

/** (1−β₁)/(1−β₂) of (0.9, 0.999), which PyTorch, Keras, Optax and most others take where nothing is given. */
const USUAL_RATIO = 100;
/** Up to it β₁ is low on purpose, as in adversarial training. */
const LOW_BETA1 = 0.5;
/** What is offered for β₂ where it is far from β₁, and for an ε that is not possible. */
const CLOSER_BETA2 = 0.95;
const USUAL_EPS = 1e-8;
/** (1−β₂)/(1−β₁) from which the memories count as reversed (theory F4: a heuristic of ours). */
const REVERSED = 3;
/** Gradient size at which ε dominates, from which on it is reported (ours). */
const LARGE_EPS = 1e-3;

const SMALL_BATCHES = 'Small batches can reverse this.';

interface Found {
  readonly code: RuleCode;
  readonly message: string;
  /** The hyper-parameter it is about; the constructor without. */
  readonly about?: string;
  readonly severity?: Severity;
  readonly fixes?: readonly Fix[];
}

/**
 * What can be said against, or about, a configuration. `text` is the text the configuration was found in; diagnostics on
 * lines with an ignore comment are left out. Worded no stronger than the theory allows.
 */
export function diagnose(config: OptimizerConfig, text: string): Diagnostic[] {
  const found = [...ranges(config), ...memories(config), ...epsilon(config), ...variants(config)];
  return found
    .map(({ code, message, about, severity, fixes }) => ({
      code,
      severity: severity ?? RULES[code].severity,
      message,
      range: (about === undefined ? undefined : config.hyperparameters.get(about)?.range) ?? config.range,
      anchor: code,
      ...(fixes && fixes.length > 0 && { fixes }),
    }))
    .filter(({ code, range }) => !isIgnored(text, range.from, code) && !isIgnored(text, config.callRange.from, code));
}

/** As the framework calls it: `betas` for both of them, `learning_rate`. From a fixed table, never from the file. */
function nameOf(config: OptimizerConfig, name: string): string {
  const argument = config.hyperparameters.get(name)?.argument ?? name;
  if (argument !== 'betas') return argument;
  return name === 'beta1' ? 'betas[0]' : 'betas[1]';
}

/** Values that no optimizer accepts, or that train nothing. Defaults are never at fault. */
function* ranges(config: OptimizerConfig): Generator<Found> {
  for (const [about, { value, from }] of config.hyperparameters) {
    if (typeof value !== 'number' || from === 'default') continue;
    const is = `${nameOf(config, about)} = ${formatSetting(value)}`;
    if (
      about === 'beta1' ||
      about === 'beta2' ||
      (about === 'alpha' && knownOptimizer(config)?.optimizer.memory.denominator === 'alpha')
    ) {
      if (value < 0 || value >= 1)
        yield { code: 'beta-out-of-range', about, message: `${is}: a decay rate must be in [0, 1).` };
    } else if (about === 'momentum' && (value < 0 || value >= 1)) {
      yield { code: 'momentum-out-of-range', about, message: `${is}: momentum must be in [0, 1).` };
    } else if (about === 'lr' && value <= 0) {
      const message = value < 0 ? `${is} ascends the loss.` : `${is} trains nothing unless a schedule changes it.`;
      yield { code: 'learning-rate-not-positive', about, message };
    } else if (about === 'eps' && value < 0) {
      const fixes = setTo(config, 'eps', 'ε', USUAL_EPS);
      yield { code: 'eps-negative', about, message: `${is}: ε must not be negative.`, fixes };
    } else if (about === 'weight_decay' && value < 0) {
      yield { code: 'weight-decay-negative', about, message: `${is}: weight decay must not be negative.` };
    }
  }
}

function* memories(config: OptimizerConfig): Generator<Found> {
  const beta1 = numberOf(config, 'beta1');
  const beta2 = numberOf(config, 'beta2');
  const inRange = [beta1, beta2].every((beta) => beta !== undefined && beta >= 0 && beta < 1);
  if (
    beta1 !== undefined &&
    beta2 !== undefined &&
    inRange &&
    knownOptimizer(config)?.optimizer.memory.denominator === 'beta2'
  ) {
    const ratio = (1 - beta1) / (1 - beta2);
    const values = `(${formatSetting(beta1)}, ${formatSetting(beta2)})`;
    // A ratio that is 100 on paper may come out a little above.
    if (ratio > USUAL_RATIO * (1 + 1e-9) && beta1 > LOW_BETA1) {
      yield {
        code: 'memories-far-apart',
        about: 'beta2',
        fixes: setTo(config, 'beta2', 'β₂', CLOSER_BETA2),
        message: `β₁ and β₂ ${values} are farther apart than the defaults of the frameworks: (1−β₁)/(1−β₂) = ${amount(ratio)} against 100. Later in training, at low loss, full-batch runs with β₂ this far above β₁ spike. ${SMALL_BATCHES}`,
      };
    } else if (1 / ratio > REVERSED * (1 + 1e-9)) {
      yield {
        code: 'memories-reversed',
        about: 'beta1',
        message: `β₁ remembers ${amount(1 / ratio)} times longer than β₂ ${values}: in full-batch training that is the direction of the divergence regime.`,
        fixes: swap(config.hyperparameters.get('beta1'), config.hyperparameters.get('beta2'), beta1, beta2),
      };
    }
  }
}

/** The edit that puts another number where a value is written, also in another file. */
export function setTo(config: OptimizerConfig, name: string, title: string, value: number): Fix[] {
  const entry = config.hyperparameters.get(name);
  const range = entry?.from === 'literal' ? entry.range : entry?.from === 'resolved' ? entry.sourceRange : undefined;
  if (!range || typeof entry?.value !== 'number' || entry.value === value) return [];
  return [
    { title: `Set ${title} to ${formatSetting(value)}`, range, newText: formatSetting(value), replaces: entry.value },
  ];
}

function swap(
  first: HyperparameterValue | undefined,
  second: HyperparameterValue | undefined,
  beta1: number,
  beta2: number,
): Fix[] {
  if (first?.from !== 'literal' || second?.from !== 'literal' || !first.range || !second.range) return [];
  const [low, high] = first.range.from < second.range.from ? [first.range, second.range] : [second.range, first.range];
  // One edit per fix: only where both values stand next to each other, as in `(0.999, 0.9)`.
  if (high.from - low.to > 4 || first.argument !== second.argument) return [];
  return [
    {
      title: 'Swap the two values',
      range: { from: low.from, to: high.to },
      newText: `${formatSetting(beta2)}, ${formatSetting(beta1)}`,
    },
  ];
}

function* epsilon(config: OptimizerConfig): Generator<Found> {
  const entry = config.hyperparameters.get('eps');
  const eps = numberOf(config, 'eps');
  const placement = config.hyperparameters.get('eps_placement')?.value;
  if (!entry || eps === undefined || eps < 0 || !knownOptimizer(config)?.optimizer.memory.denominator) return;
  if (eps === 0 && entry.from !== 'default' && placement !== 'inside') {
    yield {
      code: 'eps-zero',
      about: 'eps',
      message: `With ${nameOf(config, 'eps')} = 0 a coordinate whose gradients have all been 0 divides 0 by 0.`,
      fixes: setTo(config, 'eps', 'ε', USUAL_EPS),
    };
    return;
  }
  const size = placement === 'inside' ? Math.sqrt(eps) : eps;
  if (
    size >= LARGE_EPS &&
    entry.from !== 'default' &&
    (placement === 'inside' || placement === 'outside' || placement === 'uncorrected')
  ) {
    yield {
      code: 'eps-regime',
      about: 'eps',
      message: `Coordinates with gradients well below ${amount(size)} are in the regime of large ε: in full-batch training theory predicts that the squared two-norm of the loss gradient is penalized there, and the steps lose their adaptivity.`,
    };
  }
  // Defaults are each framework's own affair.
  if (entry.from === 'default') return;
  if (placement === 'inside' || placement === 'both') {
    const scale = amount(Math.sqrt(placement === 'both' ? (numberOf(config, 'eps_root') ?? eps) : eps));
    yield {
      code: 'eps-placement',
      about: 'eps',
      message: `Here ε stands inside the root, so that it acts on gradients of about ${scale}; in PyTorch it stands outside.`,
    };
  } else if (placement === 'uncorrected') {
    const beta2 = numberOf(config, 'beta2');
    const factor =
      beta2 !== undefined && beta2 >= 0 && beta2 < 1 ? `${amount(1 / Math.sqrt(1 - beta2))} times` : 'many times';
    yield {
      code: 'eps-placement',
      about: 'eps',
      message: `Here ε is added before the bias correction, which makes it ${factor} larger at the first step than in PyTorch.`,
    };
  }
}

function* variants(config: OptimizerConfig): Generator<Found> {
  const known = knownOptimizer(config);
  const title = optimizerTitle(config.optimizer);
  const reason = known?.optimizer.notApplicable(known.hyper);
  if (known && reason !== undefined && isTrue(config, 'centered')) {
    yield {
      code: 'centered-rmsprop',
      about: 'centered',
      message: `Centered ${title} has no first-order correction in the full-batch limit; no strength is shown.`,
    };
  } else if (known && known.optimizer.memory.steps !== undefined) {
    const { steps } = known.optimizer.memory;
    const momentum = numberOf(config, steps) ?? 0;
    const { kappa, hKappa } = summarize(config);
    if (momentum > 0 && momentum < 1 && kappa !== null && kappa < 0) {
      const size = hKappa === null ? `${amount(-kappa)} times the learning rate` : amount(-hKappa);
      yield {
        code: 'rmsprop-momentum',
        about: steps,
        message: `In full-batch training theory predicts anti-regularizing ${size} here: momentum behind the quotient lengthens the steps 1/(1−μ) times, and the strength with them. ${SMALL_BATCHES}`,
      };
    }
  }
  const condition = known?.optimizer.stateDependent(known.hyper);
  if (condition !== undefined && isTrue(config, 'amsgrad')) {
    yield {
      code: 'amsgrad-state-dependent',
      about: 'amsgrad',
      message: `The correction has no value without a run: ${condition}.`,
    };
  }
  const decay = config.hyperparameters.get('weight_decay');
  if (
    config.weightDecayForm === 'l2' &&
    typeof decay?.value === 'number' &&
    decay.value > 0 &&
    config.hyperparameters.has('beta1') &&
    config.hyperparameters.has('beta2')
  ) {
    yield {
      code: 'l2-in-adaptive-optimizer',
      about: 'weight_decay',
      message: `In ${title} weight_decay is an L2 penalty that passes through both moments, not the decoupled decay of AdamW.`,
      fixes: toAdamW(config),
    };
  }
  const lr = config.hyperparameters.get('lr');
  const advice = known?.optimizer.learningRateAdvice;
  if (advice && typeof lr?.value === 'number' && lr.value >= advice.from && lr.from !== 'default') {
    yield {
      code: 'lion-learning-rate',
      about: 'lr',
      message: `${advice.text}; ${formatSetting(lr.value)} is what AdamW often takes.`,
    };
  }
}

/** `optim.Adam` → `optim.AdamW`: only where the module is written before the name, so that no import is needed. */
function toAdamW(config: OptimizerConfig): Fix[] {
  const { constructorName: name, range } = config;
  if (config.framework !== 'pytorch' || !/^[\w.]+\.Adam$/.test(name) || range.to - range.from !== name.length)
    return [];
  return [{ title: 'Use AdamW', range: { from: range.to - 4, to: range.to }, newText: 'AdamW' }];
}

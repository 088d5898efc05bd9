import { lastEffect, predictedText } from '../extension/shared/effectWords.ts';
import { finePercent, number, percent, setting, shorten, thousands } from '../extension/shared/format.ts';
import type { PanelRun } from '../extension/shared/panel.ts';
import type { RunHeader, StepLine, TensorLine } from '../extension/shared/protocol.ts';
import { origins } from '../extension/shared/request.ts';
import { lastCorrected } from '../extension/shared/steps.ts';
import { decisiveSelfCheck, mostSelfCheck, strengthText } from '../extension/shared/verdict.ts';

/** A measure of theory C as the panel shows it: one entry is a column, a choice of bars, and a paragraph of "About the numbers". */
export interface Measure {
  readonly id: string;
  /** Heading of a column. */
  readonly title: string;
  /** What it is, in one sentence. */
  readonly about: string;
  /** Formula in the notation of `formula.ts`. */
  readonly formula: string;
  readonly source: string;
  /** Its value for a tensor, or for the model itself; `model` is the line of the same step. */
  value(line: TensorLine, model: StepLine): number | null | undefined;
  text(value: number | null | undefined): string;
  /** The same without words, where the bar beside it shows the direction. */
  readonly brief?: (value: number | null | undefined) => string;
  /** It is measured against a reference, at lines of its own. */
  readonly measured?: boolean;
  /** It says something only where the first-order theory holds. */
  readonly theoretical?: boolean;
  /** Words for its two ends, where bars of it grow from a zero line to both sides. */
  readonly ends?: readonly [negative: string, positive: string];
  /** The sign of its values at which the norm of the gradient is favoured; absent where no sign says so. */
  readonly anti?: -1 | 1;
}

/** The colour of a bar: that of one of the two directions, or neither where the measure has none. */
export function sideOf({ anti }: Measure, value: number): 'anti' | 'regularizing' | 'neutral' {
  if (anti === undefined) return 'neutral';
  return Math.sign(value) === anti ? 'anti' : 'regularizing';
}

const signed = (value: number | null | undefined) => number(value, true);
const share = (value: number | null | undefined) => percent(value);

/** A rate of the norm in units of the rate that the whole model has without the correction. */
function ofBase(rate: number | null | undefined, model: StepLine): number | null {
  const base = Math.abs(model.normRateBase ?? 0);
  return rate === null || rate === undefined || base === 0 ? null : rate / base;
}

const P1 = 'Cattaneo, Klusowski, Shigida: On the Implicit Bias of Adam (ICML 2024)';
const TOOL = 'definition of this tool, after the same expansion';

export const effectMeasure: Measure = {
  id: 'effect',
  title: 'Effect',
  about:
    'How much larger (+) or smaller (−) the one-norm of the loss gradient is than in the reference, at equal loss: measured, at any step size. The reference is the same training without the term of the memory where there is such a twin, else the path that the optimizer would take with small steps and no memory.',
  formula: 'effect = ( ‖g‖_1 ) / ( ‖g_{ref}‖_1 ) − 1',
  source: 'measurement of this tool',
  value: ({ effect }) => effect,
  text: (value) => finePercent(value, true),
  measured: true,
  ends: ['smaller gradient', 'larger gradient'],
  anti: 1,
};

export const predictedMeasure: Measure = {
  id: 'effectPredicted',
  title: 'Predicted',
  about:
    'What the theory predicts for the effect: the net effect of the correction on the norm, accumulated along the run up to the same loss.',
  formula: 'predicted = exp ( Σ_n h_n net_n ) − 1',
  source: TOOL,
  value: ({ effectPredicted }) => effectPredicted,
  text: predictedText,
  measured: true,
  theoretical: true,
  ends: ['smaller gradient', 'larger gradient'],
  anti: 1,
};

export const oscillationMeasure: Measure = {
  id: 'oscillation',
  title: 'Oscillation',
  about:
    'Share of the norm that is oscillation from step to step: what is gone at the mean of three neighbouring points of the run.',
  formula: '1 − ( ‖g_{mean}‖_1 ) / ( ‖g‖_1 )',
  source: 'measurement of this tool',
  value: ({ oscillation }) => oscillation,
  text: share,
  measured: true,
};

export const slowOscillationMeasure: Measure = {
  id: 'slowOscillation',
  title: 'Slow oscillation',
  about:
    'Share of the norm that is oscillation over many steps: what is gone at the mean of the parameters over a stretch of usually 80 steps, and not at that of three neighbouring points.',
  formula: '1 − ( ‖g_{mean}‖_1 ) / ( mean ‖g‖_1 )',
  source: 'measurement of this tool',
  value: ({ slowOscillation }) => slowOscillation,
  text: share,
  measured: true,
};

/** Data files have anti-regularizing strengths with a minus sign, axes show them upwards. */
const turned = (value: number | null | undefined): number | null | undefined =>
  value === null || value === undefined ? value : -value || 0;

export const strengthMeasure: Measure = {
  id: 'strength',
  title: 'Strength',
  about:
    'The weight with which finite steps favour (anti-regularizing) or penalise (regularizing) the norm of the loss gradient: −h·κ averaged over the coordinates, each weighted as it enters the rate of the norm.',
  formula: '− h κ_eff = − h (Σ_j κ_j w_j) / (Σ_j w_j) , w_j = q_j^2 / D_j',
  source: P1,
  value: ({ hKappa }) => turned(hKappa),
  text: (value) => strengthText(turned(value)),
  brief: (value) => number(value === null || value === undefined ? value : Math.abs(value)),
  theoretical: true,
  ends: ['regularizing', 'anti-regularizing'],
  anti: 1,
};

export const netMeasure: Measure = {
  id: 'net',
  title: 'Net effect',
  about:
    'How the correction changes the norm at equal loss, so that merely faster or slower training does not count, in units of the rate of the norm without correction.',
  formula: 'net = ( N_corr − (N_base / E_base) E_corr ) / ( | N_base | )',
  source: TOOL,
  value: ({ net }, model) => ofBase(net, model),
  text: (value) => percent(value, true),
  theoretical: true,
  ends: ['lowers the norm', 'raises the norm'],
  anti: 1,
};

export const validMeasure: Measure = {
  id: 'valid',
  title: 'Valid',
  about:
    'Share of the coordinates whose gradient is predicted to change by less than 30 % over the memory of the optimizer. It does not tell whether the theory holds: where it fails, it is often near 100 %.',
  formula: 'ν_j = h max(a_β, a_ρ) |q_j| / D_j < 0.3',
  source: 'threshold of this tool',
  value: ({ validShare }) => validShare,
  text: share,
};

export const selfCheckMeasure: Measure = {
  id: 'selfCheck',
  title: 'Self-check',
  about: `How far the steps that the optimizer really took are from the prediction with the memory, against the prediction without it, over the run so far: 0 where the memory explains all of the difference, 1 and more where it explains nothing. The theory is shown as reliable up to ${mostSelfCheck}.`,
  formula: 'check = ‖F − G − h·Mem‖ / ‖F − G‖',
  source: TOOL,
  value: decisiveSelfCheck,
  text: number,
};

/** Every measure, in the order of the columns. */
export const measures: readonly Measure[] = [
  effectMeasure,
  predictedMeasure,
  oscillationMeasure,
  slowOscillationMeasure,
  strengthMeasure,
  {
    id: 'kappa',
    title: 'κ_eff',
    about:
      'The strength without the step size, in steps: the difference of the mean ages of the two moments, as it acts on this tensor.',
    formula: '− κ_j = ½ ( c_ρ f_j − c_β ) , c_b = (1 + b) / (1 − b)',
    source: P1,
    value: ({ kappa }) => turned(kappa),
    text: (value) => strengthText(turned(value)),
    brief: (value) => number(value === null || value === undefined ? value : Math.abs(value)),
    theoretical: true,
    ends: ['regularizing', 'anti-regularizing'],
    anti: 1,
  },
  netMeasure,
  {
    id: 'relative',
    title: '|corr|/|g|',
    about: 'Size of the correction against the gradient. First-order theory needs it to be small.',
    formula: '‖corr‖_2 / ‖g‖_2 , corr_j = h κ_j q_j',
    source: P1,
    value: ({ relativeSize }) => relativeSize,
    text: number,
    theoretical: true,
  },
  {
    id: 'cosine',
    title: 'Cosine',
    about:
      'Cosine of the angle between correction and gradient: positive where they point the same way. What the correction does to the loss is the loss rate, which mostly, but not always, has the same sign.',
    formula: 'cos = ( corr · g ) / ( ‖corr‖_2 ‖g‖_2 )',
    source: P1,
    value: ({ cosine }) => cosine,
    text: signed,
    theoretical: true,
    ends: ['against the gradient', 'along the gradient'],
  },
  {
    id: 'lossRate',
    title: 'Loss rate',
    about:
      'How much faster (+) or slower (−) the loss falls by the correction, in units of its rate without correction, to first order.',
    formula: '− E_corr / | E_base | , E_corr = − h Σ_j κ_j q_j g_j / D_j',
    source: TOOL,
    value: ({ lossRate }, model) => {
      const base = Math.abs(model.lossRateBase ?? 0);
      return typeof lossRate !== 'number' || base === 0 ? null : -lossRate / base || 0;
    },
    text: (value) => percent(value, true),
    theoretical: true,
    ends: ['slows the descent', 'speeds it up'],
  },
  {
    id: 'normRate',
    title: 'Norm rate',
    about:
      'How fast the correction changes the norm, in units of its rate without correction. Positive: the correction impedes the reduction of the norm.',
    formula: 'N_corr = − h Σ_j κ_j q_j^2 / D_j',
    source: P1,
    value: ({ normRate }, model) => ofBase(normRate, model),
    text: (value) => percent(value, true),
    theoretical: true,
    ends: ['lowers the norm', 'raises the norm'],
    anti: 1,
  },
  validMeasure,
  selfCheckMeasure,
  {
    id: 'belowSwitch',
    title: '|g| < |g|*',
    about: 'Share of the coordinates whose gradient is so small against ε that they are regularized instead.',
    formula: 'f_j < c_β / c_ρ',
    source: P1,
    value: ({ belowSwitchShare }) => belowSwitchShare,
    text: share,
  },
  {
    id: 'norm',
    title: '‖∇E‖₁,ε',
    about: 'The perturbed one-norm of the gradient, of which a floor of √ε for each coordinate never goes away.',
    formula: '‖g‖_{1,ε} = Σ_j √( g_j^2 + ε )',
    source: P1,
    value: ({ perturbedNorm }) => perturbedNorm,
    text: number,
  },
];

/** The measures that a run has: one that was held against nothing has no effect. */
export const measuresOf = ({ header: { reference }, steps }: Pick<PanelRun, 'header' | 'steps'>): readonly Measure[] =>
  (reference && reference.kind !== 'none') || lastEffect(steps)
    ? measures
    : measures.filter(({ measured }) => !measured);

export const measureNamed = (id: string): Measure => measures.find((measure) => measure.id === id) ?? strengthMeasure;

/** The line that the numbers are taken from: the last one with a correction, else the last one with an effect. */
export const lastMeasured = (steps: readonly StepLine[]): StepLine | undefined =>
  lastCorrected(steps) ?? lastEffect(steps);

/** The line that the values of a measure are taken from: the effect is not defined at each. */
export const lineOf = ({ measured }: Measure, { line, effectLine }: Lines): StepLine | undefined =>
  measured ? effectLine : line;

export interface Lines {
  readonly line: StepLine | undefined;
  readonly effectLine: StepLine | undefined;
}

/** p·√ε: what ‖g‖₁,ε is where the gradient vanishes. */
export function normFloor({ model, optimizer }: RunHeader): number {
  const { eps } = optimizer.hyper;
  return typeof eps === 'number' ? model.parameters * Math.sqrt(eps) : 0;
}

/** Number of parameters of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** `1,251 of 20,001 steps`, where not all of a run's steps are held; undefined where they are. */
export function partText(steps: readonly StepLine[]): string | undefined {
  const all = (steps.at(-1)?.step ?? -1) + 1;
  return steps.length < all ? `${thousands(steps.length)} of ${thousands(all)} steps` : undefined;
}

/** Where the settings of a run come from that are not written at the optimizer: `lr from configs/base.yaml:12`. */
export function originsText({ request, optimizer }: Pick<RunHeader, 'request' | 'optimizer'>): string {
  const words: Readonly<Record<string, string>> = {
    [origins.default]: 'the library’s default',
    [origins.asked]: 'asked',
    [origins.remembered]: 'from .optimizer-bias.json',
    [origins.assumed]: 'assumed, since nobody has said it: the library’s default',
  };
  return Object.entries(request.origins ?? {})
    .map(([name, origin]) => {
      const value = optimizer.hyper[name];
      return `${name}${value === undefined ? '' : ` ${setting(value)}`}: ${words[origin] ?? `from ${shorten(origin, 80)}`}`;
    })
    .join(' · ');
}

/** `Adam · lr 0.001 · betas (0.9, 0.999) · eps 1e-8`: what was run, without what is off or 0. */
export function settingsText({ optimizer, request }: RunHeader): string {
  const { hyper, title } = optimizer;
  const parts: string[] = [title];
  // What nobody has written is told from what somebody has.
  const mark = (...names: readonly string[]) => {
    const marks = names.map((name) => request.origins?.[name]);
    const found = [origins.assumed, origins.asked].find((each) => marks.includes(each));
    return found === undefined ? '' : ` (${found})`;
  };
  if (hyper.lr !== undefined) parts.push(`lr ${setting(hyper.lr)}${mark('lr')}`);
  if (hyper.beta1 !== undefined && hyper.beta2 !== undefined)
    parts.push(`betas (${hyper.beta1}, ${hyper.beta2})${mark('beta1', 'beta2')}`);
  for (const [name, value] of Object.entries(hyper)) {
    if (
      name === 'lr' ||
      ((name === 'beta1' || name === 'beta2') && hyper.beta1 !== undefined && hyper.beta2 !== undefined)
    )
      continue;
    if (name === 'bias_correction' ? value === false : value !== 0 && value !== false && value !== 'outside')
      parts.push(`${value === true ? name : `${name} ${setting(value)}`}${mark(name)}`);
  }
  return parts.join(' · ');
}

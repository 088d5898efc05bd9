import { type HyperparameterValue, numberOf, type OptimizerConfig } from '../configs/config.ts';
import { otherTitle } from '../configs/names.ts';
import { setting } from '../shared/format.ts';
import { compareBeta2, halfStrengthStep, type Summary, squaredNormWeight, summarize } from './summary.ts';

/** Three significant digits without trailing zeros; exponents as Python writes them. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6)
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  return threeDigits.format(value);
}

const threeDigits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

/** A setting as it was written: digits that tell 0.9999 from 1 stay. */
export const formatSetting = (value: number): string => setting(Number(value.toPrecision(8)));

/** "Anti-regularizing 0.99": the word and the magnitude of h·κ. */
export function strengthWords(hKappa: number): string {
  if (hKappa === 0) return 'Neutral 0';
  return `${hKappa < 0 ? 'Anti-regularizing' : 'Regularizing'} ${formatNumber(Math.abs(hKappa))}`;
}

/** Text from a file, made harmless in Markdown: one line, no markup, bounded. */
export function escapeMarkdown(text: string, limit = 80): string {
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ').trim();
  const short = line.length > limit ? `${line.slice(0, limit)}…` : line;
  return short.replace(/[\\`*_{}[\]()#+\-!|<>~$&:@]/g, (c) => (c === '<' ? '&lt;' : c === '&' ? '&amp;' : `\\${c}`));
}

const TITLES: ReadonlyMap<string, string> = new Map([
  ['adam', 'Adam'],
  ['adamw', 'AdamW'],
  ['nadam', 'NAdam'],
  ['radam', 'RAdam'],
  ['adamax', 'Adamax'],
  ['adadelta', 'Adadelta'],
  ['adagrad', 'Adagrad'],
  ['rmsprop', 'RMSprop'],
  ['sgd', 'SGD'],
  ['lion', 'Lion'],
  ['signum', 'Signum'],
  ['signsgd', 'signSGD'],
  ['lamb', 'LAMB'],
  ['amsgrad', 'AMSGrad'],
  ['asgd', 'ASGD'],
  ['sparse_adam', 'SparseAdam'],
  ['muon', 'Muon'],
  ['adafactor', 'Adafactor'],
  ['rprop', 'Rprop'],
  ['lbfgs', 'L-BFGS'],
]);

export function optimizerTitle(optimizer: string): string {
  return TITLES.get(optimizer) ?? otherTitle(optimizer) ?? optimizer;
}

const NOT_HERE = 'No prediction from the configuration alone';

/** One sentence: what theory predicts, in the words of the panel. */
export function verdict(config: OptimizerConfig, summary: Summary = summarize(config)): string {
  const { effect, hKappa, kappa, reason } = summary;
  if (effect === 'squared-norm') {
    const weight = squaredNormWeight(config);
    const size = weight === null ? '' : ` with weight ${formatNumber(weight)}`;
    return `Regularizing: in full-batch training, finite steps penalize the squared two-norm of the loss gradient${size}.`;
  }
  if (effect === 'sign') {
    return 'Neutral: in full-batch training theory predicts no anti-regularization by the memory of sign descent.';
  }
  if (effect === 'none') return `${NOT_HERE}: ${reason}.`;
  if (kappa === null) return `${NOT_HERE}: ${reason ?? 'a value is unknown'}.`;
  const acts =
    kappa < 0
      ? 'finite steps impede the reduction of the one-norm of the loss gradient'
      : kappa > 0
        ? 'finite steps favour the reduction of the one-norm of the loss gradient'
        : 'the two memories cancel';
  if (kappa === 0) return `Neutral: in full-batch training, ${acts}.`;
  if (hKappa === null) {
    const word = kappa < 0 ? 'Anti-regularizing' : 'Regularizing';
    return `${word} ${formatNumber(Math.abs(kappa))} times the learning rate, which is not known here: in full-batch training, ${acts}.`;
  }
  return `${strengthWords(hKappa)}: in full-batch training, ${acts}.`;
}

/** The line above a call: `Anti-regularizing 0.99 · theory out of range at this lr`. */
export function codeLensText(config: OptimizerConfig, summary: Summary = summarize(config)): string {
  const { effect, hKappa, kappa, validity } = summary;
  if (effect === 'squared-norm') return 'Regularizing (squared gradient norm)';
  if (effect === 'sign') return 'No memory anti-regularization';
  if (effect === 'none') return `${optimizerTitle(config.optimizer)}: no prediction without a run`;
  if (kappa === null) return `${optimizerTitle(config.optimizer)}: strength depends on values not known here`;
  if (kappa === 0) return 'Neutral: both memories are equally long';
  if (hKappa === null)
    return `${kappa < 0 ? 'Anti-regularizing' : 'Regularizing'} ${formatNumber(Math.abs(kappa))} × lr`;
  const strength = strengthWords(hKappa);
  if (validity === 'out of range') return `${strength} · theory out of range at this lr`;
  return validity === 'borderline' ? `${strength} · theory borderline at this lr` : strength;
}

/** A value with where it comes from: `1e-3`, `0.999 *default*`, `*unknown*`. */
function shown(entry: HyperparameterValue | undefined): string {
  if (!entry || entry.from === 'unknown') return '*unknown*';
  const value = typeof entry.value === 'number' ? formatSetting(entry.value) : pythonWord(entry.value);
  return entry.from === 'default' ? `${value} *default*` : entry.from === 'resolved' ? `${value} *resolved*` : value;
}

function pythonWord(value: string | boolean | null): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === null ? 'None' : escapeMarkdown(value);
}

const PLACEMENTS: ReadonlyMap<unknown, string> = new Map([
  ['outside', 'outside the root'],
  ['inside', 'inside the root'],
  ['uncorrected', 'outside the root, before the bias correction'],
  ['both', 'inside and outside the root'],
]);

/** The first line of the hover: the settings under the framework's names, defaults marked. */
export function settingsLine(config: OptimizerConfig): string {
  const { hyperparameters } = config;
  const parts: string[] = [];
  const name = (key: string) => escapeMarkdown(hyperparameters.get(key)?.argument ?? key);
  if (hyperparameters.has('lr')) parts.push(`${name('lr')} ${shown(hyperparameters.get('lr'))}`);
  const [beta1, beta2] = [hyperparameters.get('beta1'), hyperparameters.get('beta2')];
  if (beta1 && beta2) {
    const same = beta1.from === beta2.from && typeof beta1.value === 'number' && typeof beta2.value === 'number';
    if (same) {
      const mark = beta1.from === 'default' || beta1.from === 'resolved' ? ` *${beta1.from}*` : '';
      parts.push(`betas (${formatSetting(Number(beta1.value))}, ${formatSetting(Number(beta2.value))})${mark}`);
    }
    // Of a pair, neither has a name of its own.
    else
      for (const [key, greek, beta] of [
        ['beta1', 'β₁', beta1],
        ['beta2', 'β₂', beta2],
      ] as const)
        parts.push(`${beta.argument && beta1.argument !== beta2.argument ? name(key) : greek} ${shown(beta)}`);
  }
  for (const key of ['alpha', 'momentum', 'rho'])
    if (hyperparameters.has(key)) parts.push(`${name(key)} ${shown(hyperparameters.get(key))}`);
  if (hyperparameters.has('eps')) {
    const placement = PLACEMENTS.get(hyperparameters.get('eps_placement')?.value);
    parts.push(`${name('eps')} ${shown(hyperparameters.get('eps'))}${placement ? `, ${placement}` : ''}`);
  }
  const decay = hyperparameters.get('weight_decay');
  if (decay && decay.value !== 0 && decay.value !== null) {
    const form =
      config.weightDecayForm === 'l2' ? ' (L2)' : config.weightDecayForm === 'decoupled' ? ' (decoupled)' : '';
    parts.push(`${name('weight_decay')} ${shown(decay)}${form}`);
  }
  for (const [key, entry] of config.others) parts.push(`${escapeMarkdown(key, 40)} ${shown(entry)}`);
  if (config.schedule) parts.push(`schedule ${escapeMarkdown(config.schedule.name)}`);
  return `**${escapeMarkdown(optimizerTitle(config.optimizer))}** — ${parts.join(' · ')}`;
}

/** What is unusual in a configuration or not known of it, and how many groups of parameters have settings of their own. */
function notesOf({ notes = [], groups = [] }: OptimizerConfig): string {
  const own = groups.filter(({ hyperparameters }) => hyperparameters.size > 0).length;
  return [
    ...notes.map(({ text }) => escapeMarkdown(text, 300)),
    ...(own > 0
      ? [`${own === 1 ? 'One parameter group has' : `${own} parameter groups have`} settings of their own.`]
      : []),
  ].join(' ');
}

/** What the caller adds, as Markdown that is inserted as it is: what was measured, a picture, and links. */
export interface HoverExtras {
  readonly measured?: string;
  readonly picture?: string;
  readonly footer?: string;
}

/** The hover on a constructor, in Markdown without HTML and without commands. All text from files is escaped. */
export function hoverMarkdown(config: OptimizerConfig, extras: HoverExtras = {}): string {
  const summary = summarize(config);
  const sections = [
    settingsLine(config),
    extras.measured ?? '',
    notesOf(config),
    emphasised(verdict(config, summary)),
    validityNote(summary),
  ];
  const half = summary.hKappa === null ? null : halfStrengthStep(config);
  if (half !== null) {
    const curve = `Half of it by step ${half.toLocaleString('en-US')}, all after a few times ${longerMemory(config)}.`;
    sections.push(extras.picture ?? curve);
  }
  sections.push(comparisonTable(config) ?? '');
  if (summary.effect === 'one-norm' && summary.kappa !== null)
    sections.push([switchNote(summary), 'Small batches can reverse this.'].filter(Boolean).join(' '));
  sections.push(extras.footer ?? '');
  return sections.filter((section) => section !== '').join('\n\n');
}

/** `1/(1−β₂) = 1,000 steps`, of the β that remembers longer. */
function longerMemory(config: OptimizerConfig): string {
  const [beta1, beta2] = [numberOf(config, 'beta1') ?? 0, numberOf(config, 'beta2') ?? 0];
  const steps = Math.round(1 / (1 - Math.max(beta1, beta2))).toLocaleString('en-US');
  return `1/(1−${beta1 > beta2 ? 'β₁' : 'β₂'}) = ${steps} steps`;
}

function emphasised(sentence: string): string {
  return sentence
    .replace(/^([^:]+):/, (_, word: string) => `**${word}.**`)
    .replace(/\*\* ([a-z])/, (_, c: string) => `** ${c.toUpperCase()}`);
}

function comparisonTable(config: OptimizerConfig): string | undefined {
  const rows = compareBeta2(config);
  if (!rows) return undefined;
  const cell = (text: string, bold: boolean) => (bold ? `**${text}**` : text);
  const head = rows.map(({ beta2, isCurrent }) => cell(formatSetting(beta2), isCurrent));
  const strength = rows.map(({ hKappa, isCurrent }) => cell(signed(-hKappa), isCurrent));
  return [
    `| β₂ | ${head.join(' | ')} |`,
    `|---|${rows.map(() => '---|').join('')}`,
    `| strength | ${strength.join(' | ')} |`,
  ].join('\n');
}

/** Anti-regularizing strength −h·κ; regularizing values carry a minus. */
function signed(strength: number): string {
  if (Math.abs(strength) < 1e-12) return '0';
  return strength < 0 ? `−${formatNumber(-strength)}` : formatNumber(strength);
}

function validityNote({ validity, largestStepSize }: Summary): string {
  if (validity === null || largestStepSize === null) return '';
  if (validity === 'holds')
    return 'At this learning rate the first-order theory can hold; a run shows for which parameters.';
  const below = `below about ${formatNumber(Number(largestStepSize.toPrecision(1)))} it can hold`;
  return validity === 'out of range'
    ? `⚠ At this learning rate the first-order theory is out of its range (h·κ is not small); ${below}.`
    : `At this learning rate the first-order theory is at the edge of its range; ${below}.`;
}

function switchNote({ switchGradient, kappa }: Summary): string {
  if (switchGradient === null || kappa === null || kappa >= 0) return '';
  return `Coordinates with |g| under ${formatNumber(switchGradient)} are regularized instead.`;
}

const ARGUMENT_NOTES: ReadonlyMap<string, string> = new Map([
  [
    'lr',
    'The step size h. The strength of the predicted effect is proportional to it, and first-order theory needs it small.',
  ],
  [
    'beta1',
    'Decay of the first moment, β. Raising it towards β₂ lowers the anti-regularization; above β₂ the sign turns.',
  ],
  [
    'beta2',
    'Decay of the second moment, ρ. In full-batch training theory predicts more anti-regularization the closer it is to 1.',
  ],
  [
    'alpha',
    'Decay of the second moment. In full-batch training theory predicts anti-regularization of α/(1−α) times the learning rate; momentum does not offset it.',
  ],
  [
    'eps',
    'Added to the denominator. Coordinates whose gradient is far below the switch are regularized instead; a large value also removes adaptivity.',
  ],
  ['weight_decay', 'Shrinks the parameters: as an L2 penalty it enters the moments, decoupled it does not.'],
  ['momentum', 'Weight of past steps. For SGD it raises the penalty on the squared gradient norm.'],
]);

/** The hover on one argument: what it does, its value, and the comparison where it is β₂. Undefined for others. */
export function argumentMarkdown(config: OptimizerConfig, name: string): string | undefined {
  const note = ARGUMENT_NOTES.get(name);
  const entry = config.hyperparameters.get(name);
  if (!note || !entry) return undefined;
  const summary = summarize(config);
  const sections = [`**${escapeMarkdown(entry.argument)}** ${shown(entry)} — ${note}`];
  if (name === 'beta2' || name === 'beta1' || name === 'lr') {
    const table = comparisonTable(config);
    if (table) sections.push(table);
  }
  const line = name === 'eps' ? switchNote(summary) : name === 'lr' ? validityNote(summary) : '';
  sections.push(`${line ? `${line} ` : ''}Small batches can reverse what full-batch theory predicts.`);
  return sections.join('\n\n');
}

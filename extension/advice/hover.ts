import { type HyperparameterValue, numberOf, type OptimizerConfig } from '../configs/config.ts';
import { otherTitle } from '../configs/names.ts';
import { optimizers } from '../optimizers/registry.ts';
import { amount, rounded, setting, thousands } from '../shared/format.ts';
import { strengthText } from '../shared/verdict.ts';
import { compareBeta2, halfStrengthStep, impossibleValue, knownOptimizer, type Summary, summarize } from './summary.ts';

/** A setting as it was written: digits that tell 0.9999 from 1 stay. */
export const formatSetting = (value: number): string => setting(rounded(value, 8));

/** Text from a file, made harmless in Markdown: one line, no markup, bounded. */
export function escapeMarkdown(text: string, limit = 80): string {
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ').trim();
  const short = line.length > limit ? `${line.slice(0, limit)}…` : line;
  return short.replace(/[\\`*_{}[\]()#+\-!|<>~$&:@]/g, (c) => (c === '<' ? '&lt;' : c === '&' ? '&amp;' : `\\${c}`));
}

export function optimizerTitle(optimizer: string): string {
  return optimizers.find(({ name }) => name === optimizer)?.title ?? otherTitle(optimizer) ?? optimizer;
}

/** `β₂ 0.999`, by which a configuration is known to favour a larger norm or a smaller one. */
function memoryWords(config: OptimizerConfig, kappa: number): string {
  const known = knownOptimizer(config);
  const { numerator, denominator } = known?.optimizer.memory ?? {};
  const name = (kappa < 0 ? denominator : numerator) ?? denominator ?? numerator;
  const value = name === undefined ? undefined : known?.hyper[name];
  if (name === undefined || !value) return 'a finite step';
  return `${SYMBOLS.get(name) ?? name} ${formatSetting(Number(value))}`;
}

const SYMBOLS: ReadonlyMap<string, string> = new Map([
  ['beta1', 'β₁'],
  ['beta2', 'β₂'],
]);

const NOT_HERE = 'No prediction from the configuration alone';

/** One sentence: what theory predicts and where; the number comes last. */
export function verdict(config: OptimizerConfig, summary: Summary = summarize(config)): string {
  const { effect, hKappa, kappa, reason, norm } = summary;
  if (effect === 'sign') {
    return 'Neutral: in full-batch training theory predicts no anti-regularization by the memory of sign descent.';
  }
  if (effect === 'none' || kappa === null) return `${NOT_HERE}: ${reason ?? 'a value is unknown'}.`;
  if (kappa === 0) return `Neutral: in full-batch training with small steps, the two memories cancel.`;
  const size = hKappa === null ? `${amount(Math.abs(kappa))} times the learning rate` : amount(Math.abs(hKappa));
  const words = kappa < 0 ? 'anti-regularizing' : 'regularizing';
  const favours = `${kappa < 0 ? 'Larger' : 'Smaller'} gradient norm favoured`;
  return `${favours}: in full-batch training with small steps, theory predicts that ${memoryWords(config, kappa)} holds ${norm} ${kappa < 0 ? 'larger' : 'smaller'} (${words} ${size} in the long run).`;
}

/** The line above a call: `Theory: β₂ 0.999 favours a larger gradient norm`. */
export function codeLensText(config: OptimizerConfig, summary: Summary = summarize(config)): string {
  const { effect, kappa } = summary;
  if (effect === 'none') return `${optimizerTitle(config.optimizer)}: no prediction without a run`;
  if (effect === 'sign' || kappa === 0) return 'Theory: no effect of the memory on the gradient norm';
  const wrong = kappa === null ? impossibleValue(config) : undefined;
  if (wrong) return `${optimizerTitle(config.optimizer)}: ${wrong} is not possible`;
  if (kappa === null) return `${optimizerTitle(config.optimizer)}: the prediction depends on values not known here`;
  return `Theory: ${memoryWords(config, kappa)} favours a ${kappa < 0 ? 'larger' : 'smaller'} gradient norm`;
}

/** A value with where it comes from: `1e-3`, `0.999 *default*`, `0.99 *from configs/base.yaml:12*`, `*unknown*`. */
function shown(entry: HyperparameterValue | undefined): string {
  if (!entry || entry.from === 'unknown') return '*unknown*';
  const value = typeof entry.value === 'number' ? formatSetting(entry.value) : pythonWord(entry.value);
  const mark = origin(entry);
  return mark ? `${value} ${mark}` : value;
}

/** Where a value comes from that does not stand at the call: `*default*`, `*from configs/base.yaml:12*`. */
function origin({ from, place }: HyperparameterValue): string {
  if (from === 'default') return '*default*';
  if (from !== 'resolved') return '';
  return place === undefined ? '*resolved*' : `*from ${escapeMarkdown(place)}*`;
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
    const same = origin(beta1) === origin(beta2) && typeof beta1.value === 'number' && typeof beta2.value === 'number';
    if (same) {
      const mark = origin(beta2);
      parts.push(`betas (${formatSetting(Number(beta1.value))}, ${formatSetting(Number(beta2.value))}) ${mark}`.trim());
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
    summary.effect !== 'none' && summary.kappa !== null ? TO_BE_MEASURED : '',
  ];
  const half = summary.hKappa === null ? null : halfStrengthStep(config);
  if (half !== null) {
    const curve = `Half of it by step ${thousands(half)}, all after a few times ${longerMemory(config)}.`;
    sections.push(extras.picture ?? curve);
  }
  sections.push(comparisonTable(config) ?? '');
  if (summary.effect === 'one-norm' && summary.kappa !== null)
    sections.push(
      [switchNote(summary), spikeNote(config), 'Oscillation and small batches can reverse this.']
        .filter(Boolean)
        .join(' '),
    );
  sections.push(extras.footer ?? '');
  return sections.filter((section) => section !== '').join('\n\n');
}

/** `1/(1−β₂) = 1,000 steps`, of the β that remembers longer. */
function longerMemory(config: OptimizerConfig): string {
  const [beta1, beta2] = [numberOf(config, 'beta1') ?? 0, numberOf(config, 'beta2') ?? 0];
  const steps = thousands(Math.round(1 / (1 - Math.max(beta1, beta2))));
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
  const strength = rows.map(({ hKappa, isCurrent }) => cell(strengthText(hKappa), isCurrent));
  return [
    `| β₂ | ${head.join(' | ')} |`,
    `|---|${rows.map(() => '---|').join('')}`,
    `| strength | ${strength.join(' | ')} |`,
  ].join('\n');
}

/**
 * Others measured the boundary of the spiky phase late in training at 1−β₂ ≈ C·(1−β₁)^p with p between 0.75 and 1.06 on
 * six tasks, and there is a proof for |x|^n that spikes end where β₂ < β₁^{2(n−2)/n}. C is not known: the factor is ours
 * (theory F4).
 */
const SPIKES_BEYOND = 10;

const TO_BE_MEASURED =
  'What it does to your training depends on batch size and stage, and large steps oscillate: a run measures it.';

/** Where a longer second memory is known to bring spikes: a statement on late training, in one quiet sentence. */
function spikeNote(config: OptimizerConfig): string {
  const [beta1, beta2] = [numberOf(config, 'beta1'), numberOf(config, 'beta2')];
  if (beta1 === undefined || beta2 === undefined || !(1 - beta1 > SPIKES_BEYOND * (1 - beta2))) return '';
  return 'Later in training, at low loss, spikes of the loss are usual with a β₂ this far above β₁.';
}

function switchNote({ switchGradient, kappa }: Summary): string {
  if (switchGradient === null || kappa === null || kappa >= 0) return '';
  return `Coordinates with |g| under ${amount(switchGradient)} are regularized instead.`;
}

const ARGUMENT_NOTES: ReadonlyMap<string, string> = new Map([
  [
    'lr',
    'The step size h. The strength that theory predicts is proportional to it, as long as steps are small; large steps oscillate.',
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
    'Decay of the second moment. In full-batch training theory predicts anti-regularization of α/(1−α) times the learning rate, and 1/(1−μ) times that with momentum μ.',
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
  const line = name === 'eps' ? switchNote(summary) : name === 'lr' ? TO_BE_MEASURED : '';
  sections.push(`${line ? `${line} ` : ''}Small batches can reverse what full-batch theory predicts.`);
  return sections.join('\n\n');
}

import { slowStretch } from '../shared/effectWords.ts';
import { brief, finePercent } from '../shared/format.ts';
import type { EffectPart, EffectSummary, RunReference } from '../shared/protocol.ts';

/** An effect that is smaller is none. */
export const negligible = 0.005;

const effectText = (effect: number): string => finePercent(effect, true);

/** Without sign and unit. */
const digits = (effect: number): string => finePercent(Math.abs(effect)).replace(' %', '');

/** What is said of an effect. */
interface Said extends Pick<EffectSummary, 'late' | 'parts' | 'slow'> {
  readonly reference: Pick<RunReference, 'kind' | 'words' | 'reason'>;
  /** Step of the last record. */
  readonly last?: number;
}

/** In a few words: "+12 %", or each part of the way down, early to late. */
export function effectHeadline({ late, parts }: Said): string {
  if (late === null) return 'undefined';
  const told = toldParts(parts);
  if (told.length < 2) return `${effectText(late)}${oscillation(told[0])}`;
  return told
    .map(
      (part, i) =>
        `${rangeText(part)} ${i === 0 ? 'early' : i === told.length - 1 ? 'late' : 'then'}${oscillation(part)}`,
    )
    .join(', ');
}

const oscillation = (part: EffectPart | undefined): string => (part?.oscillating ? ' (oscillation)' : '');

/** In plain words, with its parts, and with what of the norm at the end is a slow oscillation. */
export function effectSentence(said: Said): string {
  const slow = slowSentence(said);
  return slow === undefined ? effectAlone(said) : `${effectAlone(said)} ${slow}`;
}

/** `Most of the norm is a slow oscillation: at the mean of the last 80 steps it is 75 % smaller.` */
function slowSentence({ slow, last }: Said): string | undefined {
  const stretch = slowStretch({ slow });
  if (!stretch || stretch.normAtMean === null) return undefined;
  const { from, to, share, normAtMean } = stretch;
  const steps = to === last ? `the last ${to - from} steps` : `steps ${from} to ${to}`;
  const much = share! > 0.5 ? 'Most of the norm' : 'A good part of the norm';
  return `${much} is a slow oscillation: at the mean of the parameters over ${steps} it is ${digits(1 - normAtMean)} % smaller.`;
}

function effectAlone({ late, parts, reference }: Said): string {
  if (reference.kind === 'none') return `No effect was measured: ${reference.reason ?? 'there is no reference'}.`;
  if (late === null || parts.length === 0)
    return `The effect is undefined: ${reference.reason ?? 'run and reference have no loss in common'}.`;
  const told = toldParts(parts);
  const [first, ...rest] = told;
  if (rest.length === 0) {
    const clause = larger(first, late);
    return clause === undefined
      ? `At equal loss the gradient’s one-norm is within 0.5 % of what it is ${reference.words}${because(first)}.`
      : `At equal loss the gradient’s one-norm is ${clause} than ${reference.words}${because(first)}.`;
  }
  // The parts follow one another without the clause that says what the reference is for.
  const [short, meaning] = reference.words.split(', where ');
  const losses = lossTexts(told);
  const clauses = rest.map((part, i) => {
    const where = i === rest.length - 1 ? `below ${losses[i]}` : `from there to ${losses[i + 1]}`;
    const clause = larger(part) ?? 'the same within 0.5 %';
    return part.oscillating === 'reference'
      ? `${where} that run oscillates and this one does not: ${clause}`
      : `${where} it is ${clause}${because(part)}`;
  });
  const start = `At equal loss the gradient’s one-norm is, down to loss ${losses[0]}, ${larger(first) === undefined ? `within 0.5 % of what it is ${short}` : `${larger(first)} than ${short}`}${because(first)}`;
  return `${[start, ...clauses].join('; ')}.${meaning === undefined ? '' : ` ${capital(short)}, ${meaning}.`}`;
}

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** Where the parts end, in as few digits as tell them apart from one another and from where the run begins. */
function lossTexts(parts: readonly EffectPart[]): string[] {
  const ends = parts.map(({ lossTo }) => lossTo);
  for (let digits = 2; ; digits++) {
    const texts = [parts[0].lossFrom, ...ends].map((value) => brief(value, digits));
    if (new Set(texts).size === texts.length || digits >= 6) return texts.slice(1);
  }
}

/** The parts that are worth telling: stretches without an effect at the very beginning are none, where others follow. */
function toldParts(parts: readonly EffectPart[]): readonly EffectPart[] {
  const [first, ...rest] = parts;
  const plain = first && rest.length > 0 && Math.max(Math.abs(first.low), Math.abs(first.high)) < 2 * negligible;
  return plain && !first.oscillating ? rest : parts;
}

/** "9 to 18 % larger", "12 % larger"; undefined where there is no difference. */
function larger(part: EffectPart, one?: number): string | undefined {
  const { low, high } = part;
  if (one !== undefined && Math.abs(one) >= negligible && low * high >= 0) return worded(one);
  if (Math.max(Math.abs(low), Math.abs(high)) < negligible) return undefined;
  if (low < -negligible && high > negligible) return `between ${digits(low)} % smaller and ${digits(high)} % larger`;
  const [from, to] = low + high < 0 ? [high, low] : [low, high];
  if (Math.abs(from) < negligible) return `up to ${worded(to)}`;
  return digits(from) === digits(to) ? worded(to) : `${digits(from)} to ${worded(to)}`;
}

const worded = (effect: number): string => `${digits(effect)} % ${effect < 0 ? 'smaller' : 'larger'}`;

/** `+9 … +18 %`. */
function rangeText({ low, high }: EffectPart): string {
  const [from, to] = low + high < 0 ? [high, low] : [low, high];
  const [a, b] = [effectText(from), effectText(to)];
  return a === b ? a : `${a.replace(' %', '')} … ${b}`;
}

function because({ oscillating }: EffectPart): string {
  if (oscillating === 'both') return ' (both oscillate there)';
  if (oscillating === 'run') return ' (this run oscillates there)';
  if (oscillating === 'reference') return ' (the run it is held against oscillates there, and this one does not)';
  return '';
}

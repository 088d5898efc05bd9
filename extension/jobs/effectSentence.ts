import { finePercent } from '../shared/format.ts';
import type { EffectPart, EffectSummary, RunReference } from '../shared/protocol.ts';

/** An effect that is smaller is none. */
export const negligible = 0.005;

const effectText = (effect: number): string => finePercent(effect, true);

/** Without sign and unit. */
const digits = (effect: number): string => finePercent(Math.abs(effect)).replace(' %', '');

/** What is said of an effect. */
interface Said extends Pick<EffectSummary, 'late' | 'parts'> {
  readonly reference: Pick<RunReference, 'kind' | 'words' | 'reason'>;
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

/** In plain words, with its parts. */
export function effectSentence({ late, parts, reference }: Said): string {
  if (reference.kind === 'none') return `No effect was measured: ${reference.reason ?? 'there is no reference'}.`;
  if (late === null || parts.length === 0)
    return `The effect is undefined: ${reference.reason ?? 'run and reference have no loss in common'}.`;
  const told = toldParts(parts);
  const than = `than ${reference.words}`;
  if (told.length === 1) {
    const [part] = told;
    const clause = larger(part, late);
    return clause === undefined
      ? `At equal loss the gradient's one-norm is within 0.5 % of what it is ${reference.words}${because(part)}.`
      : `At equal loss the gradient's one-norm is ${clause} ${than}${because(part)}.`;
  }
  const clauses = told.map((part, i) => {
    const where =
      i === 0
        ? `down to loss ${loss(part.lossTo)}`
        : i === told.length - 1
          ? `below that`
          : `then, down to loss ${loss(part.lossTo)},`;
    const clause = larger(part) ?? 'the same within 0.5 %';
    return i === 0 ? `${clause} ${than} ${where}${because(part)}` : `${where} it is ${clause}${because(part)}`;
  });
  return `At equal loss the gradient's one-norm is ${clauses.join('; ')}.`;
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
  if (oscillating === 'reference') return ' (there the run it is held against oscillates, and this one does not)';
  return '';
}

const loss = (value: number): string => String(Number(value.toPrecision(2)));

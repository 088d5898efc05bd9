import { escapeMarkdown } from '../../advice/hover.ts';
import { finePercent, number, thousands } from '../../shared/format.ts';
import type { StepLine, TensorLine } from '../../shared/protocol.ts';
import { decisiveSelfCheck, hedged, isBelievable, strength } from '../../shared/verdict.ts';

/** Values that differ by less are shown as one. */
const alike = 0.02;
/** Most rows of the table in a hover. */
const mostRows = 20;
/** Columns that an editor beside the panel has, about: what is longer would run under the panel. */
const columns = 56;

const numbers = (fields: readonly TensorLine[], name: 'effect' | 'hKappa'): number[] =>
  fields.flatMap((each) => {
    const value = each[name];
    return typeof value === 'number' ? [value] : [];
  });

const isSame = (low: number, high: number): boolean => high - low <= alike * Math.max(Math.abs(low), Math.abs(high));

/** What stands behind a line of code that has `length` characters, about the tensors that it creates: shorter where the line is long. */
export function lineText(fields: readonly TensorLine[], length: number): string {
  const effects = numbers(fields, 'effect');
  const texts = effects.length > 0 ? effectTexts(effects) : strengthTexts(fields);
  return texts.find((text) => length + text.length + 5 <= columns) ?? texts[texts.length - 1];
}

/** `+9 % at equal loss`; of several tensors from the least to the greatest. */
function effectTexts(values: readonly number[]): string[] {
  const [low, high] = [finePercent(Math.min(...values), true), finePercent(Math.max(...values), true)];
  const range = low === high ? low : `${low.replace(/ %$/, '')} … ${high}`;
  return [`${range} gradient norm at equal loss`, `${range} at equal loss`, range];
}

/** `anti-regularizing 0.42`, where nothing was measured that it could be held against. */
function strengthTexts(fields: readonly TensorLine[]): string[] {
  const values = numbers(fields, 'hKappa');
  if (values.length === 0) return ['no correction'];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const words = isSame(low, high)
    ? strength(low)
    : high <= 0
      ? `${strength(high)} to ${number(-low)}`
      : low >= 0
        ? `${strength(low)} to ${number(high)}`
        : `${strength(low)} to ${strength(high)}`;
  const holds = fields.some(isBelievable);
  return [...(holds ? [] : [`${words}, where the theory is not reliable`]), hedged(words, holds)];
}

/**
 * The table in the hover of a line, as Markdown. `effects` is the line at which the effect is defined, `line` the last one with
 * a correction.
 */
export function lineTable(
  names: readonly string[],
  labels: ReadonlyMap<string, string>,
  { line, effectLine }: { readonly line: StepLine | undefined; readonly effectLine: StepLine | undefined },
  stale: boolean,
): string {
  const rows = names.slice(0, mostRows).map((name) => {
    const fields: Partial<TensorLine> = line?.tensors[name] ?? {};
    const { effect } = effectLine?.tensors[name] ?? {};
    const { hKappa } = fields;
    const shown = (text: string) => hedged(text, isBelievable(fields));
    const theory = [shown(strengthNumber(hKappa)), number(decisiveSelfCheck(fields))];
    const measured = effectLine ? [finePercent(effect, true)] : [];
    return `| ${[escapeMarkdown(labels.get(name) ?? name), ...measured, ...theory].join(' | ')} |`;
  });
  const heads = ['tensor', ...(effectLine ? ['measured'] : []), 'strength', 'self-check'];
  const more = names.length > mostRows ? `\n\nand ${thousands(names.length - mostRows)} more` : '';
  const about = effectLine
    ? `Measured: how much larger the gradient’s one-norm is than in the reference, at loss ${number(effectLine.loss)}.`
    : `What the theory says at step ${line?.step ?? 0}, full batch.`;
  return [
    `${stale ? '**Stale**: the file or the configuration has changed since. ' : ''}${about}`,
    [
      `| ${heads.join(' | ')} |`,
      `|---|${heads
        .slice(1)
        .map(() => '--:|')
        .join('')}`,
      ...rows,
    ].join('\n') + more,
    'Strength: how much the theory says the norm is favoured (minus: penalised). In parentheses: the first-order theory is not reliable there. Small batches can reverse this.',
  ].join('\n\n');
}

/** −h·κ: positive where the norm is favoured. */
const strengthNumber = (hKappa: number | null | undefined): string =>
  typeof hKappa === 'number' ? number(-hKappa || 0, true) : '–';

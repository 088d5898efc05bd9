import type { CompareRequest, ExperimentResult, ResultTable } from '../shared/experiments.ts';
import type { Agreement } from '../shared/experimentVerdict.ts';
import { finePercent, setting } from '../shared/format.ts';
import { type Interval, isSettled, pairedInterval } from './paired.ts';

/** What is compared, of one run. */
export interface CompareNumbers {
  /** Measured effect against the run's own reference at the common loss. */
  readonly effect: number | null;
  /** One-norm of the gradient at the common loss. */
  readonly norm: number | null;
  /** Over all samples, after the last step. */
  readonly trainLoss: number | null;
  /** Where the training loss first reaches the common one. */
  readonly testLoss: number | null;
  readonly accuracy: number | null;
}

export type Compared = keyof CompareNumbers;

interface Quantity {
  readonly name: Compared;
  readonly title: string;
  /** The difference of a setting from the user's own. */
  difference(value: number, own: number): number;
}

const relative = (value: number, own: number): number => value / own - 1;
const absolute = (value: number, own: number): number => value - own;

/** Everything that is compared; shares and effects by their difference, in percentage points, the rest relative. */
const quantities: readonly Quantity[] = [
  { name: 'effect', title: 'effect', difference: absolute },
  { name: 'norm', title: 'gradient norm', difference: relative },
  { name: 'trainLoss', title: 'training loss at the end', difference: relative },
  { name: 'testLoss', title: 'test loss', difference: relative },
  { name: 'accuracy', title: 'test accuracy', difference: absolute },
];

export const labelOf = (changed: Readonly<Record<string, unknown>>): string =>
  Object.entries(changed)
    .map(([name, value]) => `${name} ${setting(value)}`)
    .join(', ') || 'your setting';

/** The differences of each setting from the user's own, which is the first. */
export function differencesOf(
  numbers: readonly (readonly (CompareNumbers | undefined)[])[],
): Readonly<Record<Compared, Interval | undefined>>[] {
  const [own, ...others] = numbers;
  return others.map((runs) => {
    const of = ({ name, difference }: Quantity): [Compared, Interval | undefined] => {
      const pairs = runs.flatMap((run, k) => {
        const [value, base] = [run?.[name], own[k]?.[name]];
        return typeof value === 'number' && typeof base === 'number' ? [difference(value, base)] : [];
      });
      return [name, pairedInterval(pairs)];
    };
    return Object.fromEntries(quantities.map(of)) as Record<Compared, Interval | undefined>;
  });
}

const intervalText = (interval: Interval | undefined): string => {
  if (!interval) return '–';
  const { mean, low, high } = interval;
  return `${finePercent(mean, true)} (${finePercent(low, true)} … ${finePercent(high, true)})`;
};

/** What one interval says in words. */
function verdictOf(interval: Interval | undefined, noun: string): string {
  if (!interval) return 'too few runs';
  if (isSettled(interval)) return interval.mean > 0 ? 'larger' : 'smaller';
  const { more } = interval;
  if (more === null || more > 1000) return 'none found';
  return `none found; about ${more} more ${noun} would tell`;
}

/** Everything that the finished runs say together. */
export function compareResult(
  request: CompareRequest,
  numbers: readonly (readonly (CompareNumbers | undefined)[])[],
  about: { readonly loss: number | null; readonly strengths: readonly (number | null)[] },
): ExperimentResult {
  const labels = request.settings.map(labelOf);
  const differences = differencesOf(numbers);
  const noun = request.base.batchSize === undefined && request.base.order === undefined ? 'initial weights' : 'orders';
  const shown = quantities.filter(({ name }) =>
    numbers.some((runs) => runs.some((run) => typeof run?.[name] === 'number')),
  );
  const level = about.loss === null ? 'equal loss' : `equal loss (about ${Number(about.loss.toPrecision(2))})`;
  const sentences = differences.map(({ effect, norm }, i) => {
    const interval = norm ?? effect;
    if (!interval) return `${labels[i]}: too few runs to tell`;
    return isSettled(interval)
      ? `${labels[i]} holds the gradient's one-norm ${finePercent(Math.abs(interval.mean))} ${interval.mean > 0 ? 'larger' : 'smaller'} (${finePercent(interval.low, true)} … ${finePercent(interval.high, true)})`
      : `${labels[i]}: no difference found (${finePercent(interval.low, true)} … ${finePercent(interval.high, true)})`;
  });
  const { seeds } = request;
  const tables: ResultTable[] = [
    {
      title: `Difference from your setting, mean and 95 % interval of ${seeds.length} ${request.unpaired ? '' : 'paired '}runs each; norm, effect and test at ${level}`,
      columns: ['setting', ...shown.map(({ title }) => title)],
      rows: differences.map((row, i) => [labels[i], ...shown.map(({ name }) => intervalText(row[name]))]),
    },
    {
      title: 'Is there a difference?',
      columns: ['setting', ...shown.map(({ title }) => title)],
      rows: differences.map((row, i) => [labels[i], ...shown.map(({ name }) => verdictOf(row[name], noun))]),
    },
    {
      title: `Each run, at ${level}`,
      columns: ['setting', 'seed', ...shown.map(({ title }) => title)],
      rows: numbers.flatMap((runs, i) =>
        runs.map((run, k) => [
          i === 0 ? 'your setting' : labels[i - 1],
          String(seeds[k]),
          ...shown.map(({ name }) => run?.[name] ?? null),
        ]),
      ),
    },
  ];
  return {
    sentence: `At ${level}, against your setting: ${sentences.join('; ')}.`,
    agreement: agreementOf(differences, about.strengths),
    claim: 'the theory',
    numbers: Object.fromEntries(
      differences.flatMap((row, i) =>
        shown.flatMap(({ name }) => {
          const interval = row[name];
          return (['mean', 'low', 'high', 'more'] as const).map((key): [string, number | null] => [
            `${labels[i]} ${name} ${key}`,
            interval?.[key] ?? null,
          ]);
        }),
      ),
    ),
    tables,
    charts: [],
    notes: [
      `All settings begin at the same point and see the same ${noun === 'orders' ? 'batches' : 'data'}${request.unpaired ? ', in orders of their own' : ', run by run'}. The effect of each is against its own reference.`,
    ],
  };
}

/** Whether the norms differ the way of the strengths: more anti-regularizing means larger at equal loss. */
function agreementOf(
  differences: readonly Readonly<Record<Compared, Interval | undefined>>[],
  [own, ...others]: readonly (number | null)[],
): Agreement {
  const signs = differences.flatMap(({ norm }, i) => {
    const strength = others[i];
    if (!norm || !isSettled(norm) || own === null || own === undefined || strength === null || strength === own)
      return [];
    return [Math.sign(norm.mean) === Math.sign(own - strength)];
  });
  return signs.length === 0 ? 'undecided' : signs.every((same) => same) ? 'agrees' : 'disagrees';
}

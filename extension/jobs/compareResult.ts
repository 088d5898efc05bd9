import { boundsText, intervalText, isSettled, quantityTitle } from '../shared/differences.ts';
import type { CompareRequest, Differences, ExperimentResult, Interval, ResultTable } from '../shared/experiments.ts';
import { measured } from '../shared/experimentVerdict.ts';
import { columnPercent, finePercent, rounded, setting } from '../shared/format.ts';
import { pairedInterval } from './paired.ts';

/** What is compared, of one run. */
export interface CompareNumbers {
  /** Measured effect against the run's own reference at the common loss. */
  readonly effect: number | null;
  /** One-norm of the gradient at the common loss. */
  readonly norm: number | null;
  /** Steps until the loss is first reached. */
  readonly steps: number | null;
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
  /** A share itself: differences are in percentage points; the others are relative. */
  readonly points: boolean;
}

/** Everything that is compared. */
const quantities: readonly Quantity[] = [
  { name: 'norm', title: 'gradient norm', points: false },
  { name: 'effect', title: 'measured effect', points: true },
  { name: 'steps', title: 'steps to this loss', points: false },
  { name: 'trainLoss', title: 'training loss after all steps', points: false },
  { name: 'testLoss', title: 'test loss', points: false },
  { name: 'accuracy', title: 'test accuracy', points: true },
];

export const labelOf = (changed: Readonly<Record<string, unknown>>): string =>
  Object.entries(changed)
    .map(([name, value]) => `${name} ${setting(value)}`)
    .join(', ');

/** What a table of runs has of one: shares in percent, an effect with its sign. */
function cellOf({ name, points }: Quantity, value: number | null | undefined): number | string | null {
  if (typeof value !== 'number') return null;
  if (!points) return value;
  return name === 'effect' ? finePercent(value, true) : columnPercent(value);
}

/** The differences of each setting from the user's own, which is the first. */
export function differencesOf(
  numbers: readonly (readonly (CompareNumbers | undefined)[])[],
): Readonly<Record<Compared, Interval | undefined>>[] {
  const [own, ...others] = numbers;
  return others.map((runs) => {
    const of = ({ name, points }: Quantity): [Compared, Interval | undefined] => {
      const pairs = runs.flatMap((run, k) => {
        const [value, base] = [run?.[name], own[k]?.[name]];
        if (typeof value !== 'number' || typeof base !== 'number') return [];
        const difference = points ? value - base : value / base - 1;
        return Number.isFinite(difference) ? [difference] : [];
      });
      return [name, pairedInterval(pairs)];
    };
    return Object.fromEntries(quantities.map(of)) as Record<Compared, Interval | undefined>;
  });
}

/** What the orders, or the initial weights, of a comparison are called. */
const pairsOf = ({ base }: CompareRequest): Differences['pairs'] =>
  base.batchSize === undefined && base.order === undefined ? 'initial weights' : 'orders';

/**
 * Everything that the finished runs say together.
 *
 * @param own the user's own values of what the settings change
 */
export function compareResult(
  request: CompareRequest,
  numbers: readonly (readonly (CompareNumbers | undefined)[])[],
  { loss, own }: { readonly loss: number | null; readonly own: Readonly<Record<string, unknown>> },
): ExperimentResult {
  const { seeds, unpaired } = request;
  const labels = request.settings.map(labelOf);
  const found = differencesOf(numbers);
  const pairs = pairsOf(request);
  const shown = quantities.filter(({ name }) =>
    numbers.some((runs) => runs.some((run) => typeof run?.[name] === 'number')),
  );
  const level = loss === null ? 'equal loss' : `equal loss (about ${rounded(loss, 2)})`;
  const yours = `your setting (${labelOf(own)})`;
  const differences: Differences = {
    quantities: shown.map(({ title, points }) => ({ title, points })),
    rows: found.map((row, i) => ({ label: labels[i], intervals: shown.map(({ name }) => row[name] ?? null) })),
    pairs,
  };
  const done = numbers[0].filter((run) => run !== undefined).length;
  const tables: ResultTable[] = [
    {
      title: `Difference from ${yours}: mean and 95 % interval of ${done} ${unpaired ? '' : 'paired '}run${done === 1 ? '' : 's'} each; all but the training loss at ${level}`,
      columns: ['setting', ...shown.map(quantityTitle)],
      rows: differences.rows.map(({ label, intervals }) => [
        label,
        ...intervals.map((interval, q) => intervalText(interval, shown[q])),
      ]),
    },
    {
      title: `Each run, at ${level}`,
      columns: ['setting', 'seed', ...shown.map(({ title }) => title)],
      rows: numbers.flatMap((runs, i) =>
        runs.map((run, k) => [
          i === 0 ? yours : labels[i - 1],
          String(seeds[k]),
          ...shown.map((quantity) => cellOf(quantity, run?.[quantity.name])),
        ]),
      ),
    },
  ];
  return {
    ...measured(sentenceOf(labels, found, { level, yours })),
    numbers: Object.fromEntries(
      found.flatMap((row, i) =>
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
    differences,
    charts: [],
    notes: [
      `All settings begin at the same point and see the same ${pairs === 'orders' ? 'batches' : 'data'}${unpaired ? ', in orders of their own' : ', run by run'}. The effect of each is against its own reference.`,
      ...(pairs === 'initial weights'
        ? ['Every step sees all samples: with a batch size, settings are compared at that batch size, which can reverse what full batches show.'] // biome-ignore format: one sentence
        : []),
    ],
  };
}

/** What is said of the settings: of each that differs, how the norm does; the others together. */
function sentenceOf(
  labels: readonly string[],
  found: readonly Readonly<Record<Compared, Interval | undefined>>[],
  { level, yours }: { readonly level: string; readonly yours: string },
): string {
  const told: string[] = [];
  const equal: string[] = [];
  const unknown: string[] = [];
  found.forEach(({ norm }, i) => {
    if (!norm) unknown.push(labels[i]);
    else if (!isSettled(norm)) equal.push(labels[i]);
    else {
      const size = `${finePercent(Math.abs(norm.mean))} ${norm.mean > 0 ? 'larger' : 'smaller'}`;
      told.push(
        `${size} with ${labels[i]}${told.length === 0 ? ` than with ${yours}` : ''} (95 %: ${boundsText(norm, quantities[0])})`,
      );
    }
  });
  const than = told.length > 0 ? '' : ` and ${yours}`;
  const rest = [
    ...(equal.length > 0 ? [`no difference found between ${listOf(equal)}${than || ' and yours'}`] : []),
    ...(unknown.length > 0 ? [`too few runs to tell of ${listOf(unknown)}`] : []),
  ];
  if (told.length === 0) return `At ${level}, of the gradient’s one-norm: ${rest.join('; ')}.`;
  return `At ${level} the gradient’s one-norm is ${told.join(', ')}${rest.map((each) => `; ${each}`).join('')}.`;
}

/** `a`, `a and b`, `a, b and c`. */
const listOf = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

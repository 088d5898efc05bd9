import { listed, shown } from '../../jobs/format.ts';
import { hillOf, normAtLoss, type Regime, regimeOf } from '../../jobs/hills.ts';
import { type Measure, trend } from '../../jobs/trends.ts';
import type { Chart, ExperimentResult, Series, SweepPoint } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { columnPercent } from '../../shared/format.ts';
import { capitalised } from '../../shared/verdict.ts';

const step = { label: 'step (one full-batch epoch each)' } as const;
const memory = (name: string) => ({ label: `memory 1/(1 − ${name}), in steps`, scale: 'log' }) as const;
export const frames = {
  rho: {
    id: 'by-rho',
    title: 'Peak norm against ρ at fixed β (Figures 4, 7, 9)',
    x: memory('ρ'),
    y: { label: 'peak norm' },
  },
  rhoAccuracy: {
    id: 'accuracy-by-rho',
    title: 'Test accuracy against ρ (Figures 4, 7, 9)',
    x: memory('ρ'),
    y: { label: 'best test accuracy' },
  },
  beta: {
    id: 'by-beta',
    title: 'Peak norm against β at fixed ρ (Figures 5, 8, 10)',
    x: memory('β'),
    y: { label: 'peak norm' },
  },
  betaAccuracy: {
    id: 'accuracy-by-beta',
    title: 'Test accuracy against β (Figures 5, 8, 10)',
    x: memory('β'),
    y: { label: 'best test accuracy' },
  },
  loss: { id: 'loss', title: 'Training loss (Figure 6)', x: step, y: { label: 'loss', scale: 'log' } },
  norms: {
    id: 'norms',
    title: 'Norm of the gradient (Figure 6)',
    x: step,
    y: { label: '‖∇E‖₁,ε − p√ε', scale: 'log' },
  },
  train: { id: 'train-accuracy', title: 'Training accuracy (Figure 11)', x: step, y: { label: 'training accuracy' } },
  test: { id: 'test-accuracy', title: 'Test accuracy (Figure 12)', x: step, y: { label: 'test accuracy' } },
} as const;

export interface Setting {
  readonly varied: 'beta1' | 'beta2';
  readonly beta1: number;
  readonly beta2: number;
  readonly seed: number;
}

/** One run with what was measured by step. */
export interface Curve {
  readonly setting: Setting;
  readonly losses: readonly (number | null)[];
  /** Above the floor. */
  readonly norms: readonly (number | null)[];
  readonly tests: readonly { readonly step: number; readonly train: number | null; readonly test: number | null }[];
  readonly validShare: number | null;
  readonly selfCheck: number | null;
  readonly diverged: boolean;
}

/** A curve as a point of a sweep, with its regime. */
interface Point extends SweepPoint {
  readonly regime: Regime;
  readonly trainAccuracy: number | null;
}

/** Everything that the curves say so far; `planned` is how many there will be. */
export function resultOf(
  curves: readonly Curve[],
  planned: number,
  testSamples: number,
  notes: readonly string[],
): ExperimentResult {
  const groups = (['beta2', 'beta1'] as const).map((varied) =>
    pointsOf(curves.filter(({ setting }) => setting.varied === varied)),
  );
  const missing = planned - curves.length;
  return {
    ...judge(groups[0], groups[1], testSamples),
    numbers: Object.fromEntries(
      groups
        .flat()
        .flatMap((point) => [
          [`peak ${point.label}`, point.peakNorm ?? null],
          [`norm ${point.label}`, point.normAtEqualLoss ?? null],
          ...(testSamples > 0 ? [[`accuracy ${point.label}`, point.bestAccuracy ?? null]] : []),
        ]),
    ),
    tables: groups.map((group, i) => tableOf(i === 0 ? 'Growing ρ at fixed β' : 'Growing β at fixed ρ', group)),
    charts: chartsOf(curves, groups, testSamples > 0),
    notes: [...(missing > 0 ? [`${missing} of ${planned} runs have not finished.`] : []), ...notes],
  };
}

function tableOf(title: string, points: readonly Point[]): ExperimentResult['tables'][0] {
  return {
    title,
    columns: [
      ...['', 'loss', 'peak norm', 'norm at equal loss', 'train accuracy', 'best test accuracy', 'regime'],
      ...['valid', 'self-check'],
    ],
    rows: points.map((point) => [
      point.label,
      point.finalLoss ?? null,
      point.peakNorm ?? null,
      point.normAtEqualLoss ?? null,
      columnPercent(point.trainAccuracy),
      columnPercent(point.bestAccuracy),
      point.regime,
      columnPercent(point.validShare),
      point.selfCheck ?? null,
    ]),
  };
}

/** The curves of one group as points of a sweep, compared at the smallest loss that all of them reach. */
function pointsOf(curves: readonly Curve[]): Point[] {
  const reached = curves
    .filter(({ diverged }) => !diverged)
    .map(({ losses }) =>
      losses.reduce<number>((least, loss) => Math.min(least, loss ?? least), Number.POSITIVE_INFINITY),
    );
  const level = Math.max(...reached);
  return curves.map(({ setting, losses, norms, tests, validShare, selfCheck, diverged }, index) => {
    const accuracies = tests.flatMap(({ test }) => (test === null ? [] : [test]));
    const lines = losses.map((loss) => ({ loss }));
    return {
      index,
      label: labelOf(setting),
      values: { [setting.varied]: setting[setting.varied] },
      seed: setting.seed,
      folder: '',
      status: diverged ? 'failed' : 'finished',
      regime: diverged ? 'diverges' : regimeOf(losses),
      finalLoss: losses.at(-1) ?? null,
      peakNorm: hillOf(norms)?.peak ?? null,
      normAtEqualLoss: diverged ? null : normAtLoss(lines, norms, level),
      trainAccuracy: tests.at(-1)?.train ?? null,
      bestAccuracy: accuracies.length > 0 ? Math.max(...accuracies) : null,
      validShare,
      selfCheck,
    };
  });
}

const labelOf = ({ beta1, beta2, seed }: Setting): string => `β ${beta1}, ρ ${beta2}, seed ${seed}`;

interface Axis {
  readonly name: 'beta1' | 'beta2';
  readonly symbol: string;
  /** +1 where the paper saw a larger norm for larger values. */
  readonly sign: 1 | -1;
}
const axes: readonly Axis[] = [
  { name: 'beta2', symbol: 'ρ', sign: 1 },
  { name: 'beta1', symbol: 'β', sign: -1 },
];

/** One thing that the paper saw, and whether it is seen here. */
interface Observation {
  readonly what: string;
  readonly seen: 'yes' | 'no' | 'unclear';
  /** What was seen here, where enough runs have it. */
  readonly text?: string;
}

/** From this training accuracy on a network has fitted its data; the paper trains until it nearly does. */
const fitted = 0.98;

/**
 * What the paper saw where training oscillates stably: for larger ρ a larger norm and a lower test accuracy,
 * for larger β the opposite of both. Seeds must share the sign, and values must
 * differ clearly: accuracies by two standard errors.
 */
export function judge(rho: readonly Point[], beta: readonly Point[], testSamples: number): Verdict {
  const all = [...rho, ...beta];
  const stable = (points: readonly Point[]) => points.filter(({ regime }) => regime === 'stable');
  const groups = axes.map((axis, i) => {
    const points = stable(i === 0 ? rho : beta);
    const observations = [
      observe(points, axis, axis.sign, 'norm', testSamples),
      ...(testSamples > 0 ? [observe(points, axis, axis.sign === 1 ? -1 : 1, 'accuracy', testSamples)] : []),
    ];
    const texts = observations.flatMap(({ text }) => text ?? []);
    const at = points.map(({ values }) => values[axis.name] as number);
    const range = `as ${axis.symbol} grows from ${Math.min(...at)} to ${Math.max(...at)}`;
    return { observations, text: texts.length === 0 ? [] : [`${range}, ${listed(texts)}`] };
  });
  const observations = groups.flatMap((group) => group.observations);
  const texts = groups.flatMap(({ text }) => text);
  const claim = 'what the paper saw';
  const left = all.length - stable(all).length;
  const tail =
    left > 0 ? ` (${left} of ${all.length} runs diverged or had spikes; like the paper, this leaves them out)` : '';
  if (texts.length === 0) return undecided(undefined, `too few runs oscillate stably to compare${tail}`, claim);
  const seen = `${capitalised(texts.join('; '))}${tail}`;
  const short = stable(all).filter(({ trainAccuracy }) => trainAccuracy !== null && trainAccuracy < fitted).length;
  if (short > 0)
    return undecided(
      seen,
      `${short} of ${stable(all).length} runs have not fitted ${100 * fitted} % of their training data yet, and the paper compares runs that have`,
      claim,
    );
  const named = (which: Observation['seen']) => observations.filter((each) => each.seen === which);
  const list = (some: readonly Observation[]) => listed(some.map(({ what }) => what));
  const [yes, no, unclear] = [named('yes'), named('no'), named('unclear')];
  if (no.length > 0) {
    const also = yes.length === 0 ? '' : `; as here, it also saw ${list(yes)}`;
    return disagreeing(seen, `: the paper saw ${list(no)}, which is not so here${also}`, claim);
  }
  if (unclear.length === 0) return agreeing(seen, `: ${list(yes)}, as the paper saw`, claim);
  const rest = `these runs do not show clearly whether there is ${list(unclear)}, which the paper saw`;
  return undecided(seen, yes.length === 0 ? rest : `${list(yes)} can be seen as in the paper, but ${rest}`, claim);
}

/** Norms that differ by less are not called different: hills have chance in them, norms at equal loss have little. */
const leastDifference = { hill: 0.05, equalLoss: 0.01 };

/** What runs of growing ρ or β show of the norm (its hill, or at equal loss where a run has none) or of the accuracy. */
function observe(
  points: readonly Point[],
  { name, symbol }: Axis,
  sign: 1 | -1,
  measure: 'norm' | 'accuracy',
  testSamples: number,
): Observation {
  const isNorm = measure === 'norm';
  const hills = points.every(({ peakNorm }) => typeof peakNorm === 'number');
  const what = `a ${isNorm ? (sign > 0 ? 'larger' : 'smaller') : sign > 0 ? 'higher' : 'lower'} ${measure} for larger ${symbol}`;
  const of = (point: Point) => (isNorm ? (hills ? point.peakNorm : point.normAtEqualLoss) : point.bestAccuracy);
  const found = trend(points, name, of as Measure);
  if (!found) return { what, seen: 'unclear' };
  const [first, last] = [found.means[0].mean, found.means[found.means.length - 1].mean];
  const number = (value: number) => (isNorm ? shown(value) : columnPercent(value));
  const subject = isNorm
    ? hills
      ? 'the hill of ‖∇E‖₁,ε'
      : '‖∇E‖₁,ε at equal loss (not every run has a hill)'
    : 'the best test accuracy';
  const move =
    number(first) === number(last)
      ? `stays at ${number(first)}`
      : `${found.rises ? 'rises' : 'falls'}${found.steady ? '' : ', not steadily,'} from ${number(first)} to ${number(last)}`;
  const seeds = new Set(points.map(({ seed }) => seed)).size;
  const difference = isNorm
    ? leastDifference[hills ? 'hill' : 'equalLoss'] * first
    : 2 * Math.sqrt((2 * first * (1 - first)) / Math.max(1, testSamples * seeds));
  const clear = found.consistent >= 0.8 && Math.abs(last - first) > difference;
  return { what, text: `${subject} ${move}`, seen: !clear ? 'unclear' : found.rises === sign > 0 ? 'yes' : 'no' };
}

function chartsOf(curves: readonly Curve[], groups: readonly (readonly Point[])[], tested: boolean): Chart[] {
  const seeds = [...new Set(curves.map(({ setting }) => setting.seed))];
  const scatter = (group: readonly Point[], of: (point: Point) => number | null | undefined): Series[] =>
    seeds.map((seed) => {
      const own = group.filter((point) => point.seed === seed);
      return {
        label: `seed ${seed}`,
        style: 'points',
        x: own.map(({ values }) => 1 / (1 - (Object.values(values)[0] as number))),
        y: own.map((point) => of(point) ?? null),
      };
    });
  const bySetting = groups.flatMap((group, i): Chart[] => [
    { ...[frames.rho, frames.beta][i], series: scatter(group, ({ peakNorm }) => peakNorm) },
    ...(tested
      ? [
          {
            ...[frames.rhoAccuracy, frames.betaAccuracy][i],
            series: scatter(group, ({ bestAccuracy }) => bestAccuracy),
          },
        ]
      : []),
  ]);
  // Curves of the first seed only, as in the paper's figures.
  const first = curves.filter(({ setting }) => setting.seed === curves[0].setting.seed);
  // A setting of both lists is one curve.
  const shownCurves = [...new Map(first.map((curve) => [labelOf(curve.setting), curve])).values()];
  const over = (of: (curve: Curve) => Pick<Series, 'x' | 'y'>): Series[] =>
    shownCurves.map((curve) => ({ label: labelOf(curve.setting), ...of(curve) }));
  const every = (y: readonly (number | null)[]) => ({ x: y.map((_, i) => i), y });
  const accuracies = (kind: 'train' | 'test') =>
    over(({ tests }) => ({ x: tests.map(({ step: at }) => at), y: tests.map((line) => line[kind]) }));
  return [
    ...bySetting,
    { ...frames.loss, series: over(({ losses }) => every(losses)) },
    { ...frames.norms, series: over(({ norms }) => every(norms)) },
    { ...frames.train, series: accuracies('train') },
    ...(tested ? [{ ...frames.test, series: accuracies('test') }] : []),
  ];
}

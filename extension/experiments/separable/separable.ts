import { finite, listed } from '../../jobs/format.ts';
import type { ExperimentResult, Series } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { decimals, shown } from '../../shared/format.ts';
import { capitalised } from '../../shared/verdict.ts';
import { choice, count, decay, defineExperiment, file, number, numbers, positive, switched } from '../experiment.ts';
import { isStructured, loadPoints, makePoints, sets } from './data.ts';
import {
  cosine,
  dualFixedPoint,
  type FixedPoint,
  type MaxMargin,
  type MaxMarginInf,
  maxMarginInf,
  maxMarginL2,
  nearestOnFace,
  type Points,
  smallestMargin,
} from './margins.ts';
import { type Algorithm, epochwiseErrors, LinearRun, type Order } from './run.ts';

const time = { label: 'step', scale: 'log' } as const;
const frames = {
  inf: { id: 'cosine-linf', title: 'Cosine to the l∞-max-margin direction', x: time, y: { label: 'cosine' } },
  two: { id: 'cosine-l2', title: 'Cosine to the l2-max-margin direction', x: time, y: { label: 'cosine' } },
  fixed: { id: 'cosine-fixed-point', title: 'Cosine to the dual fixed point', x: time, y: { label: 'cosine' } },
  margin: { id: 'margin-linf', title: 'l∞ margin, relative to the largest', x: time, y: { label: 'γ∞(w)/γ∞*' } },
  marginTwo: { id: 'margin-l2', title: 'l2 margin, relative to the largest', x: time, y: { label: 'γ₂(w)/γ₂*' } },
  epochs: {
    id: 'epochs',
    title: 'Error of the epoch-wise approximation of incremental Adam',
    x: { label: 'epoch', scale: 'log' },
    y: { label: 'relative error', scale: 'log' },
  },
} as const;

/** Where an algorithm points at one time. */
export interface Direction {
  readonly step: number;
  readonly two: number;
  readonly inf: number;
  readonly fixed: number;
  /** Margins relative to the largest possible. */
  readonly marginTwo: number;
  readonly marginInf: number;
}

export interface Outcome {
  readonly algorithm: Algorithm;
  readonly directions: readonly Direction[];
}

interface Targets {
  readonly two: MaxMargin;
  readonly inf: MaxMarginInf;
  readonly fixed: FixedPoint;
}

type EpochErrors = ReturnType<typeof epochwiseErrors>;

/** Where one algorithm turns to, or the errors of the approximation of epochs. */
type Piece = { readonly directions: readonly Direction[] } | { readonly errors: EpochErrors };

export const separable = defineExperiment({
  name: 'separable',
  title: 'Full-batch against incremental Adam on separable data',
  figure: 'Baek, Song, Yun, arXiv 2510.26303',
  summary: 'the directions to which Adam, incremental Adam, AdamProxy and Signum turn, against the largest margins',
  parameters: {
    set: choice('four-points', sets, 'four points or random ones with coordinates of one magnitude, or Gaussian ones'),
    data: file('your own samples with two classes, instead'),
    bias: switched('give your samples a constant feature'),
    limit: count(1000, 'use the first N of your samples'),
    samples: count(10, 'number of random points'),
    dimension: count(50, 'their dimension'),
    seed: count(0, 'seed of the points and of the random orders', { min: 0 }),
    lr: number(0.1, 'η_t = lr·(t + 2)^−power', positive),
    power: number(0.5, 'η_t = lr·(t + 2)^−power', { min: 0, max: 1 }),
    steps: count(200_000, 'steps of each algorithm'),
    beta1: number(0.9, 'β₁ of Adam', decay),
    beta2: number(0.95, 'β₂ of Adam', decay),
    signumBeta: number(0.99, 'β of Signum', decay),
    batch: numbers([2, 5], 'batch sizes besides 1 and all', { min: 1, whole: true }),
    order: choice('cyclic', ['cyclic', 'reshuffled', 'replacement'], 'order of the samples in batches of these sizes'),
  },
  divided: true,
  async run(values, surroundings): Promise<ExperimentResult> {
    const points =
      values.data === undefined
        ? makePoints(values.set, values.samples, values.dimension, values.seed)
        : await loadPoints(values.data, surroundings.directory, values.limit, values.bias);
    const targets = { two: maxMarginL2(points), inf: maxMarginInf(points), fixed: dualFixedPoint(points) };
    const algorithms = algorithmsOf(values, points.count);
    const structured = isStructured(points);
    const outcomes: Outcome[] = [];
    const report = (i: number) => (part: number) => surroundings.progress((i + part) / algorithms.length);
    let errors: EpochErrors = [];
    const result = () => resultOf(outcomes, errors, points, targets, structured);
    await surroundings.each(
      [...algorithms.map(({ label }) => label), 'epochs'],
      async (i): Promise<Piece> => {
        const algorithm = algorithms[i];
        if (!algorithm) return { errors: epochErrors(points, values) };
        return { directions: await follow(points, targets, algorithm, values, report(i)) };
      },
      (piece, i) => {
        if ('errors' in piece) errors = piece.errors;
        else outcomes.push({ algorithm: algorithms[i], directions: piece.directions });
        if (outcomes.length > 0) surroundings.show(result());
      },
    );
    return result();
  },
});

function resultOf(
  outcomes: readonly Outcome[],
  errors: EpochErrors,
  points: Points,
  targets: Targets,
  structured: boolean,
): ExperimentResult {
  const verdict = judge(outcomes, structured, cosine(targets.two.w, targets.inf.w));
  return {
    ...verdict,
    numbers: {
      'l2 margin': targets.two.margin,
      'linf margin': targets.inf.margin,
      'cos(l2, linf)': cosine(targets.two.w, targets.inf.w),
      'fixed-point residual': targets.fixed.residual,
      ...Object.fromEntries(
        outcomes.flatMap(({ algorithm, directions }) => {
          const last = directions[directions.length - 1];
          return [
            [`l2 ${algorithm.label}`, finite(last.two)],
            [`linf ${algorithm.label}`, finite(last.inf)],
            [`fixed ${algorithm.label}`, finite(last.fixed)],
          ];
        }),
      ),
      ...Object.fromEntries(errors.map(({ epoch, error }) => [`epoch ${epoch}`, finite(error)])),
    },
    tables: tablesOf(outcomes, errors),
    charts: chartsOf(outcomes, errors),
    notes: notesOf(points, targets, structured),
  };
}

type Values = Parameters<typeof separable.run>[0];

function algorithmsOf(values: Values, samples: number): Algorithm[] {
  const adam = { kind: 'adam', beta1: values.beta1, beta2: values.beta2, batch: 1 } as const;
  const signum = { kind: 'signum', beta1: values.signumBeta, beta2: 0, batch: 1 } as const;
  const order = values.order as Order;
  const sizes = [...new Set(values.batch)].filter((size) => size > 1 && size < samples);
  return [
    { ...adam, label: 'full-batch Adam', order: 'full' },
    { ...adam, label: 'incremental Adam (cyclic)', order: 'cyclic' },
    { ...adam, label: 'incremental Adam (reshuffled)', order: 'reshuffled' },
    { ...adam, label: 'incremental Adam (with replacement)', order: 'replacement' },
    ...sizes.map((batch): Algorithm => ({ ...adam, label: `Adam, batches of ${batch}`, order, batch })),
    { ...adam, label: 'AdamProxy', kind: 'proxy', order: 'full' },
    { ...signum, label: 'Signum', order: 'full' },
    { ...signum, label: 'incremental Signum', order: 'cyclic' },
    ...sizes.map((batch): Algorithm => ({ ...signum, label: `Signum, batches of ${batch}`, order, batch })),
  ];
}

/** Runs an algorithm and notes where it points at about sixty times, evenly spaced in the logarithm. */
async function follow(
  points: Points,
  targets: Targets,
  algorithm: Algorithm,
  values: Values,
  report: (share: number) => Promise<void>,
): Promise<Direction[]> {
  const run = new LinearRun(points, algorithm, values, values.seed);
  const times = new Set<number>([values.steps, Math.ceil(values.steps / 2)]);
  for (let i = 0; i <= 60; i++) times.add(Math.round(values.steps ** (i / 60)));
  const directions: Direction[] = [];
  let last = performance.now();
  for (const step of [...times].sort((a, b) => a - b)) {
    while (run.step < step) {
      run.advance();
      if (run.step % 256 === 0 && performance.now() - last > 50) {
        await report(run.step / values.steps);
        last = performance.now();
      }
    }
    directions.push(directionOf(points, targets, run.w, step));
  }
  return directions;
}

export function directionOf(points: Points, { two, inf, fixed }: Targets, w: Float64Array, step: number): Direction {
  const size = w.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const margin = smallestMargin(points, w);
  // Finding the nearest optimum takes a quadratic program each time.
  const fixedTarget = inf.unique || points.count + 2 * points.dimension > 300;
  const nearest = fixedTarget
    ? inf.w
    : (nearestOnFace(
        points,
        inf.margin,
        w.map((value) => value / size),
      ) ?? inf.w);
  return {
    step,
    two: cosine(w, two.w),
    inf: cosine(w, nearest),
    fixed: cosine(w, fixed.w),
    marginTwo: margin / Math.hypot(...w) / two.margin,
    marginInf: margin / size / inf.margin,
  };
}

/** The approximation costs N² per epoch, so it is left out for many samples. */
function epochErrors(points: Points, { beta1, beta2, lr, power, steps }: Values): EpochErrors {
  if (points.count > 200) return [];
  const epochs = [3, 10, 30, 100, 300, 1000, 3000, 10_000, 20_000].filter((epoch) => epoch * points.count <= steps);
  return epochwiseErrors(points, { beta1, beta2 }, { lr, power }, epochs);
}

/** One prediction of the theory for one algorithm. */
interface Claim {
  readonly label: string;
  readonly target: 'two' | 'inf' | 'fixed';
  readonly rival: 'two' | 'inf' | 'fixed';
  /** What theory asks for beyond the settings here, so that a failure is none of its own. */
  readonly proviso?: string;
}

const targetNames = {
  two: 'the l2-max-margin direction',
  inf: 'the l∞-max-margin direction',
  fixed: 'the dual fixed point',
};

/** Cosine from which on a direction is said to be another: an angle of 8°. */
const arrived = 0.99;

/**
 * The theory: full-batch Adam and Signum with β near 1 turn to the l∞ direction; incremental Adam with β₁ ≤ β₂ turns to the
 * l2 direction on structured data, and AdamProxy, its limit for β₂ → 1, to the dual fixed point on all.
 */
export function judge(outcomes: readonly Outcome[], structured: boolean, between: number): Verdict {
  const claims: Claim[] = [
    { label: 'full-batch Adam', target: 'inf', rival: 'two' },
    structured
      ? { label: 'incremental Adam (cyclic)', target: 'two', rival: 'inf' }
      : { label: 'incremental Adam (cyclic)', target: 'fixed', rival: 'inf' },
    { label: 'AdamProxy', target: 'fixed', rival: 'inf' },
    { label: 'Signum', target: 'inf', rival: 'two' },
    { label: 'incremental Signum', target: 'inf', rival: 'two', proviso: 'a β of Signum close enough to 1' },
  ];
  const checked = claims.flatMap((claim) => {
    const outcome = outcomes.find(({ algorithm }) => algorithm.label === claim.label);
    if (!outcome) return [];
    const { algorithm, directions } = outcome;
    // Theorem 3.3 speaks of β₁ ≤ β₂, Theorem 5.1 of β near 1.
    if (algorithm.kind === 'adam' && algorithm.beta1 > algorithm.beta2) return [];
    if (algorithm.kind === 'signum' && algorithm.beta1 < (claim.proviso ? 0.99 : 0.9)) return [];
    const last = directions[directions.length - 1];
    const half = directions.findLast(({ step }) => step <= last.step / 2) ?? last;
    const own = last[claim.target];
    return [
      {
        ...claim,
        own,
        holds: own >= arrived && own > last[claim.rival] && last.marginTwo > 0,
        near: own > 0.95 && own > last[claim.rival] && last.marginTwo > 0,
        // Turning towards its target still, or not past all points yet: more steps may decide.
        turning: own - half[claim.target] > 1e-3 || last.marginTwo <= 0,
      },
    ];
  });
  const seen = listed(
    checked.map(({ label, target, own }) =>
      own >= arrived
        ? `${label} points at ${targetNames[target]} (cosine ${decimals(own, 4)})`
        : `${label} has cosine ${decimals(own, 4)} with ${targetNames[target]}`,
    ),
  );
  if (checked.length === 0)
    return undecided(undefined, 'with these decay rates the theory makes no prediction to compare with');
  if (between > 0.995)
    return undecided(
      capitalised(seen),
      `the l2 and l∞ directions of this data are almost the same (cosine ${decimals(between, 4)}), so it cannot tell them apart`,
    );
  const failed = checked.filter(({ holds }) => !holds);
  const batchDecides = ['full-batch Adam', 'incremental Adam (cyclic)'].every((name) =>
    checked.some(({ label }) => label === name),
  );
  if (failed.length === 0)
    return agreeing(
      capitalised(seen),
      `, as the theory says (the l2 and l∞ directions have cosine ${decimals(between, 3)})${batchDecides ? ': on one and the same data the batch decides where Adam goes' : ''}`,
    );
  if (failed.every(({ turning, near }) => turning || near))
    return undecided(
      capitalised(seen),
      `${listed(failed.map(({ label }) => label))} is not there yet (a cosine of ${arrived} with its target), so more steps would tell`,
    );
  const own = failed.filter(({ turning, near, proviso }) => !turning && !near && !proviso);
  if (own.length === 0)
    return undecided(
      capitalised(seen),
      `for ${listed(failed.flatMap(({ label, proviso }) => (proviso ? [`${label} the theory asks for ${proviso}`] : [])))}${failed.every(({ proviso }) => proviso) ? '' : ', and more steps would tell of the others'}`,
    );
  return disagreeing(
    capitalised(seen),
    `; the theory expects ${listed(own.map(({ label, target, rival }) => `${label} to be closest to ${targetNames[target]} and not to ${targetNames[rival]}`))}`,
  );
}

function tablesOf(outcomes: readonly Outcome[], errors: EpochErrors): ExperimentResult['tables'] {
  const fixed = (value: number) => decimals(value, 4, 'diverged');
  return [
    {
      title: 'Direction after the last step',
      columns: ['', 'cos l2', 'cos l∞', 'cos fixed point', 'γ₂/γ₂*', 'γ∞/γ∞*'],
      rows: outcomes.map(({ algorithm, directions }) => {
        const last = directions[directions.length - 1];
        const { two, inf, fixed: dual, marginTwo, marginInf } = last;
        return [algorithm.label, ...[two, inf, dual, marginTwo, marginInf].map(fixed)];
      }),
    },
    ...(errors.length === 0
      ? []
      : [
          {
            title: 'Incremental Adam, cyclic: one epoch against its approximation',
            columns: ['epoch', 'relative error', 'cosine'],
            rows: errors.map(({ epoch, error, cosine: angle }) => [String(epoch), finite(error), fixed(angle)]),
          },
        ]),
  ];
}

function chartsOf(outcomes: readonly Outcome[], errors: EpochErrors): ExperimentResult['charts'] {
  const over = (of: (direction: Direction) => number): Series[] =>
    outcomes.map(({ algorithm, directions }) => ({
      label: algorithm.label,
      x: directions.map(({ step }) => step),
      y: directions.map((direction) => finite(of(direction))),
    }));
  return [
    { ...frames.inf, series: over(({ inf }) => inf) },
    { ...frames.two, series: over(({ two }) => two) },
    { ...frames.fixed, series: over(({ fixed }) => fixed) },
    { ...frames.margin, series: over(({ marginInf }) => marginInf), yRange: [0, 1.02] },
    { ...frames.marginTwo, series: over(({ marginTwo }) => marginTwo), yRange: [0, 1.02] },
    {
      ...frames.epochs,
      series: [
        { label: 'relative error', x: errors.map(({ epoch }) => epoch), y: errors.map(({ error }) => finite(error)) },
      ],
    },
  ];
}

function notesOf(points: Points, { two, inf, fixed }: Targets, structured: boolean): string[] {
  return [
    `${points.count} points in ${points.dimension} dimensions; largest margins γ₂* = ${decimals(two.margin, 4)}, γ∞* = ${decimals(inf.margin, 4)}; residual of the dual fixed point ${shown(fixed.residual, 2)}.`,
    structured
      ? 'Structured data (each point has coordinates of one magnitude): the class for which theory says that incremental Adam turns to the l2 direction.'
      : 'On general data incremental Adam turns to neither margin; AdamProxy, its limit for β₂ → 1, turns to the dual fixed point if it has a limit.',
    ...(inf.unique
      ? []
      : [
          `The l∞ problem has more than one solution here; cosines are to ${points.count + 2 * points.dimension > 300 ? 'the shortest one' : 'the one nearest to each direction'}.`,
        ]),
    'Logistic loss, linear model, ε = 0, start at 0. Step sizes and data are chosen here.',
  ];
}

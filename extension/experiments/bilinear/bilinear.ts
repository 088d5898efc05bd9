import { shown } from '../../jobs/format.ts';
import { completeHyperparameters } from '../../optimizers/hyperparameters.ts';
import { numeric, numericCoefficients } from '../../optimizers/numeric.ts';
import type { Hyperparameters } from '../../optimizers/optimizer.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import { InspectorError } from '../../shared/errors.ts';
import type { Chart, ChartFrame, ExperimentResult, Series } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { decimals } from '../../shared/format.ts';
import { mention, words } from '../../shared/words.ts';
import { adamTerms } from '../adamRun.ts';
import { choice, count, decay, defineExperiment, number, numbers, positive, type Surroundings } from '../experiment.ts';
import type { SmoothLoss } from '../smallProblems.ts';

const axes = { x: { label: 'θ₁' }, y: { label: 'θ₂' } } as const;
const frames = {
  beta: { id: 'beta', title: 'Trajectories for growing β', ...axes },
  rho: { id: 'rho', title: 'Trajectories for growing ρ', ...axes },
  h: { id: 'step-size', title: 'Trajectories for growing h, ρ > β', ...axes },
  reversed: { id: 'step-size-reversed', title: 'Trajectories for growing h, β > ρ', ...axes },
} as const;

/** The same, near the minimum. */
const nearMinimum = (frame: ChartFrame): ChartFrame => ({
  ...frame,
  id: `${frame.id}-end`,
  title: `${frame.title}, near the minimum`,
});

/** One trajectory of Adam on E = ½(3/2 − 2θ₁θ₂)². */
export interface Trajectory {
  readonly beta1: number;
  readonly beta2: number;
  readonly lr: number;
  /** θ₁ + θ₂ at the first step with |3/2 − 2θ₁θ₂| < tolerance; null where it is not reached. */
  readonly sum: number | null;
  readonly steps: number;
  /** Share of its steps at which the expansion in h holds (ν < 0.3 for both parameters). */
  readonly valid: number;
  readonly path: { readonly x: readonly number[]; readonly y: readonly number[] };
}

export const bilinear = defineExperiment({
  name: 'bilinear',
  title: 'Which minimum Adam reaches in the bilinear model',
  figure: 'Figure 2 of "On the Implicit Bias of Adam"',
  summary: 'trajectories for growing β, ρ and h over the level curves; θ₁ + θ₂ on the level set measures ‖∇E‖₁ there',
  parameters: {
    beta1: numbers([0, 0.5, 0.9, 0.95, 0.97], words`values of β, at ρ = ${mention('fixedBeta2')}`, decay),
    beta2: numbers([0.5, 0.9, 0.95, 0.99], words`values of ρ, at β = ${mention('fixedBeta1')}`, decay),
    lr: numbers(
      [1e-4, 1e-3, 3e-3],
      words`values of h, at (β, ρ) = (${mention('low')}, ${mention('high')}) and reversed`,
      positive,
    ),
    fixedBeta1: number(0.9, 'β while ρ varies', decay),
    fixedBeta2: number(0.95, 'ρ while β varies', decay),
    fixedLr: number(1e-3, 'h while β or ρ varies', positive),
    low: number(0.5, 'the smaller decay rate while h varies', decay),
    high: number(0.95, 'the larger one', decay),
    eps: number(1e-8, 'ε', { min: 0 }),
    epsPlacement: choice('inside', ['inside', 'outside'], 'ε inside the root (the paper) or outside (PyTorch)'),
    start: numbers([2.8, 3.5], 'where the trajectories begin: θ₁,θ₂'),
    tolerance: number(0.05, 'the level set is where |3/2 − 2θ₁θ₂| falls below this', positive),
    steps: count(200_000, 'most steps of a trajectory'),
  },
  async run(values, surroundings): Promise<ExperimentResult> {
    if (values.start.length !== 2 || values.start.some((value) => value <= 0))
      throw new InspectorError(
        `The start is ${values.start.join(',')}.`,
        'Give two positive numbers θ₁,θ₂: the sum stands for the norm on that branch of the level curves only.',
      );
    const { fixedBeta1, fixedBeta2, fixedLr, low, high } = values;
    const groups = [
      { name: 'β', frame: frames.beta, points: values.beta1.map((beta1) => [beta1, fixedBeta2, fixedLr]) },
      { name: 'ρ', frame: frames.rho, points: values.beta2.map((beta2) => [fixedBeta1, beta2, fixedLr]) },
      { name: 'h (ρ > β)', frame: frames.h, points: values.lr.map((lr) => [low, high, lr]) },
      { name: 'h (β > ρ)', frame: frames.reversed, points: values.lr.map((lr) => [high, low, lr]) },
    ];
    const total = groups.reduce((sum, { points }) => sum + points.length, 0);
    let done = 0;
    const results: Group[] = [];
    for (const { name, frame, points } of groups) {
      const trajectories: Trajectory[] = [];
      for (const [beta1, beta2, lr] of points) {
        trajectories.push(await trajectory({ beta1, beta2, lr }, values, surroundings, done / total));
        done++;
      }
      results.push({ name, frame, trajectories });
    }
    const verdict = judge(results);
    return {
      ...verdict,
      numbers: Object.fromEntries(
        results.flatMap(({ trajectories }) => trajectories.map((each) => [keyOf(each), each.sum])),
      ),
      tables: results.map(({ name, trajectories }) => ({
        title: `Growing ${name}`,
        columns: ['β', 'ρ', 'h', 'θ₁ + θ₂ on the level set', 'steps'],
        rows: trajectories.map(({ beta1, beta2, lr, sum, steps }) => [
          String(beta1),
          String(beta2),
          String(lr),
          sum === null ? 'not reached' : decimals(sum, 4),
          String(steps),
        ]),
      })),
      charts: results.flatMap((group) => [chartOf(group, values.start), endChartOf(group, values.start)]),
      notes: [
        'E = ½(3/2 − 2θ₁θ₂)², full batch. On a level set ‖∇E‖₁ = 2|3/2 − 2θ₁θ₂|·(θ₁ + θ₂) for positive θ, so the sum stands for the norm.',
        'Data point, starting point and step sizes are chosen here; the text available of the paper does not give them.',
      ],
    };
  },
});

interface Group {
  readonly name: string;
  readonly frame: (typeof frames)[keyof typeof frames];
  readonly trajectories: readonly Trajectory[];
}

const keyOf = ({ beta1, beta2, lr }: Trajectory): string => `beta1=${beta1} beta2=${beta2} lr=${lr}`;

interface Settings {
  readonly eps: number;
  readonly epsPlacement: string;
  readonly start: readonly number[];
  readonly tolerance: number;
  readonly steps: number;
}

/** E = ½(3/2 − 2θ₁θ₂)². */
const loss: SmoothLoss = {
  value: ([x, y]) => (1.5 - 2 * x * y) ** 2 / 2,
  gradient: ([x, y]) => Float64Array.of(-2 * (1.5 - 2 * x * y) * y, -2 * (1.5 - 2 * x * y) * x),
  hessianProduct: ([x, y], [v, w]) => {
    const mixed = 8 * x * y - 3;
    return Float64Array.of(4 * y * y * v + mixed * w, mixed * v + 4 * x * x * w);
  },
};

/** Adam in float64 until it reaches the level set, or until the level set can no longer be reached. */
async function trajectory(
  { beta1, beta2, lr }: { beta1: number; beta2: number; lr: number },
  { eps, epsPlacement, start, tolerance, steps }: Settings,
  surroundings: Surroundings,
  share: number,
): Promise<Trajectory> {
  const adam = optimizerNamed('adam');
  const hyper: Hyperparameters = completeHyperparameters(adam, 'pytorch', {
    lr,
    beta1,
    beta2,
    eps,
    eps_placement: epsPlacement,
  });
  let theta = Float64Array.from(start);
  let state: Readonly<Record<string, Float64Array>> = {
    firstMoment: new Float64Array(2),
    secondMoment: new Float64Array(2),
  };
  const x = [theta[0]];
  const y = [theta[1]];
  const every = Math.max(1, Math.round(0.01 / lr));
  const settings = { lr, beta1, beta2, eps, epsInside: epsPlacement === 'inside' };
  let [valid, looks] = [0, 0];
  let n = 0;
  const miss = () => 1.5 - 2 * theta[0] * theta[1];
  const wasReached = () => Math.abs(miss()) < tolerance;
  // Beyond an axis it is on another branch of the level curves, where the sum no longer stands for the norm.
  while (n < steps && !wasReached() && theta.every((value) => value > 0 && Number.isFinite(value))) {
    const gradient = loss.gradient(theta);
    const c = numericCoefficients(adam.updateCoefficients(hyper, n));
    const taken = adam.update(numeric, hyper, c, { theta, gradient, state });
    theta = theta.map((value, j) => value - lr * taken.direction[j]);
    state = taken.state;
    n++;
    if (n % every === 1 || every === 1) {
      looks++;
      if (adamTerms(loss, theta, settings, n).expansion.every((nu) => nu < 0.3)) valid++;
    }
    if (n % every === 0) {
      x.push(theta[0]);
      y.push(theta[1]);
    }
    if (n % 2000 === 0) await surroundings.progress(share);
  }
  await surroundings.progress(share);
  const reached = wasReached() && theta[0] > 0 && theta[1] > 0;
  x.push(theta[0]);
  y.push(theta[1]);
  return {
    beta1,
    beta2,
    lr,
    sum: reached ? theta[0] + theta[1] : null,
    steps: n,
    valid: valid / Math.max(1, looks),
    path: { x, y },
  };
}

/** The trajectories over the level curves θ₁θ₂ = constant. */
function chartOf(group: Group, start: readonly number[]): Chart {
  const paths = group.trajectories.map(({ path }) => path);
  return {
    ...group.frame,
    ...overLevelCurves(group, start, rangeOf(paths.flatMap(({ x }) => x)), rangeOf(paths.flatMap(({ y }) => y))),
  };
}

/** Their ends, where they differ. */
function endChartOf(group: Group, start: readonly number[]): Chart {
  const last = (values: readonly number[]) => values[values.length - 1];
  const ends = group.trajectories.filter(({ sum }) => sum !== null).map(({ path }) => path);
  const around = (values: readonly number[]) => {
    const [low, high] = rangeOf(values);
    const air = Math.max(0.02, high - low);
    return [low - air / 2, high + air] as const;
  };
  return {
    ...nearMinimum(group.frame),
    ...overLevelCurves(group, start, around(ends.map(({ x }) => last(x))), around(ends.map(({ y }) => last(y)))),
  };
}

type Range = readonly [number, number];

function rangeOf(values: readonly number[]): Range {
  const usable = values.filter(Number.isFinite);
  if (usable.length === 0) return [0, 1];
  const low = usable.reduce((least, value) => Math.min(least, value));
  const high = usable.reduce((most, value) => Math.max(most, value));
  const air = 0.1 * (high - low);
  return [low - air, high + air];
}

function overLevelCurves({ trajectories }: Group, start: readonly number[], xRange: Range, yRange: Range) {
  const first = start[0] * start[1];
  const levels = [0, 0.005, 0.02, 0.15, 0.3, 0.5, 0.75, 1].map((share) => 0.75 + share * (first - 0.75));
  const x = Array.from({ length: 121 }, (_, i) => xRange[0] + (i / 120) * (xRange[1] - xRange[0]));
  const curve = (level: number, label: string): Series => ({
    label,
    x,
    y: x.map((value) => (value === 0 ? null : level / value)),
    style: 'reference',
  });
  return {
    xRange,
    yRange,
    series: [
      ...levels.map((level, i) => curve(level, i === 0 ? 'level curves of E; the lowest is the minimum' : '')),
      ...trajectories.map(({ beta1, beta2, lr, path }) => ({ label: `β ${beta1}, ρ ${beta2}, h ${lr}`, ...path })),
    ],
  };
}

/** One trend: what grows, whether θ₁ + θ₂ should rise or fall with it, and what it did. */
interface Trend {
  readonly what: string;
  readonly expected: 1 | -1;
  readonly sums: readonly number[];
  /** Smallest share of a trajectory on which the expansion holds. */
  readonly valid: number;
}

/** Expected: θ₁ + θ₂ falls as β grows, rises as ρ grows; as h grows it rises for ρ > β and falls for β > ρ. */
export function judge(groups: readonly Pick<Group, 'name' | 'trajectories'>[]): Verdict {
  const sortedSums = (trajectories: readonly Trajectory[], by: 'beta1' | 'beta2' | 'lr') =>
    [...trajectories].sort((a, b) => a[by] - b[by]).flatMap(({ sum }) => (sum === null ? [] : [sum]));
  const of = (trajectories: readonly Trajectory[], by: 'beta1' | 'beta2' | 'lr') => ({
    sums: sortedSums(trajectories, by),
    valid: Math.min(...trajectories.map(({ valid }) => valid)),
  });
  const [beta, rho, h, reversed] = groups.map(({ trajectories }) => trajectories);
  const sign = (trajectories: readonly Trajectory[]) =>
    trajectories.length === 0 || trajectories[0].beta2 > trajectories[0].beta1 ? 1 : -1;
  const trends: Trend[] = [
    { what: 'β grows', expected: -1, ...of(beta, 'beta1') },
    { what: 'ρ grows', expected: 1, ...of(rho, 'beta2') },
    { what: 'h grows with ρ > β', expected: sign(h) as 1 | -1, ...of(h, 'lr') },
    { what: 'h grows with β > ρ', expected: sign(reversed) as 1 | -1, ...of(reversed, 'lr') },
  ];
  const usable = trends.filter(({ sums }) => sums.length > 1);
  const wrong = usable.filter(({ sums, expected }) =>
    sums.some((sum, i) => i > 0 && (sum - sums[i - 1]) * expected <= 0),
  );
  const missing = groups.reduce(
    (count_, { trajectories }) => count_ + trajectories.filter(({ sum }) => sum === null).length,
    0,
  );
  const move = ({ what, sums }: Trend) =>
    `${sums[sums.length - 1] > sums[0] ? 'rises' : 'falls'} from ${shown(sums[0], 5)} to ${shown(sums[sums.length - 1], 5)} as ${what}`;
  const rest = missing > 0 ? ` (${missing} of the trajectories did not reach it)` : '';
  const seen = `On the level set θ₁ + θ₂, and with it ‖∇E‖₁, ${usable.map(move).join(', ')}${rest}`;
  if (usable.length === 0)
    return undecided(undefined, `too few trajectories reached the level set to see a trend${rest}`);
  if (wrong.length === 0) return agreeing(seen, ': β > ρ penalises the norm and ρ > β rewards it, as the theory says');
  const contrary = `${wrong.map(({ what, expected }) => `${expected > 0 ? 'rise' : 'fall'} throughout as ${what}`).join(' and not ')}`;
  if (wrong.every(({ valid }) => valid < 0.5))
    return undecided(
      seen,
      `it does not ${contrary}, as the theory says, but at these settings the expansion in h does not hold on most of some trajectory`,
    );
  return disagreeing(seen, `; against the theory it does not ${contrary}`);
}

import { finite, listed, shown } from '../../jobs/format.ts';
import { Random } from '../../jobs/random.ts';
import { type MiniBatchTerms, miniBatchTerms } from '../../optimizers/miniBatch.ts';
import { accumulatedWeight } from '../../optimizers/theory.ts';
import { InspectorError } from '../../shared/errors.ts';
import type { ExperimentResult, ResultTable } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { decimals } from '../../shared/format.ts';
import { mention, words } from '../../shared/words.ts';
import { choice, count, decay, defineExperiment, number, numbers, positive, type Surroundings } from '../experiment.ts';
import { bilinearProblem, distance, rungeKutta, tanhProblem } from '../smallProblems.ts';
import { loadSubject, subjectParameters } from '../subject.ts';
import { type BatchLosses, engineLosses, numericLosses } from './batchLosses.ts';

const orders = {
  id: 'orders',
  title: 'Error of the differential equation against real mini-batch Adam',
  x: { label: 'step size h', scale: 'log' },
  y: { label: 'max ‖θ(tₙ) − θ⁽ⁿ⁾‖∞', scale: 'log' },
} as const;

/** Adam on mini-batches, but for its step size. */
export interface Settings {
  readonly beta: number;
  readonly rho: number;
  readonly eps: number;
  readonly epsInside: boolean;
}

/** Most steps at the smallest step size: the terms of step n need all n steps before it. */
const mostSteps = 4000;

export const miniBatch = defineExperiment({
  name: 'mini-batch',
  title: 'Adam on mini-batches: the memory terms and the order of the modified equation',
  figure: 'Theorem 3.1 of "On the Implicit Bias of Adam"',
  summary: 'M, R, L, L̄, P, P̄ for a sequence of mini-batches, and the error with and without them as h is halved',
  parameters: {
    problem: choice(
      'tanh',
      ['tanh', 'bilinear', 'model'],
      words`a tanh unit, the bilinear model, or ${mention('model')} with ${mention('data')}`,
    ),
    order: choice('reshuffled', ['cyclic', 'reshuffled', 'replacement'], 'order of the mini-batches'),
    sequence: numbers(
      [-1],
      words`the mini-batches of the first steps, from 0; repeated to the end (default: by ${mention('order')})`,
    ),
    batches: count(3, 'number of mini-batches'),
    lr: number(4e-3, 'largest step size h', positive),
    halvings: count(4, 'how often h is halved', { min: 1, max: 10 }),
    horizon: number(0.4, 'length t = n·h of the trajectories', positive),
    beta1: number(0.9, 'decay β of the first moment', decay),
    beta2: number(0.95, 'decay ρ of the second moment', decay),
    eps: number(1e-2, 'ε', positive),
    epsPlacement: choice('inside', ['inside', 'outside'], 'ε inside the root (Theorem 3.1) or outside (Theorem D.4)'),
    ...subjectParameters,
  },
  divided: true,
  async run(values, surroundings): Promise<ExperimentResult> {
    const settings = {
      beta: values.beta1,
      rho: values.beta2,
      eps: values.eps,
      epsInside: values.epsPlacement === 'inside',
    };
    const sizes = Array.from({ length: values.halvings + 1 }, (_, i) => values.lr / 2 ** i);
    const steps = sizes.map((h) => Math.round(values.horizon / h));
    if (steps[steps.length - 1] > mostSteps || steps[0] < 1)
      throw new InspectorError(
        `A horizon of ${values.horizon} is ${steps[0]} to ${steps[steps.length - 1]} steps.`,
        words`Between 1 and ${mostSteps} are possible: choose another ${mention('horizon')}, ${mention('lr')} or fewer ${mention('halvings')}.`,
      );
    const { losses, kinks } = await lossesOf(values, surroundings);
    try {
      const sequenceOf = sequences(values, losses.count, values.seed);
      const errors: { h: number; with: number; without: number }[] = [];
      const work = steps.reduce((sum, n) => sum + n * n, 0);
      const before = (i: number) => steps.slice(0, i).reduce((sum, n) => sum + n * n, 0);
      await surroundings.each(
        sizes.map((h) => `h = ${h}`),
        (i) => {
          const report = (n: number) => surroundings.progress((before(i) + n * n) / work);
          return errorsOf(losses, settings, sizes[i], sequenceOf(steps[i]), report);
        },
        (found, i) => errors.push({ h: sizes[i], ...found }),
      );
      const terms = await termsAt(losses, settings, losses.start, sequenceOf(steps[0]));
      const verdict = judge(errors, kinks);
      return {
        ...verdict,
        numbers: Object.fromEntries(
          errors.flatMap(({ h, with: corrected, without }) => [
            [`with ${h}`, finite(corrected)],
            [`without ${h}`, finite(without)],
          ]),
        ),
        tables: [orderTable(errors), termsTable(terms, steps[0] - 1)],
        charts: [
          {
            ...orders,
            series: [
              { label: 'without correction', x: sizes, y: errors.map(({ without }) => finite(without)) },
              { label: 'with the terms of Theorem 3.1', x: sizes, y: errors.map((error) => finite(error.with)) },
              { label: 'slope 1', x: sizes, y: slope(sizes, errors[0].without, 1), style: 'reference' },
              { label: 'slope 2', x: sizes, y: slope(sizes, errors[0].with, 2), style: 'reference' },
            ],
          },
        ],
        notes: [
          `${losses.count} mini-batches, ${values.order === 'replacement' ? 'drawn with replacement' : values.order}; every step size takes the first steps of one and the same sequence.`,
        ],
      };
    } finally {
      await losses.release();
    }
  },
});

type Values = Parameters<typeof miniBatch.run>[0];

async function lossesOf(
  values: Values,
  surroundings: Surroundings,
): Promise<{ losses: BatchLosses; kinks: readonly string[] }> {
  if (values.problem === 'bilinear') return { losses: numericLosses(bilinearProblem()), kinks: [] };
  if (values.problem === 'tanh') return { losses: numericLosses(tanhProblem(values.seed, values.batches)), kinks: [] };
  const { problem, kinks } = await loadSubject(values, surroundings);
  return { losses: await engineLosses(problem, values.batches, surroundings.threads), kinks };
}

/** The mini-batch of each step, the same for every number of steps as far as it goes. */
function sequences(values: Values, batches: number, seed: number): (steps: number) => number[] {
  const given = values.sequence[0] === -1 && values.sequence.length === 1 ? undefined : values.sequence;
  const odd = given?.find((batch) => !Number.isInteger(batch) || batch < 0 || batch >= batches);
  if (odd !== undefined)
    throw new InspectorError(
      `The sequence names mini-batch ${odd}, but there are ${batches}, counted from 0.`,
      'Give whole numbers below that, separated by commas.',
    );
  const random = new Random(seed + 1);
  const whole: number[] = [];
  while (whole.length < mostSteps) {
    if (given) whole.push(...given);
    else if (values.order === 'replacement') whole.push(random.below(batches));
    else if (values.order === 'cyclic') whole.push(whole.length % batches);
    else whole.push(...random.permutation(batches));
  }
  return (steps) => whole.slice(0, steps);
}

/** The terms of Theorem 3.1 at θ for the last step of a sequence. */
export async function termsAt(
  losses: BatchLosses,
  settings: Settings,
  theta: Float64Array,
  sequence: readonly number[],
): Promise<MiniBatchTerms> {
  const inputs = { ...settings, biasCorrection: true, gradients: await losses.gradients(theta), sequence };
  const { productAt } = losses;
  if (productAt) return miniBatchTerms({ ...inputs, hessianProduct: (batch, v) => productAt(theta, batch, v) });
  // Which products are needed depends on the gradients only, so a first pass asks and a second one gets the answers.
  const pairs: { batch: number; v: Float64Array }[] = [];
  miniBatchTerms({
    ...inputs,
    hessianProduct: (batch, v) => {
      pairs.push({ batch, v });
      return v;
    },
  });
  const products = await losses.products(theta, pairs);
  let next = 0;
  return miniBatchTerms({ ...inputs, hessianProduct: () => products[next++] });
}

/** max_n ‖θ(t_n) − θ⁽ⁿ⁾‖∞ of the differential equation with and without correction, for Adam on that sequence. */
export async function errorsOf(
  losses: BatchLosses,
  settings: Settings,
  h: number,
  sequence: readonly number[],
  report: (n: number) => Promise<void> = async () => {},
): Promise<{ with: number; without: number }> {
  const { beta, rho, eps, epsInside } = settings;
  let [real, corrected, plain] = [losses.start, losses.start, losses.start];
  const moment = new Float64Array(real.length);
  const square = new Float64Array(real.length);
  const errors = { with: 0, without: 0 };
  let last = performance.now();
  for (let n = 0; n < sequence.length; n++) {
    const seen = sequence.slice(0, n + 1);
    corrected = await rungeKutta(corrected, h, async (theta) => {
      const { direction, correction } = await termsAt(losses, settings, theta, seen);
      return direction.map((x, j) => -x - h * correction[j]);
    });
    plain = await rungeKutta(plain, h, async (theta) => {
      const direction = directionAt(await losses.gradients(theta), settings, seen);
      return direction.map((x) => -x);
    });
    const g = (await losses.gradients(real))[sequence[n]];
    const [norm1, norm2] = [accumulatedWeight(beta, n), accumulatedWeight(rho, n)];
    real = real.map((x, j) => {
      moment[j] = beta * moment[j] + (1 - beta) * g[j];
      square[j] = rho * square[j] + (1 - rho) * g[j] * g[j];
      const v = square[j] / norm2;
      const denominator = epsInside ? Math.sqrt(v + eps) : Math.sqrt(v) + eps;
      return x - (h * moment[j]) / norm1 / denominator;
    });
    errors.with = Math.max(errors.with, distance(corrected, real));
    errors.without = Math.max(errors.without, distance(plain, real));
    if (performance.now() - last > 100) {
      await report(n);
      last = performance.now();
    }
  }
  return errors;
}

/** M/R, or M/(R + ε): the direction without memory of the last step of a sequence. */
function directionAt(
  gradients: readonly Float64Array[],
  { beta, rho, eps, epsInside }: Settings,
  sequence: readonly number[],
): Float64Array {
  const n = sequence.length - 1;
  const weights = gradients.map(() => ({ first: 0, second: 0 }));
  sequence.forEach((batch, k) => {
    weights[batch].first += ((1 - beta) * beta ** (n - k)) / accumulatedWeight(beta, n);
    weights[batch].second += ((1 - rho) * rho ** (n - k)) / accumulatedWeight(rho, n);
  });
  return gradients[0].map((_, j) => {
    let [moment, square] = [0, 0];
    gradients.forEach((g, batch) => {
      moment += weights[batch].first * g[j];
      square += weights[batch].second * g[j] * g[j];
    });
    return moment / (epsInside ? Math.sqrt(square + eps) : Math.sqrt(square) + eps);
  });
}

interface Errors {
  readonly h: number;
  readonly with: number;
  readonly without: number;
}

/** log₂ of the ratio of successive errors. */
const slopeAt = (errors: readonly Errors[], i: number, kind: 'with' | 'without'): number =>
  Math.log2(errors[i - 1][kind] / errors[i][kind]);

/** The order over the last two halvings: one alone may hit a change of sign of the error. */
function orderOf(errors: readonly Errors[], kind: 'with' | 'without'): number {
  const last = errors.length - 1;
  const halvings = Math.min(2, last);
  return Math.log2(errors[last - halvings][kind] / errors[last][kind]) / halvings;
}

/**
 * The theory: error O(h²) with the terms, O(h) without, for h small enough; where the error without them does not shrink
 * like h, these step sizes are not.
 */
export function judge(errors: readonly Errors[], kinks: readonly string[] = []): Verdict {
  const [corrected, plain] = [orderOf(errors, 'with'), orderOf(errors, 'without')];
  const seen = `As h falls to ${shown(errors[errors.length - 1].h)}, the error of the differential equation shrinks like h^${decimals(corrected, 2)} with the terms of Theorem 3.1 and like h^${decimals(plain, 2)} without`;
  const asymptotic = Math.abs(plain - 1) < 0.2;
  if (asymptotic && corrected > 1.7 && corrected < 2.4)
    return agreeing(seen, ': order 2 and order 1, as the theorem says');
  if (kinks.length > 0)
    return undecided(seen, `the theorem says 2 and 1 for smooth losses, but the model has kinks (${listed(kinks)})`);
  if (!asymptotic || corrected > 1.4)
    return undecided(seen, 'the theorem says 2 and 1 for small h, and these step sizes are too large to show it');
  return disagreeing(seen, ', but the theorem says 2 and 1');
}

function orderTable(errors: readonly Errors[]): ResultTable {
  return {
    title: 'Largest error over the trajectory, and the order from each halving',
    columns: ['h', 'without', 'order', 'with', 'order'],
    rows: errors.map(({ h, with: corrected, without }, i) => [
      h,
      finite(without),
      i === 0 ? null : finite(slopeAt(errors, i, 'without')),
      finite(corrected),
      i === 0 ? null : finite(slopeAt(errors, i, 'with')),
    ]),
  };
}

/** The terms at the starting point; of large models the first parameters. */
function termsTable(terms: MiniBatchTerms, n: number): ResultTable {
  const names = ['M', 'R', 'L', 'Lbar', 'P', 'Pbar'] as const;
  const rows = Array.from({ length: Math.min(8, terms.M.length) }, (_, j) => [
    `θ${j + 1}`,
    ...names.map((name) => finite(terms[name][j])),
    finite(terms.correction[j]),
  ]);
  return {
    title: `Terms of step ${n} at the starting point`,
    columns: ['', 'M', 'R', 'L', 'L̄', 'P', 'P̄', 'correction'],
    rows,
  };
}

const slope = (sizes: readonly number[], first: number, order: number): number[] =>
  sizes.map((h) => first * (h / sizes[0]) ** order);

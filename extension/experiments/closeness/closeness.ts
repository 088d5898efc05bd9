import { chooseChunks } from '../../engine/chunks.ts';
import { finite, listed, sharePercent, shown } from '../../jobs/format.ts';
import { completeHyperparameters } from '../../optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import type { ExperimentResult, Series } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { columnPercent } from '../../shared/format.ts';
import { choice, count, decay, defineExperiment, number, numbers, positive } from '../experiment.ts';
import { loadSubject, subjectParameters } from '../subject.ts';
import { ClosenessProgram, type ClosenessRecord } from './program.ts';

const frame = {
  id: 'closeness',
  title: 'Distance to the optimizer’s own iterates',
  x: { label: 'step (one full-batch epoch each)' },
  y: { label: '‖difference‖∞', scale: 'log' },
} as const;

/** The outcome for one step size. */
export interface Closeness {
  readonly lr: number;
  readonly records: readonly ClosenessRecord[];
  /** max over the steps. */
  readonly first: number;
  readonly second: number;
  /** Smallest share over the steps of the parameters where the expansion holds. */
  readonly valid: number;
}

export const closeness = defineExperiment({
  name: 'closeness',
  title: 'How close the first- and second-order iterations stay to Adam',
  figure: 'Figure 3 of "On the Implicit Bias of Adam"',
  summary: 'real full-batch Adam against the iterations without and with the memory term, by step',
  parameters: {
    lr: numbers([3e-5, 1e-4, 3e-4], 'step sizes h', positive),
    steps: count(100, 'full-batch steps (epochs)'),
    optimizer: choice('adam', ['adam', 'adamw'], 'the optimizer'),
    beta1: number(0.9, 'decay β of the first moment', decay),
    beta2: number(0.95, 'decay ρ of the second moment', decay),
    eps: number(1e-6, 'ε', positive),
    epsPlacement: choice('inside', ['inside', 'outside'], 'ε inside the root (the paper) or outside (PyTorch)'),
    weightDecay: number(0, 'weight decay λ', { min: 0 }),
    ...subjectParameters,
  },
  divided: true,
  async run(values, surroundings): Promise<ExperimentResult> {
    const { problem, described, kinks } = await loadSubject(values, surroundings);
    const optimizer = optimizerNamed(values.optimizer);
    const hyperOf = (lr: number) =>
      completeHyperparameters(optimizer, 'pytorch', {
        lr,
        beta1: values.beta1,
        beta2: values.beta2,
        eps: values.eps,
        eps_placement: values.epsPlacement,
        weight_decay: values.weightDecay,
      });
    const { corrected } = chooseChunks(problem, { memoryBudget: 2 ** 29 });
    let program: ClosenessProgram | undefined;
    const sizes = [...new Set(values.lr)].sort((a, b) => a - b);
    const runs: Closeness[] = [];
    const result = () => resultOf(runs, optimizer.title, described, kinks);
    const follow = async (lr: number): Promise<Closeness> => {
      program ??= await ClosenessProgram.load(problem, optimizer, hyperOf(lr), corrected, surroundings.threads);
      const records: ClosenessRecord[] = [];
      for await (const part of program.run(hyperOf(lr), values.steps)) {
        records.push(...part);
        await surroundings.progress((runs.length + records.length / (values.steps + 1)) / sizes.length);
      }
      const most = (of: (record: ClosenessRecord) => number) =>
        records.reduce(
          (largest, record) => (of(record) > largest || Number.isNaN(of(record)) ? of(record) : largest),
          0,
        );
      return {
        lr,
        records,
        first: most(({ first }) => first),
        second: most(({ second }) => second),
        valid: records.reduce((least, { valid }) => Math.min(least, valid), 1),
      };
    };
    try {
      await surroundings.each(
        sizes.map((lr) => `h = ${lr}`),
        (i) => follow(sizes[i]),
        (run) => {
          runs.push(run);
          surroundings.show(result());
        },
      );
    } finally {
      await program?.release();
    }
    return result();
  },
});

function resultOf(
  runs: readonly Closeness[],
  title: string,
  described: string,
  kinks: readonly string[],
): ExperimentResult {
  return {
    ...judge(runs, title, kinks),
    numbers: Object.fromEntries(
      runs.flatMap(({ lr, first, second }) => [
        [`first ${lr}`, finite(first)],
        [`second ${lr}`, finite(second)],
      ]),
    ),
    tables: [
      {
        title: 'Largest difference over the run',
        columns: ['h', 'first order', 'second order', 'first/second', 'final loss', 'expansion holds for'],
        rows: runs.map(({ lr, first, second, valid, records }) => [
          lr,
          finite(first),
          finite(second),
          finite(first / second),
          finite(records[records.length - 1].loss),
          columnPercent(valid),
        ]),
      },
    ],
    charts: [{ ...frame, series: runs.flatMap(seriesOf) }],
    notes: [
      `${title} on ${described}; the paper does not state h, β, ρ and ε of its figure in the text available here: those used are parameters.`,
      ...(kinks.length > 0 ? [`The model has kinks (${listed(kinks)}); the theory assumes a smooth loss.`] : []),
      'Full-batch steps; the second-order iteration has the memory term of equation (11), not the ½-terms of the differential equation.',
    ],
  };
}

function seriesOf({ lr, records }: Closeness, color: number): Series[] {
  const x = records.map(({ step }) => step);
  return [
    { label: `h = ${lr}: first order`, x, y: records.map(({ first }) => finite(first)), style: 'dashed', color },
    { label: `h = ${lr}: second order`, x, y: records.map(({ second }) => finite(second)), color },
  ];
}

/** The differences are largest at the worst parameter, so nearly all must be where the expansion holds. */
const enoughValid = 0.999;

/**
 * The theory: the second-order iteration errs by O(h²), the first-order one by O(h), so for small h the second is closer,
 * and the more so the smaller h is. A step size at which it is not contradicts that only where the expansion holds.
 */
export function judge(
  runs: readonly Pick<Closeness, 'lr' | 'first' | 'second' | 'valid'>[],
  title: string,
  kinks: readonly string[] = [],
): Verdict {
  const ratios = runs.map(({ lr, first, second }) => ({ lr, ratio: first / second }));
  const compare = ({ lr, ratio }: { lr: number; ratio: number }) =>
    Math.abs(Math.log(ratio)) < 0.005
      ? `equally close at h = ${lr}`
      : `${shown(Math.max(ratio, 1 / ratio))} times ${ratio > 1 ? 'closer' : 'farther'} at h = ${lr}`;
  if (ratios.some(({ ratio }) => !Number.isFinite(ratio) || ratio === 0))
    return undecided(
      undefined,
      'the iterations cannot be compared: a difference is zero or no longer finite at some step size',
    );
  const seen = `Measured from ${title}'s own iterates, the iteration with the memory term stays ${listed(ratios.map(compare))}, compared with the one without`;
  const smallest = ratios[0];
  const largest = ratios[ratios.length - 1];
  const closer = smallest.ratio > 1.005;
  const improves = ratios.length === 1 ? undefined : smallest.ratio > largest.ratio;
  if (closer && improves !== false) {
    const trend = improves ? ' and its advantage grows as h falls,' : '';
    return agreeing(seen, `;${trend} as the theory says of small step sizes`);
  }
  if (kinks.length > 0)
    return undecided(
      seen,
      `the model has kinks (${listed(kinks)}), and the theory assumes a smooth loss, so this does not contradict it`,
    );
  const [{ valid }] = runs;
  if (valid < enoughValid)
    return undecided(
      seen,
      `even at h = ${smallest.lr} the expansion in h holds for only ${sharePercent(valid)} of the parameters at every step, so these step sizes are too large to test the theory (or ε too small)`,
    );
  if (closer || improves)
    return undecided(
      seen,
      closer
        ? 'its advantage does not grow as h falls, which the theory expects once h is small enough'
        : 'it helps more the smaller h is, but none of these step sizes is small enough for it to win',
    );
  return improves === undefined
    ? undecided(seen, 'the theory says otherwise of small step sizes, and a smaller one would tell')
    : disagreeing(seen, ', against what the theory says of small step sizes');
}

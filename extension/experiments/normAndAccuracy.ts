import { chooseChunks } from '../engine/chunks.ts';
import type { Problem } from '../engine/problem.ts';
import { isFiniteRecord, Runner } from '../engine/runner.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import type { Agreement, Chart, ExperimentResult, Series, SweepPoint } from '../shared/experiments.ts';
import { hyperOf } from './adamRun.ts';
import { Evaluator } from './evaluator.ts';
import {
  choice,
  count,
  decay,
  defineExperiment,
  file,
  number,
  numbers,
  positive,
  type Surroundings,
} from './experiment.ts';
import { finite } from './format.ts';
import { loadSubject, subjectParameters } from './subject.ts';
import { drawnAnew } from './sweep.ts';
import { judge, normAtLoss, peakAfterFall, type TestLine } from './sweepResult.ts';

const step = { label: 'step (one full-batch epoch each)' } as const;
const norm = { label: '‖∇E‖₁,ε − p√ε', scale: 'log' } as const;
const frames = {
  rho: { id: 'by-rho', title: 'Norm against ρ at fixed β (Figure 4)', x: { label: 'ρ' }, y: { label: 'norm' } },
  rhoAccuracy: {
    id: 'accuracy-by-rho',
    title: 'Test accuracy against ρ',
    x: { label: 'ρ' },
    y: { label: 'best test accuracy' },
  },
  beta: { id: 'by-beta', title: 'Norm against β at fixed ρ (Figure 5)', x: { label: 'β' }, y: { label: 'norm' } },
  betaAccuracy: {
    id: 'accuracy-by-beta',
    title: 'Test accuracy against β',
    x: { label: 'β' },
    y: { label: 'best test accuracy' },
  },
  loss: { id: 'loss', title: 'Training loss (Figure 6)', x: step, y: { label: 'loss', scale: 'log' } },
  norms: { id: 'norms', title: 'Norm of the gradient (Figure 6)', x: step, y: norm },
  test: { id: 'test-accuracy', title: 'Test accuracy (Figure 12)', x: step, y: { label: 'test accuracy' } },
} as const;

export const normAndAccuracy = defineExperiment({
  name: 'norm-and-accuracy',
  title: 'Gradient norm and test accuracy for growing ρ and β',
  figure: 'Figures 4–12 of "On the Implicit Bias of Adam", at a size for this machine',
  summary: 'full-batch Adam for several ρ at fixed β and several β at fixed ρ: peak norm, test accuracy, curves',
  parameters: {
    beta2: numbers([0.9, 0.95, 0.99, 0.999], 'values of ρ, at β = --fixed-beta1', decay),
    beta1: numbers([0.5, 0.9, 0.95, 0.97], 'values of β, at ρ = --fixed-beta2', decay),
    fixedBeta1: number(0.9, 'β while ρ varies', decay),
    fixedBeta2: number(0.99, 'ρ while β varies', decay),
    lr: number(1e-3, 'step size h', positive),
    eps: number(1e-8, 'ε', { min: 0 }),
    epsPlacement: choice('inside', ['inside', 'outside'], 'ε inside the root (the paper) or outside (PyTorch)'),
    steps: count(300, 'full-batch steps (epochs)'),
    seeds: numbers([0, 1], 'seeds of the weights; 0: as they are', { min: 0 }),
    network: choice('mlp', ['mlp', 'cnn'], 'network that is built: GELU or the paper’s convolutional one'),
    testData: file('test set (default: the last samples are held out)'),
    testShare: number(0.25, 'share of the samples that is held out', { min: 0, max: 0.9 }),
    ...subjectParameters,
    dtype: choice('float32', ['float32', 'float64'], 'precision'),
  },
  draws: Object.values(frames),
  async run(values, surroundings): Promise<ExperimentResult> {
    const subject = await loadSubject(values, surroundings);
    const { problem, test, described } = subject;
    const settings = settingsOf(values);
    const chunks = chooseChunks(problem, { memoryBudget: 2 ** 29 });
    const runner = new Runner(problem, {
      optimizer: optimizerNamed('adam'),
      hyper: settings[0].hyper,
      stage: 'step',
      device: 'cpu',
      chunks,
      threads: surroundings.threads,
    });
    const evaluator = test && (await Evaluator.load(test, 'cpu', surroundings.threads));
    const curves: Curve[] = [];
    try {
      for (const [i, setting] of settings.entries()) {
        const theta = setting.seed === 0 ? problem.theta : drawnAnew(problem, setting.seed);
        const parts = { problem, runner: runner.with(setting.hyper), evaluator, theta, steps: values.steps };
        curves.push(await follow(setting, parts, surroundings, (part) => (i + part) / settings.length));
      }
    } finally {
      await runner.release();
      await evaluator?.release();
    }
    return resultOf(curves, test !== undefined, [
      `Full-batch Adam on ${described}${test ? `, tested on ${test.samples.toLocaleString('en-US')} others` : ''}; ‖∇E‖₁,ε is counted above its floor p·√ε. Small batches can reverse the trends.`,
      'The peak is the largest norm after its initial fall. Model, data and numbers are chosen here: the paper trains ResNets, CNNs and ViTs on CIFAR-10 for thousands of epochs.',
    ]);
  },
});

type Values = Parameters<typeof normAndAccuracy.run>[0];

interface Setting {
  readonly varied: 'beta1' | 'beta2';
  readonly beta1: number;
  readonly beta2: number;
  readonly seed: number;
  readonly hyper: ReturnType<typeof hyperOf>;
}

function settingsOf({ beta1, beta2, fixedBeta1, fixedBeta2, lr, eps, epsPlacement, seeds }: Values): Setting[] {
  const setting = (varied: Setting['varied'], b1: number, b2: number, seed: number): Setting => ({
    ...{ varied, beta1: b1, beta2: b2, seed },
    hyper: hyperOf({ lr, beta1: b1, beta2: b2, eps, epsInside: epsPlacement === 'inside' }),
  });
  return seeds.flatMap((seed) => [
    ...beta2.map((value) => setting('beta2', fixedBeta1, value, seed)),
    ...beta1.map((value) => setting('beta1', value, fixedBeta2, seed)),
  ]);
}

/** One run with what was measured by step. */
interface Curve {
  readonly setting: Setting;
  readonly losses: readonly { readonly loss: number | null }[];
  readonly norms: readonly (number | null)[];
  readonly tests: readonly TestLine[];
  readonly validShare: number | null;
  readonly selfCheck: number | null;
  readonly diverged: boolean;
}

async function follow(
  setting: Setting,
  parts: { problem: Problem; runner: Runner; evaluator: Evaluator | undefined; theta: Tensor; steps: number },
  surroundings: Surroundings,
  share: (part: number) => number,
): Promise<Curve> {
  const { problem, runner, evaluator, theta, steps } = parts;
  const floor = problem.layout.count * Math.sqrt(setting.hyper.eps as number);
  const losses: { loss: number | null }[] = [];
  const norms: (number | null)[] = [];
  const tests: TestLine[] = [];
  const every = Math.max(1, Math.ceil(steps / 20));
  let position = runner.start(theta);
  let diverged = false;
  while (position.step < steps && !diverged) {
    if (evaluator && position.step % every === 0)
      tests.push({ step: position.step, ...(await evaluator.evaluate(position.theta)) });
    const advance = await runner.plainSteps(position, Math.min(steps - position.step, every - (position.step % every)));
    for (const record of advance.records) {
      losses.push({ loss: finite(record.loss) });
      norms.push(Number.isFinite(record.perturbedNorm) ? Math.max(0, record.perturbedNorm - floor) : null);
      diverged ||= !isFiniteRecord(record);
    }
    position = advance.position;
    await surroundings.progress(share(position.step / steps));
  }
  if (evaluator && !diverged) tests.push({ step: position.step, ...(await evaluator.evaluate(position.theta)) });
  const last = diverged ? undefined : (await runner.correctedSteps(position, 1)).records[0];
  return {
    ...{ setting, losses, norms, tests, diverged },
    validShare: last?.measures?.validShare ?? null,
    selfCheck: last?.measures?.selfCheck ?? null,
  };
}

function resultOf(curves: readonly Curve[], tested: boolean, notes: readonly string[]): ExperimentResult {
  const points = (['beta2', 'beta1'] as const).map((varied) =>
    pointsOf(curves.filter(({ setting }) => setting.varied === varied)),
  );
  const verdicts = points.map((group, i) => judge([i === 0 ? 'beta2' : 'beta1'], 'adam', group));
  const agreements = verdicts.map(({ agreement }) => agreement);
  const agreement: Agreement = agreements.includes('disagrees')
    ? 'disagrees'
    : agreements.every((each) => each === 'agrees')
      ? 'agrees'
      : 'undecided';
  const percent = (share: number | null | undefined) =>
    share === null || share === undefined ? null : `${(100 * share).toFixed(1)} %`;
  return {
    sentence: verdicts.map(({ sentence }) => sentence).join(' '),
    agreement,
    numbers: Object.fromEntries(
      points
        .flat()
        .flatMap((point) => [
          [`peak ${point.label}`, point.peakNorm ?? null],
          [`norm ${point.label}`, point.normAtEqualLoss ?? null],
          ...(tested ? [[`accuracy ${point.label}`, point.bestAccuracy ?? null]] : []),
        ]),
    ),
    tables: points.map((group, i) => ({
      title: i === 0 ? 'Growing ρ at fixed β' : 'Growing β at fixed ρ',
      columns: ['', 'loss', 'peak norm', 'norm at equal loss', 'best test accuracy', 'valid', 'self-check'],
      rows: group.map((point) => [
        `${point.label}${point.status === 'failed' ? ' (diverged)' : ''}`,
        point.finalLoss ?? null,
        point.peakNorm ?? null,
        point.normAtEqualLoss ?? null,
        percent(point.bestAccuracy),
        percent(point.validShare),
        point.selfCheck ?? null,
      ]),
    })),
    charts: chartsOf(curves, points, tested),
    notes,
  };
}

/** The curves of one group as points of a sweep, compared at the smallest loss that all of them reach. */
function pointsOf(curves: readonly Curve[]): SweepPoint[] {
  const reached = curves
    .filter(({ diverged }) => !diverged)
    .map(({ losses }) => losses.reduce((least, { loss }) => Math.min(least, loss ?? least), Number.POSITIVE_INFINITY));
  const level = Math.max(...reached);
  return curves.map(({ setting, losses, norms, tests, validShare, selfCheck, diverged }, index) => {
    const accuracies = tests.flatMap(({ accuracy }) => (accuracy === null ? [] : [accuracy]));
    return {
      index,
      label: labelOf(setting),
      values: { [setting.varied]: setting[setting.varied] },
      seed: setting.seed,
      folder: '',
      status: diverged ? 'failed' : 'finished',
      finalLoss: losses.at(-1)?.loss ?? null,
      peakNorm: peakAfterFall(norms),
      normAtEqualLoss: diverged ? null : normAtLoss(losses, norms, level),
      bestAccuracy: accuracies.length > 0 ? Math.max(...accuracies) : null,
      validShare,
      selfCheck,
    };
  });
}

const labelOf = ({ beta1, beta2, seed }: Setting): string => `β ${beta1}, ρ ${beta2}, seed ${seed}`;

function chartsOf(curves: readonly Curve[], points: readonly SweepPoint[][], tested: boolean): Chart[] {
  const scatter = (
    group: readonly SweepPoint[],
    of: (point: SweepPoint) => number | null | undefined,
    label: string,
  ): Series => ({
    label,
    style: 'points',
    x: group.map(({ values }) => Object.values(values)[0] as number),
    y: group.map((point) => of(point) ?? null),
  });
  const bySetting = points.flatMap((group, i): Chart[] => [
    {
      ...[frames.rho, frames.beta][i],
      series: [
        scatter(group, ({ peakNorm }) => peakNorm, 'peak after the initial fall, each seed'),
        scatter(group, ({ normAtEqualLoss }) => normAtEqualLoss, 'at equal loss, each seed'),
      ],
    },
    ...(tested
      ? [
          {
            ...[frames.rhoAccuracy, frames.betaAccuracy][i],
            series: [scatter(group, ({ bestAccuracy }) => bestAccuracy, 'each seed')],
          },
        ]
      : []),
  ]);
  // Curves of the first seed only, as in the paper's figures.
  const shown = curves.filter(({ setting }) => setting.seed === curves[0].setting.seed);
  const steps = (values: readonly unknown[]) => values.map((_, i) => i);
  return [
    ...bySetting,
    {
      ...frames.loss,
      series: shown.map(({ setting, losses }) => ({
        label: labelOf(setting),
        x: steps(losses),
        y: losses.map(({ loss }) => loss),
      })),
    },
    {
      ...frames.norms,
      series: shown.map(({ setting, norms }) => ({ label: labelOf(setting), x: steps(norms), y: norms })),
    },
    ...(tested
      ? [
          {
            ...frames.test,
            series: shown.map(({ setting, tests }) => ({
              label: labelOf(setting),
              x: tests.map(({ step: at }) => at),
              y: tests.map(({ accuracy }) => accuracy),
            })),
          },
        ]
      : []),
  ];
}

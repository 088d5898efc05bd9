import { chooseChunks, evenChunks, lanesFor } from '../../engine/chunks.ts';
import { Runner } from '../../engine/runner.ts';
import { isFiniteRecord } from '../../engine/stepRecord.ts';
import { Evaluator } from '../../jobs/evaluator.ts';
import { finite } from '../../jobs/format.ts';
import { RunningStatistics } from '../../jobs/runningStatistics.ts';
import type { Tensor } from '../../onnx/tensor.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import type { ExperimentResult } from '../../shared/experiments.ts';
import { thousands } from '../../shared/format.ts';
import { mention, words } from '../../shared/words.ts';
import { hyperOf } from '../adamRun.ts';
import { choice, count, decay, defineExperiment, file, number, numbers, positive, type Surroundings, switched } from '../experiment.ts'; // biome-ignore format: one line
import { networkNames } from '../networks/index.ts';
import { loadSubject, type NetworkSubject, subjectParameters } from '../subject.ts';
import { type Curve, resultOf, type Setting } from './result.ts';

export const normAndAccuracy = defineExperiment({
  name: 'norm-and-accuracy',
  title: 'Gradient norm and test accuracy for growing ρ and β',
  figure: 'Figures 4–12 of "On the Implicit Bias of Adam", at a size for this machine',
  summary: 'full-batch Adam for several ρ at fixed β and several β at fixed ρ: peak norm, test accuracy, curves',
  parameters: {
    beta2: numbers([0.9, 0.99, 0.999], words`values of ρ, at β = ${mention('fixedBeta1')}`, decay),
    beta1: numbers([0.5, 0.9, 0.97], words`values of β, at ρ = ${mention('fixedBeta2')}`, decay),
    fixedBeta1: number(0.9, 'β while ρ varies', decay),
    fixedBeta2: number(0.99, 'ρ while β varies', decay),
    lr: number(1e-3, 'step size h', positive),
    eps: number(1e-8, 'ε', { min: 0 }),
    epsPlacement: choice('inside', ['inside', 'outside'], 'ε inside the root (the paper) or outside (PyTorch)'),
    steps: count(300, 'full-batch steps (epochs)'),
    seeds: numbers([0, 1], 'seeds of the weights; 0: as they are', { min: 0, whole: true }),
    network: choice('mlp', networkNames, 'network that is built: GELU layers, the paper’s CNN, a ResNet or a ViT'),
    depth: count(0, 'hidden layers (mlp), blocks of each stage (resnet), layers (vit); 0: 2, 1 and 1', { min: 0 }),
    ghostBatch: count(100, 'samples that BatchNormalization normalises together: ghost batches'),
    testData: file('test set (default: the last samples are held out)'),
    testX: file('samples of the test set alone (npy, IDX)'),
    testY: file('labels of the test set alone (npy, IDX)'),
    testShare: number(0.25, 'share of the samples that is held out', { min: 0, max: 0.9 }),
    raw: switched('do not standardise the samples (by channel where they are images with channels)'),
    ...subjectParameters,
    limit: count(0, 'use the first N samples only; 0: 10,000, of the bundled digits 300 but for mlp', { min: 0 }),
    model: file(words`the model (default: one is built, see ${mention('network')})`),
    seed: count(0, words`seed of the network that is built; ${mention('seeds')} count from it`, { min: 0 }),
    width: count(0, 'units (mlp), first channels (cnn, resnet), token size (vit); 0: 32, 4, 4 and 16', { min: 0 }),
    dtype: choice('float32', ['float32', 'float64'], 'precision'),
  },
  divided: true,
  async run(values, surroundings): Promise<ExperimentResult> {
    const subject = await loadSubject({ ...values, standardise: !values.raw }, surroundings);
    const settings = settingsOf(values);
    const curves: Curve[] = [];
    const result = () =>
      resultOf(curves, settings.length, subject.test?.samples ?? 0, notesOf(subject, values.ghostBatch));
    let trainer: Trainer | undefined;
    try {
      await surroundings.each(
        settings.map(({ beta1, beta2, seed }) => `β ${beta1}, ρ ${beta2}, seed ${seed}`),
        async (i) => {
          trainer ??= await Trainer.load(subject, values, surroundings);
          const report = (part: number) => surroundings.progress((i + part) / settings.length);
          return trainer.follow(settings[i], values.steps, report);
        },
        (measured, i) => {
          curves.push({ ...measured, setting: settings[i] });
          surroundings.show(result());
        },
      );
    } finally {
      await trainer?.release();
    }
    return result();
  },
});

type Values = Parameters<typeof normAndAccuracy.run>[0];

const hyperparameters = ({ lr, eps, epsPlacement }: Values, beta1: number, beta2: number) =>
  hyperOf({ lr, beta1, beta2, eps, epsInside: epsPlacement === 'inside' });

function settingsOf({ beta1, beta2, fixedBeta1, fixedBeta2, seeds }: Values): Setting[] {
  return seeds.flatMap((seed) => [
    ...beta2.map((value): Setting => ({ varied: 'beta2', beta1: fixedBeta1, beta2: value, seed })),
    ...beta1.map((value): Setting => ({ varied: 'beta1', beta1: value, beta2: fixedBeta2, seed })),
  ]);
}

/** Trains a network at one setting after the other, on the same loaded programs. */
class Trainer {
  private constructor(
    private readonly subject: NetworkSubject,
    private readonly values: Values,
    private readonly runner: Runner,
    private readonly evaluators: { readonly train: Evaluator; readonly test: Evaluator | undefined },
  ) {}

  static async load(
    subject: NetworkSubject,
    values: Values,
    { threads, lanes = lanesFor('cpu', threads) }: Pick<Surroundings, 'threads' | 'lanes'>,
  ): Promise<Trainer> {
    const { problem, train, test } = subject;
    const ghost =
      problem.indivisible === 'batch statistics' ? evenChunks(problem.samples, values.ghostBatch).size : undefined;
    const runner = new Runner(problem, {
      optimizer: optimizerNamed('adam'),
      hyper: hyperparameters(values, values.fixedBeta1, values.fixedBeta2),
      stage: 'step',
      device: 'cpu',
      chunks: chooseChunks(problem, {
        microBatch: ghost,
        memoryBudget: 2 ** 29,
        lanes,
      }),
      threads,
    });
    const statistics = ghost === undefined ? undefined : await RunningStatistics.load(problem, ghost, 'cpu', threads);
    const evaluator = (of: typeof train) => Evaluator.load(of, 'cpu', threads, statistics);
    const evaluators = { train: await evaluator(train), test: test && (await evaluator(test)) };
    return new Trainer(subject, values, runner, evaluators);
  }

  async release(): Promise<void> {
    await this.runner.release();
    await this.evaluators.train.release();
    await this.evaluators.test?.release();
  }

  /** Loss and norm at every step, accuracies at about twenty, and whether the theory holds at the end. */
  async follow(
    { beta1, beta2, seed }: Setting,
    steps: number,
    report: (share: number) => Promise<void>,
  ): Promise<Omit<Curve, 'setting'>> {
    const { problem } = this.subject;
    const runner = this.runner.with({ hyper: hyperparameters(this.values, beta1, beta2) });
    const floor = problem.layout.count * Math.sqrt(this.values.eps);
    const losses: (number | null)[] = [];
    const norms: (number | null)[] = [];
    const tests: Curve['tests'][number][] = [];
    const every = Math.max(1, Math.ceil(steps / 20));
    let position = runner.start(this.subject.weights(seed));
    let diverged = false;
    while (position.step < steps && !diverged) {
      if (position.step % every === 0) tests.push(await this.accuracies(position.step, position.theta));
      const most = Math.min(steps - position.step, every - (position.step % every));
      const advance = await runner.plainSteps(position, most);
      for (const record of advance.records) {
        losses.push(finite(record.loss));
        norms.push(Number.isFinite(record.perturbedNorm) ? Math.max(0, record.perturbedNorm - floor) : null);
        diverged ||= !isFiniteRecord(record);
      }
      position = advance.position;
      await report(position.step / steps);
    }
    if (!diverged) tests.push(await this.accuracies(position.step, position.theta));
    const last = diverged ? undefined : (await runner.correctedSteps(position, 1)).records[0];
    return {
      ...{ losses, norms, tests, diverged },
      validShare: last?.measures?.validShare ?? null,
      selfCheck: last?.measures?.selfCheck ?? null,
    };
  }

  private async accuracies(step: number, theta: Tensor): Promise<Curve['tests'][number]> {
    const { train, test } = this.evaluators;
    return {
      step,
      train: (await train.evaluate(theta)).accuracy,
      test: test ? (await test.evaluate(theta)).accuracy : null,
    };
  }
}

function notesOf({ problem, test, described }: NetworkSubject, ghostBatch: number): string[] {
  const coupled = problem.indivisible === 'batch statistics';
  return [
    `Full-batch Adam on ${described}${test ? `, tested on ${thousands(test.samples)} others` : ''}; ‖∇E‖₁,ε is counted above its floor p·√ε. Small batches can reverse the trends.`,
    ...(coupled
      ? [
          `BatchNormalization normalises ghost batches of ${evenChunks(problem.samples, ghostBatch).size} samples in training, always the same ones; for accuracies it has the mean statistics of all of them.`,
        ]
      : []),
    'The hill of the norm is its largest value after the initial fall. Network, data and numbers are chosen here: the paper trains a ResNet-50, a CNN and a ViT on 50,000 augmented CIFAR-10 images for thousands of epochs.',
  ];
}

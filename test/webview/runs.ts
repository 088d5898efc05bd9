import type { PanelRun } from '../../extension/shared/panel.ts';
import type { MeasureFields, RunHeader, StepLine, TensorLine } from '../../extension/shared/protocol.ts';

/** Measures of a tensor at which the theory holds. */
const good: MeasureFields = {
  kappa: -10,
  hKappa: -0.01,
  kappaMin: -12,
  kappaMax: 3,
  negativeShare: 0.8,
  belowSwitchShare: 0.2,
  relativeSize: 0.05,
  cosine: -0.5,
  normRate: 0.4,
  normRateBase: -2,
  lossRate: 0.1,
  lossRateBase: -1,
  net: 0.36,
  validShare: 0.9,
  selfCheck: 0.4,
};

export function tensorLine(change: MeasureFields = {}): TensorLine {
  return { perturbedNorm: 3, gradientNorm1: 2, gradientNorm2: 1, ...good, ...change };
}

export interface RunShape {
  readonly folder?: string;
  readonly tensors?: Readonly<Record<string, MeasureFields>>;
  readonly steps?: number;
  readonly hyper?: RunHeader['optimizer']['hyper'];
  readonly header?: Partial<RunHeader>;
}

/** A run with the tensors that are named, of one value each. */
export function run({
  folder = '/runs/a',
  tensors = { 'fc.weight': {}, 'fc.bias': {} },
  steps = 3,
  hyper = {},
  header = {},
}: RunShape = {}): PanelRun {
  const names = Object.keys(tensors);
  const line = (step: number): StepLine => ({
    ...tensorLine(),
    step,
    loss: 2 - step / 10,
    correctionNorm: 0.1,
    tensors: Object.fromEntries(names.map((name) => [name, tensorLine(tensors[name])])),
  });
  const optimizer = {
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    eps_placement: 'outside',
    weight_decay: 0,
    bias_correction: true,
    amsgrad: false,
    ...hyper,
  };
  return {
    folder,
    name: folder.split('/').at(-1)!,
    interrupted: false,
    steps: Array.from({ length: steps + 1 }, (_, i) => line(i)),
    header: {
      format: 1,
      status: 'finished',
      started: '2026-11-20T12:00:00.000Z',
      process: 1,
      tool: 'optimizer-bias-inspector 0.0.0',
      runtime: '',
      request: {
        directory: '/',
        model: 'm.onnx',
        optimizer: 'adam',
        framework: 'pytorch',
        hyper,
        steps,
        every: 1,
        stage: 'step',
        device: 'cpu',
        freeze: [],
        trainable: [],
        arrays: false,
      },
      model: { path: '/models/m.onnx', sha256: '', producer: '', parameters: 100 },
      data: { files: ['/data.npz'], sha256: '', samples: 10 },
      loss: 'mse',
      optimizer: { name: 'adam', title: 'Adam', framework: 'pytorch', hyper: optimizer },
      hKappaLimit: -0.99,
      switchGradient: 1e-10,
      dtype: 'float32',
      device: 'cpu',
      microBatch: { plain: 10, corrected: 10 },
      tensors: names.map((name) => ({ name, shape: [4, 5] })),
      notTrained: [],
      notes: [],
      warnings: [],
      ...header,
    },
  };
}

/** A run that was held against its twin, of which the last line has no effect; `ended` with the summary of it. */
export function measuredRun({ ended }: { readonly ended: boolean }): PanelRun {
  const plain = run({ header: { status: ended ? 'finished' : 'running' } });
  const effects: Record<string, number> = { 'fc.weight': 0.1, 'fc.bias': -0.05 };
  const steps = plain.steps.map((line) =>
    line.step === 3
      ? { ...line, effect: null, effectReason: 'the reference has not come so far' }
      : {
          ...line,
          effect: 0.08,
          effectPredicted: 4.6,
          oscillation: 0.01,
          tensors: Object.fromEntries(
            Object.entries(line.tensors).map(([name, fields]) => [
              name,
              { ...fields, effect: effects[name] * (1 + line.step / 2) * 0.5, effectPredicted: 4.6 },
            ]),
          ),
        },
  );
  const reference: RunHeader['reference'] = {
    kind: 'twin',
    words: 'with β₂ = β₁, where the memory has no effect of this kind',
    label: 'β₂ = β₁',
    stepSize: 1e-3,
    tolerance: null,
    converged: true,
  };
  const levels = (...effect: (number | null)[]) => ({ effect, averaged: effect, oscillation: effect.map(() => 0.01) });
  const effect: RunHeader['effect'] = {
    early: 0.03,
    late: 0.12,
    sentence:
      'At equal loss the gradient’s one-norm is 12 % larger than with β₂ = β₁, where the memory has no effect of this kind.',
    headline: '+12 %',
    method: 'crossing',
    binWidth: 0.12,
    parts: [],
    losses: [2, 1.9, 1.8],
    predicted: [0.5, 2, 4.6],
    ...levels(0.03, null, 0.12),
    tensors: { 'fc.weight': { early: 0.02, late: 0.14, ...levels(0.02, 0.08, 0.14) } },
  };
  return { ...plain, steps, header: { ...plain.header, reference, ...(ended && { effect }) } };
}

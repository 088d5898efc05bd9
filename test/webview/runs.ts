import type { PanelRun } from '../../extension/shared/panel.ts';
import type { MeasureFields, RunHeader, StepLine, TensorLine } from '../../extension/shared/protocol.ts';

/** Measures of a tensor at which the theory holds. */
const good: MeasureFields = {
  kappa: -10,
  hKappa: -0.01,
  kappaMin: -12,
  kappaMax: 3,
  negativeShare: 0.8,
  negativeShareWeighted: 0.9,
  belowSwitchShare: 0.2,
  relativeSize: 0.05,
  relativeSizeL1: 0.06,
  relativeVelocity: 0.05,
  cosine: -0.5,
  normRate: 0.4,
  normRateBase: -2,
  normRateRatio: 0.2,
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

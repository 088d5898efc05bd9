import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { dataSetFormats } from '../datasets/formats.ts';
import type { Framework } from '../optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../optimizers/registry.ts';
import { scheduleKinds } from '../optimizers/schedules.ts';
import { readSteps } from '../runStore/steps.ts';
import { readHeader, readRun } from '../runStore/store.ts';
import { lossNames } from '../shared/losses.ts';
import type { InspectRequest, Progress } from '../shared/protocol.ts';
import { runInEngine } from './engine.ts';
import { type Command, type Given, type Option, UsageError } from './options.ts';
import { renderRun } from './report.ts';
import { bar, duration, number } from './text.ts';

const frameworks: readonly Framework[] = ['pytorch', 'keras', 'optax', 'paper'];

/** One option per hyper-parameter of any optimizer; switches get a `no-` form. */
const hyperOptions: readonly Option[] = [
  ...new Map(optimizers.flatMap(({ hyperparameters }) => hyperparameters).map((spec) => [spec.option, spec])).values(),
].flatMap((spec): Option[] => {
  if (spec.kind === 'boolean')
    return [
      { flag: spec.option, help: spec.description },
      { flag: `no-${spec.option}`, help: `without: ${spec.description}` },
    ];
  if (spec.kind === 'choice')
    return [{ flag: spec.option, value: 'text', choices: spec.choices, help: spec.description }];
  return [{ flag: spec.option, value: 'number', placeholder: 'X', help: spec.description }];
});

/** Where model and data are; shared by the commands that need them. */
export const problemOptions: readonly Option[] = [
  { flag: 'model', value: 'text', placeholder: 'M.onnx', help: 'the model' },
  {
    flag: 'weights',
    value: 'text',
    placeholder: 'FILE',
    help: 'values for its initializers, by name (safetensors or npz)',
  },
  {
    flag: 'data',
    value: 'text',
    placeholder: 'FILE',
    help: `samples and labels: ${dataSetFormats}`,
  },
  { flag: 'x', value: 'text', placeholder: 'FILE', help: 'samples alone (npy, IDX)' },
  { flag: 'y', value: 'text', placeholder: 'FILE', help: 'labels alone (npy, IDX)' },
  { flag: 'x-key', value: 'text', placeholder: 'NAME', help: 'array with the samples (default x)' },
  { flag: 'y-key', value: 'text', placeholder: 'NAME', help: 'array with the labels (default y)' },
  { flag: 'label', value: 'text', placeholder: 'COLUMN', help: 'label column of a table (default: the last)' },
  { flag: 'limit', value: 'count', placeholder: 'N', help: 'use the first N samples only' },
  { flag: 'scale', value: 'number', placeholder: 'S', help: 'multiply the samples by S, such as 1/255' },
  { flag: 'mean', value: 'numbers', placeholder: 'M[,M…]', help: 'subtract M, one number or one per channel' },
  { flag: 'std', value: 'numbers', placeholder: 'S[,S…]', help: 'divide by S, one number or one per channel' },
  { flag: 'loss', value: 'text', choices: lossNames, help: 'what is minimised (default: the only one that fits)' },
  {
    flag: 'freeze',
    value: 'text',
    placeholder: 'GLOB',
    repeat: true,
    help: 'initializers that do not train; * matches anything',
  },
  { flag: 'trainable', value: 'text', placeholder: 'GLOB', repeat: true, help: 'the only initializers that train' },
  {
    flag: 'batch-axis',
    value: 'text',
    placeholder: 'NAME=K',
    repeat: true,
    help: 'axis of an input that counts samples, where it is not the first one (0)',
  },
  { flag: 'batch-statistics', help: 'let BatchNormalization use the statistics of the batch' },
];

/** The options of `inspect`; a sweep takes most of them. */
export const inspectOptions: readonly Option[] = [
  ...problemOptions,
  { flag: 'sample', help: 'use the bundled sample: handwritten digits and a small network' },
  {
    flag: 'optimizer',
    value: 'text',
    choices: optimizers.map(({ name }) => name),
    placeholder: 'NAME',
    help: `one of ${optimizers.map(({ name }) => name).join(', ')} (default adam)`,
  },
  { flag: 'framework', value: 'text', choices: frameworks, help: 'whose defaults hold (default pytorch)' },
  ...hyperOptions,
  { flag: 'schedule', value: 'text', choices: scheduleKinds, help: 'learning-rate schedule (default constant)' },
  { flag: 'warmup', value: 'count', placeholder: 'N', help: 'linear warm-up over N steps' },
  {
    flag: 'schedule-steps',
    value: 'count',
    placeholder: 'N',
    help: 'length of a cosine or linear schedule (default: --steps)',
  },
  {
    flag: 'schedule-final',
    value: 'number',
    placeholder: 'H',
    help: 'final learning rate of a cosine or linear schedule (default 0)',
  },
  { flag: 'schedule-every', value: 'count', placeholder: 'N', help: 'period of a step schedule' },
  { flag: 'schedule-factor', value: 'number', placeholder: 'F', help: 'factor of a step schedule (default 0.1)' },
  { flag: 'steps', value: 'count', placeholder: 'N', help: 'steps to take (default 50)' },
  {
    flag: 'stage',
    value: 'text',
    placeholder: 'step|inf|K',
    help: 'n of the correction: the run’s own step (default), the limit, or K',
  },
  { flag: 'every', value: 'count', placeholder: 'K', help: 'compute the correction at every K-th step (default 1)' },
  { flag: 'dtype', value: 'text', choices: ['float32', 'float64'], help: 'precision (default: that of the model)' },
  {
    flag: 'micro-batch',
    value: 'count',
    placeholder: 'B',
    help: 'samples per pass (default: chosen for speed and memory)',
  },
  {
    flag: 'device',
    value: 'text',
    choices: ['auto', 'cpu', 'cuda', 'webgpu'],
    help: 'where to run (default auto: CUDA where it starts, else CPU)',
  },
  { flag: 'threads', value: 'count', placeholder: 'N', help: 'CPU threads (default: all cores)' },
  { flag: 'arrays', help: 'write gradient, q and correction of every parameter to arrays.npz' },
  { flag: 'out', value: 'text', placeholder: 'DIR', help: 'folder of the run (default: a new one below runs/)' },
  { flag: 'json', help: 'print the run as JSON' },
];

/** `optimizer-bias inspect`. */
export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'take real full-batch steps and compute the correction for every parameter',
  usage: ['optimizer-bias inspect --model M.onnx (--data D | --x X --y Y) [--optimizer adam] [--lr H] …'],
  options: inspectOptions,
  async run(given) {
    const request = requestOf(given);
    const last = await runInEngine({ type: 'inspect', request }, progressText);
    if (given.values.has('json')) await pipeline(jsonOf(last.folder), process.stdout, { end: false });
    else process.stdout.write(renderRun(readRun(last.folder)));
    return last.status === 'cancelled' ? 130 : 0;
  },
};

/** A run as JSON, piece by piece: a long one would not fit into one text. */
function* jsonOf(folder: string): Generator<string> {
  yield `{"folder":${JSON.stringify(folder)},"run":${JSON.stringify(readHeader(folder).header)},"steps":[`;
  let separator = '';
  for (const step of readSteps(folder)) {
    yield `${separator}${JSON.stringify(step)}`;
    separator = ',';
  }
  yield ']}\n';
}

function progressText({ phase, step, steps, loss, secondsLeft }: Progress): string {
  if (phase !== 'running') return phase === 'reading' ? 'Reading model and data …' : 'Building the program …';
  return `${bar(step / steps)} step ${step}/${steps}  loss ${number(loss)}  ${duration(secondsLeft ?? 0)} left`;
}

/** The request that a command line stands for. Throws a UsageError where something is missing. */
export function requestOf({ values }: Given): InspectRequest {
  const text = (name: string) => values.get(name) as string | undefined;
  const value = (name: string) => values.get(name) as number | undefined;
  const sample = values.has('sample');
  const model = text('model') ?? (sample ? join(samplePath(), 'digits.onnx') : undefined);
  if (model === undefined)
    throw new UsageError(
      '--model is missing.',
      'Try the bundled sample with --sample, or see optimizer-bias inspect --help.',
    );
  const data = text('data') ?? (sample && text('x') === undefined ? join(samplePath(), 'digits.npz') : undefined);
  const name = text('optimizer') ?? 'adam';
  const hyper: Record<string, number | boolean | string> = {};
  for (const spec of optimizerNamed(name).hyperparameters) {
    if (spec.kind === 'boolean') {
      if (values.has(spec.option)) hyper[spec.name] = true;
      if (values.has(`no-${spec.option}`)) hyper[spec.name] = false;
    } else if (values.has(spec.option)) hyper[spec.name] = values.get(spec.option) as number | string;
  }
  const accepted = new Set(optimizerNamed(name).hyperparameters.flatMap(({ option }) => [option, `no-${option}`]));
  const foreign = hyperOptions.find(({ flag }) => values.has(flag) && !accepted.has(flag));
  if (foreign)
    throw new UsageError(
      `--${foreign.flag} is no hyper-parameter of ${optimizerNamed(name).title}.`,
      `It has ${optimizerNamed(name)
        .hyperparameters.map(({ option }) => `--${option}`)
        .join(', ')}.`,
    );
  const every = value('every') ?? 1;
  if (every === 0) throw new UsageError('--every needs a whole number of at least 1.');
  if (value('limit') === 0) throw new UsageError('--limit needs a whole number of at least 1.');
  if (value('micro-batch') === 0) throw new UsageError('--micro-batch needs a whole number of at least 1.');
  return {
    directory: process.cwd(),
    model,
    weights: text('weights'),
    data,
    x: text('x'),
    y: text('y'),
    xKey: text('x-key'),
    yKey: text('y-key'),
    label: text('label'),
    limit: value('limit'),
    scale: value('scale'),
    mean: values.get('mean') as number[] | undefined,
    std: values.get('std') as number[] | undefined,
    loss: text('loss'),
    optimizer: name,
    framework: text('framework') ?? 'pytorch',
    hyper,
    schedule: scheduleOf(values),
    steps: value('steps') ?? 50,
    every,
    stage: stageOf(text('stage')),
    dtype: text('dtype') as 'float32' | 'float64' | undefined,
    microBatch: value('micro-batch'),
    device: (text('device') ?? 'auto') as InspectRequest['device'],
    threads: value('threads') || undefined,
    batchStatistics: values.has('batch-statistics'),
    batchAxes: values.get('batch-axis') as string[] | undefined,
    freeze: (values.get('freeze') as string[] | undefined) ?? [],
    trainable: (values.get('trainable') as string[] | undefined) ?? [],
    arrays: values.has('arrays'),
    out: text('out'),
  };
}

/** The bundled sample lies beside the bundled program. */
const samplePath = (): string => join(__dirname, '..', 'media', 'sample');

function scheduleOf(values: Given['values']): InspectRequest['schedule'] {
  const number_ = (name: string) => values.get(name) as number | undefined;
  const kind = values.get('schedule') as (typeof scheduleKinds)[number] | undefined;
  if (kind === undefined && !values.has('warmup')) return undefined;
  return {
    kind: kind ?? 'constant',
    warmup: number_('warmup'),
    steps: number_('schedule-steps'),
    final: number_('schedule-final'),
    every: number_('schedule-every'),
    factor: number_('schedule-factor'),
  };
}

function stageOf(text: string | undefined): InspectRequest['stage'] {
  if (text === undefined || text === 'step') return 'step';
  if (text === 'inf') return 'inf';
  const step = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(step))
    throw new UsageError(`--stage is "${text}".`, 'It must be step, inf or a step index such as 100.');
  return step;
}

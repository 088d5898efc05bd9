import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { planRun, planText } from '../jobs/plan.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { readSteps } from '../runStore/steps.ts';
import { readHeader, readRun } from '../runStore/store.ts';
import { checkRequest } from '../shared/checkRequest.ts';
import type { InspectRequest, Progress } from '../shared/protocol.ts';
import { inspectSettings } from '../shared/request.ts';
import { runInEngine } from './engine.ts';
import { parseGroup } from './groups.ts';
import { type Command, type Given, type Option, UsageError } from './options.ts';
import { renderRun } from './report.ts';
import { defaultsText, ofScript, scriptBeside, scriptNamed, withScript } from './script.ts';
import { hyperFrom, hyperOptions, hyperOptionsOf, optionsFor, settingsFrom } from './settings.ts';
import { bar, duration, number, thousands } from './text.ts';

const defaultOptimizer = inspectSettings.optimizer.default;

/** The settings of model and data. */
const problemKeys: readonly string[] = [
  ...['model', 'weights', 'data', 'x', 'y', 'xKey', 'yKey', 'label', 'limit', 'scale', 'mean', 'std', 'output', 'loss'],
  ...['freeze', 'trainable', 'batchAxes', 'batchStatistics'],
];

/** Where model and data are; shared by the commands that need them. */
export const problemOptions: readonly Option[] = optionsFor((key) => problemKeys.includes(key));

/** The options of `inspect`; a sweep takes most of them. */
export const inspectOptions: readonly Option[] = [
  ...problemOptions,
  { flag: 'sample', help: 'use the bundled sample: handwritten digits and a small network' },
  ...optionsFor((key) => key === 'optimizer' || key === 'framework'),
  ...hyperOptions,
  ...optionsFor((key) => !problemKeys.includes(key) && key !== 'optimizer' && key !== 'framework'),
  { flag: 'json', help: 'print the run as JSON' },
];

/** The help of a command with hyper-parameters shows those of the optimizer that is given with it. */
export const ofOptimizer = (options: readonly Option[], values: Given['values']): readonly Option[] => {
  const own = hyperOptionsOf(optimizerNamed((values.get('optimizer') as string | undefined) ?? defaultOptimizer));
  const isHyper = new Set(hyperOptions.map(({ flag }) => flag));
  return values.has('optimizer')
    ? options.flatMap((option) =>
        option.flag === 'framework' ? [option, ...own] : isHyper.has(option.flag) ? [] : option,
      )
    : options;
};

const ownOptions: readonly Option[] = [
  ...inspectOptions,
  {
    flag: 'dry-run',
    help: 'say what the run will take (operations, time, memory) after a few timed steps, and write nothing',
  },
  {
    flag: 'script',
    value: 'text',
    placeholder: 'FILE',
    help: 'take optimizer, hyper-parameters and groups from this script or configuration file, where no option gives them',
  },
];

/** `optimizer-bias inspect`. */
export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'take real steps, on all samples or on mini-batches, and compute the correction for every parameter',
  usage: ['optimizer-bias inspect --model M.onnx (--data D | --x X --y Y) [--optimizer adam] [--lr H] …'],
  options: ownOptions,
  shown: (values) => ofOptimizer(ownOptions, values),
  async run(given) {
    const script = given.values.get('script') as string | undefined;
    const named = script === undefined ? undefined : await scriptNamed(script);
    const request = named
      ? withScript(requestOf(ofScript(given, named)), named, given.values.has('framework'))
      : requestOf(given);
    if (given.values.has('dry-run')) {
      const plan = await planRun(request);
      process.stdout.write(`${given.values.has('json') ? JSON.stringify(plan) : planText(plan, request)}\n`);
      return 0;
    }
    const isAlone = script === undefined && !given.values.has('sample');
    const found = isAlone ? await scriptBeside(request.model) : undefined;
    const last = await runInEngine({ type: 'inspect', request }, progressText);
    if (given.values.has('json')) await pipeline(jsonOf(last.folder), process.stdout, { end: false });
    else {
      const run = readRun(last.folder);
      const taken = given.values.has('sample') ? '' : defaultsText(request, run.header.optimizer.hyper, found);
      process.stdout.write(renderRun(run, taken));
    }
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
  return `${bar(step / steps)} step ${thousands(step)}/${thousands(steps)}  loss ${number(loss)}  ${duration(secondsLeft ?? 0)} left`;
}

/** The request that a command line stands for. Throws a UsageError where something is missing. */
export function requestOf({ values }: Given): InspectRequest {
  const text = (name: string) => values.get(name) as string | undefined;
  const sample = values.has('sample');
  const model = text('model') ?? (sample ? join(samplePath(), 'digits.onnx') : undefined);
  if (model === undefined)
    throw new UsageError(
      '--model is missing.',
      'Try the bundled sample with --sample, or see optimizer-bias inspect --help.',
    );
  const data = text('data') ?? (sample && text('x') === undefined ? join(samplePath(), 'digits.npz') : undefined);
  const optimizer = text('optimizer') ?? defaultOptimizer;
  const found = optimizerNamed(optimizer);
  const { title, hyperparameters } = found;
  const accepted = new Set(hyperparameters.flatMap(({ option }) => [option, `no-${option}`]));
  const foreign = hyperOptions.find(({ flag }) => values.has(flag) && !accepted.has(flag));
  if (foreign)
    throw new UsageError(
      `--${foreign.flag} is no hyper-parameter of ${title}.`,
      `It has ${hyperparameters.map(({ option }) => `--${option}`).join(', ')}.`,
    );
  const given = settingsFrom(values);
  const schedule = given.schedule && { kind: 'constant', ...(given.schedule as object) };
  const groups = (given.groups as readonly string[] | undefined)?.map((group) => parseGroup(group, found));
  return checkRequest({
    ...{ ...given, schedule, groups, model, data, optimizer },
    directory: process.cwd(),
    hyper: hyperFrom(values, optimizer),
  });
}

/** The bundled sample lies beside the bundled program. */
const samplePath = (): string => join(__dirname, '..', 'media', 'sample');

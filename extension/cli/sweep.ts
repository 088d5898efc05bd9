import { resolve } from 'node:path';
import { readSweep } from '../jobs/sweepFolder.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { quoteName } from '../shared/errors.ts';
import type { SweepAxis, SweepRequest } from '../shared/experiments.ts';
import { runInEngine } from './engine.ts';
import { inspectOptions, ofOptimizer, requestOf } from './inspect.ts';
import { type Command, type Given, type Option, UsageError } from './options.ts';
import { aboutPlan, planInstead, planOptions, withoutPlan } from './plan.ts';
import { tellResult } from './results.ts';
import { withoutDetails } from './submit.ts';
import { withTaskSize } from './taskSize.ts';
import { bar, duration } from './text.ts';

/** Options of `inspect` that make no sense here. */
const foreign: readonly string[] = ['arrays', 'stage', 'out', 'json'];

const own: readonly Option[] = [
  {
    flag: 'sweep',
    value: 'text',
    repeat: true,
    placeholder: 'NAME=V,V…',
    help: 'values of a hyper-parameter, such as beta2=0.9,0.99,0.999; several give all combinations',
  },
  { flag: 'together', help: 'take the k-th value of each --sweep together instead of all combinations' },
  {
    flag: 'seeds',
    value: 'numbers',
    placeholder: 'S,S…',
    help: '0: the model’s own weights (default); others: drawn anew',
  },
  { flag: 'test-data', value: 'text', placeholder: 'FILE', help: 'test set, like --data' },
  { flag: 'test-x', value: 'text', placeholder: 'FILE', help: 'samples of the test set alone' },
  { flag: 'test-y', value: 'text', placeholder: 'FILE', help: 'labels of the test set alone' },
  {
    flag: 'test-every',
    value: 'count',
    placeholder: 'N',
    help: 'evaluate the test set every N steps (default: 20 times)',
  },
  ...inspectOptions.filter(({ flag }) => !foreign.includes(flag)),
  {
    flag: 'out',
    value: 'text',
    placeholder: 'DIR',
    help: 'folder of the sweep (default: a new one below runs/); one that was begun there is continued',
  },
  {
    flag: 'resume',
    value: 'text',
    placeholder: 'DIR',
    help: 'continue the sweep in that folder, with its own settings',
  },
  { flag: 'json', help: 'print the results as JSON' },
];

const options = withTaskSize(own, planOptions);

/** `optimizer-bias sweep`. */
export const sweepCommand: Command = {
  name: 'sweep',
  summary: 'run several hyper-parameters on one loaded program and compare them',
  usage: [
    'optimizer-bias sweep --model M.onnx --data D --sweep beta2=0.9,0.99,0.999 [--sweep lr=…] [--seeds 0,1,2] …',
    'optimizer-bias sweep --resume DIR',
  ],
  options,
  shown: (values) => withoutDetails(ofOptimizer(options, values), values),
  async run(given) {
    const planned =
      (await aboutPlan(given)) ??
      (await planInstead(given, () => ({ kind: 'sweep', request: sweepRequestOf(withoutPlan(given)) })));
    if (planned !== undefined) return planned;
    const request = sweepRequestOf(given);
    const last = await runInEngine({ type: 'sweep', request }, ({ phase, step, steps, secondsLeft }) =>
      phase === 'running'
        ? `${bar(step / steps)} point ${Math.floor(step) + 1}/${steps}  ${duration(secondsLeft ?? 0)} left`
        : 'Reading model and data …',
    );
    tellResult('sweep', last.folder, given.values.has('json'));
    if (last.status === 'finished') return 0;
    process.stderr.write(`Cancelled. Continue with: optimizer-bias sweep --resume ${last.folder}\n`);
    return 130;
  },
};

/** The request that a command line stands for. Throws a UsageError where something is missing. */
export function sweepRequestOf({ values, positionals }: Given): SweepRequest {
  const text = (name: string) => values.get(name) as string | undefined;
  const resumed = text('resume');
  if (resumed !== undefined) {
    const others = [...values.keys()].filter((flag) => !['resume', 'json', 'threads', 'verbose'].includes(flag));
    if (others.length > 0)
      throw new UsageError(
        `--resume takes all settings from the sweep, but --${others[0]} is given too.`,
        'Leave it out.',
      );
    const { request } = readSweep(resumed);
    return { ...request, out: resolve(resumed) };
  }
  const base = requestOf({ values: new Map([...values].filter(([flag]) => flag !== 'out')), positionals });
  const axes = ((values.get('sweep') as readonly string[] | undefined) ?? []).map((given) =>
    axisOf(given, base.optimizer),
  );
  const twice = axes.find(({ name }, i) => axes.findIndex((axis) => axis.name === name) < i);
  if (twice) throw new UsageError(`--sweep ${twice.name} is given twice.`, 'List all its values in one.');
  const fixed = axes.find(({ name }) => name in base.hyper);
  if (fixed) throw new UsageError(`${fixed.name} is both swept and set.`, 'Leave one of the two out.');
  const seeds = (values.get('seeds') as readonly number[] | undefined) ?? [0];
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0) || new Set(seeds).size < seeds.length)
    throw new UsageError(`--seeds is ${seeds.join(',')}.`, 'It needs different whole numbers of at least 0.');
  const test = { data: text('test-data'), x: text('test-x'), y: text('test-y') };
  const testEvery = values.get('test-every') as number | undefined;
  if (testEvery === 0) throw new UsageError('--test-every needs a whole number of at least 1.');
  return {
    base,
    axes,
    together: values.has('together'),
    seeds,
    test: Object.values(test).some((value) => value !== undefined) ? test : undefined,
    testEvery,
    out: text('out') === undefined ? undefined : resolve(text('out')!),
  };
}

/** `beta2=0.9,0.99` with names as options or as PyTorch's arguments. */
function axisOf(given: string, optimizer: string): SweepAxis {
  const { title, hyperparameters } = optimizerNamed(optimizer);
  const equals = given.indexOf('=');
  const name = given.slice(0, Math.max(0, equals)).trim();
  const spec = hyperparameters.find((each) => each.name === name || each.option === name);
  if (equals < 0 || !spec)
    throw new UsageError(
      `--sweep ${quoteName(given)} names no hyper-parameter of ${title}.`,
      `Write NAME=VALUE,VALUE… with one of ${hyperparameters.map(({ option }) => option).join(', ')}.`,
    );
  const values = given
    .slice(equals + 1)
    .split(',')
    .map((part) => {
      const trimmed = part.trim();
      if (spec.kind === 'choice') return trimmed;
      if (spec.kind === 'boolean' && ['true', 'false'].includes(trimmed)) return trimmed === 'true';
      const value = Number(trimmed);
      if (spec.kind === 'boolean' || trimmed === '' || !Number.isFinite(value))
        throw new UsageError(
          `--sweep ${name} has the value ${quoteName(part)}.`,
          spec.kind === 'boolean' ? 'It is true or false.' : 'It needs numbers separated by commas.',
        );
      return value;
    });
  if (new Set(values).size < values.length)
    throw new UsageError(`--sweep ${name} has a value twice.`, 'Use --seeds to repeat a setting.');
  return { name: spec.name, values };
}

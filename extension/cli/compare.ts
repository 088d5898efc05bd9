import { resolve } from 'node:path';
import { readCompare } from '../jobs/compareFolder.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { quoteName } from '../shared/errors.ts';
import type { CompareRequest } from '../shared/experiments.ts';
import { runInEngine } from './engine.ts';
import { inspectOptions, ofOptimizer, requestOf } from './inspect.ts';
import { type Command, type Given, type Option, UsageError } from './options.ts';
import { aboutPlan, planInstead, planOptions, withoutPlan } from './plan.ts';
import { tellResult } from './results.ts';
import { withoutDetails } from './submit.ts';
import { withTaskSize } from './taskSize.ts';
import { bar, duration } from './text.ts';

/** Options of `inspect` that make no sense here. */
const foreign: readonly string[] = ['arrays', 'stage', 'out', 'json', 'seed', 'save-state', 'state'];

const defaultSeeds = [0, 1, 2, 3];

const own: readonly Option[] = [
  {
    flag: 'try',
    value: 'text',
    repeat: true,
    placeholder: 'NAME=V,V…',
    help: 'settings to hold against yours, such as beta2=0.9,0.95; beta1=0.95+beta2=0.95 changes two together',
  },
  {
    flag: 'seeds',
    value: 'numbers',
    placeholder: 'S,S…',
    help: `orders of the mini-batches; without --batch-size initial weights, 0 the model’s own (default ${defaultSeeds.join(',')})`,
  },
  { flag: 'unpaired', help: 'give every setting orders of its own instead of the same' },
  { flag: 'test-data', value: 'text', placeholder: 'FILE', help: 'test set, like --data' },
  { flag: 'test-x', value: 'text', placeholder: 'FILE', help: 'samples of the test set alone' },
  { flag: 'test-y', value: 'text', placeholder: 'FILE', help: 'labels of the test set alone' },
  {
    flag: 'test-every',
    value: 'count',
    placeholder: 'N',
    min: 1,
    help: 'evaluate the test set every N steps (default: 20 times)',
  },
  ...inspectOptions.filter(({ flag }) => !foreign.includes(flag)),
  {
    flag: 'out',
    value: 'text',
    placeholder: 'DIR',
    help: 'folder of the comparison (default: a new one below runs/); one that was begun there is continued',
  },
  {
    flag: 'resume',
    value: 'text',
    placeholder: 'DIR',
    help: 'continue the comparison in that folder, with its own settings',
  },
  { flag: 'json', help: 'print the results as JSON' },
];

const options = withTaskSize(own, planOptions);

/** `optimizer-bias compare`. */
export const compareCommand: Command = {
  name: 'compare',
  summary: 'measure how other settings differ from yours, on the same orders, with intervals',
  usage: [
    'optimizer-bias compare --model M.onnx --data D --try beta2=0.9,0.95 [--batch-size B] [--seeds 0,1,2,3] …',
    'optimizer-bias compare --resume DIR',
  ],
  options,
  shown: (values) => withoutDetails(ofOptimizer(options, values), values),
  async run(given) {
    const planned =
      (await aboutPlan(given)) ??
      (await planInstead(given, () => ({ kind: 'compare', request: compareRequestOf(withoutPlan(given)) })));
    if (planned !== undefined) return planned;
    const request = compareRequestOf(given);
    const last = await runInEngine({ type: 'compare', request }, ({ phase, step, steps, secondsLeft }) =>
      phase === 'running'
        ? `${bar(step / steps)} run ${step}/${steps}${secondsLeft === undefined ? '' : `  ${duration(secondsLeft)} left`}`
        : 'Reading model and data …',
    );
    tellResult('compare', last.folder, given.values.has('json'));
    if (last.status === 'finished') return 0;
    process.stderr.write(`Cancelled. Continue with: optimizer-bias compare --resume ${last.folder}\n`);
    return 130;
  },
};

/** The request that a command line stands for. Throws a UsageError where something is missing. */
export function compareRequestOf({ values, positionals }: Given): CompareRequest {
  const text = (name: string) => values.get(name) as string | undefined;
  const resumed = text('resume');
  if (resumed !== undefined) {
    const others = [...values.keys()].filter((flag) => !['resume', 'json', 'threads', 'verbose'].includes(flag));
    if (others.length > 0)
      throw new UsageError(
        `--resume takes all settings from the comparison, but --${others[0]} is given too.`,
        'Leave it out.',
      );
    return { ...readCompare(resumed).request, out: resolve(resumed) };
  }
  const base = requestOf({ values: new Map([...values].filter(([flag]) => flag !== 'out')), positionals });
  const settings = ((values.get('try') as readonly string[] | undefined) ?? []).flatMap((given) =>
    settingsIn(given, base.optimizer),
  );
  if (settings.length === 0)
    throw new UsageError(
      '--try is missing.',
      'Say what to hold against your setting, for example --try beta2=0.9,0.95.',
    );
  const seeds = (values.get('seeds') as readonly number[] | undefined) ?? defaultSeeds;
  if (seeds.some((seed) => !Number.isSafeInteger(seed) || seed < 0) || new Set(seeds).size < seeds.length)
    throw new UsageError(`--seeds is ${seeds.join(',')}.`, 'It needs different whole numbers of at least 0.');
  const test = { data: text('test-data'), x: text('test-x'), y: text('test-y') };
  return {
    ...{ base, settings, seeds },
    ...(values.has('unpaired') && { unpaired: true }),
    test: Object.values(test).some((value) => value !== undefined) ? test : undefined,
    testEvery: values.get('test-every') as number | undefined,
    out: text('out') === undefined ? undefined : resolve(text('out')!),
  };
}

/** `beta2=0.9,0.99`, one setting for each value; `beta1=0.9+beta2=0.9`, one with several changes. */
function settingsIn(given: string, optimizer: string): Record<string, number | boolean | string>[] {
  const { title, hyperparameters } = optimizerNamed(optimizer);
  const changes = given.split('+').map((part) => {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals)).trim();
    const spec = hyperparameters.find((each) => each.name === name || each.option === name);
    if (equals < 0 || !spec)
      throw new UsageError(
        `--try ${quoteName(part)} names no hyper-parameter of ${title}.`,
        `Write NAME=VALUE,VALUE… with one of ${hyperparameters.map(({ option }) => option).join(', ')}.`,
      );
    const values = part
      .slice(equals + 1)
      .split(',')
      .map((each) => {
        const value = each.trim();
        if (spec.kind === 'choice') return value;
        if (spec.kind === 'boolean' && ['true', 'false'].includes(value)) return value === 'true';
        if (spec.kind === 'boolean' || value === '' || !Number.isFinite(Number(value)))
          throw new UsageError(
            `--try ${name} has the value ${quoteName(each)}.`,
            spec.kind === 'boolean' ? 'It is true or false.' : 'It needs numbers separated by commas.',
          );
        return Number(value);
      });
    return { name: spec.name, values };
  });
  if (changes.length === 1) return changes[0].values.map((value) => ({ [changes[0].name]: value }));
  const several = changes.find(({ values }) => values.length > 1);
  if (several)
    throw new UsageError(`--try ${quoteName(given)} changes several at once.`, 'Give one value for each of them.');
  return [Object.fromEntries(changes.map(({ name, values }) => [name, values[0]]))];
}

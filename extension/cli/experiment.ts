import { resolve } from 'node:path';
import type { Experiment } from '../experiments/experiment.ts';
import { experimentNamed, experiments } from '../experiments/registry.ts';
import { readExperiment } from '../jobs/store.ts';
import type { ExperimentRequest, ParameterSpec, ParameterValue } from '../shared/experiments.ts';
import { optionOf } from '../shared/request.ts';
import { onCommandLine } from '../shared/words.ts';
import { runInEngine } from './engine.ts';
import { type Command, type Given, type Option, parseCommand, UsageError } from './options.ts';
import { aboutPlan, isAboutPlan, planInstead, planningOptions, pointOptions } from './plan.ts';
import { tellResult } from './results.ts';
import { submitOptions, withoutDetails } from './submit.ts';
import { bar, duration } from './text.ts';

/** Options that every experiment has. */
const shared: readonly Option[] = [
  { flag: 'threads', value: 'count', placeholder: 'N', help: 'CPU threads (default: all cores)' },
  { flag: 'out', value: 'text', placeholder: 'DIR', help: 'folder of the results (default: a new one below runs/)' },
  ...planningOptions,
  ...submitOptions,
  { flag: 'json', help: 'print the results as JSON' },
];

/** `optimizer-bias experiment`: the first argument chooses, and the experiment's parameters are the options. */
export const experimentCommand: Command = {
  name: 'experiment',
  summary: 'reproduce a figure of the papers, on bundled or your own data; without a name: list them',
  usage: ['optimizer-bias experiment NAME [options]', 'optimizer-bias experiment --resume DIR [--json]'],
  async run({ positionals: [name, ...rest] }) {
    if (name === undefined || name === '--help' || name === '-h') {
      process.stdout.write(overview());
      return 0;
    }
    if (name === '--json') {
      const list = experiments.map(({ run: _run, ...description }) => description);
      process.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
      return 0;
    }
    if (isAboutPlan([name])) {
      const given = parseCommand({ ...experimentCommand, options: resumeOptions }, [name, ...rest]);
      return (await aboutPlan(given)) ?? (await run(...resumed(given)));
    }
    if (name.startsWith('-')) throw new UsageError(`The name of the experiment comes first.\n\n${overview()}`);
    const experiment = experimentNamed(name);
    const given = parseCommand(commandOf(experiment), rest);
    const { values } = given;
    const parameters = Object.fromEntries(
      Object.keys(experiment.parameters).flatMap((key) =>
        values.has(optionOf(key)) ? [[key, values.get(optionOf(key)) as ParameterValue]] : [],
      ),
    );
    const out = values.get('out') as string | undefined;
    const request = { name, directory: process.cwd(), parameters, out };
    const planned = await planInstead(given, () => ({ kind: 'experiment', request }));
    return planned ?? (await run(request, given));
  },
};

const overview = (): string =>
  [
    ...experiments.map(
      ({ name, title, figure }) => `  optimizer-bias experiment ${name.padEnd(18)} ${title} (${figure})`,
    ),
    '',
    'optimizer-bias experiment NAME --help shows the options of an experiment.',
    'optimizer-bias experiment --resume DIR continues one that was stopped, without repeating what it finished.',
    '',
  ].join('\n');

/** The options of what goes on in a folder. */
const resumeOptions: readonly Option[] = [
  { flag: 'resume', value: 'text', placeholder: 'DIR', help: 'folder of an experiment that was stopped' },
  ...shared.filter(({ flag }) => flag === 'threads' || flag === 'json' || flag === 'group'),
  ...pointOptions,
  ...submitOptions,
];

/** The request that continues what is in a folder. */
function resumed(given: Given): [ExperimentRequest, Given] {
  const folder = resolve(given.values.get('resume') as string);
  const { name, directory = process.cwd(), parameters } = readExperiment(folder);
  return [{ name, directory, parameters, out: folder }, given];
}

/** The command line of one experiment. */
function commandOf(experiment: Experiment): Command {
  const options = [...Object.entries(experiment.parameters).map(([key, spec]) => optionFor(key, spec)), ...shared];
  return {
    name: `experiment ${experiment.name}`,
    summary: `${experiment.title}: ${experiment.summary}. ${experiment.figure}.`,
    usage: [`optimizer-bias experiment ${experiment.name} [options]`],
    options,
    shown: (values) => withoutDetails(options, values),
    run: async () => 0,
  };
}

function optionFor(key: string, { kind, default: standard, choices, help }: ParameterSpec): Option {
  const values: Record<ParameterSpec['kind'], Option['value']> = {
    number: 'number',
    count: 'count',
    numbers: 'numbers',
    choice: 'text',
    switch: undefined,
    file: 'text',
    text: 'text',
  };
  const placeholders: Partial<Record<ParameterSpec['kind'], string>> = {
    number: 'X',
    count: 'N',
    numbers: 'X[,X…]',
    file: 'FILE',
  };
  const shownDefault =
    standard === undefined || typeof standard === 'boolean' ? '' : ` (default ${[standard].flat().join(',')})`;
  return {
    flag: optionOf(key),
    value: values[kind],
    choices,
    placeholder: placeholders[kind],
    help: `${onCommandLine(help)}${shownDefault}`,
  };
}

async function run(request: ExperimentRequest, { values }: Given): Promise<number> {
  const threads = (values.get('threads') as number | undefined) || undefined;
  const last = await runInEngine(
    { type: 'experiment', request: { ...request, threads } },
    ({ step, steps, secondsLeft }) =>
      `${request.name} ${bar(step / steps)} ${step} %${secondsLeft === undefined ? '' : `  ${duration(secondsLeft)} left`}`,
  );
  tellResult('experiment', last.folder, values.has('json'));
  if (last.status !== 'cancelled') return 0;
  process.stderr.write(`Cancelled. Continue with: optimizer-bias experiment --resume ${last.folder}\n`);
  return 130;
}

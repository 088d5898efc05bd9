import { basename, posix } from 'node:path';
import { rangesOf } from '../plans/arrays.ts';
import { quoted } from '../plans/commands.ts';
import { jobText, newJob, submitKubernetes } from '../plans/kubernetes.ts';
import { defaultMount, type KubernetesOptions } from '../plans/kubernetesJob.ts';
import { checkVersion, readPlan } from '../plans/plan.ts';
import { scheduledStatus, tasksToSubmit } from '../plans/schedulers.ts';
import { newScript, submitSlurm } from '../plans/slurm.ts';
import type { SlurmOptions } from '../plans/slurmScript.ts';
import { type QueuedTask, type Scheduler, submissionsOf } from '../plans/submissions.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { programCommand } from './command.ts';
import { type Option, type OptionValue, UsageError } from './options.ts';
import { taskSize } from './taskSize.ts';

type Values = ReadonlyMap<string, OptionValue>;

/** How tasks are handed over. */
const handing: readonly Option[] = [
  {
    flag: 'submit',
    value: 'text',
    choices: ['slurm', 'kubernetes', 'print'],
    help: 'hand what is missing of a plan to a cluster and exit; print: show what would be handed over',
  },
];

/** What every scheduler is asked. */
const ofBoth: readonly Option[] = [
  {
    flag: 'for',
    value: 'text',
    choices: ['slurm', 'kubernetes'],
    help: 'of --submit print: for which scheduler (default slurm)',
  },
  {
    flag: 'program',
    value: 'text',
    placeholder: 'COMMAND',
    help: 'what starts this program there (default: SLURM as here, Kubernetes optimizer-bias)',
  },
  { flag: 'throttle', value: 'count', min: 1, placeholder: 'N', help: 'tasks that may run at a time (default: all)' },
];

const ofSlurm: readonly Option[] = [
  { flag: 'partition', value: 'text', placeholder: 'NAME', help: 'SLURM: partition' },
  { flag: 'time', value: 'text', placeholder: 'TIME', help: 'SLURM: limit of a task, such as 30 (minutes) or 4:00:00' },
  { flag: 'cpus-per-task', value: 'count', min: 1, placeholder: 'N', help: 'SLURM: processors of a task' },
  { flag: 'mem', value: 'text', placeholder: 'SIZE', help: 'SLURM: memory of a task, such as 8G' },
  { flag: 'gres', value: 'text', placeholder: 'LIST', help: 'SLURM: other resources, such as gpu:1' },
  { flag: 'account', value: 'text', placeholder: 'NAME', help: 'SLURM: account' },
  {
    flag: 'signal-ahead',
    value: 'count',
    min: 1,
    max: 65_535,
    placeholder: 'SECONDS',
    help: 'SLURM: how long before its limit a task is told to stop (default 60, at most half of --time)',
  },
  {
    flag: 'sbatch',
    value: 'text',
    repeat: true,
    placeholder: 'OPTION',
    help: "SLURM: any other option of sbatch: --sbatch '--constraint=icelake'",
  },
];

const ofKubernetes: readonly Option[] = [
  { flag: 'image', value: 'text', placeholder: 'IMAGE', help: 'Kubernetes: image that holds this program' },
  { flag: 'claim', value: 'text', placeholder: 'NAME', help: 'Kubernetes: persistent volume claim with the plan' },
  {
    flag: 'mount',
    value: 'text',
    placeholder: 'PATH',
    help: `Kubernetes: where the claim is in the container (default ${defaultMount})`,
  },
  {
    flag: 'plan-path',
    value: 'text',
    placeholder: 'PATH',
    help: 'Kubernetes: the plan’s folder in the container (default: its name, below --mount)',
  },
  { flag: 'namespace', value: 'text', placeholder: 'NAME', help: 'Kubernetes: namespace' },
  {
    flag: 'resource',
    value: 'text',
    repeat: true,
    placeholder: 'NAME=AMOUNT',
    help: 'Kubernetes: request and limit of a task, such as cpu=4, memory=8Gi or nvidia.com/gpu=1',
  },
  {
    flag: 'retries',
    value: 'count',
    placeholder: 'N',
    help: 'Kubernetes: further attempts at a task that fails (default 2)',
  },
  { flag: 'patch', value: 'text', placeholder: 'FILE', help: 'Kubernetes: YAML or JSON that is merged into the Job' },
];

const details: readonly Option[] = [...ofBoth, ...ofSlurm, ...ofKubernetes];

/** Options of submitting a plan. */
export const submitOptions: readonly Option[] = [...handing, ...details];

/** What help shows of options: how a cluster is asked only beside --submit. */
export const withoutDetails = (options: readonly Option[], values: Values): readonly Option[] =>
  values.has('submit') ? options : options.filter(({ flag }) => !details.some((each) => each.flag === flag));

/** Refuses what only a submission has, where nothing is submitted. Throws a UsageError. */
export function refuseIdle(values: Values): void {
  const idle = values.has('submit') ? undefined : details.find(({ flag }) => values.has(flag));
  if (idle) throw new UsageError(`--${idle.flag} needs --submit slurm, --submit kubernetes or --submit print.`);
}

/** How a plan is handed over: to whom, or only shown. */
interface Handing {
  readonly scheduler: Scheduler;
  readonly print: boolean;
}

/** Throws a UsageError for options that do not go together. */
function handingOf(values: Values): Handing {
  const submit = values.get('submit') as Scheduler | 'print';
  const shown = values.get('for') as Scheduler | undefined;
  if (submit !== 'print' && shown !== undefined)
    throw new UsageError('--for needs --submit print.', `Leave it out: --submit ${submit} says for whom.`);
  const scheduler = submit === 'print' ? (shown ?? 'slurm') : submit;
  const foreign = (scheduler === 'slurm' ? ofKubernetes : ofSlurm).find(({ flag }) => values.has(flag));
  if (foreign)
    throw new UsageError(
      `--${foreign.flag} is no option of ${scheduler === 'slurm' ? 'SLURM' : 'Kubernetes'}.`,
      `Leave it out, or submit to ${scheduler === 'slurm' ? 'kubernetes' : 'slurm'}.`,
    );
  return { scheduler, print: submit === 'print' };
}

/** Checks what can be checked before there is a plan. Throws a UsageError. */
export function checkSubmit(values: Values): void {
  const { scheduler } = handingOf(values);
  if (scheduler === 'kubernetes') kubernetesOptions(values);
}

/**
 * Hands the tasks of a plan that are missing or failed to a scheduler, with the options of the last time where none are given, and
 * says what to do next; returns the exit code. Throws an InspectorError where that is not possible.
 */
export function submitPlan(folder: string, given: Values): number {
  const { scheduler, print } = handingOf(given);
  const plan = readPlan(folder);
  const { status, silent } = scheduledStatus(folder, plan);
  if (silent.includes(scheduler) && !print)
    throw new InspectorError(
      `${scheduler === 'slurm' ? 'squeue' : 'kubectl'} does not answer: what of the plan is already waiting or running cannot be told.`,
      'Try again where it answers.',
    );
  const group = taskSize(given) ?? plan.group;
  const tasks = tasksToSubmit(status, group);
  if (tasks.length === 0) {
    const { done, running, queued } = status.counts;
    const place = quoted(folder);
    process.stdout.write(
      `Nothing to submit: ${done} of ${status.points.length} points are done, ${running + queued} are running or queued.\nIts result: optimizer-bias --collect ${place}\n`,
    );
    return 0;
  }
  const values = new Map([...lastAsked(folder, scheduler), ...given]);
  // What is started there is this program, unless it is said.
  if (scheduler === 'slurm' && !values.has('program')) checkVersion(folder, plan);
  const asked = Object.fromEntries(
    [...values].filter(([flag]) => remembered(scheduler).some((each) => each.flag === flag)),
  );
  if (scheduler === 'slurm') {
    const program = (values.get('program') as string | undefined) ?? programCommand();
    const { threads } = plan.numerics;
    const what = [{ folder, tasks, group, program }, slurmOptions(values, threads), asked] as const;
    if (print) process.stdout.write(newScript(...what).script);
    else tell(folder, scheduler, tasks, submitSlurm(...what), values);
    tellThreads(threads, values.get('cpus-per-task') as number | undefined);
    return 0;
  }
  const options = kubernetesOptions(values);
  const program = (values.get('program') as string | undefined) ?? 'optimizer-bias';
  const place = placeInContainer(folder, values);
  const what = [folder, { folder: place, tasks, group, program }, options, asked] as const;
  if (print) process.stdout.write(jobText(newJob(...what).job));
  else tell(folder, scheduler, tasks, submitKubernetes(...what), values);
  return 0;
}

/** Says what was submitted, and what to do next. */
function tell(folder: string, scheduler: Scheduler, tasks: readonly number[], job: string, values: Values): void {
  if (values.has('json')) {
    process.stdout.write(`${JSON.stringify({ folder, scheduler, job, tasks })}\n`);
    return;
  }
  const place = quoted(folder);
  const namespace = values.has('namespace') ? ` --namespace ${quoted(values.get('namespace') as string)}` : '';
  const rows = [
    [`optimizer-bias --status ${place}`, 'how far it is'],
    [`optimizer-bias --collect ${place}`, 'its result, of what is there'],
    [`optimizer-bias --resume ${place} --submit ${scheduler}`, 'what is missing or failed, once more'],
    [scheduler === 'slurm' ? `scancel ${job}` : `kubectl delete job ${job}${namespace}`, 'end it'],
  ] as const;
  const width = Math.max(...rows.map(([command]) => command.length));
  const size = `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'} (${rangesOf(tasks)})`;
  process.stdout.write(
    `Submitted ${size} as job ${job}.\n${rows.map(([command, what]) => `  ${command.padEnd(width)}  ${what}\n`).join('')}`,
  );
}

/** Says where fewer processors were asked for than tasks have threads, which takes longer. */
function tellThreads(threads: number, processors: number | undefined): void {
  if (processors === undefined || threads <= processors) return;
  process.stderr.write(
    `Note: a task computes on ${threads} threads, as the plan has it, and gets ${processors} of the processors (--cpus-per-task).\n`,
  );
}

/** What is asked again where nothing else is said. */
const remembered = (scheduler: Scheduler): readonly Option[] => [
  ...ofBoth.filter(({ flag }) => flag !== 'for'),
  ...(scheduler === 'slurm' ? ofSlurm : ofKubernetes),
];

/** What the scheduler was asked the last time; the file may have been written by anybody. */
function lastAsked(folder: string, scheduler: Scheduler): Values {
  const last = submissionsOf(folder).findLast((each) => each.scheduler === scheduler)?.options ?? {};
  const fits = ({ value, repeat }: Option, given: unknown): given is OptionValue => {
    if (repeat) return Array.isArray(given) && given.every((each) => typeof each === 'string');
    return value === 'count' ? Number.isSafeInteger(given) : typeof given === 'string';
  };
  return new Map(
    remembered(scheduler).flatMap((option) => {
      const given = last[option.flag];
      return fits(option, given) ? [[option.flag, given] as const] : [];
    }),
  );
}

/** Processors of a task are as many as the plan has threads, unless something else is asked for. */
function slurmOptions(values: Values, threads: number): SlurmOptions {
  const text = (flag: string) => values.get(flag) as string | undefined;
  const count = (flag: string) => values.get(flag) as number | undefined;
  const sbatch = values.get('sbatch') as readonly string[] | undefined;
  const divided = sbatch?.some((option) => /^(-c|--cpus|--exclusive|--ntasks|-n\b|--gpus|--cores)/.test(option));
  return {
    ...{ partition: text('partition'), time: text('time'), mem: text('mem'), gres: text('gres') },
    ...{ account: text('account'), cpusPerTask: count('cpus-per-task') ?? (divided ? undefined : threads) },
    ...{ throttle: count('throttle'), signalAhead: count('signal-ahead'), sbatch },
  };
}

/** Throws a UsageError where something is missing. */
function kubernetesOptions(values: Values): KubernetesOptions {
  const text = (flag: string) => values.get(flag) as string | undefined;
  const image = text('image');
  if (image === undefined) throw new UsageError('--image is missing.', 'Give the image that holds this program.');
  const given = values.get('resource') as readonly string[] | undefined;
  const resources = given?.map((each) => {
    const [, name, amount] = /^([^=\s]+)=(\S+)$/.exec(each) ?? [];
    if (name === undefined)
      throw new UsageError(`--resource ${quoteName(each)} is no amount.`, 'Write NAME=AMOUNT, such as memory=8Gi.');
    return [name, amount!] as const;
  });
  return {
    image,
    ...{ claim: text('claim'), mount: text('mount'), namespace: text('namespace'), patch: text('patch') },
    ...(resources && { resources: Object.fromEntries(resources) }),
    ...{ throttle: values.get('throttle') as number | undefined, retries: values.get('retries') as number | undefined },
  };
}

/** Where a claim is mounted there is the plan's folder by its name; without one it is where it is here. */
function placeInContainer(folder: string, values: Values): string {
  const given = values.get('plan-path') as string | undefined;
  if (given !== undefined) return given;
  return values.has('claim')
    ? posix.join((values.get('mount') as string | undefined) ?? defaultMount, basename(folder))
    : folder;
}

/** What schedulers have of a plan: how many tasks of each job, in which state and why, in their words. */
export function queueText(queued: readonly QueuedTask[], silent: readonly Scheduler[]): string {
  const groups = new Map<string, QueuedTask[]>();
  for (const each of queued) {
    const key = [each.job, each.state, each.reason, each.node].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const lines = [...groups.values()].map((tasks) => {
    const [{ job, state, reason, node }] = tasks as [QueuedTask];
    const why = [node === '' ? '' : ` on ${node}`, reason === '' ? '' : ` (${reason})`].join('');
    return `  job ${job}, ${state}${why}: ${rangesOf(
      tasks.map(({ task }) => task),
      ', ',
    )}\n`;
  });
  const unknown = silent.map(
    (scheduler) => `${scheduler === 'slurm' ? 'squeue' : 'kubectl'} does not answer: what it has is not known.\n`,
  );
  return [...(lines.length > 0 ? ['Tasks in the queue:\n'] : []), ...lines, ...unknown].join('');
}

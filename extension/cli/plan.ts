import { resolve } from 'node:path';
import { rangesOf } from '../plans/arrays.ts';
import { quoted, tasksOf } from '../plans/commands.ts';
import { isUseless } from '../plans/outcome.ts';
import { isPlan, pointsOfTask, readPlan } from '../plans/plan.ts';
import { scheduledStatus } from '../plans/schedulers.ts';
import { planTitle, statusOf } from '../plans/status.ts';
import { runTask } from '../plans/task.ts';
import { describeError } from '../shared/errors.ts';
import { type Plan, type PlanRequest, type PlanStatus, pointExit } from '../shared/plans.ts';
import { programCommand } from './command.ts';
import { runInEngine } from './engine.ts';
import { type Command, type Given, type Option, UsageError } from './options.ts';
import { tellResult } from './results.ts';
import { checkSubmit, queueText, refuseIdle, submitOptions, submitPlan, withoutDetails } from './submit.ts';
import { taskRunner } from './task.ts';
import { taskSize, taskSizeOption, withoutTaskSize } from './taskSize.ts';

/** Options of work that may be planned instead of run. */
export const planningOptions: readonly Option[] = [
  {
    flag: 'plan',
    value: 'text',
    placeholder: 'DIR',
    help: 'write a plan of all points to this folder instead of running them',
  },
  taskSizeOption,
  { flag: 'copy-inputs', help: 'copy model and data into the plan' },
];

/** Options of what is done with a plan. */
export const pointOptions: readonly Option[] = [
  {
    flag: 'point',
    value: 'count',
    placeholder: 'K',
    help: 'run point K of the plan in --in DIR, or N from there with --group N',
  },
  { flag: 'in', value: 'text', placeholder: 'DIR', help: 'the plan of --point' },
  { flag: 'status', value: 'text', placeholder: 'DIR', help: 'say how far the plan in this folder is' },
  {
    flag: 'collect',
    value: 'text',
    placeholder: 'DIR',
    help: 'make the result of the plan in this folder, of the points that are there',
  },
];

export const planOptions: readonly Option[] = [...planningOptions, ...pointOptions, ...submitOptions];

/** What only plans have. */
const ofPlans = pointOptions.map(({ flag }) => flag);
/** What may stand beside them. */
const beside: readonly string[] = ['group', 'json', 'verbose', 'help'];

/** Whether arguments without a command concern a plan: what it is of stands in it. */
export const isAboutPlan = ([first = '']: readonly string[]): boolean =>
  ofPlans.concat('resume').some((flag) => first === `--${flag}` || first.startsWith(`--${flag}=`));

/** The command that needs no name. */
export const planCommand: Command = {
  name: '',
  summary: 'run a point of a plan, say how far it is, or make its result',
  usage: [
    'optimizer-bias --point K --in DIR',
    'optimizer-bias --status DIR [--json]',
    'optimizer-bias --resume DIR [--submit slurm|kubernetes|print …]',
    'optimizer-bias --collect DIR [--json]',
  ],
  options: [
    ...pointOptions,
    taskSizeOption,
    { flag: 'resume', value: 'text', placeholder: 'DIR', help: 'run here what is missing of the plan in this folder' },
    ...submitOptions,
    { flag: 'json', help: 'print the answer as JSON' },
  ],
  shown: (values) => withoutDetails(planCommand.options!, values),
  async run(given) {
    const code = await aboutPlan(given);
    if (code !== undefined) return code;
    throw new UsageError('Nothing is asked of a plan.', 'optimizer-bias --help shows the commands.');
  },
};

/**
 * Does what is asked of a plan that is there already; returns the exit code, undefined where nothing is. Throws a UsageError for
 * options that do not go together.
 */
export async function aboutPlan({ values }: Given): Promise<number | undefined> {
  const text = (flag: string) => values.get(flag) as string | undefined;
  const asked = ofPlans.find((flag) => values.has(flag));
  const resumed = text('resume');
  const resumes = resumed !== undefined && isPlan(resumed);
  if (asked === undefined && !resumes) return undefined;
  const allowed = asked === 'point' || asked === 'in' ? ['point', 'in'] : [asked ?? 'resume'];
  refuseIdle(values);
  const submits = resumes && values.has('submit');
  const fitting = submits ? submitOptions.map(({ flag }) => flag) : [];
  const other = [...values.keys()].find((flag) => ![...allowed, ...beside, ...fitting].includes(flag));
  if (other !== undefined)
    throw new UsageError(`--${other} does not go with --${allowed[0]}: the plan has all settings.`, 'Leave it out.');
  const json = values.has('json');
  if (submits) return submitPlan(resolve(resumed), values);
  if (resumes) return resumePlan(resolve(resumed), json);
  if (asked === 'status') return tellStatus(resolve(text('status')!), json);
  if (asked === 'collect') return collectPlan(resolve(text('collect')!), json);
  const [first, folder] = [values.get('point') as number | undefined, text('in')];
  if (first === undefined || folder === undefined)
    throw new UsageError(`--${first === undefined ? 'point' : 'in'} is missing.`, 'Give both: --point K --in DIR.');
  return runPoints(resolve(folder), first, taskSize(values) ?? 1);
}

/** Runs points from the first; what goes wrong is told here, since it decides the exit code. */
async function runPoints(folder: string, first: number, group: number): Promise<number> {
  try {
    const numbers = pointsOfTask(folder, readPlan(folder), first, group);
    const runner = taskRunner();
    try {
      const { exit } = await runTask(folder, numbers, runner);
      if (exit === pointExit.stopped) process.stderr.write('Stopped; the same command goes on.\n');
      return exit;
    } finally {
      runner.dispose();
    }
  } catch (error) {
    if (!(error instanceof Error) || !isRefusal(error)) throw error;
    process.stderr.write(`${describeError(error)}\n`);
    return isUseless(error) ? pointExit.useless : pointExit.failed;
  }
}

const isRefusal = (error: Error): boolean => error.name === 'InspectorError';

/** Runs here what is missing, and makes the result. */
async function resumePlan(folder: string, json: boolean): Promise<number> {
  const { points } = readPlan(folder);
  const runner = taskRunner();
  let exit: number;
  try {
    exit = (
      await runTask(
        folder,
        points.map(({ number }) => number),
        runner,
      )
    ).exit;
  } finally {
    runner.dispose();
  }
  if (exit === pointExit.stopped) {
    process.stderr.write(`Stopped. Continue with: optimizer-bias --resume ${quoted(folder)}\n`);
    return exit;
  }
  if (statusOf(folder).counts.done > 0) await collectPlan(folder, json);
  return exit;
}

async function collectPlan(folder: string, json: boolean): Promise<number> {
  await runInEngine({ type: 'collect', folder }, () => 'Putting the points together …');
  tellResult(readPlan(folder).kind, folder, json);
  const { counts, points } = statusOf(folder);
  if (counts.done < points.length)
    process.stderr.write(
      `Made of ${counts.done} of ${points.length} points; missing: ${numbersText(points.filter(({ state }) => state !== 'done').map(({ number }) => number))}.\n`,
    );
  return 0;
}

/** `0-3, 7`. */
const numbersText = (numbers: readonly number[]): string => rangesOf(numbers, ', ');

function tellStatus(folder: string, json: boolean): number {
  const plan = readPlan(folder);
  const { status, queued, silent } = scheduledStatus(folder, plan);
  if (json) process.stdout.write(`${JSON.stringify({ ...status, queued, silent })}\n`);
  else
    process.stdout.write(
      `${statusText(status, plan)}${queueText(queued, status.counts.done < status.points.length ? silent : [])}`,
    );
  return 0;
}

/** The status for people: counts, what is worked on, and why points failed. */
export function statusText({ counts, points, folder }: PlanStatus, plan: Plan): string {
  const told = (['done', 'running', 'queued', 'waiting', 'failed'] as const).flatMap((state) =>
    counts[state] > 0 || state === 'done' ? [`${counts[state]} ${state}`] : [],
  );
  const lines = points.flatMap(({ number, label, state, runner, failure }) => {
    if (state === 'running' && runner)
      return [`  ${number} runs on ${runner.host} (process ${runner.process}) since ${runner.started}: ${label}`];
    if (state !== 'failed' || !failure) return [];
    const again = failure.exit === pointExit.useless ? ', and would again' : '';
    return [`  ${number} failed on ${failure.host}${again}: ${label}`, ...failure.message.split('\n').map((line) => `      ${line}`)]; // biome-ignore format: one list
  });
  const open = points.filter(({ state }) => state === 'waiting' || state === 'failed').map(({ number }) => number);
  return [
    `Plan (${planTitle(plan)}) in ${folder}: ${points.length} points, ${told.join(', ')}.`,
    ...lines,
    ...(open.length > 0 ? [`To be run: ${numbersText(open)} (optimizer-bias --resume ${quoted(folder)}).`] : []),
    ...(counts.done > 0 ? [`Result of what is there: optimizer-bias --collect ${quoted(folder)}`] : []),
    '',
  ].join('\n');
}

/** What was given, without what only a plan has. */
export const withoutPlan = ({ values, positionals }: Given): Given => ({
  values: new Map(
    [...withoutTaskSize(values)].filter(
      ([flag]) => flag === taskSizeOption.flag || !planOptions.some((option) => option.flag === flag),
    ),
  ),
  positionals,
});

/** Writes a plan and says how it is run; undefined where none is asked for. Throws a UsageError for what does not go with it. */
export async function planInstead(given: Given, request: () => PlanRequest): Promise<number | undefined> {
  const { values } = given;
  const dir = values.get('plan') as string | undefined;
  if (dir === undefined) {
    const idle =
      taskSize(values) === undefined
        ? ['copy-inputs', ...submitOptions.map(({ flag }) => flag)].find((flag) => values.has(flag))
        : taskSizeOption.flag;
    if (idle !== undefined) throw new UsageError(`--${idle} needs --plan DIR.`);
    return undefined;
  }
  refuseIdle(values);
  if (values.has('submit')) checkSubmit(values);
  const other = ['out', 'resume'].find((flag) => values.has(flag));
  if (other !== undefined)
    throw new UsageError(`--${other} does not go with --plan.`, 'Results lie in the folder of the plan.');
  const folder = resolve(dir);
  await runInEngine(
    {
      ...{ type: 'plan', folder, request: request(), program: programCommand() },
      group: taskSize(values) ?? 1,
      copyInputs: values.has('copy-inputs'),
      threads: (values.get('cpus-per-task') ?? values.get('threads')) as number | undefined,
    },
    () => 'Reading model and data …',
  );
  if (values.has('submit')) return submitPlan(folder, values);
  const plan = readPlan(folder);
  process.stdout.write(values.has('json') ? `${JSON.stringify({ folder, ...plan })}\n` : planText(folder, plan));
  return 0;
}

/** What to do with a plan. */
function planText(folder: string, plan: Plan): string {
  const { points, group } = plan;
  const each = group === 1 ? 'one point' : `${group} points`;
  const place = quoted(folder);
  return [
    `Wrote a plan (${planTitle(plan)}) with ${points.length} points to ${folder} (plan.json, commands.txt); nothing was run.`,
    '',
    `Each of the ${tasksOf(plan).length} lines of commands.txt runs ${each}, in any order, on any machine that sees this folder:`,
    `  (cd ${place} && parallel --jobs 4 < commands.txt)   with GNU parallel`,
    `  optimizer-bias --resume ${place}   here, one after the other`,
    '',
    `How far it is: optimizer-bias --status ${place}`,
    `Its result: optimizer-bias --collect ${place}`,
    '',
  ].join('\n');
}

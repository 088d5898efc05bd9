import { InspectorError, quoteName } from '../shared/errors.ts';
import { rangesOf } from './arrays.ts';
import { quoted } from './commands.ts';

/** What is asked of SLURM, in its own words; what is not given is left to the cluster. */
export interface SlurmOptions {
  readonly partition?: string;
  /** As `sbatch --time` takes it. */
  readonly time?: string;
  readonly cpusPerTask?: number;
  readonly mem?: string;
  readonly gres?: string;
  readonly account?: string;
  /** How many tasks may run at a time. */
  readonly throttle?: number;
  /** Seconds before the time limit at which a task is told to save its state. */
  readonly signalAhead?: number;
  /** Further options, as they would stand after `#SBATCH`. */
  readonly sbatch?: readonly string[];
}

/** One array of tasks of a plan. */
export interface SlurmArray {
  /** The plan's folder, as the nodes see it. */
  readonly folder: string;
  /** The array's name, by which its tasks are found again. */
  readonly name: string;
  /** Numbers of the tasks, which are the array's indices: of its points, where a task has one. */
  readonly tasks: readonly number[];
  /** Points of a task. */
  readonly group: number;
  /** What starts this program on a node, for its shell. */
  readonly program: string;
}

/** Folder of what the tasks print, below the plan's. */
export const logFolder = 'logs';

const signalAhead = 60;

/**
 * The batch script of a job array. SLURM tells the shell ahead of the time limit, or when it takes the node away; the shell
 * tells the program, which saves its state and ends with 75; then the task goes back into the queue under its own number.
 * Throws an InspectorError where an option cannot stand in a script.
 */
export function slurmScript({ folder, name, tasks, group, program }: SlurmArray, options: SlurmOptions): string {
  const { throttle, partition, time, cpusPerTask, mem, gres, account, sbatch = [] } = options;
  const given = { partition, time, 'cpus-per-task': cpusPerTask, mem, gres, account };
  const directives = [
    `--job-name=${name}`,
    `--array=${rangesOf(tasks)}${throttle === undefined ? '' : `%${throttle}`}`,
    `--output=${value(`${escapedFolder(folder)}/${logFolder}/%A_%a.log`)}`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:USR1@${secondsAhead(options)}`,
    ...Object.entries(given).flatMap(([option, asked]) =>
      asked === undefined ? [] : [`--${option}=${value(line(`--${option}`, `${asked}`))}`],
    ),
    ...sbatch.map(furtherOption),
  ];
  return `#!/bin/bash
${directives.map((directive) => `#SBATCH ${directive}\n`).join('')}
# Told to stop, the program saves its state and ends with 75. One that has just begun may not listen yet, and Node would take
# USR1 for the call of a debugger: it has nothing to save, and gets TERM.
program=
told=
stop() {
  told=1
  echo "Told to stop by $1." >&2
  [ -n "$program" ] || return
  if [ "$SECONDS" -lt 10 ]; then set -- TERM; fi
  kill -s "$1" "$program" 2>/dev/null
}
trap 'stop USR1' USR1
trap 'stop TERM' TERM

code=75
if [ -z "$told" ]; then
  ${line('--program', program)} --point ${group === 1 ? '"$SLURM_ARRAY_TASK_ID"' : `"$((SLURM_ARRAY_TASK_ID * ${group}))" --group ${group}`} --in ${quoted(folder)} &
  program=$!
  # A signal ends the waiting, not the program.
  while wait "$program"; code=$?; kill -0 "$program" 2>/dev/null; do :; done
  wait "$program" 2>/dev/null; last=$?
  [ "$last" = 127 ] || code=$last
  # Ended by the signal itself, it had not begun to listen.
  if [ -n "$told" ] && { [ "$code" = 143 ] || [ "$code" = 138 ]; }; then code=75; fi
fi

# What was cancelled, or what SLURM itself puts back, is not running any more.
task="\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
if [ "$code" = 75 ] && [ "$(squeue --noheader --jobs="$task" --format=%T)" = RUNNING ]; then
  trap '' USR1 TERM
  scontrol requeue "$task"
fi
exit "$code"
`;
}

/** Seconds between the signal and the time limit; half of a short one, so that it does not come at once. */
function secondsAhead({ time, signalAhead: asked }: SlurmOptions): number {
  const limit = time === undefined ? undefined : secondsOf(time);
  if (asked === undefined) return limit === undefined ? signalAhead : Math.min(signalAhead, Math.floor(limit / 2));
  if (limit !== undefined && asked >= limit)
    throw new InspectorError(
      `--signal-ahead is ${asked} seconds, and --time ${limit}: a task would be stopped before it has begun.`,
      'Give more --time, or a smaller --signal-ahead.',
    );
  return asked;
}

/** Seconds of `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours[:minutes[:seconds]]`; undefined for anything else. */
export function secondsOf(time: string): number | undefined {
  const [, days, rest] = /^(?:(\d+)-)?(\d+(?::\d+){0,2})$/.exec(time) ?? [];
  if (rest === undefined) return undefined;
  const [first = 0, second = 0, third = 0] = rest.split(':').map(Number);
  if (days !== undefined) return ((Number(days) * 24 + first) * 60 + second) * 60 + third;
  return rest.split(':').length === 3 ? (first * 60 + second) * 60 + third : first * 60 + second;
}

/** Names and numbers of an array decide where its results go: they are not to be had otherwise. */
const ours: readonly string[] = ['--array', '-a', '--job-name', '-J'];

function furtherOption(option: string): string {
  const text = line('--sbatch', option);
  const [, name] = /^(--[\w-]+|-\w)/.exec(text) ?? [];
  if (name === undefined)
    throw new InspectorError(
      `--sbatch ${quoteName(option)} is no option of sbatch.`,
      "Write it as on sbatch's command line: --sbatch '--constraint=icelake'.",
    );
  if (ours.includes(name))
    throw new InspectorError(
      `--sbatch ${name} is set by the plan itself: by it the tasks are found again.`,
      'Leave it out.',
    );
  return text;
}

/** A value that has to stand on one line of the script. */
function line(option: string, text: string): string {
  if (/[\n\r\0]/.test(text))
    throw new InspectorError(`${option} ${quoteName(text)} has a line break.`, 'Write it on one line.');
  return text;
}

/** As sbatch reads a value on a line of its own. */
const value = (text: string): string => (/^[\w./:@%+=,-]+$/.test(text) ? text : `"${text.replace(/"/g, '\\"')}"`);

/** A folder in the pattern of a file's name. */
function escapedFolder(folder: string): string {
  if (/[\\\n\r\0]/.test(folder))
    throw new InspectorError(
      `${quoteName(folder)} has a backslash or a line break in its name, which SLURM cannot write to.`,
      'Move the plan to a folder with another name.',
    );
  return folder.replaceAll('%', '%%');
}

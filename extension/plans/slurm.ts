import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { WritingError } from '../files/writing.ts';
import { InspectorError } from '../shared/errors.ts';
import { ask, submitPatience } from './ask.ts';
import { logFolder, type SlurmArray, type SlurmOptions, slurmScript } from './slurmScript.ts';
import { newName, noteAnswer, noteSubmission, type QueuedTask, type Submission } from './submissions.ts';

/** Variables that `sbatch` would put above what the script says. */
const overriding: readonly string[] = [
  'SBATCH_ARRAY_INX',
  'SBATCH_JOB_NAME',
  'SBATCH_NO_REQUEUE',
  'SBATCH_OPEN_MODE',
  'SBATCH_OUTPUT',
  'SBATCH_SIGNAL',
];

/**
 * Makes the script of a job array, the folder of its logs, without which SLURM runs nothing, and a note of it under a name of its
 * own; see `slurmScript`. Throws a WritingError, too.
 *
 * @param asked what is to be asked again where the plan is resumed
 */
export function newScript(
  array: Omit<SlurmArray, 'name'>,
  options: SlurmOptions,
  asked: Submission['options'],
): { readonly name: string; readonly script: string } {
  const { folder } = array;
  const name = newName();
  const script = slurmScript({ ...array, name }, options);
  try {
    mkdirSync(join(folder, logFolder), { recursive: true });
  } catch (error) {
    throw new WritingError(folder, error);
  }
  noteSubmission(folder, 'slurm', name, array, asked);
  return { name, script };
}

/** Submits one job array and returns its number. Throws an InspectorError where SLURM does not answer or refuses it. */
export function submitSlurm(...what: Parameters<typeof newScript>): string {
  const [{ folder, tasks, group }] = what;
  checkIndices(tasks, group);
  const { name, script } = newScript(...what);
  const env = Object.fromEntries(Object.entries(process.env).filter(([variable]) => !overriding.includes(variable)));
  const { stdout, reason, unanswered } = ask('sbatch', ['--parsable'], {
    input: script,
    env,
    patience: submitPatience,
  });
  if (unanswered)
    throw new InspectorError(
      `${reason} It may have taken the job all the same.`,
      'Look at --status of the plan before you submit it again: what SLURM took is found there.',
    );
  // The name of the cluster follows where there are several.
  const job = /^(\d+)(?:;|$)/m.exec(stdout)?.[1];
  if (reason !== undefined || job === undefined) {
    const refused = reason ?? `it answered ${JSON.stringify(stdout)}`;
    noteAnswer(folder, name, { refused });
    throw new InspectorError(
      `sbatch did not take the job: ${refused}`,
      'Nothing was submitted. --submit print shows the script.',
    );
  }
  noteAnswer(folder, name, { job });
  return job;
}

/** Refuses numbers that the cluster allows no array to have. */
function checkIndices(tasks: readonly number[], group: number): void {
  const { stdout, reason } = ask('scontrol', ['show', 'config']);
  if (reason !== undefined)
    throw new InspectorError(
      `SLURM does not answer here: ${reason}`,
      'Submit where sbatch works, or take the script of --submit print there.',
    );
  const most = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(stdout)?.[1] ?? Number.POSITIVE_INFINITY);
  const last = Math.max(...tasks);
  if (last >= most)
    throw new InspectorError(
      `The plan has tasks up to number ${last}, and this cluster's arrays end at ${most - 1} (MaxArraySize).`,
      `Give --group ${group * Math.ceil((last + 1) / most)} or more: as many points are one task then.`,
    );
}

/**
 * The tasks of these submissions that SLURM has, from `squeue`, which needs no accounting database; undefined where it does not
 * answer.
 */
export function slurmQueue(submissions: readonly Submission[]): readonly QueuedTask[] | undefined {
  const groups = new Map(
    submissions.flatMap(({ scheduler, name, group }) => (scheduler === 'slurm' ? [[name, group] as const] : [])),
  );
  if (groups.size === 0) return [];
  const format = '%j|%F|%K|%T|%r|%N';
  const { stdout, reason } = ask('squeue', [
    '--noheader',
    '--array',
    `--name=${[...groups.keys()].join(',')}`,
    `--format=${format}`,
  ]);
  if (reason !== undefined) return undefined;
  return stdout.split('\n').flatMap((line) => {
    const [name = '', job = '', index = '', state = '', why = '', node = ''] = line.split('|');
    const group = groups.get(name);
    if (group === undefined || !/^\d+$/.test(index)) return [];
    return [{ task: Number(index), group, job, state, reason: why === 'None' ? '' : why, node }];
  });
}

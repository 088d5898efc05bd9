import { stringify } from 'yaml';
import { InspectorError } from '../shared/errors.ts';
import { numbersOf } from './arrays.ts';
import { ask, submitPatience } from './ask.ts';
import { type JsonObject, type KubernetesOptions, type KubernetesTasks, kubernetesJob } from './kubernetesJob.ts';
import { newName, noteAnswer, noteSubmission, type QueuedTask, type Submission } from './submissions.ts';

/** A Job as YAML, as `kubectl create -f -` takes it. */
export const jobText = (job: JsonObject): string => stringify(job, { lineWidth: 0, aliasDuplicateObjects: false });

/**
 * Makes a Job for tasks of the plan in `folder`, and notes it down under a name of its own; see `kubernetesJob`.
 *
 * @param asked what is to be asked again where the plan is resumed
 */
export function newJob(
  folder: string,
  tasks: Omit<KubernetesTasks, 'name'>,
  options: KubernetesOptions,
  asked: Submission['options'],
): { readonly name: string; readonly job: JsonObject } {
  const name = newName();
  const job = kubernetesJob({ ...tasks, name }, options);
  // It is looked for where it really is, whatever has put it there.
  const { namespace } = job.metadata as JsonObject;
  noteSubmission(folder, 'kubernetes', name, tasks, { ...asked, ...(namespace !== undefined && { namespace }) });
  return { name, job };
}

/**
 * Makes a Job with the user's `kubectl`, and returns its name: it is new, and `apply` would keep all of it once more in a note,
 * which has no place for many tasks. Throws an InspectorError where that is not possible.
 */
export function submitKubernetes(folder: string, ...what: Tail<Parameters<typeof newJob>>): string {
  const { name, job } = newJob(folder, ...what);
  const { reason, unanswered } = ask('kubectl', ['create', '-f', '-'], {
    input: jobText(job),
    patience: submitPatience,
  });
  if (unanswered)
    throw new InspectorError(
      `${reason} It may have made the Job all the same.`,
      `kubectl get job ${name} tells; --status of the plan, too.`,
    );
  if (reason !== undefined) {
    noteAnswer(folder, name, { refused: reason });
    throw new InspectorError(
      `kubectl did not make the Job: ${reason}`,
      'Nothing was submitted. --submit print --for kubernetes shows the Job.',
    );
  }
  noteAnswer(folder, name, { job: name });
  return name;
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

/**
 * The tasks of these submissions that Kubernetes has yet to finish; undefined where `kubectl` does not answer. A Job that is
 * gone, or that has ended, has none.
 */
export function kubernetesQueue(submissions: readonly Submission[]): readonly QueuedTask[] | undefined {
  const queued: QueuedTask[] = [];
  for (const { scheduler, name, tasks, group, options } of submissions) {
    if (scheduler !== 'kubernetes') continue;
    const inNamespace = typeof options.namespace === 'string' ? ['--namespace', options.namespace] : [];
    const { stdout, reason } = ask('kubectl', ['get', 'job', name, '--ignore-not-found', '-o', 'json', ...inNamespace]);
    if (reason !== undefined) return undefined;
    if (stdout.trim() === '') continue;
    const {
      conditions = [],
      completedIndexes = '',
      failedIndexes = '',
    } = (JSON.parse(stdout) as JobState).status ?? {};
    if (conditions.some(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True'))
      continue;
    const ended = new Set([completedIndexes, failedIndexes].flatMap(numbersOf));
    for (const [index, task] of numbersOf(tasks).entries())
      if (!ended.has(index)) queued.push({ task, group, job: name, state: 'ACTIVE', reason: '', node: '' });
  }
  return queued;
}

/** What is read of a Job. */
interface JobState {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly completedIndexes?: string;
    readonly failedIndexes?: string;
  };
}

import { parse } from 'yaml';
import { readTextFile } from '../files/regular.ts';
import { InspectorError } from '../shared/errors.ts';
import { quoted } from './commands.ts';

/** What is asked of Kubernetes; what is not given is left to the cluster. */
export interface KubernetesOptions {
  readonly image: string;
  /** The persistent volume claim that holds the plan; without one, a patch has to say where the plan comes from. */
  readonly claim?: string;
  /** Where the claim's volume is in the container. */
  readonly mount?: string;
  readonly namespace?: string;
  /** Requests and limits of a container, by name: cpu, memory, nvidia.com/gpu. */
  readonly resources?: Readonly<Record<string, string>>;
  /** How many tasks may run at a time. */
  readonly throttle?: number;
  /** How often a task that failed is tried again; what was told to stop does not count. */
  readonly retries?: number;
  /** A file of YAML or JSON that is merged into the Job. */
  readonly patch?: string;
}

/** One Job of tasks of a plan. */
export interface KubernetesTasks {
  readonly name: string;
  /** The plan's folder in the container. */
  readonly folder: string;
  /** Numbers of the tasks, in the order of the Job's completion indices. */
  readonly tasks: readonly number[];
  /** Points of a task. */
  readonly group: number;
  /** What starts this program in the container, for its shell. */
  readonly program: string;
}

type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** Where the claim is in the container, if nothing else is said. */
export const defaultMount = '/plans';
const defaultRetries = 2;
/** Of a Job with indices. */
const mostTasks = 100_000;

/**
 * The Job (batch/v1) that runs tasks of a plan, each in a pod of its own. Code 2 fails a task for good; where it was told to
 * stop (75), or its node went away, it is run again without a retry being counted. A task that fails ends none of the others.
 * Throws an InspectorError where
 * the patch is not readable, and for more tasks than a Job may have.
 */
export function kubernetesJob(
  { name, folder, tasks, group, program }: KubernetesTasks,
  options: KubernetesOptions,
): JsonObject {
  const { image, claim, mount = defaultMount, namespace, resources, throttle, retries = defaultRetries } = options;
  const labels = { 'app.kubernetes.io/name': 'optimizer-bias', 'app.kubernetes.io/instance': name };
  if (tasks.length > mostTasks)
    throw new InspectorError(
      `A Job has up to ${mostTasks.toLocaleString('en')} tasks, and these are ${tasks.length.toLocaleString('en')}.`,
      `Give --group ${Math.ceil((group * tasks.length) / mostTasks)} or more: as many points are one task then.`,
    );
  // After the script follow the first points of the tasks, of which the completion index picks one. Kubernetes itself replaces
  // $(NAME), which a path may hold.
  const points = `--point "$1"${group === 1 ? '' : ` --group ${group}`}`;
  const place = quoted(folder).replaceAll('$(', '$$$$(');
  const script = `shift "$JOB_COMPLETION_INDEX"; exec ${program} ${points} --in ${place}`;
  const job: JsonObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, ...(namespace !== undefined && { namespace }), labels },
    spec: {
      completionMode: 'Indexed',
      completions: tasks.length,
      parallelism: Math.min(throttle ?? tasks.length, tasks.length),
      backoffLimitPerIndex: retries,
      maxFailedIndexes: tasks.length,
      // A pod is replaced when it has ended, so that no task is run by two.
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'FailIndex', onExitCodes: { containerName: 'task', operator: 'In', values: [2] } },
          { action: 'Ignore', onExitCodes: { containerName: 'task', operator: 'In', values: [75] } },
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        ],
      },
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 60,
          containers: [
            {
              name: 'task',
              image,
              command: ['sh', '-c', script, 'sh', ...tasks.map((task) => `${task * group}`)],
              ...(resources && { resources: { requests: resources, limits: resources } }),
              ...(claim !== undefined && { volumeMounts: [{ name: 'plan', mountPath: mount }] }),
            },
          ],
          ...(claim !== undefined && { volumes: [{ name: 'plan', persistentVolumeClaim: { claimName: claim } }] }),
        },
      },
    },
  };
  return options.patch === undefined ? job : (merged(job, readPatch(options.patch)) as JsonObject);
}

function readPatch(path: string): Json {
  let patch: unknown;
  try {
    patch = parse(readTextFile(path));
  } catch (error) {
    throw new InspectorError(`cannot be read: ${(error as Error).message}`, 'It is YAML or JSON with parts of a Job.', {
      where: { file: path },
      cause: error,
    });
  }
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
    throw new InspectorError('holds no parts of a Job.', 'Write it like a Job: "spec: …".', { where: { file: path } });
  return patch as JsonObject;
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What names the items of a list: a container mounts one volume at several places. */
function keyOf(items: readonly Json[]): string | undefined {
  return ['mountPath', 'name'].find(
    (key) => items.length > 0 && items.every((item) => isObject(item) && typeof item[key] === 'string'),
  );
}

/**
 * A document with a patch in it: objects by their keys, null takes a key away (RFC 7396), and items of lists that have names
 * by those, as `kubectl patch` does with containers, volumes, mounts and variables. Any other list is replaced.
 */
export function merged(target: Json | undefined, patch: Json): Json {
  if (Array.isArray(target) && Array.isArray(patch)) {
    const key = keyOf(target);
    if (key === undefined || keyOf(patch) !== key) return patch;
    const named = (item: Json) => (item as JsonObject)[key];
    const kept = target.map((item) => {
      const change = patch.find((each) => named(each) === named(item));
      return change === undefined ? item : merged(item, change);
    });
    return [...kept, ...patch.filter((each) => !target.some((item) => named(item) === named(each)))];
  }
  if (!isObject(patch)) return patch;
  const result: Record<string, Json | undefined> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = merged(result[key], value);
  }
  return result;
}

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { digest } from '../files/digest.ts';
import { markAllInterrupted } from '../jobs/interrupted.ts';
import type { ResultObserver } from '../jobs/observer.ts';
import { Parts } from '../jobs/parts.ts';
import { failedWith, readExperiment, writeExperiment } from '../jobs/store.ts';
import { FolderLock } from '../runStore/lock.ts';
import { newRunFolder } from '../runStore/store.ts';
import { InspectorError } from '../shared/errors.ts';
import type { ExperimentHeader, ExperimentRequest, ExperimentResult, ParameterValue } from '../shared/experiments.ts';
import type { RunStatus } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { anotherFolder, words } from '../shared/words.ts';
import { Cancelled, completeParameters, type Experiment } from './experiment.ts';
import { experimentNamed } from './registry.ts';

/** Between two writings of what there is so far. */
const updateMilliseconds = 1000;

/**
 * Runs an experiment and writes its results to a folder; one that was begun there with the same parameters is continued.
 * Throws an InspectorError for parameters that do not fit, and whatever the experiment throws, after the folder says so.
 * `samples` is the folder of the bundled sample.
 */
export async function runExperiment(
  request: ExperimentRequest,
  observer: ResultObserver,
  samples: string,
): Promise<{ folder: string; status: RunStatus }> {
  const { directory } = request;
  const experiment = experimentNamed(request.name);
  const values = completeParameters(experiment, request.parameters);
  const folder =
    request.out === undefined
      ? newRunFolder(directory, 'experiment', experiment.name)
      : resolve(directory, request.out);
  const opened = await headerOf(experiment, values, directory);
  markAllInterrupted(dirname(folder));
  return FolderLock.hold(folder, async () => {
    const before = previous(folder, opened);
    let sofar: ExperimentResult | undefined = before?.result;
    const write = (rest: Partial<ExperimentHeader> = {}) =>
      writeExperiment(folder, { ...opened, started: before?.started ?? opened.started, result: sofar, ...rest });
    write();
    observer.started(folder);
    const close = (rest: Partial<ExperimentHeader>) => write({ finished: new Date().toISOString(), ...rest });
    const parts = new Parts(folder);
    // What an earlier run has finished took no time now.
    let first: { readonly share: number; readonly time: number } | undefined;
    let updated = Number.NEGATIVE_INFINITY;
    /** Lets messages of the editor in, and ends the experiment where one of them asked for it. */
    const pause = async () => {
      await new Promise((done) => setImmediate(done));
      if (observer.cancelled) throw new Cancelled();
    };
    try {
      const result = await experiment.run(values, {
        directory,
        samples,
        threads: request.threads,
        async each(names, compute, found) {
          for (const [i, name] of names.entries()) {
            const piece = await parts.get(name, async () => {
              await pause();
              return compute(i);
            });
            found(piece, i);
          }
        },
        show(result) {
          sofar = result;
          if (performance.now() - updated < updateMilliseconds) return;
          write();
          updated = performance.now();
          observer.updated?.(folder);
        },
        async progress(share) {
          first ??= { share, time: performance.now() };
          const seconds = (performance.now() - first.time) / 1000;
          observer.progress({
            phase: 'running',
            step: Math.round(100 * share),
            steps: 100,
            secondsLeft: share > first.share ? (seconds / (share - first.share)) * (1 - share) : undefined,
          });
          await pause();
        },
      });
      close({ status: 'finished', result });
      return { folder, status: 'finished' };
    } catch (error) {
      if (error instanceof Cancelled) {
        close({ status: 'cancelled' });
        return { folder, status: 'cancelled' };
      }
      throw failedWith(error, (message) => close({ status: 'failed', message }));
    }
  });
}

/** `experiment.json` of an experiment that begins now. */
export async function headerOf(
  experiment: Experiment,
  values: Readonly<Record<string, ParameterValue>>,
  directory: string,
): Promise<ExperimentHeader> {
  const { name, title, figure } = experiment;
  return {
    ...{ format: 1, status: 'running', started: new Date().toISOString(), process: process.pid, tool: toolVersion },
    ...{ name, title, figure, directory },
    files: await digests(experiment, values, directory),
    parameters: values,
  };
}

/** The files that parameters name, as they do. */
export const filesOf = (
  { parameters }: Experiment,
  values: Readonly<Record<string, ParameterValue>>,
): (readonly [key: string, path: string])[] =>
  Object.entries(parameters).flatMap(([key, { kind }]) => {
    const path = values[key];
    return kind === 'file' && typeof path === 'string' ? [[key, path] as const] : [];
  });

/** What is in the files that the parameters name; a file that cannot be read is left to the experiment to refuse. */
async function digests(
  experiment: Experiment,
  values: Readonly<Record<string, ParameterValue>>,
  directory: string,
): Promise<Readonly<Record<string, string>>> {
  const found = await Promise.all(
    filesOf(experiment, values).map(
      async ([key, path]) => [key, await digest([resolve(directory, path)]).catch(() => '')] as const,
    ),
  );
  return Object.fromEntries(found);
}

/** The same experiment that was begun in the folder. Throws an InspectorError where it holds another. */
function previous(folder: string, opened: ExperimentHeader): ExperimentHeader | undefined {
  if (!existsSync(join(folder, 'experiment.json'))) return undefined;
  const header = readExperiment(folder);
  const identity = ({ tool, name, files, parameters }: ExperimentHeader) =>
    JSON.stringify([tool, name, Object.entries(files ?? {}).sort(), Object.entries(parameters).sort()]);
  // What is undefined is not written.
  if (identity(header) === identity(JSON.parse(JSON.stringify(opened)))) return header;
  throw new InspectorError(
    `${folder} holds another experiment: its name, settings, data or version differ.`,
    words`${anotherFolder}.`,
  );
}

import { resolve } from 'node:path';
import { newRunFolder } from '../runs/store.ts';
import { InspectorError } from '../shared/errors.ts';
import type { ExperimentHeader, ExperimentRequest } from '../shared/experiments.ts';
import type { Progress, RunStatus } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { Cancelled, completeParameters } from './experiment.ts';
import { experimentNamed } from './registry.ts';
import { writeExperiment } from './store.ts';

export interface ExperimentObserver {
  started(folder: string): void;
  progress(progress: Progress): void;
  readonly cancelled: boolean;
}

/**
 * Runs an experiment and writes its results to a new folder. Throws an InspectorError for parameters that do not fit, and
 * whatever the experiment throws, after the folder says so. `samples` is the folder of the bundled sample.
 */
export async function runExperiment(
  request: ExperimentRequest,
  observer: ExperimentObserver,
  samples: string,
): Promise<{ folder: string; status: RunStatus }> {
  const experiment = experimentNamed(request.name);
  const values = completeParameters(experiment, request.parameters);
  const folder =
    request.out === undefined
      ? newRunFolder(request.directory, 'experiment', experiment.name)
      : resolve(request.directory, request.out);
  const opened: ExperimentHeader = {
    format: 1,
    status: 'running',
    started: new Date().toISOString(),
    process: process.pid,
    tool: toolVersion,
    name: experiment.name,
    title: experiment.title,
    figure: experiment.figure,
    parameters: values,
  };
  writeExperiment(folder, opened);
  observer.started(folder);
  const close = (rest: Partial<ExperimentHeader>) =>
    writeExperiment(folder, { ...opened, finished: new Date().toISOString(), ...rest });
  const started = performance.now();
  try {
    const result = await experiment.run(values, {
      directory: request.directory,
      samples,
      threads: request.threads,
      async progress(share) {
        const seconds = (performance.now() - started) / 1000;
        observer.progress({
          phase: 'running',
          step: Math.round(100 * share),
          steps: 100,
          secondsLeft: share > 0 ? (seconds / share) * (1 - share) : undefined,
        });
        await new Promise((done) => setImmediate(done));
        if (observer.cancelled) throw new Cancelled();
      },
    });
    close({ status: 'finished', result });
    return { folder, status: 'finished' };
  } catch (error) {
    if (error instanceof Cancelled) {
      close({ status: 'cancelled' });
      return { folder, status: 'cancelled' };
    }
    close({ status: 'failed', message: error instanceof InspectorError ? error.message : String(error) });
    throw error;
  }
}

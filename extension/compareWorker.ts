import { parentPort, workerData } from 'node:worker_threads';
import { Cancelled, Laboratory } from './jobs/laboratory.ts';
import type { SeedThreadAnswer, SeedThreadData, SeedThreadRequest } from './jobs/seedThreads.ts';
import { failureOf } from './shared/errors.ts';

/** A thread of a comparison: runs all settings of the seeds that it is asked for, one after the other. */
const { request, stop } = workerData as SeedThreadData;
const say = (answer: SeedThreadAnswer) => parentPort!.postMessage(answer);
let lab: Promise<Laboratory> | undefined;

async function answer({ seed }: SeedThreadRequest): Promise<void> {
  try {
    lab ??= Laboratory.open(request, 'cpu');
    const found = await (await lab).seed(
      seed,
      (runs) => say({ runs }),
      () => Atomics.load(stop, 0) !== 0,
    );
    say({ found });
  } catch (error) {
    say(error instanceof Cancelled ? { cancelled: true } : { failure: failureOf(error) });
  }
}

parentPort!.on('message', (given: SeedThreadRequest) => void answer(given));

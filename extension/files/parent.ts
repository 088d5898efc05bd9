import { Worker } from 'node:worker_threads';
import { ownScript } from './ownScript.ts';

/** Ends this process within half a second once its parent has ended, whatever it is doing. */
export function endWithParent(): void {
  const watch = new Worker(ownScript('watchWorker.js'), { workerData: { parent: process.ppid } });
  // Where no thread can be started, the closed channel still ends the process between two steps.
  watch.on('error', () => {});
  watch.unref();
}

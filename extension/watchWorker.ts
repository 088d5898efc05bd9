import { workerData } from 'node:worker_threads';

/**
 * The thread that ends its process when the parent is gone: the main thread cannot notice while native code runs in it. A
 * process whose parent ends gets another one; on Windows it keeps the number of the one that ended.
 */
const { parent } = workerData as { readonly parent: number };
const checkMilliseconds = 250;

function isGone(): boolean {
  if (process.ppid !== parent) return true;
  try {
    process.kill(parent, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

setInterval(() => {
  if (isGone()) process.kill(process.pid, 'SIGKILL');
}, checkMilliseconds);

import { join } from 'node:path';
import { EngineClient } from '../engine/client.ts';
import { restoreProvider } from '../engine/gpu/install.ts';
import { userDataFolder } from '../files/userFolders.ts';
import { runToEnd } from '../jobs/engineRun.ts';
import type { EngineEvent, EngineRequest, Progress } from '../shared/protocol.ts';
import { ownRuntime } from './gpu.ts';
import { ProgressLine } from './text.ts';

/** How long a step may take to end after a signal. A second signal ends it at once. */
const patienceMilliseconds = { SIGINT: 30_000, SIGTERM: 3000, SIGHUP: 3000 } as const;

type Finished = Extract<EngineEvent, { type: 'finished' }>;

/**
 * Runs a request in an engine process with a progress line; the first signal asks it to stop, the second ends the process.
 * Throws what `runToEnd` does.
 */
export async function runInEngine(
  request: Exclude<EngineRequest, { type: 'cancel' }>,
  text: (progress: Progress) => string,
): Promise<Finished> {
  await providerBeside();
  const client = new EngineClient(join(__dirname, 'engineProcess.js'));
  const line = new ProgressLine(process.stderr);
  let signals = 0;
  const stop = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) client.dispose();
    else client.cancel(patienceMilliseconds[signal as keyof typeof patienceMilliseconds]);
    line.update('Stopping after this step (Ctrl-C again: at once) …');
  };
  const handled = Object.keys(patienceMilliseconds) as (keyof typeof patienceMilliseconds)[];
  for (const signal of handled) process.on(signal, stop);
  try {
    return await runToEnd(client, request, (event) => {
      if (event.type === 'progress' && signals === 0) line.update(text(event.progress));
    });
  } finally {
    line.clear();
    client.dispose();
    for (const signal of handled) process.off(signal, stop);
  }
}

/** A CUDA provider that was installed is linked beside a runtime that an update has replaced. */
async function providerBeside(): Promise<void> {
  const storage = userDataFolder();
  if (storage === undefined || process.platform !== 'linux') return;
  try {
    await restoreProvider(storage, ownRuntime());
  } catch {
    // Without the link there is no CUDA, which the choice of the device says.
  }
}

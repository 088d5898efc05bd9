import { join } from 'node:path';
import { EngineClient } from '../engine/client.ts';
import { InspectorError } from '../shared/errors.ts';
import type { EngineEvent, EngineRequest, Progress } from '../shared/protocol.ts';
import { ProgressLine } from './text.ts';

/** After an interrupt a step may take its time: a second interrupt ends it at once. */
const patienceMilliseconds = 30_000;

type Finished = Extract<EngineEvent, { type: 'finished' }>;

/**
 * Runs a request in an engine process with a progress line; the first interrupt asks it to stop, the second ends the
 * process. Throws an InspectorError where it fails, with the folder of what was kept, a StoppedError where it was ended.
 */
export async function runInEngine(
  request: Exclude<EngineRequest, { type: 'cancel' }>,
  text: (progress: Progress) => string,
): Promise<Finished> {
  const client = new EngineClient(join(__dirname, 'engineProcess.js'));
  const line = new ProgressLine(process.stderr);
  let interrupts = 0;
  const interrupt = () => {
    interrupts++;
    if (interrupts > 1) client.dispose();
    else client.cancel(patienceMilliseconds);
    line.update('Stopping after this step (Ctrl-C again: at once) …');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  let last: EngineEvent;
  try {
    last = await client.run(request, (event) => {
      if (event.type === 'progress' && interrupts === 0) line.update(text(event.progress));
    });
  } finally {
    line.clear();
    client.dispose();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
  if (last.type === 'failed') {
    const kept = last.folder ? `\nWhat there is so far: ${last.folder}` : '';
    throw new InspectorError(`${last.message}${kept}`, undefined, { cause: last.stack });
  }
  if (last.type !== 'finished') throw new Error(`unexpected event ${last.type}`);
  return last;
}

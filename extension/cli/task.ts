import { join } from 'node:path';
import { EngineClient } from '../engine/client.ts';
import type { TaskRunner } from '../plans/task.ts';
import { bar, ProgressLine } from './text.ts';

/**
 * How long a step may take to end after a signal, in milliseconds: schedulers that end jobs with TERM kill them half a minute
 * later, and USR1 is sent ahead of that.
 */
const patience = { SIGINT: 30_000, SIGTERM: 25_000, SIGHUP: 25_000, SIGUSR1: 600_000 } as const;

const handled = Object.keys(patience) as (keyof typeof patience)[];

/**
 * Runs points in engine processes of this program. The first signal asks to stop; a second Ctrl-C ends the process at once.
 */
export function taskRunner(): TaskRunner & { dispose(): void } {
  const client = new EngineClient(join(__dirname, 'engineProcess.js'));
  const line = new ProgressLine(process.stderr);
  let stopped = false;
  let ended = false;
  let interrupts = 0;
  const stop = (signal: NodeJS.Signals) => {
    if (ended) return;
    stopped = true;
    if (signal === 'SIGINT' && ++interrupts > 1) client.dispose();
    else client.cancel(patience[signal as keyof typeof patience]);
    line.update('Stopping after this step …');
  };
  for (const signal of handled) process.on(signal, stop);
  return {
    get stopped() {
      return stopped;
    },
    tell(text) {
      line.clear();
      process.stderr.write(`${text}\n`);
    },
    engine: (request, listen) =>
      client.run(request, (event) => {
        if (event.type === 'progress' && !stopped) {
          const { step, steps } = event.progress;
          line.update(`${bar(step / steps)} point ${Math.min(steps, Math.floor(step) + 1)}/${steps}`);
        }
        listen(event);
      }),
    dispose() {
      line.clear();
      client.dispose();
      ended = true;
      // Of what has ended, a scheduler's signal that comes too late must not say that it was ended by it.
      process.off('SIGINT', stop);
    },
  };
}

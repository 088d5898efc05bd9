import { EngineClient } from '../engine/client.ts';
import { runToEnd } from '../jobs/engineRun.ts';
import type { EngineEvent, EngineRequest } from '../shared/protocol.ts';
import type { ToolContext } from './tool.ts';

/**
 * Runs a request in an engine process of its own, with progress, until it ends or the caller cancels it. Resolves with the folder
 * and how it ended. Throws what `runToEnd` does.
 */
export async function runRequest(
  request: Exclude<EngineRequest, { type: 'cancel' }>,
  { engine, signal, progress }: ToolContext,
): Promise<Extract<EngineEvent, { type: 'finished' }>> {
  signal.throwIfAborted();
  const client = new EngineClient(engine);
  const cancel = () => client.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await runToEnd(client, request, (event) => {
      if (event.type === 'progress') progress(event.progress);
    });
  } finally {
    signal.removeEventListener('abort', cancel);
    client.dispose();
  }
}

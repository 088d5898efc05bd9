import { EngineClient } from '../engine/client.ts';
import { closeStopped } from '../runStore/store.ts';
import { errorOf, StoppedError } from '../shared/errors.ts';
import type { EngineEvent, EngineRequest } from '../shared/protocol.ts';
import type { ToolContext } from './tool.ts';

/**
 * Runs a request in an engine process of its own, with progress, until it ends or the caller cancels it. Resolves with the folder
 * and how it ended. Throws what the engine refuses.
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
    const last = await client.run(request, (event) => {
      if (event.type === 'progress') progress(event.progress);
    });
    if (last.type === 'failed') throw errorOf(last.failure);
    if (last.type !== 'finished') throw new Error(`unexpected event ${last.type}`);
    return last;
  } catch (error) {
    if (error instanceof StoppedError && error.folder !== undefined) closeStopped(error.folder);
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    client.dispose();
  }
}

import type { EngineClient } from '../engine/client.ts';
import { closeStopped } from '../runStore/store.ts';
import { errorOf, InspectorError, StoppedError } from '../shared/errors.ts';
import type { EngineEvent, EngineRequest } from '../shared/protocol.ts';
import { joinWords } from '../shared/words.ts';

/**
 * Runs a request in the engine's process to its end; `hear` is told of every event. Throws an InspectorError where it is refused,
 * with the folder of what was kept, a StoppedError where the process was ended, and a DefectError for a defect of the engine.
 */
export async function runToEnd(
  client: EngineClient,
  request: Exclude<EngineRequest, { type: 'cancel' }>,
  hear: (event: EngineEvent) => void,
): Promise<Extract<EngineEvent, { type: 'finished' }>> {
  let last: EngineEvent;
  try {
    last = await client.run(request, hear);
  } catch (error) {
    if (error instanceof StoppedError) markStopped(error.folder);
    throw error;
  }
  if (last.type === 'failed') throw withFolder(errorOf(last.failure), last.folder);
  if (last.type !== 'finished') throw new Error(`unexpected event ${last.type}`);
  return last;
}

/** The engine was ended before it could say so in its run. */
function markStopped(folder: string | undefined): void {
  try {
    if (folder !== undefined) closeStopped(folder);
  } catch {
    // What is no run, or cannot be written, stays as it is: its process is gone, which says enough.
  }
}

function withFolder(error: Error, folder: string | undefined): Error {
  if (folder === undefined || !(error instanceof InspectorError)) return error;
  const { message, remedy } = error.words;
  const kept = `What there is so far: ${folder}`;
  const told = new InspectorError(message, joinWords(remedy === undefined ? [kept] : [remedy, kept], '\n'));
  told.stack = error.stack;
  return told;
}

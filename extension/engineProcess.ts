import { chooseDevice, probeDevice, probeInChild, probeVariable } from './engine/device.ts';
import type { Device } from './engine/session.ts';
import { inspect, type Observer } from './experiments/inspect.ts';
import { describeError, InspectorError } from './shared/errors.ts';
import type { EngineEvent, EngineRequest, InspectRequest } from './shared/protocol.ts';

/**
 * The engine process: runs experiments away from the editor and the command line, since native code may end the process
 * and a running program cannot be interrupted. Takes `EngineRequest`s, answers with `EngineEvent`s.
 */
const send = (event: EngineEvent): void => {
  process.send?.(event);
};

const state = { cancelled: false };
let folder: string | undefined;

const observer: Observer = {
  started: (where, run) => {
    folder = where;
    send({ type: 'started', folder: where, run });
  },
  progress: (progress) => send({ type: 'progress', progress }),
  record: (record) => send({ type: 'record', record }),
  get cancelled() {
    return state.cancelled;
  },
};

async function runInspection(request: InspectRequest): Promise<void> {
  folder = undefined;
  state.cancelled = false;
  try {
    const device = await chooseDevice(request.device, (candidate) => probeInChild(__filename, candidate));
    const outcome = await inspect(request, device, observer);
    send({ type: 'finished', ...outcome });
  } catch (error) {
    const stack = error instanceof InspectorError ? undefined : (error as Error).stack;
    send({ type: 'failed', message: describeError(error), stack: stack ?? (error as Error).stack, folder });
  }
}

const probed = process.env[probeVariable];
if (probed) {
  void probeDevice(probed as Device).then((problem) => process.send?.({ problem }, () => process.exit(0)));
} else {
  process.on('message', (message) => {
    const request = message as EngineRequest;
    if (request.type === 'cancel') state.cancelled = true;
    else void runInspection(request.request);
  });
  // The parent is gone: nobody will read the results.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group of processes; the parent decides what it means.
  process.on('SIGINT', () => {});
}

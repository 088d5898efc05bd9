import { type ChildProcess, fork } from 'node:child_process';
import { dirname } from 'node:path';
import { InspectorError, StoppedError } from '../shared/errors.ts';
import type { EngineEvent, EngineRequest, InspectRequest } from '../shared/protocol.ts';
import { at, type Words, words } from '../shared/words.ts';
import { childEnvironment, keepingMemory } from './environment.ts';
import { outOfThreads, scarce } from './scarce.ts';

/** How long a run may take to notice that it was cancelled before its process is ended, unless told otherwise. */
const patienceMilliseconds = 3000;

/** How long a process may take to start; where the system refuses it threads, it can wait for them for ever. */
const startMilliseconds = 30_000;

/** Events after which nothing more comes of a request. */
const lastEvents: ReadonlySet<EngineEvent['type']> = new Set(['finished', 'failed', 'experiments', 'counted']);

/**
 * Runs requests in an engine process. The process may die (native code, out of memory, kill); that is an error of the
 * request with cause and remedy, and the next request gets a new process.
 */
export class EngineClient {
  private child: ChildProcess | undefined;
  /** Ends the process that was asked to stop. */
  private patience: NodeJS.Timeout | undefined;
  /** True once this side has ended the process. */
  private stopped = false;

  /** The process that was ended since it did not start. */
  private unstarted: ChildProcess | undefined;

  /**
   * @param script the bundled engine process
   * @param mostToStart milliseconds after which a process that has said nothing is ended
   */
  constructor(
    private readonly script: string,
    private readonly mostToStart = startMilliseconds,
  ) {}

  /** Runs an inspection, as `run`. */
  inspect(request: InspectRequest, listen: (event: EngineEvent) => void): Promise<EngineEvent> {
    return this.run({ type: 'inspect', request }, listen);
  }

  /**
   * Runs any request; resolves with the last event. Throws an InspectorError where the process ends before it, a
   * StoppedError where this side ended it.
   */
  run(request: Exclude<EngineRequest, { type: 'cancel' }>, listen: (event: EngineEvent) => void): Promise<EngineEvent> {
    const child = this.start();
    return new Promise((resolve, reject) => {
      let tail = '';
      let folder: string | undefined;
      const collect = (data: Buffer) => {
        tail = (tail + data.toString('utf8')).slice(-2000);
      };
      const done = () => {
        clearTimeout(this.patience);
        child.off('message', receive);
        child.off('exit', ended);
        child.off('error', unstarted);
        child.stderr?.off('data', collect);
      };
      const receive = (message: unknown) => {
        const event = message as EngineEvent;
        if (event.type === 'ready') return;
        if (event.type === 'started' || event.type === 'opened') folder = event.folder;
        listen(event);
        if (lastEvents.has(event.type)) {
          done();
          resolve(event);
        }
      };
      const ended = (code: number | null, signal: NodeJS.Signals | null) => {
        done();
        reject(
          this.unstarted === child
            ? new InspectorError(`The engine process did not start within ${this.mostToStart / 1000} seconds.`, scarce)
            : this.stopped
              ? new StoppedError(folder)
              : new InspectorError(deathMessage(code, signal, tail), deathRemedy(signal, request, tail)),
        );
      };
      const unstarted = (error: Error) => {
        done();
        if (this.child === child) this.child = undefined;
        const reason = (error as NodeJS.ErrnoException).code ?? error.message;
        reject(new InspectorError(`The engine process could not be started: ${reason}.`, scarce, { cause: error }));
      };
      child.stderr?.on('data', collect);
      child.on('message', receive);
      child.once('exit', ended);
      child.once('error', unstarted);
      // A process that could not be started has no channel; the event says why.
      // One that ends before it has read the request makes sending fail; its end says why.
      if (child.connected) child.send(request, () => {});
    });
  }

  /** Asks the running request to stop after its current step, and ends the process where it does not in time. */
  cancel(patience = patienceMilliseconds): void {
    if (!this.child) return;
    if (this.child.connected) this.child.send({ type: 'cancel' } satisfies EngineRequest, () => {});
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.dispose(), patience);
  }

  /** Ends the process. */
  dispose(): void {
    clearTimeout(this.patience);
    this.stopped = true;
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  private start(): ChildProcess {
    if (this.child?.connected) return this.child;
    const child = fork(this.script, [], {
      cwd: dirname(this.script),
      env: childEnvironment(keepingMemory),
      // The debugger's options of the editor are not for this process.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    const limit = setTimeout(() => {
      this.unstarted = child;
      child.kill('SIGKILL');
    }, this.mostToStart);
    child.once('message', () => clearTimeout(limit));
    child.once('exit', () => {
      clearTimeout(limit);
      if (this.child === child) this.child = undefined;
    });
    this.child = child;
    this.stopped = false;
    return child;
  }
}

function deathMessage(code: number | null, signal: NodeJS.Signals | null, tail: string): string {
  if (outOfThreads.test(tail)) return 'The engine process got no threads from the system.';
  if (signal === 'SIGKILL') return 'The engine process was killed (SIGKILL): most often the system ran out of memory.';
  if (signal) return `The engine process crashed (${signal}) in native code.`;
  const heap = /heap out of memory/i.test(tail);
  return heap
    ? 'The engine process ran out of memory.'
    : `The engine process ended unexpectedly (exit code ${code}).${tail ? `\n${tail.trim().split('\n').slice(-3).join('\n')}` : ''}`;
}

function deathRemedy(signal: NodeJS.Signals | null, request: EngineRequest, tail: string): Words {
  if (outOfThreads.test(tail)) return words`${scarce}`;
  // The runtime of JavaScript aborts without a word where it gets no thread.
  if (signal === 'SIGABRT' && tail.trim() === '') return words`${scarce}`;
  if (signal && signal !== 'SIGKILL' && request.type === 'inspect' && request.request.device !== 'cpu')
    return words`Try again on the CPU (${at('device', 'cpu')}). What was measured until then is kept.`;
  return words`Try a smaller ${at('microBatch')} or fewer samples (${at('limit')}). What was measured until then is kept.`;
}

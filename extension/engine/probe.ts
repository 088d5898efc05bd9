import { fork } from 'node:child_process';
import { dirname } from 'node:path';
import { childEnvironment } from './environment.ts';
import type { Device } from './session.ts';

/** Environment variable that makes the engine process probe a device and exit. */
export const probeVariable = 'OPTIMIZER_BIAS_PROBE';

/** Longest time that a provider may take to start. */
const probeMilliseconds = 30_000;

/** Starts a provider in a process made from `script`; returns what went wrong, or undefined. */
export function probeInChild(script: string, device: Device): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = fork(script, [], {
      cwd: dirname(script),
      env: childEnvironment({ [probeVariable]: device }),
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let answer: string | undefined = 'the probe ended without an answer.';
    const timer = setTimeout(() => {
      answer = `the provider did not start within ${probeMilliseconds / 1000} seconds.`;
      child.kill('SIGKILL');
    }, probeMilliseconds);
    child.on('message', (message) => {
      answer = (message as { problem?: string }).problem;
    });
    child.on('error', (error) => {
      answer = error.message;
    });
    child.on('exit', (_code, signal) => {
      clearTimeout(timer);
      resolve(signal && answer !== undefined ? `the provider ended the process (${signal}).` : answer);
    });
  });
}

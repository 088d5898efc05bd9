import { spawnSync } from 'node:child_process';

/** Milliseconds that a program of the scheduler may take where it only asks. */
const askPatience = 20_000;
/** The same where it hands something over: a busy controller is given its time. */
export const submitPatience = 120_000;

/** What a program of the scheduler said. */
export interface Answer {
  readonly stdout: string;
  /** Why it failed, in its own words where it has any; undefined where it did not. */
  readonly reason: string | undefined;
  /** It was still waiting for the scheduler when it was ended. */
  readonly unanswered: boolean;
}

/** Runs a program of the scheduler, without a shell. */
export function ask(
  program: string,
  args: readonly string[],
  { patience = askPatience, ...options }: { input?: string; env?: NodeJS.ProcessEnv; patience?: number } = {},
): Answer {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    ...options,
    timeout: patience,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    windowsHide: true,
  });
  // One that ends without reading what it was given has still said why.
  if (error && status === null) {
    const { code, message } = error as NodeJS.ErrnoException;
    const unanswered = code === 'ETIMEDOUT';
    const reason =
      code === 'ENOENT'
        ? `there is no program ${program}.`
        : `${program} ${unanswered ? 'gave no answer' : `could not be run: ${message}`}.`;
    return { stdout: stdout ?? '', reason, unanswered };
  }
  const ended = signal === null ? `ended with code ${status}` : `was ended by ${signal}`;
  const failed = signal !== null || status !== 0;
  return { stdout, reason: failed ? stderr.trim() || `${program} ${ended}.` : undefined, unanswered: false };
}

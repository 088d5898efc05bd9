import { joinWords, onCommandLine, type Words, words } from './words.ts';

export { quoteName } from './names.ts';

/**
 * An error that is part of the interface: what is wrong, where it is, and what to do about it. Settings that it names are data
 * (`words`), so that the command line and the editor each say how they are changed. Anything else that is thrown is a defect
 * of this program.
 */
export class InspectorError extends Error {
  override readonly name: string = 'InspectorError';
  /** What the user can do, as the command line says it; shown on a line of its own. */
  readonly remedy: string | undefined;
  readonly words: { readonly message: Words; readonly remedy: Words | undefined };

  constructor(message: Words, remedy?: Words, options?: ErrorOptions) {
    super(onCommandLine(message), options);
    this.words = { message, remedy };
    this.remedy = remedy === undefined ? undefined : onCommandLine(remedy);
  }
}

/** The user ended what was running, and it was not there any more to say how far it had come. */
export class StoppedError extends InspectorError {
  /** `folder`: what was measured until then, if it had begun. */
  constructor(readonly folder: string | undefined) {
    super(
      'Stopped: the engine was ended in the middle of its work.',
      folder === undefined ? 'Nothing had been measured yet.' : `What was measured until then is kept: ${folder}`,
    );
  }
}

/** How something failed, as plain data that crosses processes. */
export interface Failure {
  /** A refusal is part of the interface; a defect is one of ours, to be reported. */
  readonly kind: 'refusal' | 'defect';
  readonly message: Words;
  readonly remedy?: Words;
  readonly stack?: string;
}

/** What was thrown, as data. */
export function failureOf(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof InspectorError)) return { kind: 'defect', message, stack };
  return { kind: 'refusal', ...error.words, stack };
}

/** A failure in one text, cause and remedy; a defect asks to be reported. */
export const failureWords = ({ kind, message, remedy }: Failure): Words =>
  kind === 'defect'
    ? words`Internal error: ${message}${onCommandLine(message).endsWith('.') ? '' : '.'} Please report this with the log.`
    : joinWords(remedy === undefined ? [message] : [message, remedy], '\n');

/** A defect of ours that another process has met, with the stack of that one. */
export class DefectError extends Error {
  constructor({ message, stack }: Failure) {
    super(onCommandLine(message));
    this.stack = stack;
  }
}

/** What another process has met, to be thrown in this one. */
export function errorOf(failure: Failure): Error {
  if (failure.kind === 'defect') return new DefectError(failure);
  const error = new InspectorError(failure.message, failure.remedy);
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}

/** The text for the user: the message and, where there is one, the remedy. Never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof InspectorError) return error.remedy ? `${error.message}\n${error.remedy}` : error.message;
  return error instanceof Error ? error.message : String(error);
}

/**
 * An error that is part of the interface: what is wrong, where it is, and what to do about it.
 * Anything else that is thrown is a defect of this program.
 */
export class InspectorError extends Error {
  override readonly name = 'InspectorError';
  /** What the user can do; shown on a line of its own. */
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

/** The user ended what was running, and it was not there any more to say how far it had come. */
export class StoppedError extends InspectorError {
  /** `folder`: what was measured until then, if it had begun. */
  constructor(folder: string | undefined) {
    super(
      'Stopped: the engine was ended in the middle of its work.',
      folder === undefined ? 'Nothing had been measured yet.' : `What was measured until then is kept: ${folder}`,
    );
  }
}

/** The text for the user: the message and, where there is one, the remedy. Never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof InspectorError) return error.remedy ? `${error.message}\n${error.remedy}` : error.message;
  return error instanceof Error ? error.message : String(error);
}

/** Names come from files that anyone may have written: control and bidirectional characters are made visible, length is bounded. */
export function quoteName(name: string, limit = 120): string {
  const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${visible.length > limit ? `${visible.slice(0, limit)}…` : visible}"`;
}

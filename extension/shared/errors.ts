import { inside, type Part, partText, type Where, whereText } from './where.ts';
import { joinWords, onCommandLine, type Words, words } from './words.ts';

export { quoteName } from './names.ts';

/** What went wrong, where, and what to do: each of them data, so that every surface says it in its own way. */
export interface ErrorWords {
  /** A sentence, or what continues the name of the place: "is empty." */
  readonly message: Words;
  readonly where?: Where;
  /** What the message lists, each at a place of its own. */
  readonly parts?: readonly Part[];
  readonly remedy?: Words;
}

/**
 * An error that is part of the interface: what is wrong, where it is, and what to do about it. Its place is data (`where`), as
 * are the settings that it names (`words`), so that the command line and the editor each say them in their own way. Anything
 * else that is thrown is a defect of this program.
 */
export class InspectorError extends Error {
  override readonly name: string = 'InspectorError';
  /** What the user can do, as the command line says it; shown on a line of its own. */
  readonly remedy: string | undefined;
  readonly words: ErrorWords;

  constructor(
    message: Words,
    remedy?: Words,
    { where, parts, ...options }: ErrorOptions & Omit<ErrorWords, 'message' | 'remedy'> = {},
  ) {
    super(onCommandLine(placed({ message, where, parts })), options);
    this.words = { message, where, parts, remedy };
    this.remedy = remedy === undefined ? undefined : onCommandLine(remedy);
  }

  /** An error with these words. */
  static of({ message, remedy, ...rest }: ErrorWords, options?: ErrorOptions): InspectorError {
    return new InspectorError(message, remedy, { ...options, ...rest });
  }

  /** The same error, some of its words replaced. */
  with(changed: Partial<ErrorWords>): InspectorError {
    return InspectorError.of({ ...this.words, ...changed }, { cause: this });
  }

  /** The same error of something that lies in `outer`. */
  in(outer: Where): InspectorError {
    return this.with({ where: inside(outer, this.words.where) });
  }
}

/** Messages continue after the name of a place; names in quotes and acronyms stay as they are. */
const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

const continued = (message: Words): Words =>
  typeof message === 'string'
    ? lowerFirst(message)
    : message.map((word, i) => (i === 0 && typeof word === 'string' ? lowerFirst(word) : word));

/** A message with its place before it (`say`: in which words), and its parts below it, each with its own line. */
export function placed({ message, where, parts = [] }: ErrorWords, say = whereText): Words {
  const tellLines = parts.some((part) => part.where.line !== undefined);
  const place = say(tellLines ? { ...where, line: undefined } : where);
  const lines = parts.map((part) => `\n  ${partText(part.where)}: ${part.message}`).join('');
  const text = place === '' ? message : joinWords([`${place}:`, continued(message)]);
  return lines === '' ? text : joinWords([text, lines], '');
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
export interface Failure extends ErrorWords {
  /** A refusal is part of the interface; a defect is one of ours, to be reported. */
  readonly kind: 'refusal' | 'defect';
  readonly stack?: string;
}

/** What was thrown, as data. */
export function failureOf(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof InspectorError)) return { kind: 'defect', message, stack };
  return { kind: 'refusal', ...error.words, stack };
}

/** What was thrown, in one message that names its place. */
export const messageOf = (error: unknown): Words => placed(failureOf(error));

/** A failure in one text, cause and remedy; a defect asks to be reported. */
const wordsOf = ({ kind: _kind, stack: _stack, ...words }: Failure): ErrorWords => words;

export const failureWords = ({ kind, message, remedy, where, parts }: Failure): Words =>
  kind === 'defect'
    ? words`Internal error: ${message}${onCommandLine(message).endsWith('.') ? '' : '.'} Please report this with the log.`
    : joinWords([placed({ message, where, parts }), ...(remedy === undefined ? [] : [remedy])], '\n');

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
  const error = InspectorError.of(wordsOf(failure));
  if (failure.stack !== undefined) error.stack = failure.stack;
  return error;
}

/** The text for the user: the message and, where there is one, the remedy. Never a stack trace. */
export function describeError(error: unknown): string {
  if (error instanceof InspectorError) return error.remedy ? `${error.message}\n${error.remedy}` : error.message;
  return error instanceof Error ? error.message : String(error);
}

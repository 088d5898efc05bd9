import { WritingError } from '../files/writing.ts';
import { InspectorError } from '../shared/errors.ts';

/**
 * Whether every further attempt would come to the same: a refusal of what was asked for. What the system refuses (a file that is
 * not there, a full disk, no memory) and defects may be got over.
 */
export function isUseless(error: unknown): boolean {
  if (!(error instanceof InspectorError) || error instanceof WritingError) return false;
  for (let cause = error.cause; cause !== undefined && cause !== null; cause = (cause as Error).cause)
    if (/^E[A-Z]+$/.test(String((cause as NodeJS.ErrnoException).code))) return false;
  return true;
}

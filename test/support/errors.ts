import assert from 'node:assert/strict';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';

/** What a user reads when `run` is refused; fails where it is accepted or ends in an error of another kind. */
export function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof InspectorError, `${error}`);
    return describeError(error);
  }
  assert.fail('was accepted');
}

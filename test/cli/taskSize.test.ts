import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareCommand } from '../../extension/cli/compare.ts';
import { parseCommand } from '../../extension/cli/options.ts';
import { withoutPlan } from '../../extension/cli/plan.ts';
import { sweepCommand } from '../../extension/cli/sweep.ts';
import { taskSize } from '../../extension/cli/taskSize.ts';
import { messageOf } from '../support/errors.ts';

const bias = '*.bias: lr=1e-4';

test('--group names groups of parameters, and says how many points a task has', () => {
  for (const command of [sweepCommand, compareCommand]) {
    const parsed = (...argv: string[]) => parseCommand(command, argv);
    const read = (...argv: string[]) => {
      const given = parsed(...argv);
      return [taskSize(given.values), withoutPlan(given).values.get('group')];
    };
    assert.deepEqual(read('--plan', 'p'), [undefined, undefined]);
    assert.deepEqual(read('--plan', 'p', '--group', '3'), [3, undefined]);
    assert.deepEqual(read('--plan', 'p', '--group', bias), [undefined, [bias]]);
    assert.deepEqual(read('--plan', 'p', '--group', bias, '--group', '12', '--group', '*: eps=1'), [
      12,
      [bias, '*: eps=1'],
    ]);
    assert.equal(
      messageOf(() => read('--group', '0')),
      '--group 0 is no number of points.\nA task has at least one.',
    );
    assert.equal(
      messageOf(() => read('--group', '2', '--group', '3')),
      '--group 2 and --group 3 are both given.',
    );
  }
});

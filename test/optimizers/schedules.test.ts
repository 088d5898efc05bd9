import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Schedule, stepSizesOf } from '../../extension/optimizers/schedules.ts';
import { describeError } from '../../extension/shared/errors.ts';
import { assertVectorClose } from './support.ts';

const first = (schedule: Schedule, count: number) => Array.from({ length: count }, (_, k) => stepSizesOf(schedule)(k));

test('schedules give the step sizes of their definitions', () => {
  const table: [Schedule, number[]][] = [
    [{ kind: 'constant', lr: 2 }, [2, 2, 2]],
    [{ kind: 'constant', lr: 2, warmup: 4 }, [0.5, 1, 1.5, 2, 2, 2]],
    [{ kind: 'step', lr: 1, every: 2, factor: 0.1 }, [1, 1, 0.1, 0.1, 0.01]],
    [{ kind: 'table', lr: 2, factors: [0.5, 1, 0.25] }, [1, 2, 0.5, 0.5]],
    [{ kind: 'step', lr: 1, every: 2, factor: 0.1, warmup: 2 }, [0.5, 1, 1, 1, 0.1, 0.1]],
    [{ kind: 'linear', lr: 4, steps: 4 }, [4, 3, 2, 1, 0, 0]],
    [{ kind: 'linear', lr: 4, final: 2, steps: 6, warmup: 2 }, [2, 4, 4, 3.5, 3, 2.5, 2, 2]],
    [{ kind: 'cosine', lr: 2, steps: 4 }, [2, 1 + Math.SQRT1_2, 1, 1 - Math.SQRT1_2, 0, 0]],
    [{ kind: 'cosine', lr: 3, final: 1, steps: 3, warmup: 1 }, [3, 3, 2, 1, 1]],
  ];
  for (const [schedule, expected] of table) {
    assertVectorClose(first(schedule, expected.length), expected, 1e-14, JSON.stringify(schedule));
  }
});

test('values that give no schedule are refused', () => {
  const refused: [Schedule, string][] = [
    [{ kind: 'constant', lr: -1 }, 'The learning rate of the schedule is -1.\nGive a number of at least 0.'],
    [
      { kind: 'constant', lr: 1, warmup: 0.5 },
      'The warm-up of the schedule is 0.5.\nGive a whole number of at least 0.',
    ],
    [{ kind: 'table', lr: 1, factors: [] }, 'The number of factors of the schedule is 0.\nGive at least one factor.'],
    [
      { kind: 'step', lr: 1, every: 0, factor: 0.1 },
      'The step length of the schedule is 0.\nGive a whole number of at least 1.',
    ],
    [
      { kind: 'step', lr: 1, every: 1, factor: Number.NaN },
      'The step factor of the schedule is NaN.\nGive a number of at least 0.',
    ],
    [
      { kind: 'cosine', lr: 1, steps: 5, warmup: 5 },
      'The number of steps of the schedule is 5.\nGive a number above the 5 steps of warm-up.',
    ],
    [
      { kind: 'linear', lr: 1, steps: 5, final: -1 },
      'The final learning rate of the schedule is -1.\nGive a number of at least 0.',
    ],
    [
      { kind: 'poly', lr: 1 } as unknown as Schedule,
      'There is no schedule "poly".\nChoose one of constant, cosine, linear, step, table.',
    ],
  ];
  for (const [schedule, message] of refused) {
    assert.throws(
      () => stepSizesOf(schedule),
      (error) => {
        assert.equal(describeError(error), message);
        return true;
      },
    );
  }
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EdgeWatch } from '../../extension/jobs/edge.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';

const line = (step: number, loss: number) => ({ step, loss, tensors: {} }) as unknown as StepLine;

it('a line is written before the next step is taken, and completed with what that step brings', () => {
  const told: unknown[] = [];
  const watch = new EdgeWatch({
    batched: false,
    write: ({ step }: StepLine) => told.push(['written', step]),
    complete: (fields: unknown, whole: StepLine) => told.push([fields, whole.step, whole.zeta]),
  } as unknown as ConstructorParameters<typeof EdgeWatch>[0]);
  watch.add(line(0, 3), { descent: 2 });
  assert.deepEqual(told, [['written', 0]]);
  watch.add(line(1, 2), { descent: 1 });
  watch.flush();
  watch.flush();
  // ζ = 1 + ΔE/(h·g·u) = 1 + (2 − 3)/2
  assert.deepEqual(told.slice(1), [
    [{ zeta: 0.5 }, 0, 0.5],
    ['written', 1],
    [{}, 1, undefined],
  ]);
});

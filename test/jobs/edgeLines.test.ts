import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EdgeWatch } from '../../extension/jobs/edge.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
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

it('on mini-batches the denominator is that of the step before, else that of the step to come', async () => {
  const measuredAt = async (batched: boolean, step: number) => {
    const seen: unknown[] = [];
    const watch = new EdgeWatch({
      batched,
      settings: { optimizer: optimizerNamed('adam'), hyper: { beta1: 0.9 } },
      runner: { plainSteps: async () => ({ position: { state: 'after the next step' } }) },
    } as unknown as ConstructorParameters<typeof EdgeWatch>[0]);
    const measure = async (_theta: unknown, at: { n: number; state: unknown }) => void seen.push([at.n, at.state]);
    Object.assign(watch, { meter: { measure, spikeSigns: async () => ({}) } });
    await watch.at({ step, theta: undefined, state: 'here' } as unknown as Parameters<EdgeWatch['at']>[0]);
    return seen;
  };
  assert.deepEqual(await measuredAt(true, 7), [[6, 'here']]);
  assert.deepEqual(await measuredAt(false, 7), [[7, 'after the next step']]);
  // Before the first batch there is none.
  assert.deepEqual(await measuredAt(true, 0), []);
});

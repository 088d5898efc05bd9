import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { spikesOf, spikeText } from '../../extension/shared/spikes.ts';

const lines = (losses: readonly (number | null)[]) => losses.map((loss, step) => ({ step, loss }) as StepLine);

test('a spike is told with its step; a start that climbs or a noisy descent has none', () => {
  assert.deepEqual(spikesOf(lines([2, 1, 0.5, 0.4, 0.9, 1.4, 0.7, 0.39, 0.3])), [{ step: 5, loss: 1.4, from: 0.4 }]);
  assert.deepEqual(spikesOf(lines([2, 1, 0.1, 0.2, 0.09, null, 0.3])), [
    { step: 3, loss: 0.2, from: 0.1 },
    { step: 6, loss: 0.3, from: 0.09 },
  ]);
  assert.deepEqual(spikesOf(lines([1, 2, 4, 8])), []);
  assert.deepEqual(spikesOf(lines([2, 1.2, 1.4, 1.1, 1.3])), []);
  assert.deepEqual(spikesOf([]), []);
});

test('what precedes it is told beside it', () => {
  const steps = [
    ...lines([2, 1, 0.1, 0.2, 0.05]),
    { step: 5, loss: 0.04, gradientCurvature: 0.62, staleShare: 0.4 } as StepLine,
  ];
  assert.equal(
    spikeText(steps),
    'The loss spiked at step 3: 0.100 → 0.200. At step 5 the curvature along the gradient is 62 % of the 2/h from which on steps along it raise the loss; v̂ is above 10 g² for 40 % of the parameters.',
  );
  assert.equal(spikeText(lines([2, 1])), undefined);
});

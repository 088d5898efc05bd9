import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peakOf } from '../../extension/jobs/plan.ts';

test('the memory of a run follows what a smaller one took', () => {
  // Nothing more is evaluated at once: what was taken is what will be.
  assert.equal(peakOf(740, 1270, 1270), 740);
  // Half of what was expected then, and half of what more is expected now.
  assert.equal(peakOf(500, 1000, 3000), 1500);
  assert.equal(peakOf(2000, 1000, 3000), 6000);
  // Never less than was taken, and no scale without a measure.
  assert.equal(peakOf(500, 1000, 800), 500);
  assert.equal(peakOf(1000, 10, 20), 1030);
});

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { countsOf, rankCorrelation, readStored } from './stored.ts';

const stored = readStored(resolve('test/calibration/calibration.jsonl'));

test('nothing is shown as reliable in the calibration set that is a factor 1.5 from what was measured', () => {
  const counts = countsOf(stored, { withEffect: true, tensors: false, factor: 1.5 });
  assert.equal(counts.falseValid, 0);
  assert.ok(counts.trueValid > 10, JSON.stringify(counts));
});

test('by the self-check alone, nothing by more than a factor 2.5', () => {
  const counts = countsOf(stored, { withEffect: false, tensors: false, factor: 2.5 });
  assert.equal(counts.falseValid, 0);
  assert.ok(counts.trueInvalid > 30, JSON.stringify(counts));
});

test('in the second set little passes wrongly by the self-check alone, and nothing beside the effect', () => {
  const second = readStored(resolve('test/calibration/validation.jsonl'));
  assert.ok(second.length >= 40);
  assert.equal(countsOf(second, { withEffect: true, tensors: false, factor: 1.5 }).falseValid, 0);
  const alone = countsOf(second, { withEffect: false, tensors: false, factor: 1.5 });
  assert.ok(alone.falseValid <= 2 && alone.trueInvalid > 20, JSON.stringify(alone));
});

test('rank correlation', () => {
  assert.equal(rankCorrelation([[1, 10], [2, 20], [3, 400]]), 1); // biome-ignore format: pairs
  assert.equal(rankCorrelation([[1, 3], [2, 2], [3, 1]]), -1); // biome-ignore format: pairs
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseChunks, chunksOf } from '../../extension/engine/chunks.ts';
import { checkMemory, isLarge, memoryNeed } from '../../extension/engine/memory.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { mlp, samples } from '../support/models.ts';

const problemOf = (sizes: readonly number[], count: number) =>
  createProblem(mlp(sizes), samples(count, [sizes[0]]), { loss: 'cross-entropy' });
const plan = (count: number, size: number) => ({ plain: chunksOf(count, size), corrected: chunksOf(count, size) });

test('a run that cannot fit is refused with its sum, one that may fit is not', () => {
  const problem = problemOf([64, 512, 10], 64);
  const need = memoryNeed(problem, plan(64, 64));
  assert.ok(need.total > need.parameters + need.activations + need.data);
  checkMemory(problem, plan(64, 64), { memory: need.total });
  assert.throws(
    () => checkMemory(problem, plan(64, 64), { memory: need.total / 2 }),
    /^InspectorError: The run needs about [\d,]+ MiB, and this machine has [\d,]+ MiB: [\d,]+ MiB for vectors of 38,410 parameters, [\d,]+ MiB for the values of 64 samples at a time/,
  );
});

test('fewer samples at a time need less, and it is said where that helps', () => {
  const problem = problemOf([32, 16, 10], 4096);
  const [all, few] = [4096, 16].map((size) => memoryNeed(problem, plan(4096, size)));
  assert.ok(few.activations * 50 < all.activations);
  assert.equal(few.parameters, all.parameters);
  assert.throws(
    () => checkMemory(problem, plan(4096, 4096), { memory: 1e6 }),
    ({ remedy }) => /smaller/.test(JSON.stringify(remedy)),
  );
});

test('vectors of large models count: their data is evaluated on one lane', () => {
  const [small, large] = [problemOf([64, 256, 10], 20_000), problemOf([64, 4096, 3000, 10], 20_000)];
  assert.deepEqual([isLarge(small), isLarge(large)], [false, true]);
  const lanes = (problem: typeof small) => chooseChunks(problem, { memoryBudget: 2 ** 30, lanes: 2 }).lanes?.length;
  assert.equal(lanes(small), 2);
  assert.equal(lanes(large), 1);
});

test('what a run is held against needs memory, too, and is left out where only the run itself would fit', () => {
  const problem = problemOf([64, 512, 10], 64);
  const [alone, held] = [false, true].map((withReference) => memoryNeed(problem, plan(64, 64), withReference).total);
  assert.ok(held > 1.02 * alone && held < 2 * alone, `${held} with a reference, ${alone} without`);
  const memory = 0.75 * alone;
  checkMemory(problem, plan(64, 64), { memory });
  assert.throws(
    () => checkMemory(problem, plan(64, 64), { memory, withReference: true }),
    ({ remedy }) => /--reference none/.test(remedy),
  );
});

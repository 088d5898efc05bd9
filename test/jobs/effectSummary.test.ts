import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Path } from '../../extension/engine/path.ts';
import { Comparison } from '../../extension/jobs/comparison.ts';
import { effectSummary } from '../../extension/jobs/effectSummary.ts';
import { crossing, LossIndex } from '../../extension/jobs/equalLoss.ts';
import type { Reference } from '../../extension/jobs/references.ts';
import type { RunReference } from '../../extension/shared/protocol.ts';

const steps = 400;
const lowest = 0.01;
const header = { kind: 'twin' } as unknown as RunReference;

/** A loss that falls from 1 to 0.01 in equal ratios, with a norm that depends on the share of the way. */
function pathOf(norm: (share: number) => number, kept?: number): Path {
  const path = new Path();
  for (let step = 0; step <= steps; step++) {
    const share = step / steps;
    const loss = lowest ** share;
    path.push({ loss, norms: [norm(share)] });
    if (kept !== undefined && step % 10 === 5) path.average({ step, loss, ratios: [kept] });
  }
  return path;
}

function summaryOf(path: Path, other = pathOf(() => 1)) {
  const reference = {
    path: other,
    steady: false,
    header,
    doubt: () => undefined,
    crossing(loss: number) {
      const norms = crossing(other, loss);
      return norms ? { norms } : { reason: 'not reached' };
    },
  } as unknown as Reference;
  return effectSummary(new Comparison(path, reference), path, { names: [], curve: [], reference: header });
}

test('levels of the loss are in equal ratios, and early begins where 15 % of the way down is done', () => {
  // The effect is the share of the way.
  const { losses, effect, early, late } = summaryOf(pathOf((share) => 1 + share));
  assert.equal(losses[0], 1);
  assert.equal(losses.at(-1), lowest);
  losses.slice(1).forEach((loss, k) => {
    assert.ok(Math.abs(loss / losses[k] / lowest ** (1 / (losses.length - 1)) - 1) < 1e-9, `level ${k + 1}: ${loss}`);
  });
  effect.forEach((value, k) => {
    assert.ok(Math.abs(value! - k / (losses.length - 1)) < 1e-3, `level ${k}: ${value}`);
  });
  assert.ok(early! > 0.1 && early! < 0.16, `${early}`);
  assert.ok(late! > 0.99, `${late}`);
});

test('a norm of which averaging takes more than a fifth oscillates', () => {
  const oscillating = (kept: number) => summaryOf(pathOf(() => 1.5, kept)).parts.map((part) => part.oscillating);
  assert.deepEqual(oscillating(0.75), ['run']);
  assert.deepEqual(oscillating(0.85), [null]);
});

test('a norm of which the mean of a stretch takes more than a fifth oscillates, in the run or in its reference', () => {
  const waves = (ratio: number, steady = true) => {
    const path = pathOf(() => 1, 1);
    const stretch = { from: 0, to: steps, loss: 0.2, high: 1, low: lowest, lossAtMean: 0.2 };
    path.stretch({ ...stretch, ratios: [ratio], steady });
    return path;
  };
  const oscillating = (...paths: Parameters<typeof summaryOf>) => summaryOf(...paths).parts.map((part) => part.oscillating); // biome-ignore format: one line
  assert.deepEqual(oscillating(waves(0.75)), ['run']);
  assert.deepEqual(oscillating(waves(0.85)), [null]);
  assert.deepEqual(oscillating(waves(0.5, false)), [null]);
  assert.deepEqual(oscillating(waves(1), waves(0.75)), ['reference']);
  assert.deepEqual(oscillating(waves(0.6), waves(0.75)), ['both']);
  // What averaging three neighbours takes away is no slow oscillation.
  const fast = pathOf(() => 1, 0.85);
  fast.stretch({ from: 0, to: steps, loss: 0.2, high: 1, low: lowest, lossAtMean: 0.2, ratios: [0.75], steady: true });
  const { slow } = summaryOf(fast);
  assert.ok(Math.abs(slow!.stretches[0].share! - (1 - 0.75 / 0.85)) < 1e-12);
  assert.equal(slow!.stretches[0].normAtMean, 0.75);
});

test('where the loss falls steadily and a norm alternates from step to step, bins tell the size, not a phase', () => {
  // The norm is 3, 1, 3, 1 …: its geometric mean is √3, whatever step a level falls on.
  const path = new Path();
  for (let step = 0; step <= steps; step++) {
    const loss = lowest ** (step / steps);
    path.push({ loss, norms: [step % 2 ? 1 : 3] });
    if (step % 10 === 5) path.average({ step, loss, ratios: [0.5] });
  }
  const { effect, method } = summaryOf(path);
  assert.equal(method, 'bins');
  for (const value of effect.slice(1, -1)) assert.ok(Math.abs(value! - (Math.sqrt(3) - 1)) < 0.08, `${value}`);
  const steady = summaryOf(pathOf(() => 1.5, 0.9));
  assert.equal(steady.method, 'crossing');
});

test('the norm of a bin is the geometric mean over the steps in it, and there is none where no step is', () => {
  const path = new Path();
  // Five steps lie within 12 % of 1; those at 2 and 0.5 do not.
  for (const [loss, norm] of [
    [2, 100],
    [1.05, 1],
    [0.95, 4],
    [1, 2],
    [1.05, 1],
    [0.95, 4],
    [0.5, 100],
  ])
    path.push({ loss, norms: [norm] });
  const [mean] = new LossIndex(path).bin(1)!;
  assert.ok(Math.abs(mean - 2) < 1e-12, `${mean}`);
  assert.equal(new LossIndex(path).bin(1.5), undefined);
});

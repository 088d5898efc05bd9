import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accumulatedWeight,
  meanAge,
  memoryFactor,
  scheduledAge,
  stepSizeAt,
} from '../../extension/optimizers/theory.ts';
import { assertClose } from './support.ts';
import vectors from './theory-vectors.json';

/** a_b(n) as the defining sum, in the order of decreasing age. */
function summedAge(b: number, n: number): number {
  let weighted = 0;
  let weight = 0;
  for (let m = n; m >= 0; m--) {
    weighted += b ** m * m;
    weight += b ** m;
  }
  return weighted / weight;
}

test('mean ages and memory factors agree with the recorded values', () => {
  for (const { beta, n, a, c } of vectors.c_coef) {
    assertClose(meanAge(beta, n), a, 1e-12, `a at β=${beta}, n=${n}`);
    assertClose(memoryFactor(beta, n), c, 1e-12, `c at β=${beta}, n=${n}`);
  }
});

test('the mean age equals its defining sum, also where its closed form cancels', () => {
  const decays = fc.oneof(
    fc.double({ min: 0, max: 0.99, noNaN: true }),
    fc.integer({ min: 2, max: 12 }).map((k) => 1 - 10 ** -k),
  );
  fc.assert(
    fc.property(decays, fc.integer({ min: 0, max: 800 }), (b, n) => {
      assertClose(meanAge(b, n), summedAge(b, n), 1e-11, `b=${b}, n=${n}`);
    }),
  );
  for (const n of [499, 500, 501, 600, 700]) assertClose(meanAge(0.999, n), summedAge(0.999, n), 1e-12, `n=${n}`);
});

test('the mean age grows with n to b/(1−b), and c_b(∞) = (1+b)/(1−b)', () => {
  assert.equal(meanAge(0.75, Infinity), 3);
  assert.equal(memoryFactor(0.75, Infinity), 7);
  assert.equal(meanAge(0, Infinity), 0);
  for (const b of [0.1, 0.9, 0.999999]) {
    let previous = -1;
    for (const n of [0, 1, 2, 10, 1000, 1e6, 1e9]) {
      const age = meanAge(b, n);
      assert.ok(age >= previous && age <= meanAge(b, Infinity) * (1 + 1e-12), `b=${b}, n=${n}: ${age}`);
      previous = age;
    }
    assertClose(previous, meanAge(b, Infinity), 1e-12, `b=${b}`);
  }
});

test('the accumulated weight is exact for slow decays and before the first step', () => {
  assert.equal(accumulatedWeight(0.9, -1), 0);
  assert.equal(accumulatedWeight(0, 0), 1);
  assert.equal(accumulatedWeight(0.5, Infinity), 1);
  assertClose(accumulatedWeight(1 - 2 ** -40, 3), 4 * 2 ** -40, 1e-11, 'slow decay');
});

test('scheduled ages follow the recursion A_n (1−b^{n+1}) = b (1−bⁿ)(A_{n−1} + h_{n−1})', () => {
  const steps = (k: number) => 1e-3 * (1.5 + Math.sin(k));
  for (const b of [0, 0.5, 0.9, 0.99]) {
    let age = 0;
    for (let n = 0; n < 6000; n++) {
      if (n > 0) age = (b * accumulatedWeight(b, n - 1) * (age + steps(n - 1))) / accumulatedWeight(b, n);
      if (n < 10 || n % 997 === 0) assertClose(scheduledAge(b, n, steps, steps(n)), age / steps(n), 1e-11, `n=${n}`);
    }
  }
});

test('with constant steps the scheduled age is the mean age', () => {
  for (const n of [0, 1, 7, 500])
    assertClose(
      scheduledAge(0.95, n, () => 0.02, 0.02),
      meanAge(0.95, n),
      1e-12,
      `n=${n}`,
    );
  assert.equal(
    scheduledAge(0.95, Infinity, () => 0.02, 0.02),
    meanAge(0.95, Infinity),
  );
});

test('the step size is the learning rate unless a schedule says otherwise', () => {
  assert.equal(stepSizeAt(0.1, 5), 0.1);
  assert.equal(
    stepSizeAt(0.1, 5, (k) => k / 10),
    0.5,
  );
  assert.equal(
    stepSizeAt(0.1, Infinity, (k) => k / 10),
    0.1,
  );
});

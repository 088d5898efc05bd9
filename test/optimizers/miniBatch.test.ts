import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { miniBatchTerms } from '../../extension/optimizers/miniBatch.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { bilinear, bilinearPoints } from './problems.ts';
import { assertVectorClose, correctionAt, drift } from './support.ts';
import vectors from './theory-vectors.json';

const theta = Float64Array.from(vectors.bilinear.theta);
const batches = bilinearPoints.map((point) => bilinear([point]));
const gradients = batches.map((batch) => batch.gradient(theta));
const hessianProduct = (batch: number, v: Float64Array) => batches[batch].hessianProduct(theta, v);

test('the mini-batches have the recorded gradients', () => {
  gradients.forEach((g, k) => {
    assertVectorClose(g, vectors.bilinear.grads[k], 1e-14, `batch ${k}`);
  });
});

for (const expected of vectors.theorem31_minibatch) {
  test(`Theorem 3.1 at β=${expected.beta}, ρ=${expected.rho}, ε=${expected.eps}, inside: ${expected.inside}`, () => {
    assert.equal(expected.seq.length, expected.n + 1);
    const terms = miniBatchTerms({
      beta: expected.beta,
      rho: expected.rho,
      eps: expected.eps,
      epsInside: expected.inside,
      biasCorrection: true,
      gradients,
      sequence: expected.seq,
      hessianProduct,
    });
    for (const name of ['M', 'R', 'L', 'Lbar', 'P', 'Pbar'] as const) {
      assertVectorClose(terms[name], expected[name], 1e-11, name);
    }
    const negative = (v: Float64Array) => v.map((x) => -x);
    assertVectorClose(negative(terms.direction), expected.drift0, 1e-12, 'drift without correction');
    assertVectorClose(negative(terms.correction), expected.drift1, 1e-10, 'coefficient of h');
  });
}

test('with one and the same mini-batch at every step it is the full-batch correction', () => {
  const adam = optimizerNamed('adam');
  const full = bilinear(bilinearPoints);
  for (const eps_placement of ['inside', 'outside']) {
    for (const bias_correction of [true, false]) {
      for (const n of [0, 1, 30]) {
        const hyper = completeHyperparameters(adam, 'pytorch', {
          lr: 1,
          beta2: 0.97,
          eps: 0.05,
          eps_placement,
          bias_correction,
        });
        const terms = miniBatchTerms({
          beta: 0.9,
          rho: 0.97,
          eps: 0.05,
          epsInside: eps_placement === 'inside',
          biasCorrection: bias_correction,
          gradients: [full.gradient(theta)],
          sequence: Array(n + 1).fill(0),
          hessianProduct: (_, v) => full.hessianProduct(theta, v),
        });
        const closed = correctionAt(adam, hyper, full, n, theta);
        const what = `${eps_placement}, bias correction ${bias_correction}, n=${n}`;
        assertVectorClose(terms.direction, closed.direction, 1e-11, `${what}: G`);
        assertVectorClose(terms.correction, drift(closed).C, 1e-9, `${what}: C`, 1e-2);
        const memory = closed.memoryCorrection.map((x) => x / closed.stepSize);
        assertVectorClose(terms.memory, memory, 1e-9, `${what}: memory`, 1e-2);
      }
    }
  }
});

test('coordinates without any gradient do not move and have no correction', () => {
  const terms = miniBatchTerms({
    beta: 0.9,
    rho: 0.99,
    eps: 0,
    epsInside: false,
    biasCorrection: true,
    gradients: [Float64Array.of(0, 1), Float64Array.of(0, -2)],
    sequence: [0, 1, 1],
    hessianProduct: (_, [, v]) => Float64Array.of(0, v),
  });
  assert.deepEqual([terms.direction[0], Math.abs(terms.memory[0]), Math.abs(terms.correction[0])], [0, 0, 0]);
  assert.ok(Object.values(terms).every((values: Float64Array) => values.every(Number.isFinite)));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hyperparameters } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { bilinear, bilinearPoints } from './problems.ts';
import { assertVectorClose, correctionAt, drift } from './support.ts';
import vectors from './theory-vectors.json';

type Setting = [optimizer: string, hyper: Omit<Hyperparameters, 'lr'>];

/** The recorded settings in this project's names. */
const settings = new Map<string, Setting>([
  ['adam_inside', ['adam', { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_placement: 'inside', weight_decay: 0 }]],
  ['adam_outside', ['adam', { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_placement: 'outside', weight_decay: 0 }]],
  ['adam_inside_eps1', ['adam', { beta1: 0.9, beta2: 0.999, eps: 1, eps_placement: 'inside', weight_decay: 0 }]],
  ['adam_outside_eps1', ['adam', { beta1: 0.9, beta2: 0.999, eps: 1, eps_placement: 'outside', weight_decay: 0 }]],
  ['adam_l2', ['adam', { beta1: 0.9, beta2: 0.99, eps: 1e-3, eps_placement: 'outside', weight_decay: 0.1 }]],
]);

const problem = bilinear(bilinearPoints);
const theta = Float64Array.from(vectors.bilinear.theta);

test('the bilinear model has the recorded gradient and Hessian', () => {
  assertVectorClose(problem.gradient(theta), vectors.bilinear.g, 1e-14, 'g');
  for (const j of [0, 1]) {
    const unit = Float64Array.from([0, 1], (i) => (i === j ? 1 : 0));
    assertVectorClose(problem.hessianProduct(theta, unit), vectors.bilinear.H[j], 1e-14, `H[${j}]`);
  }
});

for (const { name, n, G, C } of vectors.optimizers_fullbatch.cases.filter((c) => settings.has(c.name))) {
  test(`${name}, n = ${n}: G and C are the recorded ones`, () => {
    const [optimizer, hyper] = settings.get(name) ?? assert.fail(`No setting ${name}.`);
    const result = drift(correctionAt(optimizerNamed(optimizer), { lr: 1e-3, ...hyper }, problem, n, theta));
    assertVectorClose(result.G, G, 1e-12, 'G');
    assertVectorClose(result.C, C, 1e-9, 'C', 1);
  });
}

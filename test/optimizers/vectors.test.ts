import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { bilinear, bilinearPoints } from './problems.ts';
import { assertVectorClose, correctionAt, drift } from './support.ts';
import vectors from './theory-vectors.json';

type Setting = [optimizer: string, hyper: Record<string, number | boolean | string>];

/** The recorded settings in this project's names; what is not given has PyTorch's default. */
const settings = new Map<string, Setting>([
  ['gd', ['sgd', {}]],
  ['sgd', ['sgd', { momentum: 0.9 }]],
  ['sgd_nesterov', ['sgd', { momentum: 0.9, nesterov: true }]],
  ['sgd_damp_wd', ['sgd', { momentum: 0.8, dampening: 0.5, weight_decay: 0.1 }]],
  ['adam_inside', ['adam', { eps: 1e-8, eps_placement: 'inside' }]],
  ['adam_outside', ['adam', { eps: 1e-8 }]],
  ['adam_inside_eps1', ['adam', { eps: 1, eps_placement: 'inside' }]],
  ['adam_outside_eps1', ['adam', { eps: 1 }]],
  ['adam_l2', ['adam', { beta2: 0.99, eps: 1e-3, weight_decay: 0.1 }]],
  ['adamw', ['adamw', { beta2: 0.99, eps: 1e-3, weight_decay: 0.1 }]],
  ['rmsprop_torch', ['rmsprop', { alpha: 0.99, eps: 1e-8 }]],
  ['rmsprop_keras_inside', ['rmsprop', { alpha: 0.9, eps: 1e-3, eps_placement: 'inside' }]],
  ['nadam', ['nadam', { eps: 1e-8 }]],
  ['lion_smoothed', ['lion', { smoothing: 0.01, weight_decay: 0.1 }]],
  ['signum_smoothed', ['signum', { momentum: 0.9, smoothing: 0.01 }]],
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

for (const { name, n, G, C } of vectors.optimizers_fullbatch.cases) {
  test(`${name}, n = ${n}: G and C are the recorded ones`, () => {
    const [optimizerName, given] = settings.get(name) ?? assert.fail(`No setting ${name}.`);
    const optimizer = optimizerNamed(optimizerName);
    const hyper = completeHyperparameters(optimizer, 'pytorch', { ...given, lr: 1e-3 });
    const result = drift(correctionAt(optimizer, hyper, problem, n, theta));
    assertVectorClose(result.G, G, 1e-12, 'G');
    assertVectorClose(result.C, C, 1e-9, 'C', 1);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryPart } from '../../extension/jobs/predictedEffect.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { isAbsent } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { memoryFactor } from '../../extension/optimizers/theory.ts';

const partOf = (name: string, given: Readonly<Record<string, number | boolean | string>>) => {
  const optimizer = optimizerNamed(name);
  const hyper = completeHyperparameters(optimizer, 'pytorch', given);
  const twin = optimizer.twin(hyper);
  assert.ok(!isAbsent(twin));
  return memoryPart(optimizer, hyper, twin.hyper);
};

for (const name of ['adam', 'adamw'])
  for (const place of ['inside', 'outside'])
    test(`${name}, ε ${place}: what the twin with β₂ = β₁ does not have is −½(c_ρ − c_β)·f, whatever ε`, () => {
      const part = partOf(name, { beta1: 0.8, beta2: 0.97, eps: 1e-4, eps_placement: place });
      for (const n of [1, 10, 1000]) {
        const [cBeta, cRho] = [memoryFactor(0.8, n), memoryFactor(0.97, n)];
        const { base, slope } = part(n);
        for (const f of [0, 0.01, 0.5, 1]) {
          const kappa = (cBeta - cRho * f) / 2;
          const expected = (-(cRho - cBeta) * f) / 2;
          assert.ok(Math.abs(base + slope * kappa - expected) < 1e-9 * cRho, `step ${n}, f ${f}`);
        }
      }
    });

test('SGD with momentum μ: 2μ/(1+μ) of the correction is the memory’s', () => {
  const { base, slope } = partOf('sgd', { lr: 0.1, momentum: 0.9 })(50);
  assert.equal(base, 0);
  assert.ok(Math.abs(slope - 1.8 / 1.9) < 1e-9);
});

test('what is held against the flow is told the whole correction', () => {
  const optimizer = optimizerNamed('rmsprop');
  assert.deepEqual(memoryPart(optimizer, completeHyperparameters(optimizer, 'pytorch', {}), undefined)(5), {
    base: 0,
    slope: 1,
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubt, isBelievable, isUnchecked, modelStrengthRange, strengthRange } from '../../extension/shared/verdict.ts';
import { tensorLine } from '../webview/runs.ts';

test('the self-check of the run decides, by means of three steps where there are some; the share of valid coordinates does not', () => {
  assert.ok(isBelievable({ selfCheck: 9, selfCheckRun: 0.4 }));
  assert.ok(!isBelievable({ selfCheck: 0.1, selfCheckRun: 0.9 }));
  // A period of two decides neither way.
  assert.ok(isBelievable({ selfCheckRun: 4, selfCheckAveraged: 0.3 }));
  assert.ok(!isBelievable({ selfCheckRun: 0.3, selfCheckAveraged: 4 }));
  assert.ok(isBelievable({ selfCheckRun: 0.2, validShare: 0.01 }));
  assert.equal(
    doubt({ selfCheckRun: 7.1, validShare: 0.58 }),
    'it does not predict the steps that the optimizer took (self-check 7.1, above 0.5): the gradients of 42 % of the parameters are predicted to change by 30 % or more within the memory',
  );
});

test('where both are known, the measured effect must be within a factor 1.5 of the predicted one', () => {
  const near = { selfCheckRun: 0.1, effect: 0.1 };
  assert.ok(isBelievable({ ...near, effectPredicted: 0.14 }));
  assert.ok(!isBelievable({ ...near, effectPredicted: 0.16 }));
  assert.ok(!isBelievable({ ...near, effectPredicted: -0.1 }));
  assert.ok(!isBelievable({ selfCheckRun: 3, effect: 0.1, effectPredicted: 0.1 }));
  assert.match(
    doubt({ ...near, effectPredicted: 4.6 })!,
    /^it predicts an effect of \+460 % where \+10 % was measured$/,
  );
  // Rounding says nothing.
  assert.ok(isBelievable({ selfCheckRun: 0.1, effect: 1e-7, effectPredicted: -1e-6 }));
});

test('a prediction of nothing passes no check: Adagrad has none, and that of Lion is exactly 1', () => {
  for (const nothing of [{ selfCheck: null }, {}, { selfCheck: 1, selfCheckRun: 1, selfCheckAveraged: 1 }]) {
    assert.ok(!isBelievable(nothing));
    assert.ok(isUnchecked(nothing));
  }
  assert.ok(!isUnchecked({ selfCheckRun: 2 }));
});

test('a doubt begins above the calibrated self-check, and a prediction that is too small is one, too', () => {
  assert.ok(isBelievable({ selfCheckRun: 0.5 }));
  assert.ok(!isBelievable({ selfCheckRun: 0.501 }));
  assert.ok(!isBelievable({ selfCheckRun: 0.1, effect: 0.1, effectPredicted: 0.06 }));
});

test('the strengths of coordinates are words and sizes, times the step size', () => {
  const at = (kappaMin: number, kappaMax: number) => strengthRange({ kappa: -2, hKappa: -0.02, kappaMin, kappaMax });
  assert.equal(at(-10, -1), 'anti 0.100…0.0100');
  assert.equal(at(-10, 0.5), 'anti 0.100…reg. 0.00500');
  assert.equal(at(0.5, 2), 'reg. 0.00500…0.0200');
  assert.equal(at(-1, 0), 'anti 0.0100…0');
  assert.equal(strengthRange({ kappa: null, hKappa: null, kappaMin: null, kappaMax: null }), '–');
});

test('the strengths of all coordinates are each times the step size of its own tensor', () => {
  const slow = tensorLine({ kappa: -1, hKappa: -0.001, kappaMin: -100, kappaMax: 0 });
  const fast = tensorLine({ kappa: -1, hKappa: -0.01, kappaMin: -2, kappaMax: 1 });
  const all = { kappa: -1, hKappa: -0.01, kappaMin: -100, kappaMax: 1 };
  assert.equal(modelStrengthRange({ ...all, tensors: { slow, fast } }), 'anti 0.100…reg. 0.0100');
  assert.equal(modelStrengthRange(all), 'anti 1.00…reg. 0.0100');
});

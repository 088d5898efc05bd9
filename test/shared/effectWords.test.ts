import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oscillationText } from '../../extension/shared/effectWords.ts';

test('what of a norm is oscillation, from step to step and over many steps, and what is not known of it', () => {
  const text = (oscillation: number | null, slowOscillation: number | null) =>
    oscillationText({ oscillation, slowOscillation });
  assert.equal(text(null, null), undefined);
  assert.equal(text(0.01, 0.02), 'no oscillation');
  assert.equal(text(0.01, null), 'no oscillation from step to step');
  assert.equal(text(0.31, 0.01), '31 % of the norm is oscillation from step to step');
  assert.equal(text(0.004, 0.76), '76 % of the norm is oscillation over many steps');
  assert.equal(
    text(0.31, 0.5),
    '31 % of the norm is oscillation from step to step, 50 % of the rest is oscillation over many steps',
  );
});

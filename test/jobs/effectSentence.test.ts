import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { effectHeadline, effectSentence } from '../../extension/jobs/effectSentence.ts';
import type { EffectPart } from '../../extension/shared/protocol.ts';

const twin = {
  kind: 'twin' as const,
  words: 'with β₂ = β₁, where theory sees no effect of the memory on the gradient norm',
};
const flow = { kind: 'flow' as const, words: 'with tiny steps and no memory' };
const part = (
  lossFrom: number,
  lossTo: number,
  low: number,
  high: number,
  oscillating: EffectPart['oscillating'] = null,
) => ({
  ...{ lossFrom, lossTo, low, high, oscillating },
});

describe('the sentence of the measured effect', () => {
  const text = (reference: typeof twin | typeof flow, ...parts: EffectPart[]) =>
    effectSentence({ late: parts.at(-1)!.high, parts, reference });

  it('of one part says how much and against what', () => {
    assert.equal(
      text(twin, part(2.3, 0.2, 0.01, 0.12)),
      'At equal loss the gradient’s one-norm is 12 % larger than with β₂ = β₁, where theory sees no effect of the memory on the gradient norm.',
    );
    assert.equal(
      text(flow, part(2.3, 0.2, 0.01, 0.092)),
      'At equal loss the gradient’s one-norm is 9.2 % larger than with tiny steps and no memory.',
    );
  });

  it('says what of the norm at the end is a slow oscillation, where it is a good part', () => {
    const said = (share: number | null, last: number) => {
      const stretch = { from: 370, to: 450, loss: 1, lossAtMean: 0.9, normAtMean: 0.24, share, tensors: {} };
      const parts = [part(2.3, 0.2, 3.8, 3.8, 'run')];
      return effectSentence({ late: 3.8, parts, reference: flow, slow: { stretches: [stretch] }, last });
    };
    const effect =
      'At equal loss the gradient’s one-norm is 380 % larger than with tiny steps and no memory (this run oscillates there).';
    assert.equal(said(null, 450), effect);
    assert.equal(said(0.1, 450), effect);
    assert.equal(
      said(0.75, 450),
      `${effect} Most of the norm is a slow oscillation: at the mean of the parameters over the last 80 steps it is 76 % smaller.`,
    );
    assert.equal(
      said(0.3, 470),
      `${effect} A good part of the norm is a slow oscillation: at the mean of the parameters over steps 370 to 450 it is 76 % smaller.`,
    );
  });

  it('of several names them from early to late, and who oscillates', () => {
    assert.equal(
      text(twin, part(3.5, 2.5, 0.09, 0.18), part(2.5, 1.6, -0.1, 0.1), part(1.5, 0.3, -0.91, -0.22, 'reference')),
      'At equal loss the gradient’s one-norm is, down to loss 2.5, 9 to 18 % larger than with β₂ = β₁; from there to 1.6 it is between 10 % smaller and 10 % larger; below 1.6 that run oscillates and this one does not: 22 to 91 % smaller. With β₂ = β₁, theory sees no effect of the memory on the gradient norm.',
    );
    assert.equal(
      effectHeadline({
        late: -0.91,
        parts: [part(3.5, 2.5, 0.09, 0.18), part(2.5, 0.3, -0.91, -0.22, 'reference')],
        reference: twin,
      }),
      '+9 … +18 % early, −22 … −91 % late (oscillation)',
    );
  });

  it('of a short run tells losses apart that round to the same', () => {
    const said = text(
      flow,
      part(2.3289, 2.3151, -0.02, -0.01),
      part(2.31, 2.2981, 0.01, 0.02),
      part(2.295, 2.26, 0.03, 0.04, 'run'),
    );
    assert.equal(
      said,
      'At equal loss the gradient’s one-norm is, down to loss 2.32, 1 to 2 % smaller than with tiny steps and no memory; from there to 2.3 it is 1 to 2 % larger; below 2.3 it is 3 to 4 % larger (this run oscillates there).',
    );
  });
});

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Path } from '../../extension/engine/path.ts';
import { LossIndex } from '../../extension/jobs/equalLoss.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { adam, effectAt, momentum, type Network, type Rule, signFlow, walk } from './effectOracle.ts';
import { sampleNetwork, sampleRuns, tensors } from './effectRuns.ts';

const samples = 40;
const { run } = sampleRuns(samples, { steps: 60, every: 10 });
let network: Network;
let start: number[];

before(async () => {
  ({ network, start } = await sampleNetwork(samples));
});

function holdsAgainst(lines: readonly StepLine[], own: Rule, other: Rule, tolerance: number): void {
  const mine = walk(network, start, own, 60);
  const theirs = walk(network, start, other, 120);
  for (const line of lines.filter(({ step }) => step % 10 === 0)) {
    const expected = effectAt(mine[line.step], theirs);
    const got = [line.effect, ...tensors.map((name) => line.tensors[name].effect)];
    assert.equal(line.effectMethod, 'crossing', `step ${line.step}`);
    assert.ok(Math.abs(line.loss! - mine[line.step].loss) < 1e-9);
    got.forEach((value, t) => {
      assert.equal(typeof value, 'number', `step ${line.step}, ${['model', ...tensors][t]}`);
      assert.ok(Math.abs(value! - expected[t]) < tolerance, `step ${line.step}: ${value}, not ${expected[t]}`);
    });
  }
}

describe('the measured effect, of the model and of each tensor, against plain float64 loops', () => {
  it('Adam against its twin', async () => {
    const { header, lines } = await run({});
    assert.equal(header.reference!.kind, 'twin');
    assert.equal(header.reference!.hyper!.beta2, 0.9);
    const own = adam({ lr: 1e-3, beta1: 0.9, beta2: 0.999 });
    holdsAgainst(lines, own, adam({ lr: 1e-3, beta1: 0.9, beta2: 0.9 }), 1e-6);
    assert.equal(lines.filter(({ effect }) => effect !== undefined).length, 7);
    assert.ok(lines.some(({ oscillation }) => typeof oscillation === 'number'));
    assert.match(header.effect!.sentence, /^At equal loss the gradient’s one-norm is .* % larger than with β₂ = β₁/);
  });

  it('AdamW with its weight decay, which the twin has, too', async () => {
    const { lines } = await run({ optimizer: 'adamw', hyper: { weight_decay: 0.5, beta2: 0.99 } });
    const numbers = { lr: 1e-3, beta1: 0.9, decay: 0.5 };
    holdsAgainst(lines, adam({ ...numbers, beta2: 0.99 }), adam({ ...numbers, beta2: 0.9 }), 1e-6);
  });

  it('SGD with momentum against none at lr/(1 − μ)', async () => {
    const { header, lines } = await run({ optimizer: 'sgd', hyper: { lr: 0.005, momentum: 0.8 } });
    assert.ok(Math.abs(header.reference!.stepSize! - 0.025) < 1e-12);
    // The twin is ahead at first, and the run comes below its first step only later.
    const mine = walk(network, start, momentum(0.005, 0.8), 60);
    const theirs = walk(network, start, momentum(0.025, 0), 120);
    for (const line of lines.filter(({ effect }) => typeof effect === 'number'))
      assert.ok(Math.abs(line.effect! - effectAt(mine[line.step], theirs)[0]) < 1e-6, `step ${line.step}`);
  });

  it('Adam against the flow', async () => {
    const { header, lines } = await run({ reference: 'flow', hyper: { beta2: 0.95 }, steps: 60 });
    assert.equal(header.reference!.kind, 'flow');
    assert.equal(header.reference!.converged, true);
    assert.ok(header.reference!.moved! < header.reference!.tolerance!);
    const mine = walk(network, start, adam({ lr: 1e-3, beta1: 0.9, beta2: 0.95 }), 60);
    const theirs = walk(network, start, signFlow(1e-3 / 8), 80 * 8);
    for (const line of lines.filter(({ effect }) => typeof effect === 'number'))
      assert.ok(Math.abs(line.effect! - effectAt(mine[line.step], theirs)[0]) < 5e-3, `step ${line.step}`);
  });

  it('a flow that does not converge is told and not shown', async () => {
    const { header, lines } = await run({ reference: 'flow', hyper: { lr: 0.3 }, steps: 20, every: 1 });
    assert.equal(header.reference!.converged, false);
    assert.match(header.reference!.reason!, /^the memoryless flow does not converge: at loss .* \(tolerance 0\.5 %\)$/);
    const told = lines.filter(({ effectReason }) => effectReason?.startsWith('the memoryless flow does not converge'));
    assert.ok(told.length > 0);
    assert.ok(told.every(({ effect }) => effect === null));
  });

  it('without a reference there is no effect, and settings that are their own twin are held against the flow', async () => {
    const none = await run({ reference: 'none', steps: 2, every: 1 });
    assert.ok(none.lines.every(({ effect }) => effect === undefined));
    const own = await run({ hyper: { beta2: 0.9 }, steps: 2, every: 1 });
    assert.equal(own.header.reference!.kind, 'flow');
  });
});

describe('equal loss', () => {
  const path = (losses: readonly number[]) => {
    const made = new Path();
    losses.forEach((loss, step) => {
      made.push({ loss, norms: [10 + step] });
    });
    return new LossIndex(made);
  };

  it('a loss that falls steadily does not oscillate; one that swings within the bin does', () => {
    assert.equal(path([3, 2.5, 2, 1.5, 1, 0.5]).oscillates(1.5), false);
    const swinging = path([3, 2, 1.05, 0.95, 1.06, 0.94, 1.07, 0.5, 0.4, 0.3]);
    assert.equal(swinging.oscillates(1), true);
    assert.equal(swinging.oscillates(2), false);
    assert.equal(swinging.oscillates(0.4), false);
  });

  it('a bin is the geometric mean of the norms at its steps', () => {
    const [mean] = path([3, 2, 1.05, 0.95, 1.06, 0.5]).bin(1)!;
    assert.ok(Math.abs(mean - Math.cbrt(12 * 13 * 14)) < 1e-12);
    assert.equal(path([3, 2]).bin(1), undefined);
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import type { Path } from '../../extension/engine/path.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { measureEffect, type SavedEffect } from '../../extension/jobs/measureEffect.ts';
import { stepLine } from '../../extension/jobs/records.ts';
import { planReference } from '../../extension/jobs/references.ts';
import { chunksFor, readSubject, settingsOf } from '../../extension/jobs/setup.ts';
import { stretchesFrom, stretchesOf } from '../../extension/jobs/slowOscillation.ts';
import { type SavedSteps, takeSteps } from '../../extension/jobs/takeSteps.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { sample } from '../support/paths.ts';
import { adam, leftByAveraging, momentum, type Network, pointAt, trace } from './effectOracle.ts';
import { sampleNetwork, sampleRuns, tensors } from './effectRuns.ts';

/** What of the norm is an oscillation over many steps, at means of the parameters, against plain float64 loops. */

const samples = 24;
const { run, request } = sampleRuns(samples, { steps: 90, every: 1, edgeEvery: 0 });
let network: Network;
let start: number[];

before(async () => {
  ({ network, start } = await sampleNetwork(samples));
});

/**
 * Norms at the Hann-weighted mean of every `spacing`-th point of a stretch over the mean of its norms, and the mean of what
 * averaging three steps leaves at those of its steps that are multiples of `every`.
 */
function stretchOf(thetas: readonly (readonly number[])[], from: number, to: number, spacing = 1, every = 1) {
  const width = to - from;
  const weight = (j: number) => (2 / width) * Math.sin((Math.PI * j) / width) ** 2;
  const places = Array.from({ length: width - 1 }, (_, k) => k + 1);
  const averaged = places.filter((j) => j % spacing === 0);
  const mean = thetas[0].map((_, i) => averaged.reduce((sum, j) => sum + spacing * weight(j) * thetas[from + j][i], 0));
  const points = places.map((j) => pointAt(network, thetas[from + j]));
  const at = pointAt(network, mean);
  const left = places.filter((j) => (from + j) % every === 0).map((j) => leftByAveraging(network, thetas, from + j));
  const total = (read: (point: (typeof points)[number]) => number) =>
    points.reduce((sum, point, k) => sum + weight(k + 1) * read(point), 0);
  return {
    loss: total(({ loss }) => loss),
    lossAtMean: at.loss,
    ratios: at.norms.map((norm, t) => norm / total(({ norms }) => norms[t])),
    averaged: at.norms.map((_, t) => left.reduce((sum, each) => sum + each[t], 0) / left.length),
  };
}

const close = (value: number | null | undefined, expected: number, what: string) =>
  assert.ok(typeof value === 'number' && Math.abs(value - expected) < 1e-6, `${what}: ${value}, not ${expected}`);

describe('slow oscillation', () => {
  it('is what the mean of a stretch lacks of the norm, of the model and of each tensor, and stands on every line', async () => {
    const numbers = { beta1: 0.9, beta2: 0.5 };
    const { header, lines } = await run({ hyper: { lr: 0.0025, ...numbers } });
    const { slow, sentence } = header.effect!;
    assert.deepEqual(slow!.stretches.map(({ from, to }) => [from, to]), [[10, 90]]); // biome-ignore format: one line
    const [stretch] = slow!.stretches;
    const expected = stretchOf(trace(network, start, adam({ lr: 0.0025, ...numbers }), 90), 10, 90);
    close(stretch.loss, expected.loss, 'loss');
    close(stretch.lossAtMean, expected.lossAtMean, 'loss at the mean');
    close(stretch.normAtMean, expected.ratios[0], 'norm at the mean');
    const shares = expected.ratios.map((ratio, t) => Math.max(0, 1 - ratio / expected.averaged[t]));
    assert.ok(shares[0] > 0.25, `${shares[0]}`);
    [stretch.share, ...tensors.map((name) => stretch.tensors[name])].forEach((share, t) => {
      close(share, shares[t], `share ${t}`);
    });
    assert.match(sentence, / is a slow oscillation: at the mean of the parameters over the last 80 steps it is \d+ % smaller\.$/); // biome-ignore format: one line
    for (const line of lines) {
      assert.equal(line.slowReason !== undefined, line.step < 10, `step ${line.step}`);
      if (line.step < 10) continue;
      assert.equal(line.slowOscillation, stretch.share);
      assert.equal(line.tensors['2.bias'].slowOscillation, stretch.tensors['2.bias']);
    }
  });

  it('is measured with every fifth point where the correction is wanted at some steps only', async () => {
    const numbers = { lr: 0.0025, beta1: 0.9, beta2: 0.5 };
    const { header } = await run({ hyper: numbers, every: 20 });
    const { stretches } = header.effect!.slow!;
    assert.deepEqual(stretches.map(({ from, to }) => [from, to]), [[10, 90]]); // biome-ignore format: one line
    const expected = stretchOf(trace(network, start, adam(numbers), 91), 10, 90, 5, 20);
    close(stretches[0].normAtMean, expected.ratios[0], 'norm at the mean');
    close(stretches[0].share, 1 - expected.ratios[0] / expected.averaged[0], 'share');
    close(stretches[0].tensors['0.bias'], 1 - expected.ratios[2] / expected.averaged[2], 'share of 0.bias');
  });

  it('is on the sample that of PyTorch in float64: numbers of slow_oscillation.py', async () => {
    interface Case {
      readonly optimizer: string;
      readonly hyper: Readonly<Record<string, number>>;
      readonly steps: number;
      readonly to: number;
      readonly loss: number;
      readonly lossAtMean: number;
      readonly ratios: readonly number[];
    }
    const oracle = readFileSync(join(sample, '../../test/jobs/slowOscillation.json'), 'utf8');
    for (const { ratios, optimizer, hyper, steps, to, loss, lossAtMean } of (JSON.parse(oracle) as { cases: Case[] })
      .cases) {
      const { header } = await run({ optimizer, hyper, steps, every: 50, limit: undefined });
      const stretch = header.effect!.slow!.stretches.at(-1)!;
      const what = `${optimizer} ${JSON.stringify(hyper)}`;
      assert.deepEqual([stretch.from, stretch.to], [to - 80, to]);
      close(stretch.loss, loss, `${what}: loss`);
      close(stretch.lossAtMean, lossAtMean, `${what}: loss at the mean`);
      close(stretch.normAtMean, ratios[0], `${what}: norm at the mean`);
      // Of each tensor, too, but for what averaging three steps takes away.
      tensors.forEach((name, t) => {
        const share = stretch.tensors[name]!;
        assert.ok(Math.abs(share - Math.max(0, 1 - ratios[t + 1])) < 0.03, `${what}, ${name}: ${share}`);
      });
      assert.equal(/slow oscillation/.test(header.effect!.sentence), hyper.beta2 === 0.5, what);
    }
  });

  it('is near 0 in a smooth run, and falls with the square of the step', async () => {
    // The centres of the stretches are at the same time: 60 steps of 0.04 each.
    const deviation = async (lr: number, steps: number) => {
      const { header } = await run({ optimizer: 'sgd', hyper: { lr }, reference: 'flow', steps });
      const stretch = header.effect!.slow!.stretches.at(-1)!;
      const expected = stretchOf(trace(network, start, momentum(lr, 0), steps), steps - 80, steps);
      close(stretch.normAtMean, expected.ratios[0], 'norm at the mean');
      assert.ok(stretch.share! < 0.01 && header.effect!.parts.every(({ oscillating }) => oscillating === null));
      assert.doesNotMatch(header.effect!.sentence, /slow oscillation/);
      return stretch.normAtMean! - 1;
    };
    const factor = (await deviation(0.04, 100)) / (await deviation(0.02, 160));
    assert.ok(factor > 3 && factor < 5, `${factor}`);
  });

  it('is not told where it cannot be: with a reason', async () => {
    const short = await run({ steps: 10 });
    assert.match(short.header.effect!.slow!.reason!, /too short/);
    assert.match(short.lines[5].slowReason!, /too short/);
    const batches = await run({ steps: 24, batchSize: 8, every: 4 });
    assert.match(batches.header.effect!.slow!.reason!, /mini-batches/);
    assert.equal(batches.lines.at(-1)!.slowOscillation, null);
    // The norm falls to a tenth within the stretch.
    const falling = await run({ hyper: { lr: 0.02 }, steps: 40 });
    const [stretch] = falling.header.effect!.slow!.stretches;
    assert.equal(stretch.share, null);
    assert.match(stretch.reason!, /changes too much/);
    assert.equal(falling.lines[20].slowReason, stretch.reason);
  });

  it('comes to the same, bit for bit, where a run goes on in another process', async () => {
    const asked = { ...request({ steps: 84, hyper: { lr: 0.002, beta2: 0.5 } }), every: 1 };
    const subject = await readSubject(asked);
    const settings = settingsOf(asked, subject);
    const { problem } = subject;
    const options = { stage: 'step', device: 'cpu', chunks: chunksFor(problem, asked, 'cpu'), threads: 1 } as const;
    const measured = async (stops: readonly number[]) => {
      let kept: { steps: SavedSteps; effect: SavedEffect } | undefined;
      for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
        const runner = new Runner(problem, { ...settings, ...options });
        const effect = measureEffect(planReference(asked, settings), {
          ...{ request: asked, settings, problem, runner, options, start: runner.start(), names: tensors },
          cancelled: () => false,
        })!;
        await runner.prepare();
        if (kept) effect.restore(kept.effect);
        const resumed = kept?.steps;
        const parts = { request: asked, runner, batches: undefined, problem, start: runner.start(), arrays: new Map() };
        await takeSteps({
          ...{ ...parts, corrected: true, watch: effect.meter, resumed },
          observer: { progress() {}, cancelled: false },
          append: async (record) => {
            await effect.line(stepLine(record, tensors), record);
          },
          between(steps) {
            if (steps.position.step < stop) return;
            kept = deserialize(serialize({ steps, effect: effect.saved }));
            throw new Error('stopped');
          },
        }).catch((error) => assert.equal(error.message, 'stopped'));
        const ending = stop === Number.POSITIVE_INFINITY ? await effect.meter.finish(asked.steps) : undefined;
        const [twin] = effect.saved.reference.walks.map(({ path }) => path as unknown as Path);
        await effect.release();
        await runner.release();
        if (ending) return { effect: ending.effect, twin };
      }
      throw new Error('unreachable');
    };
    const undisturbed = await measured([]);
    assert.equal(undisturbed.effect.slow!.stretches.length, 1);
    assert.equal(undisturbed.twin.stretches.length, 1);
    assert.deepEqual(await measured([23, 51]), undisturbed);
  });

  it('has stretches of 80 steps, of four memories where these are longer, that fit a run and end with it', () => {
    const [optimizer, rmsprop] = [optimizerNamed('adam'), optimizerNamed('rmsprop')];
    const planned = (steps: number, beta1: number, dense = true) =>
      stretchesOf({ first: 7, steps, optimizer, hyper: { lr: 1e-3, beta1 }, dense });
    assert.equal(planned(19, 0.9), undefined);
    assert.deepEqual(planned(50, 0.9), { first: 7, width: 50, period: 50, spacing: 1 });
    assert.deepEqual(planned(450, 0.95), { first: 57, width: 80, period: 80, spacing: 1 });
    assert.deepEqual(planned(450, 0.98), { first: 57, width: 200, period: 200, spacing: 1 });
    assert.deepEqual(planned(450, 0.99), { first: 17, width: 220, period: 220, spacing: 1 });
    assert.deepEqual(planned(450, 0.9, false), { first: 377, width: 80, period: 400, spacing: 5 });
    assert.equal(planned(48000, 0.9)!.period, 2000);
    assert.equal(stretchesOf({ first: 0, steps: 900, optimizer: rmsprop, hyper: { lr: 1e-3, momentum: 0.98 }, dense: true })!.width, 200); // biome-ignore format: one line
    const twin = stretchesFrom({ first: 7, steps: 450, optimizer, hyper: { lr: 1e-3, beta1: 0.95 } });
    assert.deepEqual(twin, { first: 7, width: 80, period: 80, spacing: 5 });
  });
});

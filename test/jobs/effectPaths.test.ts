import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { encodeNpyHeader } from '../../extension/datasets/npy.ts';
import { planReference, referenceKey } from '../../extension/jobs/references.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { adam, effectAt, leftByAveraging, type Network, pointAt, trace } from './effectOracle.ts';
import { sampleNetwork, sampleRuns, tensors } from './effectRuns.ts';

/** The effect of runs that begin in the middle or see mini-batches, and what stands on each line, against plain float64 loops. */

const samples = 24;
const { folder, run } = sampleRuns(samples, { steps: 30, every: 1, edgeEvery: 0 });
let network: Network;
let start: number[];

before(async () => {
  ({ network, start } = await sampleNetwork(samples));
});

const fieldsOf = (line: StepLine) => [line, ...tensors.map((name) => line.tensors[name])];

function near(
  line: StepLine,
  got: readonly (number | null | undefined)[],
  expected: readonly number[],
  within: number,
) {
  got.forEach((value, t) => {
    const what = `step ${line.step}, ${['model', ...tensors][t]}: ${value}, not ${expected[t]}`;
    assert.ok(typeof value === 'number' && Math.abs(value - expected[t]) < within, what);
  });
}

describe('the effect on every line', () => {
  it('stands with its averaged point where the correction stands, or says why not', async () => {
    const { lines } = await run({ steps: 25, hyper: { lr: 0.004 } });
    assert.equal(lines.length, 26);
    const own = adam({ lr: 0.004, beta1: 0.9, beta2: 0.999 });
    const thetas = trace(network, start, own, 26);
    for (const line of lines) {
      assert.ok(line.effect !== undefined && line.kappa !== undefined, `step ${line.step}`);
      for (const fields of fieldsOf(line)) {
        assert.ok(fields.effect !== undefined);
        assert.equal(fields.effect === null, fields.effectReason !== undefined, `step ${line.step}`);
      }
      if (line.step === 0) {
        assert.deepEqual([line.effectAveraged, line.oscillation], [null, null]);
        assert.match(line.averagedReason!, /the run begins here$/);
        continue;
      }
      assert.equal(line.averagedReason, undefined);
      const left = leftByAveraging(network, thetas, line.step);
      near(line, fieldsOf(line).map(({ oscillation }) => oscillation), left.map((each) => Math.max(0, 1 - each)), 1e-6); // biome-ignore format: one line
      if (line.effect !== null) assert.equal(typeof line.effectAveraged, 'number', `step ${line.step}`);
    }
  });

  it('at averaged points is that of both runs at theirs', async () => {
    const { lines } = await run({ steps: 25, hyper: { lr: 0.002 } });
    const own = trace(network, start, adam({ lr: 0.002, beta1: 0.9, beta2: 0.999 }), 26);
    const twin = trace(network, start, adam({ lr: 0.002, beta1: 0.9, beta2: 0.9 }), 40);
    const points = twin.map((theta) => pointAt(network, theta));
    const left = [1, 1, 1, 1, 1].map(() => 1);
    const averaged = points.map(({ loss, norms }, n) => {
      const kept = n === 0 || n === 40 ? left : leftByAveraging(network, twin, n);
      return { loss, norms: norms.map((norm, t) => norm * kept[t]) };
    });
    for (const line of lines.filter(({ step, effectMethod }) => step > 6 && effectMethod === 'crossing')) {
      const { loss, norms } = pointAt(network, own[line.step]);
      const kept = leftByAveraging(network, own, line.step);
      const expected = effectAt({ loss, norms: norms.map((norm, t) => norm * kept[t]) }, averaged);
      // Between every fifth point of the twin, what averaging leaves is interpolated.
      near(line, [line.effectAveraged], expected, 2e-3);
    }
  });

  it('is the same where fewer lines are written', async () => {
    const asked = { steps: 25, every: 5, edgeEvery: 12 };
    const [whole, sparse] = [await run(asked), await run({ ...asked, recordEvery: 10 })];
    assert.deepEqual(sparse.lines.map(({ step }) => step), [0, 10, 12, 20, 24, 25]); // biome-ignore format: one line
    assert.deepEqual(sparse.lines, whole.lines.filter(({ step }) => [0, 10, 12, 20, 24, 25].includes(step))); // biome-ignore format: one line
    assert.deepEqual(sparse.header.effect, whole.header.effect);
  });

  it('is the same where the values of each tensor are written now and then', async () => {
    const asked = { steps: 25, every: 5, edgeEvery: 12 };
    const [whole, sparse] = [await run(asked), await run({ ...asked, tensorsEvery: 10 })];
    const withTensors = [0, 10, 20, 25];
    assert.deepEqual(
      sparse.lines,
      whole.lines.map((line) => (withTensors.includes(line.step) ? line : { ...line, tensors: {} })),
    );
    assert.deepEqual(sparse.header.effect, whole.header.effect);
    assert.equal(sparse.header.request.tensorsEvery, 10);
    assert.equal(whole.header.request.tensorsEvery, undefined);
  });

  it('begins where a run goes on: the twin has the same estimate of the second moment', async () => {
    await run({ steps: 12, every: 12, reference: 'none', saveState: 'at12.npz' });
    const { header, lines } = await run({ state: 'at12.npz', steps: 20, every: 5 });
    assert.equal(header.reference!.kind, 'twin');
    const [m, v]: number[][] = [[], []];
    const before = trace(network, start, adam({ lr: 1e-3, beta1: 0.9, beta2: 0.999, m, v }), 12);
    const scale = (1 - 0.9 ** 12) / (1 - 0.999 ** 12);
    const theirs = adam({ lr: 1e-3, beta1: 0.9, beta2: 0.9, m: [...m], v: v.map((value) => scale * value) });
    const mine = adam({ lr: 1e-3, beta1: 0.9, beta2: 0.999, m: [...m], v: [...v] });
    const paths = [mine, theirs].map((rule) => trace(network, before[12], rule, 30, { first: 12 }));
    const [own, twin] = paths.map((thetas) => thetas.map((theta) => pointAt(network, theta)));
    const measured = lines.filter(({ kappa }) => kappa !== undefined);
    assert.deepEqual(measured.map(({ step }) => step), [15, 20, 25, 30]); // biome-ignore format: one line
    for (const line of measured) {
      near(line, fieldsOf(line).map(({ effect }) => effect), effectAt(own[line.step - 12], twin), 1e-6); // biome-ignore format: one line
      assert.equal(typeof line.effectAveraged, 'number', `step ${line.step}`);
    }
  });

  it('of a run on mini-batches is that of both on the same order, at the steps that are measured', async () => {
    const rows = Array.from({ length: 40 }, (_, n) => Array.from({ length: 6 }, (_, i) => (7 * n + 5 * i) % samples));
    const data = BigInt64Array.from(rows.flat(), BigInt);
    writeFileSync(
      join(folder, 'order.npy'),
      Buffer.concat([encodeNpyHeader('int64', [40, 6]), Buffer.from(data.buffer)]),
    );
    const { header, lines } = await run({ order: 'order.npy', steps: 40, every: 4 });
    assert.equal(header.reference!.kind, 'twin');
    const [own, twin] = [0.999, 0.9].map((beta2) =>
      trace(network, start, adam({ lr: 1e-3, beta1: 0.9, beta2 }), 40, { rows })
        .filter((_, n) => n % 4 === 0)
        .map((theta) => pointAt(network, theta)),
    );
    const defined = lines.filter(
      ({ effect, effectMethod }) => typeof effect === 'number' && effectMethod === 'crossing',
    );
    assert.ok(defined.length >= 5, `${defined.length} lines`);
    for (const line of defined)
      near(line, fieldsOf(line).map(({ effect }) => effect), effectAt(own[line.step / 4], twin), 1e-6); // biome-ignore format: one line
    const last = lines.at(-1)!;
    assert.match(last.averagedReason!, /the run ends here$/);
  });
});

describe('runs from the same point share a reference', () => {
  const key = (
    hyper: Readonly<Record<string, number | boolean | string>>,
    reference: 'twin' | 'flow',
    name = 'adam',
  ) => {
    const optimizer = optimizerNamed(name);
    const settings = { optimizer, hyper: { ...optimizer.defaults('pytorch')!, ...hyper } } as never;
    return referenceKey(planReference({ reference } as InspectRequest, settings), settings);
  };

  it('where their twins or the directions of their flows are the same', () => {
    assert.equal(key({ beta2: 0.99 }, 'twin'), key({ beta2: 0.999 }, 'twin'));
    assert.notEqual(key({ beta1: 0.8 }, 'twin'), key({ beta1: 0.9 }, 'twin'));
    assert.equal(key({ beta1: 0.5, beta2: 0.99 }, 'flow'), key({ beta1: 0.9, beta2: 0.999 }, 'flow'));
    assert.notEqual(key({ eps: 1e-3 }, 'flow'), key({ eps: 1e-8 }, 'flow'));
    assert.notEqual(key({ weight_decay: 0.1 }, 'flow', 'adamw'), key({ weight_decay: 0.2 }, 'flow', 'adamw'));
    assert.notEqual(key({ lr: 0.1, momentum: 0.9 }, 'flow', 'sgd'), key({ lr: 0.1, momentum: 0.5 }, 'flow', 'sgd'));
  });
});

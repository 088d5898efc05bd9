import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeNpyHeader } from '../../extension/datasets/npy.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { batchesOf, epochs } from '../../extension/jobs/batchOrder.ts';
import { byteLength, tensorOf } from '../../extension/onnx/tensor.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { batchOrders } from '../../extension/shared/request.ts';
import { ModelBuilder, samples } from '../support/models.ts';

const settings = fc.record({
  samples: fc.integer({ min: 1, max: 60 }),
  size: fc.integer({ min: 1, max: 60 }),
  order: fc.constantFrom(...batchOrders),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

describe('orders of mini-batches', () => {
  it('cut each epoch into batches, the last of which may be smaller or left out', () => {
    fc.assert(
      fc.property(settings, fc.boolean(), fc.nat(5), (given, dropLast, epoch) => {
        fc.pre(!dropLast || given.size <= given.samples);
        const batches = epochs({ ...given, dropLast });
        const size = Math.min(given.size, given.samples);
        const rest = given.samples % size;
        const whole = Math.floor(given.samples / size);
        assert.equal(batches.perEpoch, whole + (rest > 0 && !dropLast ? 1 : 0));
        const seen: number[] = [];
        for (let i = 0; i < batches.perEpoch!; i++) {
          const step: number = epoch * batches.perEpoch! + i;
          const chosen: number[] = Array.from(batches.samplesAt(step));
          assert.equal(chosen.length, i < whole ? size : rest);
          assert.equal(batches.sizeAt(step), chosen.length);
          seen.push(...chosen);
        }
        assert.ok(seen.every((index) => Number.isInteger(index) && index >= 0 && index < given.samples));
        if (given.order === 'replacement') return;
        assert.equal(new Set(seen).size, seen.length, 'no sample twice in an epoch');
        if (!dropLast) assert.equal(seen.length, given.samples, 'every sample in every epoch');
        if (given.order === 'cyclic')
          assert.deepEqual(
            seen,
            [...seen].sort((a, b) => a - b),
          );
      }),
    );
  });

  it('depend on seed and step only, wherever one begins', () => {
    fc.assert(
      fc.property(settings, fc.array(fc.nat(200), { minLength: 1, maxLength: 8 }), (given, steps) => {
        const inTurn = epochs({ ...given, dropLast: false });
        const all = Array.from({ length: 201 }, (_, step) => Array.from(inTurn.samplesAt(step)));
        const jumping = epochs({ ...given, dropLast: false });
        for (const step of steps) assert.deepEqual(Array.from(jumping.samplesAt(step)), all[step]);
      }),
      { numRuns: 30 },
    );
  });

  it('differ from epoch to epoch and from seed to seed', () => {
    const of = (seed: number, step: number) =>
      String(epochs({ samples: 50, size: 50, order: 'reshuffled', seed, dropLast: false }).samplesAt(step));
    const found = [of(0, 0), of(0, 1), of(1, 0), of(1, 1), of(2 ** 32 - 1, 0)];
    assert.equal(new Set(found).size, found.length);
  });

  it('give every sample every place about equally often', () => {
    const batches = epochs({ samples: 5, size: 5, order: 'reshuffled', seed: 3, dropLast: false });
    const counts = Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]);
    for (let step = 0; step < 5000; step++)
      Array.from(batches.samplesAt(step)).forEach((sample, place) => {
        counts[sample][place]++;
      });
    // A thousand each, with a standard deviation of 28.
    for (const row of counts) for (const count of row) assert.ok(Math.abs(count - 1000) < 150, String(counts));
  });
});

describe('requests for mini-batches', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orders-'));
  after(() => rmSync(folder, { recursive: true }));
  const m = new ModelBuilder();
  const problem = createProblem(m.model([6], m.linear('x', 'fc', 6, 10)), samples(20, [6]));
  const save = (name: string, type: 'int64' | 'int32', shape: number[], values: number[]) => {
    const { data } = tensorOf(type, shape, values);
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, 0, byteLength(type, shape));
    writeFileSync(join(folder, name), Buffer.concat([encodeNpyHeader(type, shape), bytes]));
    return name;
  };
  const ask = (request: object) => batchesOf({ directory: folder, steps: 3, ...request }, problem);

  it('are none where nothing is said', async () => {
    assert.equal(await ask({}), undefined);
  });

  it('take the rows of a file', async () => {
    const batches = await ask({ order: save('good.npy', 'int64', [3, 2], [0, 19, 4, 4, 7, 1]) });
    assert.equal(batches!.size, 2);
    assert.deepEqual(
      [0, 1, 2].map((n) => Array.from(batches!.samplesAt(n))),
      [
        [0, 19],
        [4, 4],
        [7, 1],
      ],
    );
  });

  const refused: [name: string, request: () => object, what: RegExp, remedy: RegExp][] = [
    [
      'an order without a size',
      () => ({ order: 'cyclic', dropLast: true }),
      /^--order and --drop-last need/,
      /all samples/,
    ],
    [
      'a size that leaves none',
      () => ({ batchSize: 21, dropLast: true }),
      /larger than the 20 samples/,
      /smaller --batch-size/,
    ],
    [
      'an unknown order',
      () => ({ batchSize: 4, order: 'random' }),
      /^--order is "random"/,
      /reshuffled, replacement, cyclic/,
    ],
    [
      'a seed for a file',
      () => ({ order: save('a.npy', 'int64', [3, 2], [0, 0, 0, 0, 0, 0]), seed: 1 }),
      /^--seed has no effect/,
      /Leave/,
    ],
    [
      'indices that are no int64',
      () => ({ order: save('b.npy', 'int32', [3, 2], [0, 0, 0, 0, 0, 0]) }),
      /type int32 and shape \[3, 2\]/,
      /int64 \[steps, batch\]/,
    ],
    [
      'too few rows',
      () => ({ order: save('c.npy', 'int64', [2, 2], [0, 0, 0, 0]) }),
      /has 2 rows, but the run goes to step 3/,
      /fewer --steps/,
    ],
    [
      'a sample that is not there',
      () => ({ order: save('d.npy', 'int64', [3, 2], [0, 0, 0, 20, 0, 0]) }),
      /names sample 20 in row 1, but there are 20/,
      /--limit/,
    ],
    [
      'another size than the rows',
      () => ({ batchSize: 4, order: save('e.npy', 'int64', [3, 2], [0, 0, 0, 0, 0, 0]) }),
      /has 2 samples in each row, but --batch-size is 4/,
      /Leave/,
    ],
  ];
  for (const [name, request, what, remedy] of refused)
    it(`refuse ${name}`, async () => {
      await assert.rejects(ask(request()), (error: InspectorError) => {
        assert.ok(error instanceof InspectorError);
        assert.match(error.message, what);
        assert.match(error.remedy!, remedy);
        return true;
      });
    });

  it('meet a model that is bound to a batch', async () => {
    const bound = new ModelBuilder('float64');
    bound.integers('shape', [5, 6]);
    const model = bound.model([2, 3], bound.linear(bound.node('Reshape', ['x', 'shape']), 'fc', 6, 10), 5);
    const fixed = createProblem(model, samples(20, [2, 3]));
    const batches = await batchesOf({ directory: folder, steps: 3, batchSize: 5 }, fixed);
    assert.equal(batches!.perEpoch, 4);
    await assert.rejects(
      batchesOf({ directory: folder, steps: 3, batchSize: 4 }, fixed),
      /bound to batches of 5, so mini-batches of 4/,
    );
  });
});

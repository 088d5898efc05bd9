import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Dataset } from '../../extension/datasets/dataset.ts';
import {
  checkFinite,
  checkLabels,
  checkLength,
  limitSamples,
  type Normalisation,
  normalise,
} from '../../extension/datasets/samples.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { describeError } from '../../extension/shared/errors.ts';

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return describeError(error);
  }
  assert.fail('was accepted');
}

const dataset = (arrays: Record<string, Tensor>): Dataset => ({
  arrays: new Map(Object.entries(arrays)),
  files: [],
  format: 'npz',
});

describe('limitSamples', () => {
  const x = tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]);
  const y = tensorOf('int64', [3], [7, 8, 9]);
  const weights = tensorOf('float32', [2], [0.5, 0.25]);

  it('cuts every array with one row for each sample, and no other', () => {
    const { arrays } = limitSamples(dataset({ x, y, ids: y, weights }), 2);
    assert.deepEqual(Object.fromEntries(arrays), {
      x: tensorOf('float32', [2, 2], [1, 2, 3, 4]),
      y: tensorOf('int64', [2], [7, 8]),
      ids: tensorOf('int64', [2], [7, 8]),
      weights,
    });
  });

  it('cuts arrays without roles where they agree on the number of rows', () => {
    assert.deepEqual(limitSamples(dataset({ ids: y, mask: x }), 1).arrays.get('ids'), tensorOf('int64', [1], [7]));
    assert.deepEqual(limitSamples(dataset({ ids: y, weights }), 1).arrays.get('ids'), y);
  });

  it('leaves a smaller dataset as it is', () => {
    const whole = dataset({ x, y });
    assert.equal(limitSamples(whole, 3), whole);
    assert.equal(limitSamples(whole, 1000), whole);
  });

  it('refuses a number that is no count', () => {
    for (const count of [0, -1, 1.5, Number.NaN]) {
      const message = `${count} samples were asked for.\nAsk for a whole number of samples, at least 1.`;
      assert.equal(
        refusal(() => limitSamples(dataset({ x }), count)),
        message,
      );
    }
  });
});

describe('normalise', () => {
  it('is (x·scale − mean) / std along axis 1, for every type and shape', () => {
    const numbers = fc.double({ min: -100, max: 100, noNaN: true });
    const input = fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
      .chain(([rows, channels, inner]) =>
        fc.record({
          shape: fc.constant([rows, channels, inner]),
          pixels: fc.array(fc.integer({ min: 0, max: 255 }), {
            minLength: rows * channels * inner,
            maxLength: rows * channels * inner,
          }),
          scale: numbers,
          mean: fc.array(numbers, { minLength: channels, maxLength: channels }),
          std: fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: channels, maxLength: channels }),
        }),
      );
    fc.assert(
      fc.property(input, ({ shape, pixels, scale, mean, std }) => {
        const [, channels, inner] = shape;
        const expected = pixels.map((pixel, i) => {
          const channel = Math.floor(i / inner) % channels;
          return (pixel * scale - mean[channel]) / std[channel];
        });
        const x = tensorOf('uint8', shape, pixels);
        assert.deepEqual(normalise(x, { scale, mean, std }, 'float64'), tensorOf('float64', shape, expected));
        assert.deepEqual(normalise(x, { scale, mean, std }, 'float32'), tensorOf('float32', shape, expected));
      }),
    );
  });

  it('converts without options, and takes one value for all', () => {
    const x = tensorOf('uint8', [2, 2], [0, 51, 102, 255]);
    assert.deepEqual(normalise(x, {}, 'float32'), tensorOf('float32', [2, 2], [0, 51, 102, 255]));
    assert.deepEqual(normalise(x, { mean: [51], std: 51 }, 'float64'), tensorOf('float64', [2, 2], [-1, 0, 1, 4]));
    const vector = tensorOf('int32', [2], [3, 5]);
    assert.deepEqual(normalise(vector, { mean: 3, std: 2 }, 'float64'), tensorOf('float64', [2], [0, 1]));
  });

  it('refuses what would not be finite or does not fit', () => {
    const x = tensorOf('uint8', [1, 3, 1, 1], [1, 2, 3]);
    const rows: [Normalisation, string][] = [
      [{ std: 0 }, 'std is [0].\nGive finite numbers above 0.'],
      [{ std: [1, -1, 1] }, 'std is [1, -1, 1].\nGive finite numbers above 0.'],
      [{ mean: Number.NaN }, 'mean is [NaN].\nGive finite numbers.'],
      [{ scale: Number.POSITIVE_INFINITY }, 'scale is [Infinity].\nGive finite numbers.'],
      [
        { mean: [1, 2] },
        'mean has 2 values, but "x" of shape [1, 3, 1, 1] has 3 along axis 1.\nGive one value, or one for each channel or feature.',
      ],
    ];
    for (const [options, message] of rows)
      assert.equal(
        refusal(() => normalise(x, options, 'float32')),
        message,
      );
  });
});

describe('checkFinite', () => {
  it('names the place of the first value that is not finite', () => {
    const remedy = '\nRemove or replace these samples.';
    const table: [Tensor, string][] = [
      [tensorOf('float32', [3], [1, Number.NaN, 2]), 'array "x": holds NaN at row 1 (counted from 0).'],
      [
        tensorOf('float64', [2, 3], [1, 2, 3, 4, 5, -1 / 0]),
        'array "x": holds -Infinity at row 1, column 2 (counted from 0).',
      ],
      [
        tensorOf('float32', [2, 1, 2], [1, 2, 1 / 0, 0 / 0]),
        'array "x": holds Infinity at row 1, index [0, 0] (counted from 0) and 1 more such value.',
      ],
      [
        tensorOf('float16', [2, 2], [0, 0x7e00, 0x7c00, 0x7c00]),
        'array "x": holds NaN at row 0, column 1 (counted from 0) and 2 more such values.',
      ],
    ];
    for (const [tensor, message] of table)
      assert.equal(
        refusal(() => checkFinite('x', tensor)),
        message + remedy,
      );
  });

  it('accepts finite numbers and integers', () => {
    checkFinite('x', tensorOf('float64', [2], [1.7976931348623157e308, -5e-324]));
    checkFinite('x', tensorOf('int64', [1], [2n ** 62n]));
  });
});

describe('checkLabels', () => {
  it('makes int64 of whole numbers of any type', () => {
    const expected = tensorOf('int64', [3], [2, 0, -100]);
    assert.deepEqual(checkLabels(tensorOf('float32', [3], [2, 0, -100]), 3), expected);
    assert.deepEqual(checkLabels(tensorOf('int16', [3], [2, 0, -100]), 3), expected);
    assert.deepEqual(checkLabels(expected, 3), expected);
    assert.deepEqual(checkLabels(tensorOf('bool', [2, 1], [1, 0]), 2), tensorOf('int64', [2, 1], [1, 0]));
  });

  it('refuses the others with place, value and range', () => {
    const range = 'Correct the labels, or choose a model with as many classes.';
    const kind = 'Classes are numbered 0 to 2; for values to be regressed choose a regression loss.';
    const table: [Tensor, string][] = [
      [
        tensorOf('int64', [2], [0, 3]),
        'Label 3 at row 1 (counted from 0) is outside 0 to 2, the classes of the model.\nClasses are numbered from 0; subtract 1 if yours begin at 1.',
      ],
      [
        tensorOf('uint8', [2], [255, 0]),
        `Label 255 at row 0 (counted from 0) is outside 0 to 2, the classes of the model.\n${range}`,
      ],
      [
        tensorOf('int64', [1, 2], [0, -1]),
        `Label -1 at row 0, column 1 (counted from 0) is outside 0 to 2, the classes of the model.\n${range}`,
      ],
      [tensorOf('float64', [2], [1, 0.5]), `Label 0.5 at row 1 (counted from 0) is no whole number.\n${kind}`],
      [tensorOf('float32', [1], [Number.NaN]), `Label NaN at row 0 (counted from 0) is no whole number.\n${kind}`],
    ];
    for (const [labels, message] of table)
      assert.equal(
        refusal(() => checkLabels(labels, 3)),
        message,
      );
  });

  it('ignores another index where asked to', () => {
    assert.deepEqual(
      checkLabels(tensorOf('int8', [2], [-1, 1]), 2, { ignoreIndex: -1 }),
      tensorOf('int64', [2], [-1, 1]),
    );
    assert.match(
      refusal(() => checkLabels(tensorOf('int8', [1], [-100]), 2, { ignoreIndex: -1 })),
      /^Label -100 at row 0/,
    );
  });
});

describe('checkLength', () => {
  it('accepts labels for some axis of the samples', () => {
    checkLength(tensorOf('float32', [2, 1], [1, 2]), tensorOf('int64', [2], [0, 1]));
    checkLength(tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]), tensorOf('int64', [2], [0, 1]));
    checkLength(tensorOf('float32', [3], [1, 2, 3]));
  });

  it('refuses different lengths, no rows and single numbers', () => {
    const two = tensorOf('float32', [2, 1], [1, 2]);
    const table: [Tensor, Tensor | undefined, string][] = [
      [
        two,
        tensorOf('int64', [3], [0, 1, 2]),
        '"x" of shape [2, 1] has 2 rows, but "y" of shape [3] has 3.\nEvery sample needs one label.',
      ],
      [two, tensorOf('int64', [0], []), '"y" of shape [0] holds no samples.\nGive at least one sample.'],
      [tensorOf('float32', [2, 0], []), undefined, '"x" of shape [2, 0] holds no samples.\nGive at least one sample.'],
      [tensorOf('float32', [], [1]), undefined, '"x" is a single number; one row for each sample is needed.'],
    ];
    for (const [x, y, message] of table)
      assert.equal(
        refusal(() => checkLength(x, y)),
        message,
      );
  });

  it('says of both arrays where they are', () => {
    const [x, y] = [tensorOf('float32', [2, 1], [1, 2]), tensorOf('int64', [3], [0, 1, 2])];
    const said = (places: Record<string, { files: string[]; name?: string }>) =>
      refusal(() => checkLength(x, y, new Map(Object.entries(places)))).split('\n')[0];
    assert.equal(
      said({ x: { files: ['a.npy'] }, y: { files: ['b.npz'], name: 'labels' } }),
      '"x" in "a.npy" of shape [2, 1] has 2 rows, but "y" (array "labels" in "b.npz") of shape [3] has 3.',
    );
    assert.equal(
      said({ x: { files: ['a.csv', 'b.csv'], name: 'x' }, y: { files: [], name: 'targets' } }),
      '"x" in "a.csv" and 1 more file of shape [2, 1] has 2 rows, but "y" (array "targets") of shape [3] has 3.',
    );
  });
});

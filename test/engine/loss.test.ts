import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lower } from '../../extension/autodiff/lowering/index.ts';
import { chooseLoss, classAxis, emitLoss, fittingLosses, withoutOneHot } from '../../extension/engine/loss.ts';
import { Session } from '../../extension/engine/session.ts';
import { GraphBuilder } from '../../extension/onnx/builder.ts';
import type { Value } from '../../extension/onnx/graph.ts';
import { type ElementType, type Shape, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { encodeModel } from '../../extension/onnx/write.ts';
import type { LossName } from '../../extension/shared/losses.ts';
import { messageOf } from '../support/errors.ts';

const filled = (type: ElementType, shape: Shape, value: (i: number) => number): Tensor =>
  tensorOf(
    type,
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  );
const classes = (shape: Shape) => filled('int64', shape, (i) => i % 2);
const targets = (shape: Shape) => filled('float32', shape, (i) => i / 4 - 1);

describe('the axis of the classes', () => {
  const table: readonly [prediction: Shape, labels: Shape, axis: number | undefined][] = [
    [[5, 3], [5], 1],
    [[5, 3], [5, 1], 1],
    [[5, 7, 3], [5, 7], 2],
    [[5, 3, 7], [5, 7], 1],
    [[5, 3, 4, 6], [5, 4, 6], 1],
    [[5, 4, 6, 3], [5, 4, 6], 3],
    [[5, 7, 7], [5, 7], 2],
    [[5, 3, 1, 1], [5], 1],
    [[5, 3], [4], undefined],
    [[5], [5], undefined],
    [[5, 3], [5, 3], undefined],
  ];
  for (const [prediction, labels, axis] of table)
    it(`predictions [${prediction}], labels [${labels}]`, () => assert.equal(classAxis(prediction, labels), axis));
});

describe('the loss that is chosen where none is asked for', () => {
  const table: readonly [what: string, prediction: Shape, labels: Tensor | undefined, fits: LossName[]][] = [
    ['integers, one for each row', [6, 3], classes([6]), ['cross-entropy']],
    ['integers as a column', [6, 3], classes([6, 1]), ['cross-entropy']],
    ['integers per token', [2, 5, 9], classes([2, 5]), ['cross-entropy']],
    ['integers per pixel, classes on axis 1', [2, 3, 4, 4], classes([2, 4, 4]), ['cross-entropy']],
    ['whole numbers stored as floats', [6, 3], filled('float32', [6], (i) => i % 3), ['cross-entropy']],
    ['numbers of the shape of the output', [6, 2], targets([6, 2]), ['mse']],
    ['numbers for an output of one column', [6, 1], targets([6]), ['mse']],
    ['one column of integers 0 and 1', [6, 1], classes([6]), ['bce-with-logits']],
    ['zeros and ones as floats', [6, 1], filled('float32', [6], (i) => i % 2), ['bce-with-logits', 'mse']],
    ['no labels, scalar output', [], undefined, ['output']],
    ['no labels, output of one element', [1], undefined, ['output']],
    ['no labels, rows', [6, 3], undefined, []],
    ['fractions for rows of classes', [6, 3], targets([6]), []],
    ['other count', [6, 3], classes([5]), []],
  ];
  for (const [what, prediction, labels, fits] of table)
    it(what, () => {
      assert.deepEqual(fittingLosses(prediction, labels), fits);
      if (fits.length === 1) assert.equal(chooseLoss(undefined, prediction, labels), fits[0]);
    });

  it('what the model ends in decides between logits and probabilities', () => {
    const oneHot = filled('float32', [6, 3], (i) => (i % 3 === 1 ? 1 : 0));
    assert.deepEqual(fittingLosses([6, 3], classes([6]), 'softmax'), ['cross-entropy-on-probabilities']);
    assert.deepEqual(fittingLosses([6, 3], oneHot, 'softmax'), ['cross-entropy-on-probabilities']);
    assert.deepEqual(fittingLosses([6, 3], oneHot), ['cross-entropy', 'bce-with-logits', 'mse']);
    assert.deepEqual(fittingLosses([6, 1], classes([6]), 'sigmoid'), ['bce']);
    assert.deepEqual(fittingLosses([6, 3], oneHot, 'sigmoid'), ['bce', 'mse']);
    assert.equal(chooseLoss('cross-entropy', [6, 3], oneHot), 'cross-entropy');
  });

  it('a number for the whole batch, whatever labels there are', () => {
    assert.equal(chooseLoss(undefined, [], targets([6])), 'output');
  });

  it('messages call the size of the batch N', () => {
    assert.match(
      messageOf(() => chooseLoss('mse', [2, 3], targets([2]), { batch: 2 })),
      /the model's output has shape \[N, 3\], the labels \[N\] \(float32\)/,
    );
  });

  it('more than one, none', () => {
    assert.equal(
      messageOf(() =>
        chooseLoss(
          undefined,
          [6, 1],
          filled('float32', [6], (i) => i % 2),
        ),
      ),
      'More than one loss fits: bce-with-logits, mse.\nChoose one with --loss (bce-with-logits or mse).',
    );
    assert.equal(
      messageOf(() => chooseLoss(undefined, [6, 3], targets([6]))),
      "No loss fits: the model's output has shape [6, 3], the labels [6] (float32).\nCheck the labels; cross-entropy needs one integer per prediction, mse labels of the shape of the predictions.",
    );
    assert.equal(
      messageOf(() => chooseLoss(undefined, [6, 3], undefined)),
      `No loss fits: the model's output has shape [6, 3], and there are no labels.\nGive labels (an array "y", or another one with --y-key), or a model whose output is its loss.`,
    );
  });
});

describe('a loss that is asked for', () => {
  it('is taken where it is possible', () => {
    assert.equal(chooseLoss('mse', [6, 1], classes([6])), 'mse');
    assert.equal(chooseLoss('bce-with-logits', [6, 2], targets([6, 2])), 'bce-with-logits');
    assert.equal(chooseLoss('cross-entropy', [6, 3], targets([6])), 'cross-entropy');
    assert.equal(chooseLoss('output', [1, 1], classes([6])), 'output');
  });

  it('is refused with what it needs', () => {
    const refusal = (loss: LossName, prediction: Shape, labels?: Tensor) =>
      messageOf(() => chooseLoss(loss, prediction, labels)).split('\n')[0];
    assert.equal(
      refusal('cross-entropy', [6, 3], targets([6, 3])),
      "The loss cross-entropy needs predictions [N, C] with labels [N] (or [N, T, C] with [N, T]), or with one-hot labels [N, C]; the model's output has shape [6, 3], the labels [6, 3] (float32).",
    );
    assert.equal(
      refusal('mse', [6, 3], classes([6])),
      "The loss mse needs labels of the shape of the predictions; the model's output has shape [6, 3], the labels [6] (int64).",
    );
    assert.equal(
      refusal('output', [6, 3]),
      "The loss output needs a scalar output; the model's output has shape [6, 3], and there are no labels.",
    );
  });
});

/** E of predictions and labels, computed by the runtime. */
async function evaluate(
  loss: Exclude<LossName, 'output'>,
  z: Tensor,
  y: Tensor,
  total: number,
  ending = (_: GraphBuilder, x: Value): Value => x,
): Promise<number> {
  const b = new GraphBuilder();
  const value = emitLoss(b, loss, ending(b, b.input('z', z.type, z.shape)), b.input('y', y.type, y.shape), {
    total,
    axis: classAxis(z.shape, y.shape),
  });
  const graph = { scope: b, inputs: b.inputs, outputs: [{ name: 'E', value }] };
  const session = await Session.create(encodeModel(lower(graph)), 'cpu', 1);
  try {
    const results = await session.run(
      new Map([
        ['z', z],
        ['y', y],
      ]),
    );
    return Number(results.get('E')!.data[0]);
  } finally {
    await session.release();
  }
}

const close = (found: number, expected: number) =>
  assert.ok(Math.abs(found - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${found}, expected ${expected}`);
const logSumExp = (values: readonly number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));

describe('losses by their definition', () => {
  const rows = [
    [1, -2, 0.5],
    [0, 3, -1],
    [2, 2, 2],
    [-1, 0, 4],
  ];
  const z = tensorOf('float64', [4, 3], rows.flat());

  it('cross-entropy; labels of −100 count neither above nor below the line', async () => {
    const labels = [2, 1, -100, 0];
    const expected = rows.reduce(
      (sum, row, i) => (labels[i] === -100 ? sum : sum + logSumExp(row) - row[labels[i]]),
      0,
    );
    close(await evaluate('cross-entropy', z, tensorOf('int64', [4], labels), 3), expected / 3);
  });

  it('cross-entropy of [N, T, V], and of the same numbers with the classes on axis 1', async () => {
    const labels = tensorOf('int64', [2, 2], [2, 1, -100, 0]);
    const tokens = { ...z, shape: [2, 2, 3] };
    const turned = [0, 1].flatMap((n) => [0, 1, 2].flatMap((v) => [0, 1].map((t) => rows[n * 2 + t][v])));
    const expected = await evaluate('cross-entropy', z, tensorOf('int64', [4], [2, 1, -100, 0]), 3);
    close(await evaluate('cross-entropy', tokens, labels, 3), expected);
    close(await evaluate('cross-entropy', tensorOf('float64', [2, 3, 2], turned), labels, 3), expected);
  });

  it('mse over all elements, and a column against a list', async () => {
    const y = tensorOf(
      'float64',
      [4, 3],
      rows.flat().map((value, i) => value + i / 4),
    );
    const squares = rows.flat().reduce((sum, _, i) => sum + (i / 4) ** 2, 0);
    close(await evaluate('mse', z, y, 12), squares / 12);
    close(await evaluate('mse', tensorOf('float64', [2, 1], [1, 5]), tensorOf('float64', [2], [2, 7]), 2), 2.5);
  });

  it('bce-with-logits, far from zero too', async () => {
    const logits = [0.5, -1, 800, -800];
    const y = [1, 0, 0, 1];
    // log(1 + e^z) − y·z, with log(1 + e^z) = max(z, 0) + log(1 + e^−|z|)
    const each = logits.map((value, i) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))) - y[i] * value);
    const expected = each.reduce((sum, value) => sum + value, 0) / 4;
    close(
      await evaluate('bce-with-logits', tensorOf('float64', [4, 1], logits), tensorOf('float64', [4], y), 4),
      expected,
    );
  });

  it('of probabilities: that of the logits behind them, moved as they are', async () => {
    const labels = tensorOf('int64', [4], [2, 1, 0, 0]);
    const far = { ...z, data: z.data.map((value) => value * 400) };
    const softmax = (b: GraphBuilder, x: Value) => b.transpose(b.softmax(b.transpose(x, [1, 0]), 0), [1, 0]);
    close(
      await evaluate('cross-entropy-on-probabilities', far, labels, 4, softmax),
      await evaluate('cross-entropy', far, labels, 4),
    );
    const binary = tensorOf('float64', [4, 3], [0, 1, 1, 0, 0, 1, 1, 0.25, 0, 0, 1, 0]);
    close(
      await evaluate('bce', far, binary, 12, (b, x) => b.sigmoid(x)),
      await evaluate('bce-with-logits', far, binary, 12),
    );
  });

  it('of probabilities from elsewhere', async () => {
    const p = tensorOf('float64', [2, 2], [0.25, 0.75, 1, 0]);
    close(await evaluate('cross-entropy-on-probabilities', p, tensorOf('int64', [2], [1, 0]), 2), -Math.log(0.75) / 2);
    close(
      await evaluate('bce', p, tensorOf('float64', [2, 2], [0, 0.5, 1, 0]), 4),
      -(Math.log(0.75) + 0.5 * Math.log(0.75) + 0.5 * Math.log(0.25)) / 4,
    );
  });

  it('labels that are probabilities, one-hot or not', async () => {
    const classLabels = tensorOf('int64', [4], [2, 1, 0, 0]);
    const oneHot = tensorOf('float64', [4, 3], [0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0]);
    assert.deepEqual(withoutOneHot([4, 3], oneHot), classLabels);
    const smooth = tensorOf('float64', [4, 3], [0.1, 0.2, 0.7, 0, 1, 0, 0.5, 0.5, 0, 1, 0, 0]);
    assert.equal(withoutOneHot([4, 3], smooth), smooth);
    const expected = rows.reduce(
      (sum, row, i) =>
        sum + row.reduce((all, value, k) => all - Number(smooth.data[i * 3 + k]) * (value - logSumExp(row)), 0),
      0,
    );
    close(await evaluate('cross-entropy', z, smooth, 4), expected / 4);
    // Classes on axis 1.
    const turned = tensorOf('int8', [1, 3, 2], [0, 1, 0, 0, 1, 0]);
    assert.deepEqual(withoutOneHot([1, 3, 2], turned), tensorOf('int64', [1, 2], [2, 0]));
  });

  it('parts of the data add up to the whole', async () => {
    const labels = [2, 1, 0, 0];
    const whole = await evaluate('cross-entropy', z, tensorOf('int64', [4], labels), 4);
    const part = (from: number, to: number) =>
      evaluate(
        'cross-entropy',
        tensorOf('float64', [to - from, 3], rows.slice(from, to).flat()),
        tensorOf('int64', [to - from], labels.slice(from, to)),
        4,
      );
    close((await part(0, 3)) + (await part(3, 4)), whole);
  });
});

it('cross-entropy of more classes than are stored is that of the formula', async () => {
  const count = 70_000;
  const b = new GraphBuilder();
  const z = b.input('z', 'float64', [2, count]);
  const labels = b.input('labels', 'int64', [2]);
  const loss = emitLoss(b, 'cross-entropy', z, labels, { total: 2 });
  const graph = lower({ scope: b, inputs: b.inputs, outputs: [{ name: 'loss', value: loss }] });
  const session = await Session.create(encodeModel(graph), 'cpu', 1);
  try {
    // Row 0 has a 3 at its label, which is the last class; row 1 has zeros, and no label.
    const feeds = new Map([
      ['z', filled('float64', [2, count], (i) => (i === count - 1 ? 3 : 0))],
      ['labels', tensorOf('int64', [2], [count - 1, -100])],
    ]);
    const found = Number((await session.run(feeds)).get('loss')!.data[0]);
    const expected = (Math.log(count - 1 + Math.exp(3)) - 3) / 2;
    assert.ok(Math.abs(found - expected) < 1e-9, `${found} is not ${expected}`);
  } finally {
    await session.release();
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeParameters } from '../../extension/experiments/experiment.ts';
import { convolutionalNetwork, multilayerPerceptron } from '../../extension/experiments/network.ts';
import { normAndAccuracy } from '../../extension/experiments/normAndAccuracy.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { elementCount } from '../../extension/onnx/tensor.ts';
import { surroundings } from './support.ts';

const run = (given: Parameters<typeof completeParameters>[1]) =>
  normAndAccuracy.run(completeParameters(normAndAccuracy, given), surroundings);
const parameters = ({ graph }: Model) =>
  [...graph.initializers.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);

test('the networks of the paper have as many parameters as it says', () => {
  assert.equal(parameters(multilayerPerceptron([784, 32, 32, 10], 'Gelu', 0, 'float32')), 26_506);
  assert.equal(parameters(convolutionalNetwork([3, 32, 32], 32, 10, 0, 'float32')), 1_341_226);
});

test('at equal loss the norm rises with ρ and falls with β on the digits', async () => {
  const result = await run({ limit: 400, width: 16, steps: 150, seeds: [0], beta2: [0.9, 0.99], beta1: [0.5, 0.95] });
  const norm = (beta1: number, beta2: number) => result.numbers[`norm β ${beta1}, ρ ${beta2}, seed 0`]!;
  assert.ok(norm(0.9, 0.99) > norm(0.9, 0.9));
  assert.ok(norm(0.95, 0.99) < norm(0.5, 0.99));
  assert.equal(result.charts.length, 7);
  for (const series of result.charts.find(({ id }) => id === 'norms')!.series) {
    assert.equal(series.y.length, 150);
    assert.ok(series.y.every((value) => value !== null && value > 0));
  }
  const accuracy = result.numbers['accuracy β 0.9, ρ 0.9, seed 0']!;
  assert.ok(accuracy > 0.6 && accuracy <= 1, `accuracy ${accuracy}`);
});

test('the convolutional network takes flat images, and a run that diverges is reported', async () => {
  const common = { network: 'cnn', width: 2, limit: 40, steps: 4, seeds: [0], beta1: [0.9] };
  const result = await run({ ...common, beta2: [0.9] });
  assert.equal(result.tables[0].rows.length, 1);
  const far = await run({ ...common, beta2: [0.9, 0.99], lr: 1e30 });
  assert.equal(far.agreement, 'undecided');
  assert.match(far.sentence, /diverged/);
});

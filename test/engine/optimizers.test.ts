import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import recorded from '../optimizers/torch-trajectories.json';
import { ModelBuilder } from '../support/models.ts';

/** The recorded five-parameter network θ₄·tanh(θ₁x₁ + θ₂x₂ + θ₃) + θ₅ with logistic loss, as an ONNX model in float64. */
function recordedProblem() {
  const [w1, w2, b1, w3, b2] = recorded.start.mlp;
  const m = new ModelBuilder('float64');
  m.values('hidden.weight', [1, 2], [w1, w2]);
  m.values('hidden.bias', [1], [b1]);
  m.values('output.weight', [1, 1], [w3]);
  m.values('output.bias', [1], [b2]);
  const hidden = m.node('Tanh', [m.node('Gemm', ['x', 'hidden.weight', 'hidden.bias'], { transB: 1 })]);
  const model = m.model([2], m.node('Gemm', [hidden, 'output.weight', 'output.bias'], { transB: 1 }));
  const arrays = new Map([
    ['x', tensorOf('float64', [4, 2], recorded.points.x.flat())],
    [
      'y',
      tensorOf(
        'float64',
        [4, 1],
        recorded.points.y.map((label) => (label > 0 ? 1 : 0)),
      ),
    ],
  ]);
  return createProblem(model, { arrays, files: [], format: 'made' }, { loss: 'bce-with-logits' });
}

describe(`updates in ONNX Runtime are those of torch.optim ${recorded.torch}`, () => {
  const problem = recordedProblem();
  for (const { problem: name, optimizer: optimizerName, hyper: given, iterates } of recorded.runs) {
    if (name !== 'mlp') continue;
    it(`${optimizerName} ${JSON.stringify(given)}`, async () => {
      const optimizer = optimizerNamed(optimizerName);
      const hyper = completeHyperparameters(optimizer, 'pytorch', given as unknown as Record<string, number | boolean>);
      const whole = chunksOf(problem.samples, problem.samples);
      const runner = new Runner(problem, {
        optimizer,
        hyper,
        stage: 'step',
        device: 'cpu',
        chunks: { plain: whole, corrected: whole },
        threads: 1,
      });
      try {
        let position = runner.start();
        for (const [i, until] of recorded.at.entries()) {
          while (position.step < until) position = (await runner.plainSteps(position, until - position.step)).position;
          const theta = [...problem.layout.unpack(position.theta).values()].flatMap(({ data }) =>
            Array.from(data as Float64Array),
          );
          theta.forEach((value, j) => {
            assert.ok(
              Math.abs(value - iterates[i][j]) <= 1e-12 * Math.max(1, Math.abs(iterates[i][j])),
              `θ${j + 1} after ${until} steps is ${value}, torch has ${iterates[i][j]}`,
            );
          });
        }
      } finally {
        await runner.release();
      }
    });
  }
});

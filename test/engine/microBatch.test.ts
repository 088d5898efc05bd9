import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Chunks, chooseChunks, chunksOf, evenChunks } from '../../extension/engine/chunks.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { type Advance, Runner } from '../../extension/engine/runner.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { messageOf } from '../support/errors.ts';
import { gpt, ModelBuilder, mlp, samples, sequences } from '../support/models.ts';

const hyper = completeHyperparameters(adam, 'pytorch', { eps: 1e-6 });

async function oneStep(problem: Problem, chunks: Chunks): Promise<Advance> {
  const runner = new Runner(problem, {
    optimizer: adam,
    hyper,
    stage: 'inf',
    device: 'cpu',
    chunks: { plain: chunks, corrected: chunks },
    threads: 1,
  });
  try {
    return await runner.correctedSteps(runner.start(), 1, true);
  } finally {
    await runner.release();
  }
}

describe('micro-batches', () => {
  const problem = createProblem(mlp([6, 8, 10]), samples(23, [6]), { dtype: 'float64' });
  for (const [size, together] of [
    [1, false],
    [4, false],
    [5, true],
    [11, false],
    [22, true],
    [22, false],
  ] as const) {
    it(`of ${size}, ${together ? 'side by side' : 'in turn'}, give the result of the whole batch`, async () => {
      const whole = await oneStep(problem, chunksOf(23, 23));
      const parts = await oneStep(problem, chunksOf(23, size, together));
      assert.ok(Math.abs(parts.records[0].loss - whole.records[0].loss) < 1e-13);
      for (const kind of ['gradient', 'normGradient', 'correction'] as const) {
        const expected = whole.arrays![kind].data as Float64Array;
        const got = parts.arrays![kind].data as Float64Array;
        const scale = Math.max(...expected.map(Math.abs));
        expected.forEach((value, i) => {
          assert.ok(Math.abs(got[i] - value) <= 1e-12 * scale, `${kind}[${i}]`);
        });
      }
    });
  }

  it('give the gradient of a model that is one long tensor, which it reshapes', async () => {
    const [inputs, classes, count] = [2048, 32, 3];
    const m = new ModelBuilder();
    const w = m.node('Reshape', [m.weight('w', [classes, inputs], inputs), m.integers('shape', [inputs, classes])]);
    const data = samples(count, [inputs]);
    const single = createProblem(m.model([inputs], m.node('MatMul', ['x', w])), data, { dtype: 'float64' });
    assert.equal(single.layout.length, inputs * classes);
    const { data: x } = data.arrays.get('x')!;
    const { data: labels } = data.arrays.get('y')!;
    // Softmax regression: dE/dw = xᵀ·(softmax(x·w) − onehot(y))/N.
    const weights = single.theta.data as Float64Array;
    const expected = new Float64Array(inputs * classes);
    for (let n = 0; n < count; n++) {
      const logits = Array.from({ length: classes }, (_, c) =>
        Array.from({ length: inputs }, (_, i) => Number(x[n * inputs + i]) * weights[i * classes + c]).reduce(
          (sum, term) => sum + term,
        ),
      );
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      for (let i = 0; i < inputs; i++)
        for (let c = 0; c < classes; c++)
          expected[i * classes + c] +=
            (Number(x[n * inputs + i]) * (Math.exp(logits[c]) / total - Number(c === Number(labels[n])))) / count;
    }
    for (const chunks of [chunksOf(count, 1), chunksOf(count, 1, true), chunksOf(count, count)]) {
      const got = (await oneStep(single, chunks)).arrays!.gradient.data as Float64Array;
      expected.forEach((value, i) => {
        assert.ok(Math.abs(got[i] - value) < 1e-12, `gradient[${i}]: ${got[i]}, ${value}`);
      });
    }
  });

  it('are even and avoid a rest where a divisor is near', () => {
    assert.deepEqual(evenChunks(1797, 600), { size: 599, count: 3, rest: 0, together: false });
    assert.deepEqual(evenChunks(10_000, 1024), { size: 1000, count: 10, rest: 0, together: false });
    assert.deepEqual(evenChunks(23, 6), { size: 6, count: 3, rest: 5, together: false });
  });

  it('are chosen from the memory budget', () => {
    const rich = chooseChunks(problem, { memoryBudget: 2 ** 30 });
    assert.equal(rich.corrected.together, true);
    const poor = chooseChunks(problem, { memoryBudget: 20_000 });
    assert.ok(poor.corrected.size < 23 && !poor.corrected.together);
  });

  it("of a core are small enough for its own cache, but large beside the parameters' sum", () => {
    const size = { vocabulary: 96, width: 64, length: 64, layers: 2 };
    const chunk = (problem: Problem) => chooseChunks(problem, { memoryBudget: 2 ** 30, lanes: 2 }).plain.size;
    // 64 tokens × 256 hidden units of 4 bytes: 64 kB a sequence.
    assert.equal(chunk(createProblem(gpt(size), sequences(256, size))), 8);
    // Little work beside a parameter: a sample has 54 kB of values, the parameters 2.7 MB.
    const dense = createProblem(mlp([784, 512, 512, 10]), samples(10_000, [784]));
    assert.ok(chunk(dense) >= 500 && chunk(dense) <= 1000, `${chunk(dense)}`);
  });

  it('side by side are fewer in a deep network, of which each is a copy', () => {
    const parts = (depth: number) => {
      const m = new ModelBuilder();
      let x = m.linear('x', 'first', 6, 20_000);
      // In an order that repeats nothing, for what repeats is a recurrence.
      for (let i = 0; i < depth; i++)
        x = m.node(i.toString(2).replaceAll('0', '').length % 2 ? 'Tanh' : 'Sigmoid', [x]);
      const wide = createProblem(m.model([6], m.linear(x, 'last', 20_000, 10)), samples(400, [6]));
      const { corrected } = chooseChunks(wide, { memoryBudget: 2 ** 50 });
      assert.equal(corrected.together, true);
      return corrected.count;
    };
    assert.ok(parts(2) >= 8);
    assert.ok(parts(600) <= 4);
  });
});

/** A network whose batch is baked into a Reshape, as tracing exporters write it. */
function boundModel(batch: number) {
  const m = new ModelBuilder('float64');
  m.integers('shape', [batch, 6]);
  return m.model([2, 3], m.linear(m.node('Reshape', ['x', 'shape']), 'fc', 6, 10), batch);
}

describe('models with a fixed batch', () => {
  it('are rebuilt for other batches where nothing depends on it', () => {
    const m = new ModelBuilder('float64');
    const problem = createProblem(m.model([6], m.linear('x', 'fc', 6, 10), 1), samples(20, [6]));
    assert.equal(problem.fixedBatch, undefined);
    assert.match(problem.notes.join(), /fixed batch of 1; it was rebuilt/);
  });

  it('are run in chunks of that size where it is baked in', async () => {
    const problem = createProblem(boundModel(5), samples(20, [2, 3]));
    assert.equal(problem.fixedBatch, 5);
    const { plain } = chooseChunks(problem, { memoryBudget: 2 ** 30 });
    assert.deepEqual([plain.size, plain.count, plain.rest], [5, 4, 0]);
    const advance = await oneStep(problem, plain);
    assert.ok(Number.isFinite(advance.records[0].loss));
  });

  it('say what to do where the samples are no multiple of it', () => {
    const problem = createProblem(boundModel(5), samples(23, [2, 3]));
    assert.equal(
      messageOf(() => chooseChunks(problem, { memoryBudget: 2 ** 30 })),
      'The model is bound to batches of 5, and 23 samples are no multiple of that.\nExport the model with a dynamic batch axis, or use --limit 20.',
    );
  });
});

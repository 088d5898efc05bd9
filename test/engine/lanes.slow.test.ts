import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { chooseChunks, chunksIn, chunksOf, lanesOf, type Plan } from '../../extension/engine/chunks.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { type Advance, Runner } from '../../extension/engine/runner.ts';
import { adam } from '../../extension/optimizers/adam.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { nadam } from '../../extension/optimizers/nadam.ts';
import type { Optimizer } from '../../extension/optimizers/optimizer.ts';
import { sgd } from '../../extension/optimizers/sgd.ts';
import { signum } from '../../extension/optimizers/signum.ts';
import { cnn, mlp, samples } from '../support/models.ts';

const laneScript = resolve('dist/laneWorker.js');

/** Two plain and two corrected steps. */
async function steps(problem: Problem, plan: Plan, optimizer: Optimizer = adam): Promise<Advance[]> {
  const runner = new Runner(problem, {
    optimizer,
    hyper: completeHyperparameters(optimizer, 'pytorch', {}),
    stage: 'inf',
    device: 'cpu',
    chunks: plan,
    threads: 2,
    laneScript,
  });
  try {
    const advances: Advance[] = [];
    let position = runner.start();
    for (const kind of ['plainSteps', 'correctedSteps', 'plainSteps', 'correctedSteps'] as const) {
      const advance = await runner[kind](position, 1, true);
      advances.push(advance);
      position = advance.position;
    }
    return advances;
  } finally {
    await runner.release();
  }
}

/** Compares everything that two runs measured, relative to the largest number of its kind. */
function agree(got: readonly Advance[], expected: readonly Advance[], tolerance: number): void {
  assert.equal(got.length, expected.length);
  expected.forEach((advance, i) => {
    // What remains of a step beside the frozen one is a difference of neighbouring numbers, and has no digits to compare.
    const arraysOf = ({ arrays }: Advance) => (arrays ? [arrays.gradient, arrays.normGradient, arrays.correction] : []);
    const vectors = (a: Advance) => [a.position.theta, ...a.position.state.values(), ...arraysOf(a)];
    vectors(advance).forEach((vector, k) => {
      const [a, b] = [vectors(got[i])[k].data as Float64Array, vector.data as Float64Array];
      const scale = Math.max(...b.map(Math.abs));
      b.forEach((value, j) => {
        assert.ok(Math.abs(a[j] - value) <= tolerance * scale, `vector ${k}[${j}] of step ${i}: ${a[j]}, ${value}`);
      });
    });
    const [{ loss, perturbedNorm }, other] = [advance.records[0], got[i].records[0]];
    assert.ok(Math.abs(other.loss - loss) <= tolerance * Math.abs(loss));
    assert.ok(Math.abs(other.perturbedNorm - perturbedNorm) <= tolerance * perturbedNorm);
    assert.equal(other.tensors.length, advance.records[0].tensors.length);
  });
}

const whole = (problem: Problem): Plan => {
  const chunks = chunksOf(problem.samples, problem.samples);
  return { plain: chunks, corrected: chunks };
};

/** A plan of so many lanes, whose chunks have `size` samples. */
function laned(problem: Problem, lanes: number, size: number, together: boolean): Plan {
  const parts = lanesOf(problem.samples, lanes);
  return {
    plain: chunksOf(parts[0].samples, size),
    corrected: chunksOf(parts[0].samples, size, together),
    lanes: parts,
  };
}

describe('lanes', () => {
  const problem = createProblem(mlp([6, 8, 10]), samples(23, [6]), { dtype: 'float64' });
  for (const [lanes, size, together] of [
    [2, 12, true],
    [2, 5, true],
    [2, 5, false],
    [3, 3, false],
    [5, 1, false],
  ] as const) {
    it(`${lanes} with chunks of ${size}, ${together ? 'side by side' : 'in turn'}, give the result of one`, async () => {
      agree(await steps(problem, laned(problem, lanes, size, together)), await steps(problem, whole(problem)), 1e-12);
    });
  }

  for (const optimizer of [nadam, sgd, signum]) {
    it(`serve ${optimizer.title}`, async () => {
      const expected = await steps(problem, whole(problem), optimizer);
      agree(await steps(problem, laned(problem, 2, 5, true), optimizer), expected, 1e-12);
    });
  }

  it('convolve, in single precision', async () => {
    const images = createProblem(cnn(), samples(10, [3, 32, 32]), {});
    // Adam's first steps make all of a gradient that is no more than rounding; these are linear in it.
    agree(await steps(images, laned(images, 2, 3, false), sgd), await steps(images, whole(images), sgd), 1e-3);
  });

  it('say why they cannot start', async () => {
    const runner = new Runner(problem, {
      optimizer: adam,
      hyper: completeHyperparameters(adam, 'pytorch', {}),
      stage: 'step',
      device: 'cpu',
      chunks: laned(problem, 2, 5, true),
      laneScript: resolve('dist/missing.js'),
    });
    await assert.rejects(runner.plainSteps(runner.start(), 1), /could not load the program on CPU: Cannot find module/);
    await runner.release();
  });
});

describe('the samples of lanes', () => {
  it('are divided evenly, at multiples of a given batch', () => {
    assert.deepEqual(lanesOf(23, 2), [
      { first: 0, samples: 12 },
      { first: 12, samples: 11 },
    ]);
    assert.deepEqual(
      lanesOf(25, 2, 10).map((lane) => chunksIn(lane, chunksOf(20, 10))),
      [
        { size: 10, count: 2, rest: 0, together: false },
        { size: 5, count: 1, rest: 0, together: true },
      ],
    );
    assert.equal(lanesOf(3, 8).length, 3);
  });

  it('are all evaluated by one where there is little to do, or mostly for the parameters', () => {
    const small = createProblem(mlp([6, 8, 10]), samples(23, [6]), {});
    assert.equal(chooseChunks(small, { memoryBudget: 2 ** 30, lanes: 4 }).lanes?.length, 1);
    const large = createProblem(mlp([64, 128, 10]), samples(40_000, [64]), {});
    assert.equal(chooseChunks(large, { memoryBudget: 2 ** 30, lanes: 4 }).lanes?.length, 4);
    const wide = createProblem(mlp([64, 4000, 4000, 10]), samples(200, [64]), {});
    assert.equal(chooseChunks(wide, { memoryBudget: 2 ** 30, lanes: 4 }).lanes?.length, 1);
  });
});

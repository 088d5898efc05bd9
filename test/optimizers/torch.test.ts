import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import { bilinear, type Labelled, tanhNetwork } from './problems.ts';
import { assertVectorClose, type Problem, run } from './support.ts';
import recorded from './torch-trajectories.json';

/** Float64 iterates of torch.optim (Lion: its publication's update written out) on two small problems. */
const points = recorded.points.x.map(([x1, x2], i): Labelled => [x1, x2, recorded.points.y[i]]);
const runs: readonly {
  problem: string;
  optimizer: string;
  hyper: Record<string, number | boolean | undefined>;
  iterates: number[][];
}[] = recorded.runs;
const problems: Record<string, Problem> = { bilinear: bilinear([[2, 1.5]]), mlp: tanhNetwork(points) };
const starts: Record<string, number[]> = recorded.start;

for (const [name, { gradient, hessian }] of Object.entries(recorded.derivatives)) {
  test(`${name}: gradient and Hessian are those of PyTorch`, () => {
    const theta = Float64Array.from(starts[name]);
    assertVectorClose(problems[name].gradient(theta), gradient, 1e-14, 'gradient');
    hessian.forEach((row, j) => {
      const unit = Float64Array.from(theta, (_, i) => (i === j ? 1 : 0));
      assertVectorClose(problems[name].hessianProduct(theta, unit), row, 1e-14, `Hessian row ${j}`, 1);
    });
  });
}

for (const { problem, optimizer: name, hyper: given, iterates } of runs) {
  test(`${name} ${JSON.stringify(given)} on ${problem} steps as PyTorch ${recorded.torch}`, () => {
    const optimizer = optimizerNamed(name);
    const hyper = completeHyperparameters(optimizer, 'pytorch', given as Record<string, number | boolean>);
    const start = Float64Array.from(starts[problem]);
    const { iterates: ours } = run(optimizer, hyper, problems[problem], start, recorded.at[recorded.at.length - 1]);
    assert.equal(iterates.length, recorded.at.length);
    recorded.at.forEach((n, i) => {
      assertVectorClose(ours[n], iterates[i], 1e-12, `step ${n}`);
    });
  });
}

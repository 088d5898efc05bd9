import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { SharpnessMeter } from '../../extension/engine/sharpness.ts';
import { inspect } from '../../extension/jobs/inspect.ts';
import type { Observer } from '../../extension/jobs/observer.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { optimizerNamed } from '../../extension/optimizers/registry.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { ModelBuilder } from '../support/models.ts';
import { root } from '../support/paths.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-'));
after(() => rmSync(folder, { recursive: true }));

const models = join(root, 'test', 'engine', 'sharpness');
const observer: Observer = { started() {}, progress() {}, record() {}, cancelled: false };
const expected = JSON.parse(readFileSync(join(models, 'sharpness.json'), 'utf8'));

for (const name of ['cnn', 'transformer'] as const)
  test(`a ${name}: a run's preconditioned sharpness is that of PyTorch's dense Hessian after the same steps`, async () => {
    const { lr, steps, beta1, beta2, eps, loss, preconditionedSharpness } = expected[name];
    const out = join(folder, name);
    await inspect(
      {
        ...{ directory: models, model: `${name}.onnx`, data: `${name}.npz`, optimizer: 'adam', framework: 'pytorch' },
        ...{
          hyper: { lr, beta1, beta2, eps },
          steps,
          every: steps,
          edgeEvery: steps,
          stage: 'step',
          reference: 'none',
        },
        ...{ device: 'cpu', dtype: 'float64', threads: 1, freeze: [], trainable: [], arrays: false, out },
      },
      'cpu',
      observer,
    );
    const lines: StepLine[] = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one line
    const last = lines.at(-1)!;
    assert.equal(last.step, steps);
    assert.ok(Math.abs(last.loss! - loss) < 1e-7, `${last.loss}, not ${loss}`);
    const within = Math.abs(last.preconditionedSharpness! / preconditionedSharpness - 1);
    assert.ok(within < 1e-3, `${last.preconditionedSharpness}, not ${preconditionedSharpness}`);
  });

test('a long full-batch run sharpens up to its edge and stays there', async () => {
  const wave = (count: number, scale: number, pitch: number) =>
    Array.from({ length: count }, (_, i) => scale * Math.sin(pitch * i + 0.3 * pitch));
  const m = new ModelBuilder('float64');
  const sizes = [6, 12, 12, 12, 3];
  let last = 'x';
  for (const [k, width] of sizes.slice(1).entries()) {
    m.values(`w${k}`, [width, sizes[k]], wave(width * sizes[k], 1.2 / Math.sqrt(sizes[k]), 1.7 + k));
    m.values(`b${k}`, [width], wave(width, 0.1, 2.3));
    last = m.node('Gemm', [last, `w${k}`, `b${k}`], { transB: 1 });
    if (k < sizes.length - 2) last = m.node('Tanh', [last]);
  }
  const samples = 40;
  const arrays = new Map<string, Tensor>([
    ['x', tensorOf('float64', [samples, 6], wave(6 * samples, 1, 1.37))],
    ['y', tensorOf('float64', [samples, 3], wave(3 * samples, 1, 0.71))],
  ]);
  const problem = createProblem(m.model([6], last), { arrays, files: [], format: 'made' }, { loss: 'mse' });
  const optimizer = optimizerNamed('adam');
  const hyper = completeHyperparameters(optimizer, 'pytorch', { lr: 3e-3, beta2: 0.99 });
  const whole = { plain: chunksOf(samples, samples), corrected: chunksOf(samples, samples) };
  const runner = new Runner(problem, { optimizer, hyper, stage: 'step', device: 'cpu', chunks: whole, threads: 1 });
  const meter = await SharpnessMeter.load(problem, 'cpu', whole, 1);
  const edges: number[] = [];
  try {
    let position = runner.start();
    while (position.step < 3000) {
      const until = position.step + 100;
      while (position.step < until) ({ position } = await runner.plainSteps(position, until - position.step));
      const { state } = (await runner.plainSteps(position, 1)).position;
      edges.push((await meter.measure(position.theta, { n: position.step, state }, { optimizer, hyper }))!.edge);
    }
  } finally {
    await meter.release();
    await runner.release();
  }
  const told = edges.map((edge) => edge.toFixed(2)).join(' ');
  assert.ok(edges[0] < 0.5, told);
  const settled = edges.slice(4);
  assert.ok(
    settled.every((edge) => edge > 0.75 && edge < 1.15),
    told,
  );
  const mean = settled.reduce((sum, edge) => sum + edge, 0) / settled.length;
  assert.ok(mean > 0.9 && mean < 1.05, told);
});
